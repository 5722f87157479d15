"""How many calls one process holds: some are added until p95 of the event loop's lag passes 50 ms.

A call is a real Pipecat pipeline with scripted providers, VoiceMetricsProcessor and an export every second; it holds
what Pipecat costs, and nothing of what a bot's own audio filters, turn detectors and models cost on the processor. For
a bot of yours: `--call MODULE:FUNCTION`, an async function without arguments that holds one call.

Prints one line for each step and the number, and writes the curve as a picture (SVG).
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

from benchmarks.curve import Curve, drawn
from benchmarks.machine import described, percentile
from benchmarks.receiver import receiver
from tests.scripted import run_call
from tests.scripts import Script, Turn
from voice_metrics import VoiceMetricsProcessor, shutdown

TICK_SECONDS = 0.02
# Calls begin one after another, as they do in life.
APART_SECONDS = 0.05
LIMIT_MS = 50.0
SCRIPT = Script(turns=(Turn("hello there"), Turn("a table for two please"), Turn("that is all")))


@dataclass(frozen=True)
class Step:
    """What a number of calls did to the event loop.

    Parameters:
        calls: How many there were.
        p50_ms: How late a tick was, at the median.
        p95_ms: The same at the 95th percentile.
        worst_ms: The latest tick.
    """

    calls: int
    p50_ms: float
    p95_ms: float
    worst_ms: float


async def scripted() -> None:
    """Hold one call."""
    await run_call(SCRIPT, before_output=[VoiceMetricsProcessor()])


class Line:
    """Calls of which each is followed by another one, until told to stop."""

    def __init__(self, call: Callable[[], Awaitable[object]]) -> None:
        self._call = call
        self._tasks: list[asyncio.Task[None]] = []
        self._over = False

    async def add(self, calls: int) -> None:
        """Let more calls run at a time."""
        for _ in range(calls):
            self._tasks.append(asyncio.create_task(self._run()))
            await asyncio.sleep(APART_SECONDS)

    async def close(self) -> None:
        """Let the last calls end."""
        self._over = True
        await asyncio.gather(*self._tasks)

    async def _run(self) -> None:
        while not self._over:
            try:
                await self._call()
            except TimeoutError:
                # A loop this late makes scripted callers give up; the next step is the last one.
                self._over = True


async def late(seconds: float) -> list[float]:
    """Milliseconds that each tick was late."""
    ticks, until = list[float](), time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        await asyncio.sleep(TICK_SECONDS)
        ticks.append((time.perf_counter() - began - TICK_SECONDS) * 1000)
    return ticks


async def climbed(call: Callable[[], Awaitable[object]], by: int, most: int, seconds: float) -> list[Step]:
    """Add calls until the loop is too late.

    Args:
        call: Holds one.
        by: How many are added at a time.
        most: Where to stop at the latest.
        seconds: How long each step is watched.
    """
    # The first call of a process imports and makes what the others share.
    await call()
    line, steps = Line(call), list[Step]()
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
    """Measure, print and draw."""
    read = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    read.add_argument("--by", type=int, default=5)
    read.add_argument("--most", type=int, default=400)
    read.add_argument("--seconds", type=float, default=8)
    read.add_argument("--call", default="benchmarks.capacity:scripted")
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
