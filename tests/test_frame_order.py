"""What stands behind the plug-in gets frames in the order of a pipeline without it."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from pipecat.frames.frames import EndFrame, Frame, InterruptionFrame, StartFrame, TextFrame, UserStartedSpeakingFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from voice_metrics import MetricsLogger, Telemetry, VoiceMetricsProcessor


def burst() -> list[Frame]:
    """Frames that are pushed in one go, with two that overtake in a queue."""
    first, last = ([TextFrame(f"t{number}") for number in numbers] for numbers in (range(3), range(3, 6)))
    return [*first, UserStartedSpeakingFrame(), *last, InterruptionFrame()]


class Source(FrameProcessor):
    """Pushes a burst down, as an aggregator or a voice does."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, TextFrame) and frame.text == "go":
            for pushed in burst():
                await self.push_frame(pushed)


class Sink(FrameProcessor):
    """Takes frames as they come and answers the last one of a burst with a burst of its own, upstream."""

    def __init__(self) -> None:
        super().__init__(enable_direct_mode=True)
        self.taken: list[str] = []
        self.done = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, (StartFrame, TextFrame, UserStartedSpeakingFrame, InterruptionFrame, EndFrame)):
            self.taken.append(getattr(frame, "text", type(frame).__name__))
        if isinstance(frame, InterruptionFrame):
            self.done.set()
        await self.push_frame(frame, direction)


async def order_behind(*middle: FrameProcessor) -> list[str]:
    sink = Sink()
    worker = PipelineWorker(Pipeline([Source(), *middle, sink]), enable_rtvi=False, enable_turn_tracking=False)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await worker.queue_frame(TextFrame("go"))
    running = asyncio.create_task(runner.run())
    async with asyncio.timeout(120):
        await sink.done.wait()
        await worker.queue_frame(EndFrame())
        await running
    return sink.taken


PUSHED = [
    *("StartFrame", "go", "t0", "t1", "t2", "UserStartedSpeakingFrame"),
    *("t3", "t4", "t5", "InterruptionFrame", "EndFrame"),
]


@pytest.mark.parametrize("logs", [False, True], ids=["the processor", "with the logger"])
async def test_a_burst_leaves_the_plug_in_in_the_order_in_which_it_came(logs: bool) -> None:
    telemetry = Telemetry(meter_provider=MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False))
    metrics = VoiceMetricsProcessor(telemetry=telemetry)
    assert await order_behind(*([MetricsLogger()] if logs else []), metrics) == PUSHED


async def test_the_order_is_that_of_a_pipeline_without_the_plug_in() -> None:
    assert await order_behind() == PUSHED
