"""Fifty calls at a time arrive and leave for minutes, while the receiver misbehaves at random.

First, one process whose receiver changes its mood all the time: it refuses, hangs, drips, resets, redirects, rejects a
part, answers every status of the table of faults, and takes without saying so. Once it behaves, and before the process
ends, each call's totals there are what was fed, and the ledger calls each of them delivered. Memory in use, blocks
and objects are what they were after the first minute, when nothing was owed either. After `shutdown()`, threads,
sockets and files are as many as before the telemetry was made.

Then, telemetry that is shut down while it owes something, and goes on with more calls in the same process: both
arrive, and the ledger calls each of them delivered.

Last, processes that begin and end while the receiver stays in one mood: what each of them owes is for the next one, or
for `voice-metrics resend` with a receiver that takes small requests only. In the end each call's totals are what was
fed. Only what the second process sends of the first one's is judged for good (the receiver takes a part of a request
and rejects the rest, or finds it too old) and may be given up; then the ledger must not call it delivered.

Exits with 1 and says what is not so. The seed is printed; `--seed` repeats what the calls and the receiver do.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loguru import logger
from pipecat.frames.frames import EndFrame, Frame, MetricsFrame, OutputAudioRawFrame
from pipecat.metrics.metrics import (
    LLMTokenUsage,
    LLMUsageMetricsData,
    ProcessingMetricsData,
    TTFBMetricsData,
    TTSUsageMetricsData,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from benchmarks.moody_receiver import ACKNOWLEDGES, FOR_GOOD, MOODS, TAKES, TAKES_SMALL, Ask, receiving
from voice_metrics import Telemetry, VoiceMetricsProcessor
from voice_metrics.ledger import ledger_at

CALLS_AT_ONCE = 50
WARM_UP_SECONDS = 60.0
RESTARTS = 2
LLM, TTS = "OpenAILLMService#0", "CartesiaTTSService#0"
ONCE = {"voice.calls.total": 1.0, "voice.calls.ended.total": 1.0, "voice.calls.active": 0.0}
NAMES = frozenset(
    {
        *ONCE,
        "voice.llm.tokens.total",
        "voice.tts.characters.total",
        "voice.ttfb.milliseconds",
        "voice.processing.milliseconds",
        "soak.items",
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a soak happens.

    Parameters:
        url: The receiver's address.
        folder: The folder of its files.
    """

    url: str
    folder: Path

    @property
    def fed(self) -> Path:
        """Lines of call ids and totals."""
        return self.folder / "fed.jsonl"

    @property
    def call_ids(self) -> set[str]:
        """The calls that were made so far."""
        return {json.loads(line)[0] for line in self.fed.read_text().splitlines()}

    @property
    def ledger(self) -> Path:
        """The ledger of every process."""
        return self.folder / "calls.db"

    @property
    def environ(self) -> dict[str, str]:
        """What telemetry is set up by."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            "VOICE_METRICS_DB": str(self.ledger),
        }


class Sink(FrameProcessor):
    """Counts the measurements that came through."""

    def __init__(self) -> None:
        super().__init__()
        self.came = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Count a frame and pass it on."""
        await super().process_frame(frame, direction)
        # The pipeline begins with measurements of its own, of services that this one lacks.
        if isinstance(frame, MetricsFrame) and frame.data:
            self.came += 1
        await self.push_frame(frame, direction)


class Caller:
    """One call: some frames at random moments, and an end at random."""

    def __init__(self, telemetry: Telemetry, fed: Path, chance: random.Random) -> None:
        self._metrics = VoiceMetricsProcessor(telemetry=telemetry)
        self._sink = Sink()
        self._fed, self._chance = fed, chance
        self._worker = PipelineWorker(
            Pipeline([self._metrics, self._sink]),
            params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
        )

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
        prompt, completion = self._chance.randint(1, 5000), self._chance.randint(1, 500)
        characters, items = self._chance.randint(1, 300), self._chance.randint(1, 5)
        tokens = LLMTokenUsage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)
        total.update(
            {
                "voice.llm.tokens.total": prompt + completion,
                "voice.tts.characters.total": characters,
                "voice.ttfb.milliseconds": 1,
                "voice.processing.milliseconds": 1,
                "soak.items": items,
            }
        )
        self._metrics.record("soak.items", items, kind="counter")
        return MetricsFrame(
            data=[
                TTFBMetricsData(processor=LLM, model="gpt-4.1", value=self._chance.uniform(0.05, 2)),
                ProcessingMetricsData(processor=LLM, model="gpt-4.1", value=self._chance.uniform(2, 4)),
                LLMUsageMetricsData(processor=LLM, model="gpt-4.1", value=tokens),
                TTSUsageMetricsData(processor=TTS, model="sonic-2", value=characters),
            ]
        )


