"""Where Pipecat's tracing is on, a call knows its trace, and its latencies lead to the span of their turn."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.scripted import SHORT, run_call
from tests.store import Store
from tests.virtual_time import in_virtual_time, measure_in_virtual_time
from voice_metrics import VoiceMetricsObserver, VoiceMetricsProcessor

PLACES = ("before_output", "after_output", "at_end", "observers")


@pytest.fixture(scope="module")
def spans() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # A process has one provider; other tests trace nothing.
    trace.set_tracer_provider(provider)
    return exporter


@pytest.mark.parametrize("place", PLACES)
@in_virtual_time
async def test_every_latency_of_a_traced_call_leads_to_its_trace(place: str, spans: InMemorySpanExporter) -> None:
    spans.clear()
    store = Store()
    kind = VoiceMetricsObserver if place == "observers" else VoiceMetricsProcessor
    tool = kind(telemetry=store.telemetry)
    measure_in_virtual_time(tool)
    await run_call(SHORT, enable_tracing=True, enable_turn_tracking=True, **{place: [tool]})
    finished = spans.get_finished_spans()
    (conversation,) = [span for span in finished if span.name == "conversation"]
    turns = {span.context.span_id for span in finished if span.name == "turn"}
    summary = tool.summary()
    assert summary is not None
    assert summary.to_dict()["trace_id"] == format(conversation.context.trace_id, "032x")
    assert f"trace          {summary.trace_id}" in summary.render()
    # Reading takes the exemplars away.
    points = store.everything()
    latencies = [point for name, point in points if name in ("voice.response.milliseconds", "voice.ttfb.milliseconds")]
    assert len(latencies) == 4
    for point in latencies:
        assert point.exemplars
        assert {exemplar.trace_id for exemplar in point.exemplars} == {conversation.context.trace_id}
        assert {exemplar.span_id for exemplar in point.exemplars} <= turns


@in_virtual_time
async def test_a_call_without_tracing_has_no_trace(spans: InMemorySpanExporter) -> None:
    store = Store()
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    measure_in_virtual_time(metrics)
    await run_call(SHORT, before_output=[metrics])
    summary = metrics.summary()
    assert summary is not None
    assert summary.to_dict()["trace_id"] is None
    assert [point for point in store.of("voice.response.milliseconds") if point.exemplars] == []
