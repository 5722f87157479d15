"""Processes of a fleet: each holds one call in a real pipeline, exports it and ends, and says what was fed to it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import Counter
from pathlib import Path

from loguru import logger
from pipecat.frames.frames import EndFrame
from pipecat.workers.runner import WorkerRunner

import voice_metrics
from testbed.fed_calls import measured, worker_of
from voice_metrics import VoiceMetricsProcessor


async def call(call_id: str, chance: random.Random) -> Counter[str]:
    """Run one call.

    Returns:
        What the fleet's series must have of it.
    """
    metrics = VoiceMetricsProcessor(call_id=call_id, attributes={"tenant": chance.choice("abc")})
    worker = worker_of(metrics)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    total = Counter({"voice.calls.total": 1, "voice.calls.ended.total": 1})
    frames = [measured(chance, total) for _ in range(chance.randint(1, 12))]
    await worker.queue_frames([*frames, EndFrame()])
    await asyncio.wait_for(runner.run(), 120)
    return total


def in_prometheus(name: str) -> str:
    """A metric's total, as Prometheus calls it."""
    return name.replace(".", "_") + ("_count" if name.endswith("milliseconds") else "")


def held(number: int, folder: Path) -> None:
    """Be one process of the fleet; a file in the folder says what it fed.

    Args:
        number: Which one.
        folder: Where the file goes.
    """
    call_id = f"call-{number:05}"
    fed = asyncio.run(call(call_id, random.Random(number)))
    total = {in_prometheus(name): value for name, value in fed.items()}
    flushed = voice_metrics.shutdown(10.0)
    (folder / f"{call_id}.json").write_text(json.dumps({"call_id": call_id, "total": total, "flushed": flushed}))


def main(processes: int, at_once: int, folder: Path) -> None:
    """Fork processes from this one, which has imported everything: each costs its call, not a second of imports.

    Args:
        processes: How many.
        at_once: How many at a time.
        folder: Where their files go.
    """
    logger.remove()
    free, places, codes = set(range(at_once)), dict[int, int](), Counter[int]()
    for number in range(processes + at_once):
        if not free or number >= processes:
            if not places:
                break
            ended, status = os.wait()
            free.add(places.pop(ended))
            codes[os.waitstatus_to_exitcode(status)] += 1
        if number >= processes:
            continue
        place = free.pop()
        if not (child := os.fork()):
            # A ledger for each place, as containers with a volume have: what one owes, the next one there sends.
            os.environ["VOICE_METRICS_DB"] = str(folder / f"place-{place}.db")
            held(number, folder)
            # What the interpreter does at its end takes ten times as long as the call.
            os._exit(0)
        places[child] = place
    print(f"exit codes: {dict(codes)}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
