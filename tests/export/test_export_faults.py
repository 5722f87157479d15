"""What a call sees of a server that fails, and what the server has in the end."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from google.rpc.status_pb2 import Status

from tests.export.calls import RecordedCall, check_once
from tests.export.conftest import CREDENTIALS, TOKEN, Log, certificate_in
from tests.export.memory_spool import MemorySpool
from tests.export.running_export import export_of
from tests.receiver import (
    Behaviour,
    Exchange,
    Receiver,
    accept,
    answering,
    close,
    drip_body,
    drip_headers,
    free_port,
    hang,
    hang_after_headers,
    not_http,
    reset,
    running,
    store_and_reset,
)
from voice_metrics.export.delivery import Delivery
from voice_metrics.settings.environment import Settings
from voice_metrics.telemetry import Telemetry

Start = Callable[..., Telemetry]
STATUS = Status(code=3, message="say it with protobuf").SerializeToString()

FAULTS = [
    pytest.param(hang, "no complete answer came within 0.4 s", id="no answer"),
    pytest.param(hang_after_headers, "no complete answer came within 0.4 s", id="headers and no body"),
    pytest.param(drip_headers, "no complete answer came within 0.4 s", id="headers byte by byte"),
    pytest.param(drip_body, "no complete answer came within 0.4 s", id="body byte by byte"),
    pytest.param(reset, "it closed the connection without an answer", id="reset"),
    pytest.param(close, "it closed the connection without an answer", id="closed"),
    pytest.param(not_http, "what it answers is not HTTP", id="not HTTP"),
    pytest.param(
        answering(301, location="https://elsewhere.example/v1/metrics?secret=1"),
        "it answered 301 and points to https://elsewhere.example/v1/metrics. Set OTEL_EXPORTER_OTLP_ENDPOINT",
        id="301",
    ),
    pytest.param(
        answering(302, location="https://eve:hunter2@elsewhere.example/@v1#hunter2"),
        "it answered 302 and points to https://elsewhere.example/@v1. Set",
        id="302 with credentials",
    ),
    pytest.param(answering(308, location="/x"), "it answered 308 and points to /x", id="308"),
    pytest.param(answering(400, b"bad name"), "it answered 400: bad name.", id="400"),
    pytest.param(
        answering(400, STATUS, "application/x-protobuf"), "it answered 400: say it with protobuf.", id="400 in protobuf"
    ),
    pytest.param(
        answering(400, b"Client sent an HTTP request to an HTTPS server.\n"),
        "an HTTPS server. Write https:// in OTEL_EXPORTER_OTLP_ENDPOINT",
        id="400 of a port of TLS",
    ),
    pytest.param(answering(401, b"invalid token"), "it answered 401: invalid token. Check OTEL_EXPORT", id="401"),
    pytest.param(
        answering(403, b'{"message": "no scope"}', "application/json"), "it answered 403: no scope.", id="403 in JSON"
    ),
    pytest.param(answering(404, b"<html><h1>Not here</h1>"), "it answered 404: Not here.", id="404 with a page"),
    pytest.param(answering(413), "it answered 413.", id="413"),
    pytest.param(answering(429, b"slow down"), "it answered 429: slow down.", id="429"),
    pytest.param(answering(429, retry_after="0"), "it answered 429.", id="429 with a short wait"),
    pytest.param(answering(500, b"\xff\xfe\x00"), "it answered 500", id="500 with garbage"),
    pytest.param(answering(502), "it answered 502.", id="502"),
    pytest.param(answering(503, b"a" * 5000), "it answered 503: aaa", id="503 with much text"),
    pytest.param(answering(504), "it answered 504.", id="504"),
    pytest.param(answering(200, b"<html>log in</html>", "text/html"), "with a web page", id="200 of a portal"),
]


@pytest.mark.parametrize(("behaviour", "words"), FAULTS)
def test_a_fault_is_logged_once_and_costs_only_time(
    behaviour: Behaviour, words: str, receiver: Receiver, start: Start, log: Log
) -> None:
    receiver.behaviour = behaviour
    spool = MemorySpool()
    # Only a server that hangs takes so long on a busy machine too.
    timeout = "0.4" if "0.4 s" in words else "2"
    telemetry = start(spool=spool, OTEL_EXPORTER_OTLP_TIMEOUT=timeout, OTEL_METRIC_EXPORT_INTERVAL="100")
    ended, living = RecordedCall(telemetry, "ended"), RecordedCall(telemetry, "living")
    ended.use(3, 700.0)
    living.use(5, 900.0)

    assert ended.end().result(60) is False
    assert receiver.wait_for(lambda _: len(receiver.exchanges) >= 3)
    living.use(1)
    assert not receiver.points
    assert spool.kept
    assert [line for line in log.warnings if words in line], log.warnings
    assert len(log.warnings) == 1

    receiver.behaviour = accept
    assert receiver.wait_for(ended.arrived)
    assert receiver.wait_for(living.arrived)
    assert living.end().result(60) is True
    assert receiver.wait_for(lambda _: not spool.kept)
    check_once(receiver)
    assert len(log.warnings) == 1
    assert len([line for line in log.of("INFO") if "all is well again" in line]) == 1


@pytest.mark.parametrize(
    ("ledger", "fate"),
    [
        pytest.param(True, "Values are kept and sent again.", id="with a ledger"),
        pytest.param(False, "Values are sent again while telemetry runs.", id="without"),
    ],
)
@pytest.mark.parametrize("behaviour", [pytest.param(hang, id="hangs"), pytest.param(drip_body, id="drips")])
def test_a_request_that_a_shutdown_cuts_is_not_called_a_timeout(
    behaviour: Behaviour, ledger: bool, fate: str, receiver: Receiver, start: Start, log: Log
) -> None:
    receiver.behaviour = behaviour
    telemetry = start(spool=MemorySpool() if ledger else None, OTEL_EXPORTER_OTLP_TIMEOUT="10")
    call = RecordedCall(telemetry, "c1")
    call.use(1)
    ended = call.end()
    assert receiver.wait_for(lambda _: receiver.exchanges)
    assert telemetry.shutdown(1.0) is False
    assert ended.result(1.0) is False
    advice = "Check the network, or give the shutdown more time: at exit it has VOICE_METRICS_EXPORT_TIMEOUT."
    words = f"the shutdown left no time for a complete answer. {advice} {fate}"
    assert len([line for line in log.warnings if words in line]) == len(log.warnings) == 1


def _tls_port(plain: Receiver) -> str:
    return plain.url.replace("http://", "https://")


UNREACHABLE = [
    pytest.param(lambda _: f"http://127.0.0.1:{free_port()}", "it refuses the connection", id="refused"),
    pytest.param(lambda _: "http://no-such-host.invalid", "its name cannot be resolved", id="unknown name"),
    pytest.param(_tls_port, "no TLS connection came about", id="TLS to a plain port"),
]


@pytest.mark.parametrize(("url", "words"), UNREACHABLE)
def test_an_unreachable_server_is_logged_once(
    url: Callable[[Receiver], str], words: str, receiver: Receiver, start: Start, log: Log
) -> None:
    spool = MemorySpool()
    telemetry = start(url=url(receiver), spool=spool, OTEL_METRIC_EXPORT_INTERVAL="100")
    call = RecordedCall(telemetry, "c1")
    call.use(3)
    assert call.end().result(60) is False
    assert telemetry.shutdown(2.0) is False
    assert len([line for line in log.warnings if words in line]) == len(log.warnings) == 1
    assert ["c1" in request.calls.values() for request in spool.left.values()] == [True]


def test_a_certificate_that_is_not_trusted_is_refused_until_it_is_named(
    certificate: Path, start: Start, log: Log
) -> None:
    with running(certificate=certificate) as receiver:
        stranger = RecordedCall(start(url=receiver.url), "c1")
        stranger.use(1)
        assert stranger.end().result(60) is False
        assert "its certificate is not trusted: self-signed certificate." in log.warnings[0]
        assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in log.warnings[0]
        for variable in ("OTEL_EXPORTER_OTLP_CERTIFICATE", "REQUESTS_CA_BUNDLE"):
            friend = RecordedCall(start(url=receiver.url, **{variable: str(certificate)}), variable)
            friend.use(2)
            assert friend.end().result(60) is True


def test_a_certificate_of_another_host_asks_for_its_host(certificate: Path, start: Start, log: Log) -> None:
    with running(certificate=certificate) as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")
        call = RecordedCall(start(url=url, OTEL_EXPORTER_OTLP_CERTIFICATE=str(certificate)), "c1")
        call.use(1)
        assert call.end().result(60) is False
    assert "Set OTEL_EXPORTER_OTLP_ENDPOINT to a host that the certificate names." in log.warnings[0]
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" not in log.warnings[0]


@pytest.mark.parametrize("first_day", [-3, 3], ids=["expired", "not-yet-valid"])
def test_a_certificate_of_another_time_asks_for_the_clock(
    first_day: int, tmp_path: Path, start: Start, log: Log
) -> None:
    made = certificate_in(tmp_path, first_day)
    with running(certificate=made) as receiver:
        call = RecordedCall(start(url=receiver.url, OTEL_EXPORTER_OTLP_CERTIFICATE=str(made)), "c1")
        call.use(1)
        assert call.end().result(60) is False
    assert "Check the clock of this machine, or renew the certificate on the server." in log.warnings[0]


def test_a_server_that_wants_a_client_s_certificate_is_understood(certificate: Path, start: Start, log: Log) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Later versions tell of it after the handshake, when the connection may be gone already.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate)
    with context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True) as listening:
        threading.Thread(target=_shake_hands, args=(listening,), daemon=True).start()
        address = f"https://127.0.0.1:{listening.getsockname()[1]}"
        call = RecordedCall(start(url=address, OTEL_EXPORTER_OTLP_CERTIFICATE=str(certificate)), "c1")
        call.use(1)
        assert call.end().result(60) is False
        listening.shutdown(socket.SHUT_RDWR)
    assert "no TLS connection came about: " in log.warnings[0]
    assert " alert " in log.warnings[0]
    assert "If the server asks for a client's certificate, OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE" in log.warnings[0]


def _shake_hands(listening: ssl.SSLSocket) -> None:
    with contextlib.suppress(OSError):
        while True:
            with contextlib.suppress(ssl.SSLError):
                listening.accept()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("no certificate", id="text"),
        pytest.param("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", id="damaged"),
    ],
)
@pytest.mark.parametrize(
    ("variable", "named"),
    [
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"),
        ("REQUESTS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"),
        (
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
            "REQUESTS_CA_BUNDLE and OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        ),
    ],
)
def test_a_file_that_holds_no_certificate_is_no_fault_of_the_server(
    variable: str, named: str, content: str, certificate: Path, start: Start, log: Log, tmp_path: Path
) -> None:
    (tmp_path / "file.pem").write_text(content)
    files = {"REQUESTS_CA_BUNDLE": str(certificate), variable: f"{tmp_path}/file.pem"}
    with running(certificate=certificate) as receiver:
        call = RecordedCall(start(url=receiver.url, **files), "c1")
        call.use(1)
        assert call.end().result(60) is False
    assert "a file of certificates or keys cannot be read: " in log.warnings[0]
    assert f" Check {named}. " in log.warnings[0]


@pytest.mark.parametrize("apart", [True, False], ids=["in a file of its own", "beside the certificate"])
def test_a_key_with_a_password_is_a_fault_and_asks_no_terminal_for_it(
    apart: bool, certificate: Path, start: Start, log: Log, tmp_path: Path
) -> None:
    key = serialization.load_pem_private_key(certificate.read_bytes(), None)
    form = serialization.PrivateFormat.PKCS8
    locked = key.private_bytes(serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(b"password"))
    of_the_client, of_its_key = tmp_path / "client.pem", tmp_path / "key.pem"
    of_the_client.write_bytes((b"" if apart else locked) + certificate.read_bytes().split(b"KEY-----\n")[-1])
    of_its_key.write_bytes(locked)
    files = {
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificate),
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(of_the_client),
        **({"OTEL_EXPORTER_OTLP_CLIENT_KEY": str(of_its_key)} if apart else {}),
    }
    with running(certificate=certificate) as receiver:
        call = RecordedCall(start(url=receiver.url, **files), "c1")
        call.use(1)
        assert call.end().result(60) is False
    assert "cannot be read: the key has a password, which no variable can give" in log.warnings[0]
    assert ("OTEL_EXPORTER_OTLP_CLIENT_KEY" in log.warnings[0]) is apart


def test_a_certificate_file_that_is_missing_is_a_fault_and_no_crash(certificate: Path, start: Start, log: Log) -> None:
    with running(certificate=certificate) as receiver:
        call = RecordedCall(start(url=receiver.url, OTEL_EXPORTER_OTLP_CERTIFICATE="/no/such/file"), "c1")
        call.use(1)
        assert call.end().result(60) is False
    assert "names a file that does not exist" in log.warnings[0]
    assert "a file of certificates or keys cannot be read" in log.warnings[1]


def _failing(times: int, fault: Behaviour) -> Behaviour:
    left = [times]

    def behave(exchange: Exchange) -> None:
        left[0] -= 1
        (fault if left[0] >= 0 else accept)(exchange)

    return behave


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answering(503), id="503"),
        pytest.param(answering(429, retry_after="1"), id="429 for a second"),
        pytest.param(reset, id="reset"),
        pytest.param(close, id="idle connection was closed"),
    ],
)
def test_a_passing_fault_is_bridged_within_the_same_export(
    fault: Behaviour, receiver: Receiver, start: Start, log: Log
) -> None:
    receiver.behaviour = _failing(1, fault)
    call = RecordedCall(start(), "c1")
    call.use(3)
    assert call.end().result(60) is True
    assert call.arrived(receiver)
    assert not log.warnings


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_for_time_gets_it(status: int, receiver: Receiver, start: Start, log: Log) -> None:
    asked_at: list[float] = []

    def busy(exchange: Exchange) -> None:
        asked_at.append(time.monotonic())
        (accept if asked_at[1:] else answering(status, b"come back later", retry_after="3"))(exchange)

    receiver.behaviour = busy
    telemetry = start(OTEL_METRIC_EXPORT_INTERVAL="100")
    first, second = RecordedCall(telemetry, "c1"), RecordedCall(telemetry, "c2")
    for call in (first, second):
        call.use(1)
        assert call.end().result(60) is False
    assert receiver.wait_for(first.arrived)
    assert receiver.wait_for(second.arrived)
    assert asked_at[1] - asked_at[0] >= 3.0
    assert len(receiver.exchanges) == 2
    assert len(log.warnings) == 1


def test_a_fault_of_one_call_is_no_fault_of_the_others(receiver: Receiver, start: Start) -> None:
    def choosy(exchange: Exchange) -> None:
        bad = any(point.attributes.get("call_id") == "bad" for point in exchange.points)
        (answering(400, b"label value is too long") if bad else accept)(exchange)

    receiver.behaviour = choosy
    telemetry = start()
    calls = [RecordedCall(telemetry, name) for name in (*"abcdefghi", "bad")]
    for number, call in enumerate(calls):
        call.use(number)
    ends = {call.call_id: call.end() for call in calls}
    assert {name: end.result(60) for name, end in ends.items()} == {name: name != "bad" for name in ends}


def test_a_server_that_takes_small_requests_gets_small_ones(receiver: Receiver, start: Start, log: Log) -> None:
    def small(exchange: Exchange) -> None:
        (answering(413) if len(exchange.points) > 25 else accept)(exchange)

    receiver.behaviour = small
    telemetry = start()
    calls = [RecordedCall(telemetry, f"c{number}") for number in range(40)]
    for call in calls:
        call.use(1, 100.0)
    ends = [call.end() for call in calls]
    assert all(end.result(60) for end in ends)
    assert not log.warnings
    refused = [exchange for exchange in receiver.exchanges if not exchange.stored]
    assert len(refused) < 8
    check_once(receiver)


def test_to_get_ready_asks_no_name_server(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = Settings.from_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}).endpoint
    assert endpoint is not None
    # On macOS this asks a name server, for the addresses that go past the proxy; a call begins on its event loop.
    monkeypatch.delattr("requests.utils.proxy_bypass")
    Delivery(endpoint).close()


def test_a_thread_that_cannot_be_started_is_a_fault_and_no_crash(receiver: Receiver) -> None:
    endpoint = Settings.from_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}).endpoint
    assert endpoint is not None
    usual = threading.stack_size(2**46)
    try:
        delivery = Delivery(endpoint)
        outcome = delivery.deliver(b"")
    finally:
        threading.stack_size(usual)
    assert str(outcome).startswith("no thread can be started for its request. Raise the limit")
    assert delivery.deliver(b"").acknowledged
    delivery.close()


def test_where_export_cannot_begin_it_leaves_no_thread(
    receiver: Receiver, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "voice-metrics-export":
            raise RuntimeError("can't start new thread")
        begin(thread)

    before = set(threading.enumerate())
    telemetry = start()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            telemetry.begin("c1", {})
    for thread in set(threading.enumerate()) - before:
        if thread.name == "voice-metrics-send":
            thread.join(60)
            assert not thread.is_alive()
    call = RecordedCall(telemetry, "c2")
    call.use(1)
    assert call.end().result(60) is True


def test_a_number_beyond_otlp_s_integers_arrives_as_the_nearest_double(receiver: Receiver, start: Start) -> None:
    telemetry = start()
    calls = [RecordedCall(telemetry, name) for name in ("c1", "vast", "c2")]
    for call in calls:
        call.use(2**63 if call.call_id == "vast" else 1)
    ends = [call.end() for call in calls]
    assert [end.result(60) for end in ends] == [True, True, True]
    assert [point.value for point in receiver.of("voice.llm.tokens.total", call_id="vast")] == [0, 2.0**63]


def test_requests_grow_again_when_the_server_takes_large_ones(receiver: Receiver, start: Start) -> None:
    refusals = iter([answering(413)] * 5)
    receiver.behaviour = lambda exchange: next(refusals, accept)(exchange)
    telemetry = start(OTEL_METRIC_EXPORT_INTERVAL="100")
    calls = [RecordedCall(telemetry, f"c{number}") for number in range(40)]
    for call in calls:
        call.use(1, 100.0)
    assert receiver.wait_for(lambda receiver: any(len(each.points) >= 120 for each in receiver.stored))


def test_an_answer_that_was_lost_costs_no_value(receiver: Receiver, start: Start) -> None:
    receiver.behaviour = store_and_reset
    telemetry = start(OTEL_METRIC_EXPORT_INTERVAL="100")
    call = RecordedCall(telemetry, "c1")
    call.use(7)
    assert call.end().result(60) is False
    receiver.behaviour = accept
    assert receiver.wait_for(lambda _: len(export_of(telemetry).live.outgoing()) == 1)
    values = {(point.key, point.time_ns): point.value for point in receiver.points}
    assert all(point.value == values[point.key, point.time_ns] for point in receiver.points)
    assert call.arrived(receiver)


def test_a_server_that_repeats_the_secret_does_not_bring_it_into_the_log(
    receiver: Receiver, start: Start, log: Log
) -> None:
    receiver.behaviour = answering(401, f"bad Basic {CREDENTIALS} with {TOKEN}".encode())
    call = RecordedCall(start(), "c1")
    call.use(1)
    assert call.end().result(60) is False
    assert "it answered 401: bad *** with ***." in log.warnings[0]


def _repeats_the_header(exchange: Exchange) -> None:
    exchange.answer(401, f"bad {exchange.headers['authorization']}".encode(), "text/plain")


def test_a_password_in_the_address_does_not_come_into_the_log_in_any_form(
    receiver: Receiver, start: Start, log: Log
) -> None:
    receiver.behaviour = _repeats_the_header
    address = receiver.url.replace("127.0.0.1", f"123456:{TOKEN}@127.0.0.1")
    call = RecordedCall(start(url=address, OTEL_EXPORTER_OTLP_HEADERS=""), "c1")
    call.use(1)
    assert call.end().result(60) is False
    assert receiver.exchanges[0].headers["authorization"] == f"Basic {CREDENTIALS}"
    assert "it answered 401: bad ***." in log.warnings[0]


def test_a_proxy_that_repeats_its_credentials_does_not_bring_them_into_the_log(
    receiver: Receiver, start: Start, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("http_proxy", receiver.url.replace("127.0.0.1", "proxyuser:proxypass@127.0.0.1"))

    def repeats(exchange: Exchange) -> None:
        exchange.answer(407, f"no {exchange.headers['proxy-authorization']} proxypass".encode(), "text/plain")

    receiver.behaviour = repeats
    call = RecordedCall(start(url="http://metrics.example"), "c1")
    call.use(1)
    assert call.end().result(60) is False
    assert "it answered 407: no *** ***." in log.warnings[0]
    assert "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY" in log.warnings[0]


def test_the_configured_header_wins_over_netrc_and_a_password_in_the_address(
    receiver: Receiver, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login nobody password nothing\n")
    monkeypatch.setenv("NETRC", str(netrc))
    telemetry = start(url=receiver.url.replace("127.0.0.1", "user:pass@127.0.0.1"))
    call = RecordedCall(telemetry, "c1")
    call.use(1)
    assert call.end().result(60) is True
    assert receiver.exchanges[0].headers["authorization"] == f"Basic {CREDENTIALS}"
    assert telemetry.destination == f"127.0.0.1:{receiver.port}"


def test_a_proxy_is_used_and_its_fault_is_named(
    receiver: Receiver, start: Start, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("http_proxy", receiver.url)
    through = RecordedCall(start(url="http://metrics.example"), "c1")
    through.use(1)
    assert through.end().result(60) is True
    assert receiver.exchanges[0].path == "http://metrics.example/v1/metrics"

    monkeypatch.setenv("http_proxy", f"http://user:{TOKEN}@127.0.0.1:{free_port()}")
    lost = RecordedCall(start(url="http://metrics.example"), "c2")
    lost.use(1)
    assert lost.end().result(60) is False
    assert "the proxy could not be used" in log.warnings[0]


REFUSALS = [
    pytest.param("http://{0}", b"HTTP/1.1 407 Log in first\r\n\r\n", "the proxy answered 407 Log in first.", id="407"),
    pytest.param("u:pw@{0}", b"", "the proxy's address is no URL.", id="no scheme"),
    pytest.param("http://{0}port", b"", "the address of the server or of the proxy is no URL.", id="port is no number"),
    pytest.param("https://{0}", b"HTTP/1.1 400 No\r\n\r\n", "no TLS connection to the proxy came about", id="TLS"),
    pytest.param("socks5://{0}", b"", "a SOCKS proxy needs the package PySocks.", id="SOCKS"),
]


@pytest.mark.parametrize(("spelling", "answer", "words"), REFUSALS)
def test_an_unusable_proxy_is_reported_in_its_own_words(
    spelling: str, answer: bytes, words: str, start: Start, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        threading.Thread(target=_say, args=(proxy, answer), daemon=True).start()
        monkeypatch.setenv("https_proxy", spelling.format(f"127.0.0.1:{proxy.getsockname()[1]}"))
        call = RecordedCall(start(url="https://metrics.example"), "c1")
        call.use(1)
        assert call.end().result(60) is False
        proxy.shutdown(socket.SHUT_RDWR)
    assert words in log.warnings[0]
    assert "HTTPS_PROXY" in log.warnings[0]


def _say(listening: socket.socket, answer: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)


@pytest.mark.parametrize("compression", ["gzip", "deflate", "none"])
def test_requests_are_packed_as_asked(compression: str, receiver: Receiver, start: Start) -> None:
    call = RecordedCall(start(OTEL_EXPORTER_OTLP_COMPRESSION=compression), "c1")
    call.use(4)
    assert call.end().result(60) is True
    assert call.arrived(receiver)
    assert receiver.exchanges[0].headers.get("content-encoding", "none") == compression
