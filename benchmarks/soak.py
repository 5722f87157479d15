"""Fifty calls at a time arrive and leave for minutes, while the receiver misbehaves at random.

First, one process whose receiver changes its mood all the time: it refuses, hangs, drips, resets, redirects, rejects a
part, answers every status of the table of faults, and takes without saying so. Once it behaves, and before the process
ends, each call's totals there are what was fed, and the ledger calls each of them delivered. Memory in use, blocks
and objects are what they were after the first minute, when nothing was owed either. After `shutdown()`, threads,
sockets and files are as many as before the telemetry was made.

Then, telemetry that is shut down while it owes something, and goes on with more calls in the same process: both
arrive, and the ledger calls each of them delivered.

Last, processes that begin and end while the receiver stays in one mood, by themselves, by a shutdown, or killed once
their calls have ended: what each of them owes is for the next one, or for `voice-metrics resend` with a receiver that
takes small requests only. In the end each call's totals are what was fed, but for what the receiver refused for good
(it rejects points of a request, or finds them too old): that is given up, and the ledger does not call it delivered.
With increments (`--temporality delta`) the sum of those that were acknowledged is what was fed.

Exits with 1 and says what is not so. The seed is printed; `--seed` repeats what the calls and the receiver do.
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
# What was not acknowledged is in the ledger by then: the request's timeout, and some.
KEPT_WITHIN_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a soak happens.

    Parameters:
        url: The receiver's address.
        folder: The folder of its files.
        temporality: What points are: "cumulative" or "delta".
    """

    url: str
    folder: Path
    temporality: str

    @property
    def fed(self) -> Path:
        """Lines of call ids and totals."""
        return self.folder / "fed.jsonl"

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
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": self.temporality,
            "VOICE_METRICS_DB": str(self.ledger),
        }


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
    yield from ask("told_otherwise", place.fed, place.ledger)


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


def short_process(place: Place, seed: int, end: str) -> None:
    """A process of a few calls.

    Args:
        place: Where.
        seed: What the calls do.
        end: How it ends: by itself ("exits"), after the end of its telemetry ("shuts down"), or "is killed".
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
    ends = [ENDS[position % len(ENDS)] for position in range(number)]
    chance.shuffle(ends)
    lived = ", ".join(f"{mood} ({end})" for mood, end in zip(moods, ends, strict=True))
    print(f"processes end while the receiver is thus: {lived}", flush=True)
    for mood, end in zip(moods, ends, strict=True):
        ask("be", mood)
        arguments = place, chance.randrange(10**6), end
        process = multiprocessing.get_context("spawn").Process(target=short_process, args=arguments)
        process.start()
        process.join(60)
        if process.exitcode != (-signal.SIGKILL if end == "is killed" else 0):
            process.kill()
            yield f"a process that {end}, whose receiver is thus: {mood}, ended with {process.exitcode}"
    ask("be", TAKES_SMALL)
    resend = [sys.executable, "-m", "voice_metrics", "resend"]
    resent = subprocess.run(resend, env=os.environ | place.environ, capture_output=True, text=True, timeout=300)
    print(resent.stdout.strip(), flush=True)
    if resent.returncode:
        yield f"voice-metrics resend ended with {resent.returncode}: {resent.stderr}"
    yield from ask("told_otherwise", place.fed, place.ledger)


def soak(seed: int, minutes: float, processes: int, mood: str | None, temporality: str) -> list[str]:
    """Run the soak.

    Args:
        seed: What happens.
        minutes: How long calls arrive in the first process, after its first minute.
        processes: How many further processes there are.
        mood: The receiver's mood for the first process, or `None` for all of them.
        temporality: What points are: "cumulative" or "delta".

    Returns:
        What is not as it must be.
    """
    chance = random.Random(seed)
    with receiving(seed, NAMES) as (url, ask), tempfile.TemporaryDirectory() as folder:
        place = Place(url, Path(folder), temporality)
        os.environ["VOICE_METRICS_DB"] = str(place.ledger)
        wrong = list(one_process(place, ask, chance, minutes * 60, mood))
        wrong += restarts(place, ask, chance)
        wrong += short_processes(place, ask, chance, processes)
        judged, doubled = ask("judged")
        print(f"calls of which the receiver refused something for good: {judged}")
        if doubled:
            print(f"increments that it took and never acknowledged, so that it has them twice: {doubled}")
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
    arguments.add_argument("--temporality", choices=("cumulative", "delta"), default="cumulative")
    chosen = arguments.parse_args()
    print(f"seed {chosen.seed}, {chosen.minutes:g} minutes, {chosen.temporality}", flush=True)
    _quiet()
    wrong = soak(chosen.seed, chosen.minutes, chosen.processes, chosen.mood, chosen.temporality)
    print("\n".join(wrong) or "everything arrived, nothing grew")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
