"""Latencies that an interruption cut are marked although the event loop stands still between the frames."""

from __future__ import annotations

import asyncio

import pytest
from pipecat.frames.frames import Frame, MetricsFrame
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from tests.scripted import run_call
from tests.test_placements import RESUMED, happened, told
from tests.virtual_time import VirtualLoop, in_virtual_time, measure_in_virtual_time, meter_at
from voice_metrics.observer import VoiceMetricsObserver

pytestmark = pytest.mark.slow

# Longer than latencies are held back, and than the cut requests ran.
HELD_SECONDS = 0.08


def _hold_loop(frame: Frame) -> None:
    if isinstance(frame, MetricsFrame) and any(item.processor.startswith("Mind") for item in frame.data):
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.pass_time(HELD_SECONDS)


class SlowProcessor(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        _hold_loop(frame)
        await self.push_frame(frame, direction)


class SlowObserver(BaseObserver):
    async def on_push_frame(self, data: FramePushed) -> None:
        if data.first_push:
            _hold_loop(data.frame)


@in_virtual_time
async def test_observer_marks_cut_latencies_behind_a_slow_observer() -> None:
    metrics = measure_in_virtual_time(VoiceMetricsObserver())

    truth = await run_call(RESUMED, observers=[SlowObserver(), metrics])

    assert truth.cut == 2
    assert told(metrics.summary()) == happened(truth, "completed")


@pytest.mark.parametrize("place", ["before_output", "after_output", "at_end"])
@in_virtual_time
async def test_processor_marks_cut_latencies_behind_a_slow_processor(place: str) -> None:
    metrics = meter_at(place)

    truth = await run_call(RESUMED, around=lambda voice: [*voice, SlowProcessor()], **{place: [metrics]})

    assert truth.cut == 2
    assert told(metrics.summary()) == happened(truth, "completed")
