"""Readers beside OTLP: `/metrics` for Prometheus, and the console."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from tests.export.calls import LATENCY, TOKENS, RecordedCall
from tests.export.conftest import Log
from tests.export.running_export import export_of
from tests.receiver import Receiver, answering, free_port
from voice_metrics.export.prometheus import ScrapeEndpoint
from voice_metrics.telemetry import Telemetry

Start = Callable[..., Telemetry]


def scrape(port: int) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return [line for line in answer.read().decode().splitlines() if not line.startswith("#")]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def prometheus(start: Start, port: int) -> Callable[..., Telemetry]:
    def make(exporters: str = "prometheus", **environ: str) -> Telemetry:
        return start(
            OTEL_METRICS_EXPORTER=exporters,
            OTEL_EXPORTER_PROMETHEUS_HOST="127.0.0.1",
            OTEL_EXPORTER_PROMETHEUS_PORT=str(port),
            **environ,
        )

    return make


def test_a_connection_that_says_nothing_gives_its_thread_back(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    endpoint = ScrapeEndpoint("127.0.0.1", port, list, dict, idle_seconds=0.05)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as silent:
        assert silent.recv(1) == b""
    assert scrape(port) == ["target_info 1.0"]
    endpoint.close()
    assert capfd.readouterr().err == ""


def test_a_scrape_shows_what_was_recorded_until_then(prometheus: Callable[..., Telemetry], port: int) -> None:
    call = RecordedCall(prometheus(), "c1")
    call.use(3, 700.0)
    labels = 'call_id="c1",llm_model="m"'
    lines = scrape(port)
    assert f"voice_llm_tokens_total{{{labels}}} 3.0" in lines
    assert 'voice_response_milliseconds_bucket{call_id="c1",le="650",llm_model="m"} 0.0' in lines
    assert 'voice_response_milliseconds_bucket{call_id="c1",le="800",llm_model="m"} 1.0' in lines
    assert 'voice_response_milliseconds_bucket{call_id="c1",le="+Inf",llm_model="m"} 1.0' in lines
    assert f"voice_response_milliseconds_sum{{{labels}}} 700.0" in lines
    assert f"voice_response_milliseconds_count{{{labels}}} 1.0" in lines
    assert any(line.startswith("target_info{") and 'service_name="voice-bot"' in line for line in lines)
    call.use(4)
    assert f"voice_llm_tokens_total{{{labels}}} 7.0" in scrape(port)


def test_bounds_of_buckets_are_exact(prometheus: Callable[..., Telemetry], port: int) -> None:
    sizes = prometheus().meter.create_histogram(
        "app.sizes", explicit_bucket_boundaries_advisory=[0.00001, 0.25, 1000.0, 4194304.0, 67108864.5]
    )
    sizes.record(1.0)
    bounds = [line.partition('le="')[2].partition('"')[0] for line in scrape(port) if "app_sizes_bucket" in line]
    assert bounds == ["0.00001", "0.25", "1000", "4194304", "67108864.5", "+Inf"]


def test_an_ended_call_is_shown_for_five_more_minutes(prometheus: Callable[..., Telemetry], port: int) -> None:
    telemetry = prometheus()
    call = RecordedCall(telemetry, "c1")
    call.use(3)
    assert call.end().result(60) is None
    assert any("voice_llm_tokens_total" in line for line in scrape(port))
    (outgoing,) = [each for each in export_of(telemetry).live.outgoing() if each.call_id == "c1"]
    assert outgoing.ended_ns is not None
    RecordedCall(telemetry, "c2").end().result(60)
    assert any('call_id="c1"' in line for line in scrape(port))
    outgoing.ended_ns -= 301 * 10**9
    RecordedCall(telemetry, "c3").end().result(60)
    assert not [line for line in scrape(port) if 'call_id="c1"' in line]


def test_prometheus_and_otlp_stand_side_by_side(
    prometheus: Callable[..., Telemetry], port: int, receiver: Receiver
) -> None:
    call = RecordedCall(prometheus("otlp,prometheus"), "c1")
    call.use(3)
    assert any("voice_llm_tokens_total" in line and line.endswith(" 3.0") for line in scrape(port))
    call.use(4)
    assert call.end().result(60) is True
    assert [point.value for point in receiver.of(TOKENS)] == [0, 7]
    assert any("voice_llm_tokens_total" in line and line.endswith(" 7.0") for line in scrape(port))


def test_a_port_in_use_is_logged_and_the_rest_works(
    prometheus: Callable[..., Telemetry], receiver: Receiver, start: Start, log: Log
) -> None:
    telemetry = start(
        OTEL_METRICS_EXPORTER="otlp,prometheus",
        OTEL_EXPORTER_PROMETHEUS_HOST="127.0.0.1",
        OTEL_EXPORTER_PROMETHEUS_PORT=str(receiver.port),
    )
    call = RecordedCall(telemetry, "c1")
    call.use(1)
    assert call.end().result(60) is True
    assert len(log.warnings) == 1
    assert "(Address already in use). Set OTEL_EXPORTER_PROMETHEUS_PORT to one port per process." in log.warnings[0]


def test_an_unknown_host_is_reported_as_such(start: Callable[..., Telemetry], log: Log) -> None:
    telemetry = start(OTEL_METRICS_EXPORTER="prometheus", OTEL_EXPORTER_PROMETHEUS_HOST="no-such-host.invalid")
    RecordedCall(telemetry, "c1").use(1)
    assert len(log.warnings) == 1
    assert "Check OTEL_EXPORTER_PROMETHEUS_HOST" in log.warnings[0]


def test_the_end_of_telemetry_frees_the_port(prometheus: Callable[..., Telemetry], port: int) -> None:
    for name in ("c1", "c2"):
        telemetry = prometheus()
        RecordedCall(telemetry, name).use(1)
        assert any(f'call_id="{name}"' in line for line in scrape(port))
        assert telemetry.shutdown(60) is True


def test_exponential_histograms_show_count_and_sum(prometheus: Callable[..., Telemetry], port: int, log: Log) -> None:
    name = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
    call = RecordedCall(prometheus(**{name: "base2_exponential_bucket_histogram"}), "c1")
    call.use(1, 12.0)
    lines = [line for line in scrape(port) if line.startswith("voice_response_milliseconds")]
    assert [line.rpartition(" ")[2] for line in lines] == ["1.0", "12.0", "1.0"]
    assert "no exponential buckets" in log.warnings[0]


def test_the_console_prints_a_call_even_if_it_ends_between_two_intervals(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    telemetry = start(OTEL_METRICS_EXPORTER="console")
    call = RecordedCall(telemetry, "c1")
    call.use(3, 700.0)
    assert call.end().result(60) is None
    assert telemetry.shutdown(60) is True
    printed = json.JSONDecoder().raw_decode(capsys.readouterr().out)[0]
    names = {metric["name"] for metric in printed["resource_metrics"][0]["scope_metrics"][0]["metrics"]}
    assert {TOKENS, LATENCY} <= names


def test_the_console_beside_otlp_changes_no_acknowledgement(
    start: Start, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.behaviour = answering(503)
    telemetry = start(OTEL_METRICS_EXPORTER="console,otlp", OTEL_METRIC_EXPORT_INTERVAL="100")
    call = RecordedCall(telemetry, "c1")
    call.use(3)
    assert call.end().result(60) is False
    assert receiver.wait_for(lambda _: TOKENS in capsys.readouterr().out)


def test_a_console_that_is_gone_costs_only_what_it_would_print(
    start: Start, receiver: Receiver, tmp_path: Path, log: Log
) -> None:
    with (tmp_path / "closed").open("w") as gone:
        pass
    with redirect_stdout(gone):
        telemetry = start(OTEL_METRICS_EXPORTER="console,otlp")
        call = RecordedCall(telemetry, "c1")
        call.use(3)
        assert call.end().result(60) is True
        assert telemetry.shutdown(60) is True
    assert "ValueError in ConsoleMetricExporter.export" in log.warnings[0]
