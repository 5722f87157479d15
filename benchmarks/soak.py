"""Fifty calls at a time arrive and leave for minutes, while the receiver misbehaves at random.

At the end every call's totals in the receiver must be what was fed, memory flat, and threads and sockets as many as
at the start. Exits with 1 and says what is not so. The seed is printed; `--seed` repeats what the calls and the
receiver do.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
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

from tests import receiver as servers
from voice_metrics import Telemetry, VoiceMetricsProcessor

CALLS_AT_ONCE = 50
LLM, TTS = "OpenAILLMService#0", "CartesiaTTSService#0"
MOODS: dict[str, servers.Behaviour] = {
    "accepts": servers.accept,
    "401": servers.answering(401, b"no such token"),
    "404": servers.answering(404),
    "429": servers.answering(429, Retry_After="1"),
    "500": servers.answering(500),
    "502 with a page": servers.answering(502, b"<html>bad gateway</html>", "text/html"),
    "503": servers.answering(503),
    "hangs": servers.hang,
    "hangs after headers": servers.hang_after_headers,
    "drips": servers.drip_body,
    "resets": servers.reset,
    "closes": servers.close,
    "stores and resets": servers.store_and_reset,
    "speaks no HTTP": servers.not_http,
}
TOTALS = {
    "voice.llm.tokens.total",
    "voice.tts.characters.total",
    "voice.ttfb.milliseconds",
    "voice.processing.milliseconds",
    "voice.calls.total",
    "voice.calls.active",
    "voice.calls.ended.total",
    "soak.items",
}
Totals = dict[tuple[str, str], float]


class Store:
    """The newest value of each series, and how many requests met which mood; used by the receiver's threads."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._newest: dict[servers.Key, tuple[int, str, str, float]] = {}
        self._mood, self._until = "accepts", time.monotonic() + 5
        self.behaves = False
        self.met: Counter[str] = Counter()

    def answer(self, exchange: servers.Exchange) -> None:
        """Answer in the mood of the moment."""
        mood = self._next()
        with self._lock:
            self.met[mood] += 1
        try:
            MOODS[mood](exchange)
        finally:
            if exchange.stored:
                self._keep(exchange)
            exchange.receiver.exchanges.clear()

    def totals(self) -> Totals:
        """Counts and sums by call and metric."""
        sums: Counter[tuple[str, str]] = Counter()
        with self._lock:
            for _, call_id, name, value in self._newest.values():
                sums[call_id, name] += value  # type: ignore[assignment]
        return dict(sums)

    def _next(self) -> str:
        with self._lock:
            if self.behaves:
                return "accepts"
            if time.monotonic() > self._until:
                well = self._random.random() < 0.4
                self._mood = "accepts" if well else self._random.choice(list(MOODS))
                self._until = time.monotonic() + self._random.uniform(0.2, 4)
            return self._mood

    def _keep(self, exchange: servers.Exchange) -> None:
        for point in exchange.points:
            if point.name not in TOTALS or "call_id" not in point.attributes:
                continue
            value = point.value if point.count is None else point.count
            with self._lock:
                before = self._newest.get(point.key)
                if before is None or point.time_ns >= before[0]:
                    self._newest[point.key] = point.time_ns, point.attributes["call_id"], point.name, value


def receive(commands: Connection, seed: int) -> None:
    """The receiver's process: answers "behave" and "totals"."""
    store = Store(seed)
    with servers.running(store.answer) as receiver:
        commands.send(receiver.url)
        while (command := commands.recv()) != "stop":
            if command == "behave":
                store.behaves = True
                receiver.stopping.set()  # what hangs is let go
            commands.send(store.totals() if command == "totals" else dict(store.met))


@contextmanager
def receiving(seed: int) -> Iterator[tuple[str, Callable[[str], dict[tuple[str, str], float]]]]:
    """Run the receiver; yields its address and what asks it."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=receive, args=(there, seed), daemon=True)
    process.start()

    def ask(command: str) -> dict[tuple[str, str], float]:
        here.send(command)
        answer: dict[tuple[str, str], float] = here.recv()
        return answer

    try:
        yield here.recv(), ask
    finally:
        here.send("stop")
        process.join(10)
        process.kill()


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


@dataclass
class Fed:
    """What was fed so far, by call and metric."""

    totals: Counter[tuple[str, str]] = field(default_factory=Counter)
    lost: int = 0


class Caller:
    """One call: some frames at random moments, and an end at random."""

    def __init__(self, telemetry: Telemetry, fed: Fed, chance: random.Random) -> None:
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
        total = Counter({"voice.calls.total": 1, "voice.calls.ended.total": 1})
        for _ in range(sent):
            frame = self._measured(total)
            await self._worker.queue_frames([OutputAudioRawFrame(b"\0" * 640, 16000, 1), frame])
            await asyncio.sleep(self._chance.uniform(0, 0.3))
        for _ in range(1000):
            if self._sink.came == sent:
                break
            await asyncio.sleep(0.01)
        self._fed.lost += sent - self._sink.came
        self._fed.totals.update({(self._metrics.call_id, name): value for name, value in total.items()})

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
        megabytes: Resident memory.
        objects: Objects that the garbage collector knows.
        threads: Running threads.
        sockets: Open sockets.
    """

    megabytes: float
    objects: int
    threads: int
    sockets: int