@dataclass(frozen=True, slots=True)
class Usage:
    """What the process holds when no call runs.

    Parameters:
        resident_mb: Resident memory after the C allocator gave back what it could.
        heap_mb: What the C allocator has handed out, to SQLite, protobuf and large objects of Python; 0 without glibc.
        blocks: Blocks that Python's own allocator has handed out.
        objects: Objects that the garbage collector knows.
        threads: Names of running threads.
        sockets: Open sockets.
        files: Other open descriptors.
    """

    resident_mb: float
    heap_mb: float
    blocks: int
    objects: int
    threads: list[str]
    sockets: int
    files: int

    def __str__(self) -> str:
        """In one line."""
        return (
            f"{self.resident_mb:.1f} MB resident, {self.heap_mb:.2f} MB heap, {self.blocks} blocks, "
            f"{self.objects} objects, {len(self.threads)} threads, {self.sockets} sockets, {self.files} files"
        )


class _Heap(ctypes.Structure):
    """glibc's `struct mallinfo2`: 5th, bytes in maps of their own; 8th, bytes in use elsewhere."""

    _fields_ = [(f"field_{number}", ctypes.c_size_t) for number in range(1, 11)]


def _heap_bytes() -> int:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        return 0
    libc.malloc_trim(0)
    libc.mallinfo2.restype = _Heap
    heap = libc.mallinfo2()
    return int(heap.field_5 + heap.field_8)


def usage() -> Usage:
    """What the process holds now."""
    gc.collect()
    heap = _heap_bytes()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    links = [_target(entry) for entry in Path("/proc/self/fd").iterdir()]
    sockets = sum(link.startswith("socket:") for link in links)
    return Usage(
        pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        heap / 2**20,
        sys.getallocatedblocks(),
        len(gc.get_objects()),
        sorted(thread.name for thread in threading.enumerate()),
        sockets,
        len(links) - sockets,
    )


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


