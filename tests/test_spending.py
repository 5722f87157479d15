"""A call that costs its budget says so, once."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from pipecat.frames.frames import EndFrame, Frame, MetricsFrame, StopFrame, TextFrame
from pipecat.metrics.metrics import TTSUsageMetricsData
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.workers.runner import WorkerRunner

from tests.store import Store
from voice_metrics import VoiceMetricsObserver, VoiceMetricsProcessor

Kind = type[VoiceMetricsProcessor] | type[VoiceMetricsObserver]
# One US dollar for a thousand characters.
PRICES = {"mouth-1": {"unit": "thousand characters", "price": 1}}


def spoken(characters: int) -> MetricsFrame:
    return MetricsFrame([TTSUsageMetricsData(processor="MouthTTSService#0", model="mouth-1", value=characters)])


async def run(tool: VoiceMetricsProcessor | VoiceMetricsObserver, *frames: Frame) -> None:
    worker = PipelineWorker(
        Pipeline([tool] if isinstance(tool, VoiceMetricsProcessor) else []),
        params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
        observers=[tool] if isinstance(tool, VoiceMetricsObserver) else [],
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await worker.queue_frames([TextFrame("hello"), *frames])
    await asyncio.wait_for(runner.run(), 120)


def measuring(kind: Kind, **options: Any) -> tuple[Any, list[float]]:
    spent: list[float] = []
    tool = kind(telemetry=Store().telemetry, prices=PRICES, **options)
    tool.add_event_handler("on_budget", lambda tool, spent_usd: spent.append(spent_usd))
    return tool, spent


@pytest.mark.parametrize("kind", [VoiceMetricsProcessor, VoiceMetricsObserver])
async def test_the_budget_is_raised_once_when_it_is_reached(kind: Kind) -> None:
    tool, spent = measuring(kind, budget_usd=0.02)
    await run(tool, spoken(19), spoken(1), spoken(100), EndFrame())
    assert len(spent) == 1
    assert 0.02 <= spent[0] <= 0.12


@pytest.mark.parametrize("kind", [VoiceMetricsProcessor, VoiceMetricsObserver])
@pytest.mark.parametrize("budget", [None, 0.021, Decimal("0.021"), 1])
async def test_a_budget_that_is_not_reached_is_not_raised(kind: Kind, budget: Any) -> None:
    tool, spent = measuring(kind, budget_usd=budget)
    await run(tool, spoken(20), EndFrame())
    assert spent == []


async def test_each_call_has_the_budget_anew() -> None:
    tool, spent = measuring(VoiceMetricsProcessor, budget_usd=0.02)
    await run(tool, spoken(20), StopFrame())
    await run(tool, spoken(10), StopFrame())
    await run(tool, spoken(30), EndFrame())
    assert spent == [0.02, 0.03]


@pytest.mark.parametrize("kind", [VoiceMetricsProcessor, VoiceMetricsObserver])
@pytest.mark.parametrize(
    ("budget", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        ("0.5", TypeError),
        (True, TypeError),
    ],
)
def test_a_budget_that_cannot_be_is_an_error_at_construction(kind: Kind, budget: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="budget_usd="):
        kind(telemetry=Store().telemetry, budget_usd=budget)
