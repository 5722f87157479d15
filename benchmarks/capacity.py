"""The number of calls that one process holds: calls are added until p95 of the event loop's lag exceeds 50 ms.

A call is a Pipecat pipeline of seven processors and VoiceMetricsProcessor in real time: 50 frames of audio a second
from the caller, as many from the bot while it speaks, one answer after another, an export every second. It has no audio
filter, turn detector or model, which take CPU in a real bot. To measure another bot, pass `--call MODULE:FUNCTION`, an
async function without arguments that holds one call.

Prints a line for each step and the result, and writes the curve as a picture (SVG).
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from loguru import logger
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InputAudioRawFrame,
    OutputAudioRawFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)

from benchmarks.curve import Curve, drawn
from benchmarks.frames import AUDIO, Line
from benchmarks.receiver_process import receiver
from benchmarks.recording import PRICES, metrics_frame
from benchmarks.side_by_side import described, percentile
from voice_metrics import VoiceMetricsProcessor, shutdown

TICK_SECONDS = 0.02
# Calls do not begin at the same instant.
APART_SECONDS = 0.05
LIMIT_MS = 50.0
TURNS, LISTENS_SECONDS, SPEAKS_SECONDS = 3, 2.0, 3.0
FRAME_SECONDS = 0.02


@dataclass(frozen=True)
class Step:
    """Lag of the event loop with a number of calls.

    Parameters:
        calls: Number of calls.
        p50_ms: Median lateness of a tick, in milliseconds.
        p95_ms: 95th percentile.
        worst_ms: Lateness of the latest tick.
    """

    calls: int
    p50_ms: float
    p95_ms: float
    worst_ms: float


async def talked() -> None:
    """Hold one call."""
    line = Line([VoiceMetricsProcessor(prices=PRICES)])
    await line.start()
    for _ in range(TURNS):
        await line.push(UserStartedSpeakingFrame())
        await _heard(line, LISTENS_SECONDS, bot_speaks=False)
        await line.push(UserStoppedSpeakingFrame(), metrics_frame(), BotStartedSpeakingFrame())
        await _heard(line, SPEAKS_SECONDS, bot_speaks=True)
        await line.push(BotStoppedSpeakingFrame())
    await line.stop()


async def _heard(line: Line, seconds: float, *, bot_speaks: bool) -> None:
    began = time.monotonic()
    for number in range(int(seconds / FRAME_SECONDS)):
        frames: list[Frame] = [InputAudioRawFrame(AUDIO, 16000, 1)]
        if bot_speaks:
            frames.append(OutputAudioRawFrame(AUDIO, 16000, 1))
        await line.push(*frames)
        await asyncio.sleep(max(began + (number + 1) * FRAME_SECONDS - time.monotonic(), 0))


class Calls:
    """Calls at a time, each followed by another one until `close`."""

    def __init__(self, call: Callable[[], Awaitable[object]]) -> None:
        self._call = call
        self._tasks: list[asyncio.Task[None]] = []
        self._over = False

    async def add(self, calls: int) -> None:
        """Run that many more calls at a time."""
        for _ in range(calls):
            self._tasks.append(asyncio.create_task(self._run()))
            await asyncio.sleep(APART_SECONDS)

    async def close(self) -> None:
        """Wait for the last calls to end."""
        self._over = True
        await asyncio.gather(*self._tasks)

    async def _run(self) -> None:
        while not self._over:
            await self._call()


async def late(seconds: float) -> list[float]:
    """Watch the loop for `seconds` and return the lateness of each tick, in milliseconds."""
    ticks, until = list[float](), time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        await asyncio.sleep(TICK_SECONDS)
        ticks.append((time.perf_counter() - began - TICK_SECONDS) * 1000)
    return ticks


async def climbed(call: Callable[[], Awaitable[object]], by: int, most: int, seconds: float) -> list[Step]:
    """Add calls until the loop's lag exceeds the limit; return the steps.

    Args:
        call: Holds one call.
        by: Number of calls that each step adds.
        most: Largest number of calls.
        seconds: Length of a step.
    """
    # The first call of a process pays for imports and shared objects.
    await call()
    line, steps = Calls(call), list[Step]()
    while (calls := (len(steps) + 1) * by) <= most:
        await line.add(by)
        await asyncio.sleep(2)
        ticks = await late(seconds)
        steps.append(Step(calls, percentile(ticks, 0.5), percentile(ticks, 0.95), max(ticks)))
        print(
            f"{calls:5} calls: late by p50 {steps[-1].p50_ms:.1f}, p95 {steps[-1].p95_ms:.1f}, "
            f"most {steps[-1].worst_ms:.1f} ms",
            flush=True,
        )
        if steps[-1].p95_ms > LIMIT_MS:
            break
    await line.close()
    return steps


def main() -> None:
    """Measure, print the steps and draw the curve."""
    read = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    read.add_argument("--by", type=int, default=5)
    read.add_argument("--most", type=int, default=400)
    read.add_argument("--seconds", type=float, default=8)
    read.add_argument("--call", default="benchmarks.capacity:talked")
    read.add_argument("--picture", type=Path, default=Path("pictures/capacity.svg"))
    options = read.parse_args()
    logger.remove()
    logger.add(sys.stderr, level="ERROR")
    module, _, function = options.call.partition(":")
    print(described(), flush=True)
    with receiver() as url:
        os.environ.update(
            {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_METRIC_EXPORT_INTERVAL": "1000", "VOICE_METRICS_DB": "off"}
        )
        call = getattr(importlib.import_module(module), function)
        steps = asyncio.run(climbed(call, options.by, options.most, options.seconds))
        shutdown()
    good = [step.calls for step in steps if step.p95_ms <= LIMIT_MS]
    print(f"{max(good, default=0)} calls in one process, with p95 of the event loop's lag under {LIMIT_MS:.0f} ms")
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    options.picture.write_text(drawn(Curve.of([(step.calls, step.p95_ms) for step in steps], LIMIT_MS)))
    print(f"curve: {options.picture}")


if __name__ == "__main__":
    main()