async def calls_for(seconds: float, telemetry: Telemetry, fed: Path, chance: random.Random) -> int:
    """Keep fifty calls running for some time, then let them end.

    Returns:
        How many there were.
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


def growth(before: Usage, after: Usage) -> Iterator[str]:
    """What the process holds more than before, beyond what it does at a receiver that always takes."""
    # Three minutes there (`--mood takes`) leave 48 objects more and 62 blocks less after 2 765 calls.
    if after.blocks - before.blocks > 2_000:
        yield f"blocks grew from {before.blocks} to {after.blocks}"
    if after.objects - before.objects > 600:
        yield f"objects grew from {before.objects} to {after.objects}"
    # SQLite keeps up to 2 MB of pages.
    if after.heap_mb - before.heap_mb > 2.5:
        yield f"the heap grew from {before.heap_mb:.2f} to {after.heap_mb:.2f} MB"
    # Python's allocator keeps the arenas of a backlog in which anything is left, and fills them again: 15 MB were seen.
    if after.resident_mb - before.resident_mb > 24:
        yield f"resident memory grew from {before.resident_mb:.1f} to {after.resident_mb:.1f} MB"


def leftovers(before: Usage, after: Usage) -> Iterator[str]:
    """What is open after the end that was not before the beginning."""
    if after.threads != before.threads:
        yield f"threads are {after.threads}, were {before.threads}"
    if (after.sockets, after.files) != (before.sockets, before.files):
        yield f"{after.sockets} sockets and {after.files} files are open, were {before.sockets} and {before.files}"


def one_process(place: Place, ask: Ask, chance: random.Random, seconds: float, mood: str | None) -> Iterator[str]:
    """Run calls in this process for a minute, and then for longer.

    Args:
        place: Where.
        ask: Asks the receiver.
        chance: What calls do.
        seconds: How long calls arrive after the first minute.
        mood: The receiver's mood, or `None` for all of them.

    Yields:
        What is not as it must be.
    """
    at_first = usage()
    telemetry = Telemetry(environ=place.environ)
    number, quiet = 0, list[Usage]()
    for wave in (WARM_UP_SECONDS, seconds):
        ask("be", mood)
        number += asyncio.run(calls_for(wave, telemetry, place.fed, chance))
        ask("be", TAKES)
        _settle(ask, place)
        quiet.append(usage())
        print(f"after {number} calls: {quiet[-1]}", flush=True)
    yield from _told_to_the_end(telemetry, place, ask)
    at_last = _ended(at_first)
    print(f"after the end: {at_last}", flush=True)
    yield from growth(*quiet)
    yield from leftovers(at_first, at_last)


def restarts(place: Place, ask: Ask, chance: random.Random) -> Iterator[str]:
    """Shut telemetry down while it owes something, and go on with it.

    Args:
        place: Where.
        ask: Asks the receiver.
        chance: What happens.

    Yields:
        What is not as it must be.
    """
    telemetry = Telemetry(environ=place.environ)
    moods = chance.sample(sorted(MOODS.keys() - {*ACKNOWLEDGES, *FOR_GOOD}), RESTARTS)
    print(f"telemetry is shut down while the receiver is thus: {', '.join(moods)}", flush=True)
    for mood in moods:
        ask("be", mood)
        asyncio.run(calls_for(1, telemetry, place.fed, chance))
        if telemetry.shutdown():
            yield f"a shutdown whose receiver is thus: {mood}, owed nothing"
        ask("be", TAKES)
        asyncio.run(calls_for(1, telemetry, place.fed, chance))
        _settle(ask, place)
    yield from _told_to_the_end(telemetry, place, ask)


def _told_to_the_end(telemetry: Telemetry, place: Place, ask: Ask) -> Iterator[str]:
    if not telemetry.shutdown(30):
        yield "the last export was not acknowledged"
    ledger_at(place.ledger, telemetry.settings.ledger_days).close()
    yield from ask("told_otherwise", place.fed, place.ledger, set())


def _settle(ask: Ask, place: Place) -> None:
    for _ in range(60):
        if not ask("differences", place.fed):
            return
        time.sleep(1)


def _ended(before: Usage) -> Usage:
    for _ in range(20):
        # Threads that were told to end take a moment.
        if threading.active_count() <= len(before.threads):
            break
        time.sleep(0.1)
    return usage()


def short_process(place: Place, seed: int, shuts_down: bool) -> None:
    """A process of a few calls that ends by itself.

    Args:
        place: Where.
        seed: What the calls do.
        shuts_down: Whether it ends its telemetry, instead of leaving that to the interpreter's exit.
    """
    _quiet()
    os.environ["VOICE_METRICS_DB"] = str(place.ledger)
    telemetry = Telemetry(environ=place.environ)
    asyncio.run(calls_for(1, telemetry, place.fed, random.Random(seed)))
    if shuts_down:
        telemetry.shutdown()


def short_processes(place: Place, ask: Ask, chance: random.Random, number: int) -> Iterator[str]:
    """Run processes one after the other, each with a receiver of one mood, and send in the end what they owe.

    Args:
        place: Where.
        ask: Asks the receiver.
        chance: What happens.
        number: How many.

    Yields:
        What is not as it must be.
    """
    moods = chance.sample(sorted(MOODS.keys() - {TAKES, *FOR_GOOD}), max(number - 1, 0))
    # The second process finds what the first one owes judged for good, and no other does.
    moods[1:1] = chance.sample(FOR_GOOD, min(number, 1))
    print(f"processes end while the receiver is thus: {', '.join(moods)}", flush=True)
    owed_by_first = set[str]()
    for position, mood in enumerate(moods):
        ask("be", mood)
        before = place.call_ids
        arguments = place, chance.randrange(10**6), chance.random() < 0.5
        process = multiprocessing.get_context("spawn").Process(target=short_process, args=arguments)
        process.start()
        process.join(60)
        if process.exitcode != 0:
            process.kill()
            yield f"a process whose receiver is thus: {mood}, ended with {process.exitcode}"
        if position == 0:
            owed_by_first = place.call_ids - before
    ask("be", TAKES_SMALL)
    resend = [sys.executable, "-m", "voice_metrics", "resend"]
    resent = subprocess.run(resend, env=os.environ | place.environ, capture_output=True, text=True, timeout=300)
    print(resent.stdout.strip(), flush=True)
    if resent.returncode:
        yield f"voice-metrics resend ended with {resent.returncode}: {resent.stderr}"
    yield from ask("told_otherwise", place.fed, place.ledger, owed_by_first)


def soak(seed: int, minutes: float, processes: int, mood: str | None) -> list[str]:
    """Run the soak.

    Args:
        seed: What happens.
        minutes: How long calls arrive in the first process, after its first minute.
        processes: How many further processes there are.
        mood: The receiver's mood for the first process, or `None` for all of them.

    Returns:
        What is not as it must be.
    """
    chance = random.Random(seed)
    with receiving(seed, NAMES) as (url, ask), tempfile.TemporaryDirectory() as folder:
        place = Place(url, Path(folder))
        os.environ["VOICE_METRICS_DB"] = str(place.ledger)
        wrong = list(one_process(place, ask, chance, minutes * 60, mood))
        wrong += restarts(place, ask, chance)
        wrong += short_processes(place, ask, chance, processes)
        met = sorted(ask("met").items(), key=lambda item: -item[1])
        print(f"requests: {', '.join(f'{number} {mood}' for mood, number in met)}")
        print(f"moods that no request met: {', '.join(sorted(MOODS.keys() - dict(met).keys())) or 'none'}")
    return wrong


def _quiet() -> None:
    logger.remove()
    logger.add(sys.stderr, level="ERROR")


def main() -> None:
    """Run the soak and say what came of it."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--seed", type=int, default=random.randrange(10**6), help="what happens; random if left out")
    arguments.add_argument("--minutes", type=float, default=5.0, help="how long calls arrive, after the first minute")
    arguments.add_argument("--processes", type=int, default=8, help="how many processes end while they owe something")
    arguments.add_argument("--mood", choices=sorted(MOODS), help="the receiver's only mood for the first process")
    chosen = arguments.parse_args()
    print(f"seed {chosen.seed}, {chosen.minutes:g} minutes", flush=True)
    _quiet()
    wrong = soak(chosen.seed, chosen.minutes, chosen.processes, chosen.mood)
    print("\n".join(wrong) or "everything arrived, nothing grew")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
