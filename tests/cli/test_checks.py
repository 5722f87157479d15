"""The doctor's findings, against a real server."""

from __future__ import annotations

import base64
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.export.conftest import HEADERS, TOKEN, certificate, log, receiver
from tests.receiver import Exchange, Receiver, accept, answering, free_port, hang, rejecting, running
from voice_metrics.cli.checks import examine
from voice_metrics.cli.environment_file import FromFile
from voice_metrics.cli.findings import Examination, Mark
from voice_metrics.cli.machine import busiest
from voice_metrics.export.probe import TEST_POINT
from voice_metrics.prices import PriceBook
from voice_metrics.settings.environment import SettingsError

pytestmark = pytest.mark.slow

__all__ = ["certificate", "log", "receiver"]


def bad(found: Examination) -> str:
    return " ".join(finding.text for finding in found.findings if finding.mark is Mark.BAD)


def look(receiver: Receiver, **environ: str) -> Examination:
    return examine({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_EXPORTER_OTLP_HEADERS": HEADERS, **environ})


def test_an_accepted_point_is_health(receiver: Receiver) -> None:
    found = look(receiver)
    assert found.ok
    assert not bad(found)
    assert [point.name for point in receiver.points] == [TEST_POINT.name]
    assert found.round_trip_seconds is not None
    assert any(finding.text.startswith("A test point was accepted with 200 after") for finding in found.findings)


def encoded(text: str) -> str:
    return f"Authorization=Basic%20{base64.b64encode(text.encode()).decode()}"


MISTAKES = [
    pytest.param({"OTEL_EXPORTER_OTLP_HEADERS": ""}, "No Authorization header is set", id="no header"),
    pytest.param(
        {"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {TOKEN}"}, "does not begin with `Basic`", id="bearer"
    ),
    pytest.param({"OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Basic {TOKEN}"}, "is not base64", id="bare token"),
    pytest.param({"OTEL_EXPORTER_OTLP_HEADERS": encoded(TOKEN)}, "holds no colon", id="token alone"),
    pytest.param({"OTEL_EXPORTER_OTLP_HEADERS": encoded(f"me:{TOKEN}")}, "is not a number", id="name for number"),
    pytest.param({"OTEL_EXPORTER_OTLP_HEADERS": encoded(f"12:{TOKEN}\n")}, "ends in a newline", id="newline"),
    pytest.param({}, "is not that of the stack's OTLP instance, or the token has expired", id="form is right"),
]


@pytest.mark.parametrize(("environ", "words"), MISTAKES)
def test_401_is_traced_to_its_mistake(environ: dict[str, str], words: str, receiver: Receiver) -> None:
    receiver.behaviour = answering(401, b"invalid credentials")
    found = look(receiver, **environ)
    assert not found.ok
    assert "it answered 401: invalid credentials." in bad(found)
    assert words in bad(found)
    assert TOKEN not in repr(found)


def test_401_names_the_variable_that_replaces_the_general_one(receiver: Receiver) -> None:
    receiver.behaviour = answering(401)
    own = "OTEL_EXPORTER_OTLP_METRICS_HEADERS"
    assert own not in bad(look(receiver))
    words = f"{own} is set and replaces OTEL_EXPORTER_OTLP_HEADERS: correct it."
    assert words in bad(look(receiver, **{own: HEADERS}))


def test_a_token_that_the_server_knows_is_not_doubted(receiver: Receiver) -> None:
    receiver.behaviour = answering(403, b"no scope")
    assert bad(look(receiver)).endswith("may not write metrics: give it the scope metrics:write.")
    assert "holds no colon" in bad(look(receiver, OTEL_EXPORTER_OTLP_HEADERS=encoded(TOKEN)))


def test_a_warning_of_an_accepting_server_is_shown(receiver: Receiver) -> None:
    receiver.behaviour = rejecting("your trial ends tomorrow", points=0)
    found = look(receiver)
    assert found.ok
    assert any(finding.text.endswith("The server says: your trial ends tomorrow") for finding in found.findings)


def test_credentials_in_the_address_are_looked_at_too(receiver: Receiver) -> None:
    receiver.behaviour = answering(401)
    address = receiver.url.replace("127.0.0.1", f"me:{TOKEN}@127.0.0.1")
    found = look(receiver, OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_EXPORTER_OTLP_HEADERS="")
    assert "is not a number" in bad(found)
    assert TOKEN not in repr(found)


OUTCOMES = [
    pytest.param(answering(404), "lacks /otlp, which Grafana Cloud and others need.", id="404"),
    pytest.param(answering(301, location="https://x/"), "it answered 301 and points to https://x/.", id="301"),
    pytest.param(rejecting("limit"), "rejected 1 point of it: limit", id="rejected"),
    pytest.param(hang, "no complete answer came within 0.3 s", id="hang"),
]


def test_an_address_of_one_signal_that_lacks_its_path_is_told_so(receiver: Receiver) -> None:
    receiver.behaviour = answering(404)
    found = look(receiver, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=receiver.url)
    assert "the path of OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: on Grafana Cloud it ends in /otlp/v1/metrics." in bad(
        found
    )
    assert f"The path of {receiver.url}/ lacks /v1/metrics, where servers take metrics by OTLP." in bad(found)
    assert "lacks /otlp" not in bad(found)


def test_plain_http_to_a_port_that_speaks_tls_is_told_so(certificate: Path) -> None:
    with running(accept, certificate=certificate) as receiver:
        found = look(receiver, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url.replace("https:", "http:"))
    assert "So does a port that speaks TLS: OTEL_EXPORTER_OTLP_ENDPOINT then begins with https://." in bad(found)


@pytest.mark.parametrize(("behaviour", "words"), OUTCOMES)
def test_what_the_server_said_is_told_in_words(behaviour: object, words: str, receiver: Receiver) -> None:
    receiver.behaviour = behaviour  # type: ignore[assignment]
    found = look(receiver, OTEL_EXPORTER_OTLP_TIMEOUT="0.3")
    assert not found.ok
    assert words in bad(found)


def test_a_missing_server_is_reported() -> None:
    found = examine({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"})
    assert "it refuses the connection" in bad(found)
    assert found.round_trip_seconds is None


def test_an_untrusted_certificate_is_reported(certificate: Path) -> None:
    with running(accept, certificate=certificate) as receiver:
        assert "its certificate is not trusted" in bad(look(receiver))
        assert look(receiver, OTEL_EXPORTER_OTLP_CERTIFICATE=str(certificate)).ok
        found = look(receiver, OTEL_EXPORTER_OTLP_CERTIFICATE="/no/file")
        assert not found.ok
        assert "OTEL_EXPORTER_OTLP_CERTIFICATE names a file that does not exist" in repr(found)


MODES = [
    pytest.param({}, "OTEL_EXPORTER_OTLP_ENDPOINT names no endpoint: calls are kept here only", id="nothing set"),
    pytest.param({"VOICE_METRICS_DB": "off"}, "names no endpoint: no series are sent.", id="nothing set, nothing kept"),
    pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": "none"}, "names no endpoint: calls are kept here only", id="none"),
    pytest.param({"OTEL_SDK_DISABLED": "true"}, "OTEL_SDK_DISABLED is true: nothing is sent.", id="disabled"),
    pytest.param({"OTEL_METRICS_EXPORTER": "none"}, "leaves out otlp", id="no exporter"),
    pytest.param({"OTEL_METRICS_EXPORTER": "console"}, "leaves out otlp", id="other exporter"),
    pytest.param({"OTEL_METRICS_EXPORTER": "prometheus"}, "Series are shown at http://localhost:", id="prometheus"),
]


@pytest.mark.parametrize(("environ", "words"), MODES)
def test_a_documented_mode_that_sends_nothing_is_not_wrong(environ: dict[str, str], words: str) -> None:
    found = examine({"OTEL_EXPORTER_PROMETHEUS_PORT": str(free_port()), **environ})
    assert (found.ok, found.wrong) == (False, False)
    assert any(words in finding.text for finding in found.findings)
    assert found.findings[-1].text.startswith("Nothing is wrong. No server accepted a test point")


@pytest.mark.parametrize("environ", [{}, {"OTEL_METRICS_EXPORTER": "none"}])
def test_a_bot_that_sends_events_only_is_not_said_to_send_nothing(environ: dict[str, str], receiver: Receiver) -> None:
    receiver.behaviour = answering(200)
    logs = f"{receiver.url}/v1/logs"
    found = examine({**environ, "OTEL_LOGS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": logs})
    texts = [finding.text for finding in found.findings]
    assert f"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: events go to {logs}." in texts
    assert any(text.startswith("A test event was accepted with 200 after ") for text in texts)
    assert not [text for text in texts if "nothing is sent" in text or "here only" in text]
    assert not found.wrong


def test_a_store_of_series_alone_takes_no_event_and_the_cure_is_named(receiver: Receiver) -> None:
    def take_series(exchange: Exchange) -> None:
        (answering(404, b"404 page not found") if exchange.path.endswith("/v1/logs") else accept)(exchange)

    receiver.behaviour = take_series
    assert look(receiver).ok
    found = look(receiver, OTEL_LOGS_EXPORTER="otlp")
    assert found.outcome is not None
    assert (found.outcome.acknowledged, found.ok) == (True, False)
    assert "it answered 404: 404 page not found. Set OTEL_EXPORTER_OTLP_LOGS_ENDPOINT to a server that" in bad(found)


def test_test_event_is_one_record_of_its_own_name(receiver: Receiver) -> None:
    receiver.behaviour = answering(200)
    look(receiver, OTEL_LOGS_EXPORTER="otlp")
    (logs,) = [exchange for exchange in receiver.exchanges if exchange.path == "/v1/logs"]
    request = ExportLogsServiceRequest.FromString(logs.body)
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    assert record.body.string_value == "voice.doctor"


def test_an_endpoint_of_events_that_cannot_be_used_is_wrong(receiver: Receiver) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://x:99999"}
    assert examine(environ).ok
    found = examine({**environ, "OTEL_LOGS_EXPORTER": "otlp"})
    assert "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT cannot be used: no events are sent" in bad(found)


def test_the_variable_that_cannot_be_used_is_named() -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x:99999"}
    assert "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT cannot be used" in bad(examine(environ))


@pytest.mark.parametrize("endpoint", ["ftp://x", "http://x:99999", "http://[", TOKEN])
def test_an_endpoint_that_cannot_be_used_is_wrong(endpoint: str) -> None:
    found = examine({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
    assert "OTEL_EXPORTER_OTLP_ENDPOINT cannot be used" in bad(found)
    assert TOKEN not in repr(found)


def test_a_setting_that_cannot_be_understood_is_a_note(receiver: Receiver) -> None:
    found = look(receiver, VOICE_METRICS_MAX_SERIES="many", VOICE_METRICS_CALLID="off")
    assert found.ok
    notes = [finding.text for finding in found.findings if finding.mark is Mark.ADVICE]
    assert "VOICE_METRICS_CALLID is unknown and has no effect; perhaps VOICE_METRICS_CALL_ID is meant." in notes
    assert any(note.startswith("VOICE_METRICS_MAX_SERIES='many': expected") for note in notes)


def test_a_taken_port_is_wrong_unless_a_metrics_page_answers_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        prometheus = {
            "OTEL_METRICS_EXPORTER": "prometheus",
            "OTEL_EXPORTER_PROMETHEUS_HOST": "127.0.0.1",
            "OTEL_EXPORTER_PROMETHEUS_PORT": str(other.getsockname()[1]),
        }
        assert "set OTEL_EXPORTER_PROMETHEUS_PORT to another one" in bad(examine(prometheus))
    with page(b"# TYPE target_info gauge\n") as port:
        found = examine(prometheus | {"OTEL_EXPORTER_PROMETHEUS_PORT": str(port)})
        assert not found.wrong
        assert any("by a program that runs now" in finding.text for finding in found.findings)


@contextmanager
def page(body: bytes) -> Iterator[int]:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_header_of_an_unknown_name_is_counted_and_not_named(receiver: Receiver) -> None:
    found = look(receiver, OTEL_EXPORTER_OTLP_HEADERS=f"{HEADERS},my-own-name=x")
    assert any(finding.text.startswith("Headers: authorization, 1 more.") for finding in found.findings)
    assert "my-own-name" not in repr(found)


def test_a_port_that_speaks_grpc_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def send_settings() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connection.sendall(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00@\x00")
                    connection.recv(65536)
                    connection.close()

        thread = threading.Thread(target=send_settings)
        thread.start()
        found = examine({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.getsockname()[1]}"})
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert "A port that speaks gRPC answers like this, often 4317: that of HTTP is often 4318." in bad(found)


def test_where_each_variable_comes_from_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"VOICE_METRICS_DB": "off", "OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://x", "OTHER": "x"}
    from_file = FromFile(frozenset({"OTEL_EXPORTER_OTLP_ENDPOINT"}))
    texts = [finding.text for finding in examine(environ, from_file).findings]
    assert "Read from the environment: VOICE_METRICS_DB; from the .env: OTEL_EXPORTER_OTLP_ENDPOINT." in texts
    assert any(
        text.startswith("This command reads .env by itself. A bot does not: call load_dotenv()") for text in texts
    )
    (tmp_path / "bot.py").write_text("from dotenv import load_dotenv\nload_dotenv()\n")
    assert not any("by itself" in finding.text for finding in examine(environ, from_file).findings)
    assert "All settings are the defaults." in [finding.text for finding in examine({}).findings]


@pytest.mark.parametrize(
    ("calls", "most"),
    [
        pytest.param([], 0, id="none"),
        pytest.param([(0.0, 60.0)], 1, id="one"),
        pytest.param([(0.0, 60.0), (1259.0, 1.0)], 2, id="the first counts for 20 minutes after its end"),
        pytest.param([(0.0, 60.0), (1260.0, 1.0)], 1, id="then no longer"),
        pytest.param([(5000.0, 1.0), (0.0, 60.0), (10.0, 5.0), (4000.0, 1.0)], 2, id="in any order"),
    ],
)
def test_the_busiest_moment_is_reckoned_from_real_calls(calls: list[tuple[float, float]], most: int) -> None:
    assert busiest(calls) == most


def test_prices_with_which_no_bot_starts_are_wrong(receiver: Receiver, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text("[my-llm]\nunit = 7\n")
    with pytest.raises(SettingsError) as caught:
        PriceBook.from_environment({"VOICE_METRICS_PRICES": str(prices)})
    found = look(receiver, VOICE_METRICS_PRICES=str(prices))
    assert found.outcome is not None
    assert found.outcome.acknowledged
    assert not found.ok
    assert bad(found) == str(caught.value)


def test_prices_that_can_be_used_are_no_finding(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text("")
    assert look(receiver, VOICE_METRICS_PRICES=str(tmp_path / "prices.toml")).ok


def test_a_ledger_that_cannot_be_made_is_wrong(receiver: Receiver, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    found = look(receiver, VOICE_METRICS_DB=str(in_the_way / "new" / "calls.db"))
    assert not found.ok
    assert bad(found) == (
        f"Ledger {in_the_way}/new/calls.db cannot be written: no file can be made in {in_the_way} (Not a directory). "
        "Calls go on, but nothing of them is kept. Set VOICE_METRICS_DB to another file."
    )
    assert "it is a folder" in bad(look(receiver, VOICE_METRICS_DB=str(tmp_path)))


def test_a_ledger_that_cannot_be_reached_is_wrong(receiver: Receiver, tmp_path: Path) -> None:
    too_long = tmp_path / ("ü" * 200)
    assert f"Ledger {too_long} cannot be written: it cannot be reached (File name too long)." in bad(
        look(receiver, VOICE_METRICS_DB=str(too_long))
    )
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "unmounted" / "calls.db")
    assert f"cannot be written: no file can be made in {tmp_path}/unmounted (" in bad(
        look(receiver, VOICE_METRICS_DB=str(link))
    )
    (tmp_path / "unmounted").mkdir()
    assert look(receiver, VOICE_METRICS_DB=str(link)).ok


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc, in which no file can be made")
def test_a_ledger_where_permissions_allow_what_the_file_system_does_not_is_wrong(receiver: Receiver) -> None:
    found = look(receiver, VOICE_METRICS_DB="/proc/new/calls.db")
    assert not found.ok
    assert "Ledger /proc/new/calls.db cannot be written: no file can be made in /proc" in bad(found)


def test_a_ledger_that_is_still_empty_is_not_wrong(receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "calls.db").touch()
    found = look(receiver, VOICE_METRICS_DB=str(tmp_path / "calls.db"))
    assert found.ok
    assert any("is empty: no call has started yet" in finding.text for finding in found.findings)


def test_a_proxy_is_named_however_it_is_spelt(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    for spelling in ("http://me:word@127.0.0.1:1", "me:word@127.0.0.1:1"):
        monkeypatch.setenv("http_proxy", spelling)
        found = look(receiver, OTEL_EXPORTER_OTLP_ENDPOINT="http://metrics.example")
        assert any("go through the proxy 127.0.0.1;" in finding.text for finding in found.findings)
        assert "me:word" not in repr(found)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_ledger_that_may_not_be_written_is_wrong(receiver: Receiver, tmp_path: Path) -> None:
    ledger = tmp_path / "calls.db"
    ledger.touch(mode=0o400)
    assert "it is read-only" in bad(look(receiver, VOICE_METRICS_DB=str(ledger)))


def test_a_ledger_that_can_be_made_is_no_finding_and_is_not_made(receiver: Receiver, tmp_path: Path) -> None:
    assert look(receiver, VOICE_METRICS_DB=str(tmp_path / "new" / "calls.db")).ok
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_the_user_is_not_shown(receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "file").touch()
    found = look(receiver, VOICE_METRICS_DB="~/file/calls.db")
    assert "Ledger ~/file/calls.db cannot be written: no file can be made in ~/file (" in bad(found)
    assert str(tmp_path) not in repr(found)


def test_a_proxy_is_named_without_its_password(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("http_proxy", receiver.url.replace("127.0.0.1", f"me:{TOKEN}@127.0.0.1"))
    found = examine({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://metrics.example"})
    assert found.ok
    assert "through the proxy 127.0.0.1" in repr(found)
    assert TOKEN not in repr(found)


def test_the_cost_of_a_call_is_reckoned_from_the_table() -> None:
    labelled = examine({}).footprint
    shared = examine({"VOICE_METRICS_CALL_ID": "off"}).footprint
    name = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
    slim = examine({name: "base2_exponential_bucket_histogram"}).footprint
    assert labelled.points_per_minute == 6
    assert 200 < labelled.series <= 250 < 400 < shared.series < 500
    assert 100 < labelled.of_process == shared.of_process < 150
    assert f"about {shared.series + shared.of_process} series" in str(shared)
    assert slim.series < 50
    assert "active series" in str(labelled)
    assert "exponential histograms need far fewer, but leave the latencies" in str(labelled)
    assert "exponential" not in str(slim)
    assert "share" in str(shared)


def test_exponential_histograms_give_advice_about_the_dashboard(receiver: Receiver) -> None:
    name = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
    (advice,) = [
        finding
        for finding in look(receiver, **{name: "base2_exponential_bucket_histogram"}).findings
        if finding.text.startswith(name)
    ]
    assert advice.mark is Mark.ADVICE
    assert "the latencies of this package's Grafana dashboard and alerts stay empty" in advice.text
    assert name not in repr(look(receiver))