def usage() -> Usage:
    """What the process holds now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    links = [_target(entry) for entry in Path("/proc/self/fd").iterdir()]
    sockets = sum(link.startswith("socket:") for link in links)
    return Usage(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(gc.get_objects()), threading.active_count(), sockets)


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


async def calls_for(seconds: float, telemetry: Telemetry, fed: Fed, chance: random.Random) -> int:
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


def differences(fed: Fed, totals: Totals) -> Iterator[str]:
    """What the receiver has otherwise than it was fed."""
    if fed.lost:
        yield f"{fed.lost} frames did not come through the pipeline"
    wrong = [key for key, value in fed.totals.items() if totals.get(key) != value]
    for call_id, name in wrong[:5]:
        yield f"{name} of {call_id} is {totals.get((call_id, name))}, fed was {fed.totals[call_id, name]}"
    if wrong:
        yield f"{len(wrong)} of {len(fed.totals)} totals are wrong"
    calls = {call_id for call_id, _ in fed.totals}
    still = [call_id for call_id in calls if totals.get((call_id, "voice.calls.active")) != 0]
    if still:
        yield f"{len(still)} calls are active for ever"
    if unknown := {call_id for call_id, _ in totals} - calls:
        yield f"{len(unknown)} calls that nobody made"


def growth(before: Usage, after: Usage, calls: int) -> Iterator[str]:
    """What the process holds more than before."""
    # The allocator has ways of its own, and this test remembers two kilobytes of each call.
    if after.megabytes - before.megabytes > 8 + calls / 512:
        yield f"memory grew from {before.megabytes:.1f} to {after.megabytes:.1f} MB"
    if after.objects - before.objects > 5_000:
        yield f"objects grew from {before.objects} to {after.objects}"
    if after.threads > before.threads:
        yield f"threads grew from {before.threads} to {after.threads}: {[t.name for t in threading.enumerate()]}"


def soak(seed: int, minutes: float) -> list[str]:
    """Run the soak.

    Returns:
        What is not as it must be.
    """
    chance, fed = random.Random(seed), Fed()
    with receiving(seed) as (url, ask), tempfile.TemporaryDirectory() as folder:
        os.environ["VOICE_METRICS_DB"] = f"{folder}/calls.db"
        telemetry = Telemetry(
            environ={
                "OTEL_EXPORTER_OTLP_ENDPOINT": url,
                "OTEL_METRIC_EXPORT_INTERVAL": "1000",
                "VOICE_METRICS_DB": f"{folder}/calls.db",
            }
        )
        sockets = usage().sockets
        calls = asyncio.run(calls_for(20, telemetry, fed, chance))
        before = usage()
        calls += asyncio.run(calls_for(minutes * 60, telemetry, fed, chance))
        met = ask("behave")
        _settle(telemetry, ask, fed)
        after = usage()
        complete = telemetry.shutdown(30)
        left = usage().sockets - sockets
        wrong = list(differences(fed, ask("totals")))
    print(f"{calls} calls, {sum(fed.totals.values()):.0f} fed; the receiver met requests thus: {met}")
    print(f"before {before}, after {after}")
    wrong += [] if complete else ["the last export was not acknowledged"]
    wrong += [f"{left} sockets are left open"] if left > 0 else []
    return [*wrong, *growth(before, after, calls)]


def _settle(telemetry: Telemetry, ask: Callable[[str], Totals], fed: Fed) -> None:
    for _ in range(60):
        if not list(differences(fed, ask("totals"))):
            return
        time.sleep(1)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--seed", type=int, default=random.randrange(10**6), help="what happens; random if left out")
    arguments.add_argument("--minutes", type=float, default=5.0, help="how long calls arrive")
    chosen = arguments.parse_args()
    print(f"seed {chosen.seed}, {chosen.minutes:g} minutes", flush=True)
    logger.remove()
    logger.add(sys.stderr, level="ERROR")
    wrong = soak(chosen.seed, chosen.minutes)
    print("\n".join(wrong) or "everything arrived, nothing grew")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
