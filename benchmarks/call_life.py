"""CPU time of the event loop's thread for the start and the end of one call, the first call of the process apart.

The end includes the last export's request and the summary. The ledger's thread is not counted.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time

from loguru import logger
from pipecat.frames.frames import StartFrame

from benchmarks.receiver_process import receiver
from benchmarks.recording import PRICES, metrics_frame, quiet_recorder
from voice_metrics import Telemetry
from voice_metrics.prices import PriceBook

CALLS = 100


async def life(telemetry: Telemetry, environ: dict[str, str]) -> tuple[float, float]:
    """Return the milliseconds of the loop's thread for the start and for the end of one call."""
    prices = PriceBook(PRICES)
    began = time.thread_time()
    recorder = quiet_recorder(telemetry, prices, environ)
    recorder.read_frame(StartFrame())
    started = time.thread_time()
    for _ in range(5):
        recorder.read_frame(metrics_frame())
    recorder.summary()
    await asyncio.sleep(0.05)
    ending = time.thread_time()
    await recorder.conclude()
    return (started - began) * 1000, (time.thread_time() - ending) * 1000


async def measure(environ: dict[str, str]) -> str:
    """Run calls one after another and report their times in a line.

    Args:
        environ: The calls' environment.
    """
    telemetry = Telemetry(environ=environ)
    first, *later = [await life(telemetry, environ) for _ in range(CALLS)]
    await asyncio.to_thread(telemetry.shutdown)
    start, end = (statistics.median(times) for times in zip(*later, strict=True))
    worst = max(sum(times) for times in later)
    return (
        f"start {start:.2f} ms, end {end:.2f} ms, together {start + end:.2f} ms, most {worst:.2f} ms; "
        f"first of the process {sum(first):.1f} ms"
    )


def main() -> None:
    logger.remove()
    logger.add(sys.stderr, level="ERROR")
    with receiver() as url, tempfile.TemporaryDirectory() as folder:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "VOICE_METRICS_DB": f"{folder}/calls.db"}
        print("One call:", asyncio.run(measure(environ)))


if __name__ == "__main__":
    main()
