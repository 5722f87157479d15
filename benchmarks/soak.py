"""Fifty calls at a time arrive and leave for minutes, while the receiver misbehaves at random.

First, one process and a receiver in changing moods: it refuses connections, hangs, drips, resets, redirects, rejects a
part, sends every status of the table of faults, and stores points without an answer. When it behaves again, each
call's totals must be those that were fed, and the ledger must call it delivered. Memory, blocks and objects must be
those after the first minute. After `shutdown()`, threads, sockets and files must be as many as before the telemetry
was made.

Then, a shutdown with unacknowledged requests, and more calls in the same process: all must arrive and be delivered.

Last, processes that end by themselves, by a shutdown or by a kill after their calls' ends, each with a receiver in one
mood. The next process, or `voice-metrics resend` with a receiver that stores small requests only, must deliver their
requests. In the end each call's totals must be those that were fed, except for points that the receiver rejected, whose
calls the ledger must not call delivered. With increments (`--temporality delta`), the sum of the acknowledged ones must
be what was fed.

Exits with 1 and lists violations. `--seed` with the printed number repeats what the calls and the receiver do.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from benchmarks.moods import ACKNOWLEDGES, FOR_GOOD, MOODS, TAKES, TAKES_SMALL
from benchmarks.moody_receiver import Ask, receiving
from benchmarks.process_usage import Usage, growth, leftovers, usage
from benchmarks.soak_calls import NAMES, calls_for
from voice_metrics import Telemetry
from voice_metrics.ledger import ledger_at

WARM_UP_SECONDS = 60.0
RESTARTS = 2
ENDS = ("exits", "shuts down", "is killed")
# Unacknowledged requests are in the ledger after this: a request's timeout and some time to write.
KEPT_WITHIN_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Place:
    """The receiver and the files of a soak.

    Parameters:
        url: The receiver's address.
        folder: Folder of the files.
        temporality: "cumulative" or "delta".
    """

    url: str
    folder: Path
    temporality: str

    @property
    def fed(self) -> Path:
        """File with a line of call id and totals for each call."""
        return self.folder / "fed.jsonl"

    @property
    def ledger(self) -> Path:
        """File of the ledger, shared by all processes."""
        return self.folder / "calls.db"

    @property
    def environ(self) -> dict[str, str]:
        """Environment of the telemetry."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": self.temporality,
            "VOICE_METRICS_DB": str(self.ledger),
        }


