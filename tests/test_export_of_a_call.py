"""A whole call through a real pipeline, exported to a real receiver: complete, cumulative, acknowledged or not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.receiver import Receiver, accept, answering, drip_headers, free_port, hang, running
from tests.scripted import DEMO, SHORT, run_call
from voice_metrics import Telemetry, VoiceMetricsProcessor

pytestmark = pytest.mark.slow


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running() as started:
        yield started


def telemetry_to(url: str, **environ: str) -> Telemetry:
    return Telemetry(environ={"OTEL_EXPORTER_OTLP_ENDPOINT": url, "VOICE_METRICS_DB": "off", **environ})


def total(receiver: Receiver, name: str, **attributes: str) -> float:
    """Sum of a metric's newest values over its series that have these attributes."""
    return sum(
        point.value
        for point in receiver.last().values()
        if point.name == name and attributes.items() <= point.attributes.items()
    )


def told(metrics: VoiceMetricsProcessor) -> dict[str, Any]:
    summary = metrics.summary()
    assert summary is not None
    return summary.to_dict()


async def test_all_that_the_call_can_tell_arrives_before_it_is_over(receiver: Receiver) -> None:
    telemetry = telemetry_to(receiver.url)
    metrics = VoiceMetricsProcessor(telemetry=telemetry)
    began = time.monotonic()
    truth = await run_call(DEMO, before_output=[metrics])
    took = time.monotonic() - began
    summary = told(metrics)
    assert summary["exported"] is True
    call = {"call_id": metrics.call_id}
    assert total(receiver, "voice.calls.total", **call) == 1
    assert total(receiver, "voice.calls.active", **call) == 0
    assert total(receiver, "voice.calls.ended.total", end_reason="cancelled", **call) == 1
    assert total(receiver, "voice.llm.tokens.total", token_type="prompt", **call) == truth.prompt_tokens
    assert total(receiver, "voice.llm.tokens.total", token_type="completion", **call) == truth.completion_tokens
    assert total(receiver, "voice.llm.token_details.total", detail="cache_read", **call) == truth.cache_read_tokens
    assert total(receiver, "voice.tts.characters.total", **call) == truth.characters
    assert total(receiver, "voice.interruptions.total", **call) == truth.interruptions == 1
    assert total(receiver, "voice.turns.total", **call) == sum(truth.turns.values())
    assert total(receiver, "voice.function_calls.total", outcome="timed_out", **call) == 1
    assert total(receiver, "voice.errors.total", **call) == summary["errors"]
    # Telemetry is made while the call begins; on a busy machine that takes a while.
    assert summary["duration_seconds"] - 1.0 < total(receiver, "voice.session.duration.seconds", **call) < took
    # Series that all calls share go with the next regular export, or with the process's last.
    assert telemetry.shutdown()
    counts = {point.name: point.count for point in receiver.last().values() if point.count}
    assert {"voice.ttfb.milliseconds", "voice.response.milliseconds", "voice.llm.throughput"} <= counts.keys()
    assert {"gen_ai.client.token.usage", "gen_ai.client.operation.duration"} <= counts.keys()


async def test_every_series_is_cumulative_and_begins_at_zero(receiver: Receiver) -> None:
    telemetry = telemetry_to(receiver.url, OTEL_METRIC_EXPORT_INTERVAL="200")
    await run_call(DEMO, before_output=[VoiceMetricsProcessor(telemetry=telemetry)])
    telemetry.shutdown()
    for exchange in receiver.stored:
        for scope in exchange.request.resource_metrics[0].scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                assert kind == "gauge" or getattr(metric, kind).aggregation_temporality == 2
    by_series: dict[Any, list[Any]] = {}
    for point in receiver.points:
        by_series.setdefault(point.key, []).append(point)
    for (name, _), points in by_series.items():
        assert (points[0].count if points[0].count is not None else points[0].value) == 0, name
        assert len({point.start_ns for point in points}) == 1, name


@pytest.mark.parametrize("behaviour", [answering(503), answering(401), hang], ids=["unavailable", "forbidden", "hangs"])
async def test_an_unacknowledged_export_is_not_claimed(receiver: Receiver, log: list[str], behaviour: Any) -> None:
    receiver.behaviour = behaviour
    telemetry = telemetry_to(receiver.url, VOICE_METRICS_EXPORT_TIMEOUT="1")
    metrics = VoiceMetricsProcessor(telemetry=telemetry)
    await run_call(SHORT, before_output=[metrics])
    assert told(metrics)["exported"] is False
    assert any("not acknowledged" in line for line in log)
    assert not any("exported to" in line for line in log)
    telemetry.shutdown(0.5)


class Timed(VoiceMetricsProcessor):
    """Notes how long Pipecat waits for its clean-up."""

    clean_up_seconds: float | None = None

    async def cleanup(self) -> None:
        began = time.monotonic()
        await super().cleanup()
        self.clean_up_seconds = time.monotonic() - began


@pytest.mark.parametrize("behaviour", [None, hang, drip_headers, answering(429, retry_after="30")],
                         ids=["no-server", "hangs", "byte-by-byte", "asks-for-time"])  # fmt: skip
async def test_clean_up_waits_for_no_server_longer_than_it_may(receiver: Receiver, behaviour: Any) -> None:
    receiver.behaviour = behaviour or accept
    url = receiver.url if behaviour else f"http://127.0.0.1:{free_port()}"
    telemetry = telemetry_to(url, OTEL_EXPORTER_OTLP_TIMEOUT="60")
    metrics = Timed(telemetry=telemetry)
    await run_call(SHORT, before_output=[metrics])
    assert metrics.clean_up_seconds is not None
    # It may take two seconds, and a request a minute.
    assert metrics.clean_up_seconds < 20.0
    assert told(metrics)["exported"] is False
    telemetry.shutdown(0.5)


async def test_the_second_call_of_a_process_is_exported_like_the_first(receiver: Receiver) -> None:
    telemetry = telemetry_to(receiver.url)
    calls = [VoiceMetricsProcessor(telemetry=telemetry) for _ in range(3)]
    for metrics in calls:
        truth = await run_call(SHORT, before_output=[metrics])
        assert told(metrics)["exported"] is True
        assert total(receiver, "voice.tts.characters.total", call_id=metrics.call_id) == truth.characters
    assert len({point.attributes.get("call_id") for point in receiver.of("voice.calls.total")}) == 3
    assert len({exchange.resource["service.instance.id"] for exchange in receiver.stored}) == 1
    telemetry.shutdown()


async def test_without_call_ids_the_calls_of_a_process_add_up(receiver: Receiver) -> None:
    telemetry = telemetry_to(receiver.url, VOICE_METRICS_CALL_ID="off")
    characters = 0
    for _ in range(2):
        metrics = VoiceMetricsProcessor(telemetry=telemetry)
        characters += (await run_call(SHORT, before_output=[metrics])).characters
        assert told(metrics)["exported"] is True
    assert total(receiver, "voice.calls.total") == 2
    assert total(receiver, "voice.calls.active") == 0
    assert total(receiver, "voice.tts.characters.total") == characters
    assert not any("call_id" in point.attributes for point in receiver.points)
    telemetry.shutdown()
