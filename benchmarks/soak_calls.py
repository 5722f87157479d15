"""Calls of the soak: real pipelines, fifty at a time, each of which writes its totals to a file."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from pathlib import Path

from pipecat.frames.frames import EndFrame, Frame, MetricsFrame, OutputAudioRawFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from testbed.fed_calls import FED, measured, worker_of
from voice_metrics import Telemetry, VoiceMetricsProcessor

CALLS_AT_ONCE = 50
ONCE = {"voice.calls.total": 1.0, "voice.calls.ended.total": 1.0, "voice.calls.active": 0.0}
NAMES = frozenset({*ONCE, *FED, "soak.items"})


class Sink(FrameProcessor):
    """Counts the measurements that arrive."""

    def __init__(self) -> None:
        super().__init__()
        self.came = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Count a frame and pass it on."""
        await super().process_frame(frame, direction)
        # Pipecat sends a first MetricsFrame, which is empty without services.
        if isinstance(frame, MetricsFrame) and frame.data:
            self.came += 1
        await self.push_frame(frame, direction)


class Caller:
    """One call: some frames at random moments, and an end at random."""

    def __init__(self, telemetry: Telemetry, fed: Path, chance: random.Random) -> None:
        self._metrics = VoiceMetricsProcessor(telemetry=telemetry)
        self._sink = Sink()
        self._fed, self._chance = fed, chance
        self._worker = worker_of(self._metrics, self._sink)

    async def run(self) -> None:
        """Run the call from its start to its end."""
        started = asyncio.Event()
        self._worker.add_event_handler("on_pipeline_started", lambda worker, frame: started.set())
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self._worker)
        running = asyncio.create_task(runner.run())
        await asyncio.wait_for(started.wait(), 30)
        await self._talk()
        if self._chance.random() < 0.5:
            await self._worker.queue_frame(EndFrame())
        else:
            await self._worker.cancel()
        await asyncio.wait_for(running, 60)

    async def _talk(self) -> None:
        sent = self._chance.randint(0, 40)
        total = Counter(ONCE)
        for _ in range(sent):
            frame = self._measured(total)
            await self._worker.queue_frames([OutputAudioRawFrame(b"\0" * 640, 16000, 1), frame])
            await asyncio.sleep(self._chance.uniform(0, 0.3))
        for _ in range(1000):
            if self._sink.came == sent:
                break
            await asyncio.sleep(0.01)
        else:
            raise RuntimeError(f"{sent - self._sink.came} of {sent} frames did not come through the pipeline")
        with self._fed.open("a") as fed:
            fed.write(json.dumps([self._metrics.call_id, total]) + "\n")

    def _measured(self, total: Counter[str]) -> MetricsFrame:
        items = self._chance.randint(1, 5)
        total["soak.items"] += items
        self._metrics.record("soak.items", items, kind="counter")
        return measured(self._chance, total)


async def calls_for(seconds: float, telemetry: Telemetry, fed: Path, chance: random.Random) -> int:
    """Keep fifty calls running for `seconds`, then wait for their ends.

    Returns:
        Number of calls.
    """
    until, number, running = time.monotonic() + seconds, 0, set[asyncio.Task[None]]()
    while running or time.monotonic() < until:
        while len(running) < CALLS_AT_ONCE and time.monotonic() < until:
            caller = Caller(telemetry, fed, random.Random(chance.random()))
            running.add(asyncio.create_task(caller.run()))
            number += 1
            await asyncio.sleep(chance.uniform(0, 0.05))
        done, running = await asyncio.wait(running, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    return number
