"""Lateness of a 1 ms timer while calls run, with an export every second and with none.

Each call measures an answer every two seconds. Other load of the machine shows in both.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import time
from contextlib import suppress

from loguru import logger
from pipecat.frames.frames import StartFrame

from benchmarks.receiver_process import receiver
from benchmarks.recording import PRICES, metrics_frame, quiet_recorder
from benchmarks.side_by_side import percentile
from voice_metrics import Telemetry
from voice_metrics.pipecat.recorder import CallRecorder
from voice_metrics.prices import PriceBook

SECONDS = 15.0
ANSWER_SECONDS = 2.0
SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


async def lags(environ: dict[str, str], calls: int) -> list[float]:
    """Run calls and return the lateness of each tick, in milliseconds.

    Args:
        environ: The calls' environment.
        calls: Number of calls.
    """
    telemetry = Telemetry(environ=environ)
    prices = PriceBook(PRICES)
    recorders = [quiet_recorder(telemetry, prices, environ) for _ in range(calls)]
    for recorder in recorders:
        recorder.read_frame(StartFrame())
        await asyncio.sleep(0)
    talking = [asyncio.create_task(_talk(recorder, number / calls)) for number, recorder in enumerate(recorders)]
    await asyncio.sleep(3)
    gc.collect()
    late, until = [], time.perf_counter() + SECONDS
    while (began := time.perf_counter()) < until:
        await asyncio.sleep(0.001)
        late.append((time.perf_counter() - began - 0.001) * 1000)
    for task in talking:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await asyncio.gather(*(recorder.conclude() for recorder in recorders))
    await asyncio.to_thread(telemetry.shutdown)
    return late


async def _talk(recorder: CallRecorder, offset: float) -> None:
    await asyncio.sleep(offset * ANSWER_SECONDS)
    while True:
        recorder.read_frame(metrics_frame())
        await asyncio.sleep(ANSWER_SECONDS)


def main() -> None:
    logger.remove()
    logger.add(sys.stderr, level="ERROR")
    silent = {"VOICE_METRICS_DB": "off"}
    with receiver() as url:
        exporting = {**silent, "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_METRIC_EXPORT_INTERVAL": "1000"}
        for calls in (50, 200):
            for what, environ in (("no export", silent), ("exporting every second", exporting)):
                late = asyncio.run(lags(environ, calls))
                shares = ", ".join(f"{name} {percentile(late, share):.2f}" for name, share in SHARES.items())
                print(f"{calls} live calls, {what}: a tick is late by {shares} ms (mean {statistics.mean(late):.2f})")


if __name__ == "__main__":
    main()