def one_process(place: Place, ask: Ask, chance: random.Random, seconds: float, mood: str | None) -> Iterator[str]:
    """Run calls in this process for a minute, and then for longer.

    Args:
        place: Receiver and files.
        ask: Calls a method of the receiver's store.
        chance: Randomness of the calls.
        seconds: Length of the second part.
        mood: The receiver's mood, or `None` for all of them.

    Yields:
        Violations, one line each.
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
    yield from _closing_violations(telemetry, place, ask)
    at_last = _ended(at_first)
    print(f"after the end: {at_last}", flush=True)
    yield from growth(*quiet)
    yield from leftovers(at_first, at_last)


def restarts(place: Place, ask: Ask, chance: random.Random) -> Iterator[str]:
    """Shut telemetry down with unacknowledged requests, and continue with it.

    Args:
        place: Receiver and files.
        ask: Calls a method of the receiver's store.
        chance: Randomness of calls and moods.

    Yields:
        Violations, one line each.
    """
    telemetry = Telemetry(environ=place.environ)
    moods = chance.sample(sorted(MOODS.keys() - {*ACKNOWLEDGES, *FOR_GOOD}), RESTARTS)
    print(f"telemetry is shut down; moods of the receiver: {', '.join(moods)}", flush=True)
    for mood in moods:
        ask("be", mood)
        asyncio.run(calls_for(1, telemetry, place.fed, chance))
        if telemetry.shutdown():
            yield f"no request was unacknowledged at the shutdown in the mood: {mood}"
        ask("be", TAKES)
        asyncio.run(calls_for(1, telemetry, place.fed, chance))
        _settle(ask, place)
    yield from _closing_violations(telemetry, place, ask)


def _closing_violations(telemetry: Telemetry, place: Place, ask: Ask) -> Iterator[str]:
    if not telemetry.shutdown(30):
        yield "the last export was not acknowledged"
    ledger_at(place.ledger, telemetry.settings.ledger_days).close()
    yield from ask("contradictions", place.fed, place.ledger)


def _settle(ask: Ask, place: Place) -> None:
    for _ in range(60):
        if not ask("differences", place.fed):
            return
        time.sleep(1)


def _ended(before: Usage) -> Usage:
    for _ in range(20):
        # Threads take a moment to end.
        if threading.active_count() <= len(before.threads):
            break
        time.sleep(0.1)
    return usage()


def short_process(place: Place, seed: int, end: str) -> None:
    """Run a process of a few calls.

    Args:
        place: Receiver and files.
        seed: Seed of the calls.
        end: How it ends: "exits", "shuts down" its telemetry first, or "is killed".
    """
    _quiet()
    os.environ["VOICE_METRICS_DB"] = str(place.ledger)
    telemetry = Telemetry(environ=place.environ)
    asyncio.run(calls_for(1, telemetry, place.fed, random.Random(seed)))
    if end == "shuts down":
        telemetry.shutdown()
    elif end == "is killed":
        time.sleep(KEPT_WITHIN_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)


def short_processes(place: Place, ask: Ask, chance: random.Random, number: int) -> Iterator[str]:
    """Run processes one after the other, each with a receiver in one mood; in the end resend what is left.

    Args:
        place: Receiver and files.
        ask: Calls a method of the receiver's store.
        chance: Randomness of calls and moods.
        number: Number of processes.

    Yields:
        Violations, one line each.
    """
    moods = chance.sample(sorted(MOODS.keys() - {TAKES, *FOR_GOOD}), max(number - 1, 0))
    # The requests of the first process meet a rejection in the second.
    moods[1:1] = chance.sample(FOR_GOOD, min(number, 1))
    ends = [ENDS[position % len(ENDS)] for position in range(number)]
    chance.shuffle(ends)
    lived = ", ".join(f"{mood} ({end})" for mood, end in zip(moods, ends, strict=True))
    print(f"ends of processes, with the receiver's moods: {lived}", flush=True)
    for mood, end in zip(moods, ends, strict=True):
        ask("be", mood)
        arguments = place, chance.randrange(10**6), end
        process = multiprocessing.get_context("spawn").Process(target=short_process, args=arguments)
        process.start()
        process.join(60)
        if process.exitcode != (-signal.SIGKILL if end == "is killed" else 0):
            process.kill()
            yield f"a process that {end}, with the receiver's mood: {mood}, ended with {process.exitcode}"
    ask("be", TAKES_SMALL)
    resend = [sys.executable, "-m", "voice_metrics", "resend"]
    resent = subprocess.run(resend, env=os.environ | place.environ, capture_output=True, text=True, timeout=300)
    print(resent.stdout.strip(), flush=True)
    if resent.returncode:
        yield f"voice-metrics resend ended with {resent.returncode}: {resent.stderr}"
    yield from ask("contradictions", place.fed, place.ledger)


def soak(seed: int, minutes: float, processes: int, mood: str | None, temporality: str) -> list[str]:
    """Run the soak.

    Args:
        seed: Seed of calls and moods.
        minutes: Length of the first process after its first minute.
        processes: Number of further processes.
        mood: The receiver's mood for the first process, or `None` for all of them.
        temporality: "cumulative" or "delta".

    Returns:
        Violations, one line each.
    """
    chance = random.Random(seed)
    with receiving(seed, NAMES) as (url, ask), tempfile.TemporaryDirectory() as folder:
        place = Place(url, Path(folder), temporality)
        os.environ["VOICE_METRICS_DB"] = str(place.ledger)
        wrong = list(one_process(place, ask, chance, minutes * 60, mood))
        wrong += restarts(place, ask, chance)
        wrong += short_processes(place, ask, chance, processes)
        judged, doubled = ask("judged")
        print(f"calls with rejected points: {judged}")
        if doubled:
            print(f"increments stored without an answer, so doubled: {doubled}")
        met = sorted(ask("met").items(), key=lambda item: -item[1])
        print(f"requests: {', '.join(f'{number} {mood}' for mood, number in met)}")
        print(f"moods without a request: {', '.join(sorted(MOODS.keys() - dict(met).keys())) or 'none'}")
    return wrong


def _quiet() -> None:
    logger.remove()
    logger.add(sys.stderr, level="ERROR")


def main() -> None:
    """Run the soak and print its violations."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--seed", type=int, default=random.randrange(10**6), help="seed; random if left out")
    arguments.add_argument("--minutes", type=float, default=5.0, help="length of the first process after a minute")
    arguments.add_argument("--processes", type=int, default=8, help="processes that end with unacknowledged requests")
    arguments.add_argument("--mood", choices=sorted(MOODS), help="the receiver's only mood for the first process")
    arguments.add_argument("--temporality", choices=("cumulative", "delta"), default="cumulative")
    chosen = arguments.parse_args()
    print(f"seed {chosen.seed}, {chosen.minutes:g} minutes, {chosen.temporality}", flush=True)
    _quiet()
    wrong = soak(chosen.seed, chosen.minutes, chosen.processes, chosen.mood, chosen.temporality)
    print("\n".join(wrong) or "everything arrived, nothing grew")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
