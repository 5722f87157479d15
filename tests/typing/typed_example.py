"""A bot as its developer writes it, with everything that the package offers; passes a strict type checker."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor

from voice_metrics import (
    CallSummary,
    GrafanaMetricsExporter,
    Metric,
    MetricsLogger,
    SettingsError,
    Telemetry,
    VoiceMetricsObserver,
    VoiceMetricsProcessor,
    duration,
    outcome,
    record_metric,
    register_metric,
    shutdown,
)


class Menu(StrEnum):
    """The bot's own metrics."""

    SEARCH_TIME = "menu.search.milliseconds"
    LOOKUPS = "menu.lookups.total"


register_metric(Menu.SEARCH_TIME, Metric("histogram", "ms", "Question to dishes."))
register_metric(Menu.LOOKUPS, Metric("counter", "{lookup}", "Look-ups in the menu."))


def metrics_of(tenant: str, prices: Mapping[str, Any] | None = None) -> VoiceMetricsProcessor:
    """A processor with every parameter."""
    try:
        return VoiceMetricsProcessor(
            llm_model="gpt-4.1",
            stt_model=None,
            tts_model="sonic-2",
            service_name="restaurant",
            call_id="c-1",
            attributes={"tenant": tenant},
            prices=prices,
            telemetry=Telemetry(meter_provider=MeterProvider()),
        )
    except SettingsError as mistake:
        raise SystemExit(str(mistake)) from mistake


def booked(processor: VoiceMetricsProcessor) -> None:
    """What the call achieved, said with the processor and from any task of the call."""
    processor.outcome("booked", success=True)
    outcome("booked", success=None)


def pipeline_of(*services: FrameProcessor) -> Pipeline:
    """A pipeline with the logger and the exporter behind its services."""
    return Pipeline([*services, MetricsLogger(level="DEBUG"), GrafanaMetricsExporter(llm_model="gpt-4.1")])


def observed(pipeline: Pipeline) -> PipelineWorker:
    """A worker whose pipeline stays as it is."""
    return PipelineWorker(pipeline, observers=[VoiceMetricsObserver(attributes={"tenant": "acme"})])


async def search(question: str) -> list[str]:
    """Something of the bot's own, measured."""
    async with duration(Menu.SEARCH_TIME, index="dinner") as attributes:
        found = [question]
        attributes["found"] = len(found)
    record_metric(Menu.LOOKUPS, 1, outcome="hit")
    return found


def own_numbers(metrics: VoiceMetricsProcessor) -> None:
    """Numbers that are declared where they are recorded."""
    metrics.record("retrieval.milliseconds", 12.5, unit="ms", index="menu", cached=True)
    metrics.record("orders.total", 1, kind="counter", unit="{order}")
    metrics.record("guests.waiting", 3, kind="gauge")


def told(metrics: VoiceMetricsProcessor) -> str:
    """What a call came to."""
    summary: CallSummary | None = metrics.summary()
    if summary is None:
        return metrics.call_id
    total: Decimal | None = summary.cost.total_usd
    longest: float | None = summary.ttfb.overall.max_ms
    acknowledged: bool | None = summary.exported
    row: dict[str, Any] = summary.to_dict()
    return f"{summary.render()} {total} {longest} {acknowledged} {sorted(row)}"


def ended() -> bool:
    """Whether everything was acknowledged."""
    return shutdown(timeout=2.0) and shutdown()
