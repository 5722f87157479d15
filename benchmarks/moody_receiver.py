"""The soak's receiver: a process of its own whose mood changes at random, and which remembers what it took.

It compares what it took with a file of what was fed, so that the process under test remembers nothing of either.

Of a cumulative series the newest value counts. Of increments the sum of those that were taken and acknowledged counts:
a bot that never saw an answer sends them again, so that a server which took them has them twice, as with any sender of
increments; how much that was is told. What the receiver refused for good is given up by design: it is added to the sum
of increments, and a call of which something was refused may have less than was fed, if the ledger does not call it
delivered.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.moods import MOODS, REFUSES, TAKES, TOO_OLD, Exchange, Point, serving
from voice_metrics.ledger import CallState, LedgerReader

Ask = Callable[..., Any]
Totals = dict[str, Counter[str]]


class Store:
    """What was taken of each series, and how many requests met which mood; used by the receiver's threads."""

    def __init__(self, seed: int, names: frozenset[str]) -> None:
        """Begin in a good mood that stays until another is wished for.

        Args:
            seed: What happens.
            names: Metrics that are remembered.
        """
        self.mood = TAKES
        self._met: Counter[str] = Counter()
        self._names = names
        self._random = random.Random(seed)
        self._changes, self._until = False, 0.0
        self._lock = threading.Lock()
        self._newest: dict[tuple[Any, ...], Point] = {}
        self._sums: Totals = defaultdict(Counter)
        self._doubled: Counter[str] = Counter()
        # Calls of which something was refused for good, and those of which it is not known what.
        self._judged: set[str] = set()
        self._found_old: set[str] = set()

    def be(self, mood: str | None) -> None:
        """Stay in a mood, or change it at random if none is given."""
        self._changes, self._until = mood is None, 0.0
        self.mood = mood or self.mood

    def pass_time(self) -> None:
        """Change the mood if its time is over."""
        if self._changes and time.monotonic() > self._until:
            well = self._random.random() < 0.3
            self.mood = TAKES if well else self._random.choice(list(MOODS))
            self._until = time.monotonic() + self._random.uniform(0.2, 4)

    def answer(self, exchange: Exchange) -> None:
        """Answer in the mood of the moment."""
        mood = self.mood
        with self._lock:
            self._met[mood] += 1
        try:
            MOODS[mood](exchange)
        finally:
            with self._lock:
                self._keep(exchange, found_old=mood == TOO_OLD)

    def _keep(self, exchange: Exchange, *, found_old: bool) -> None:
        for point in self._remembered(exchange.taken):
            if point.delta and exchange.acknowledged:
                self._sums[point.call_id][point.name] += point.value  # type: ignore[assignment]
            elif point.delta:
                self._doubled[point.name] += point.value  # type: ignore[assignment]
            elif (before := self._newest.get(point.series)) is None or point.time_ns >= before.time_ns:
                self._newest[point.series] = point
        for point in exchange.judged:
            self._judged.add(point.call_id)
        for point in self._remembered(exchange.judged):
            if point.delta:
                self._sums[point.call_id][point.name] += point.value  # type: ignore[assignment]
        if found_old:
            self._found_old |= {point.call_id for point in exchange.points}

    def _remembered(self, points: Any) -> Iterator[Point]:
        return (point for point in points if point.name in self._names and point.call_id)

    def _totals(self) -> Totals:
        with self._lock:
            totals: Totals = {call_id: Counter(sums) for call_id, sums in self._sums.items()}
            for point in self._newest.values():
                totals.setdefault(point.call_id, Counter())[point.name] += point.value  # type: ignore[assignment]
        return totals

    def met(self) -> dict[str, int]:
        """How many requests met which mood."""
        with self._lock:
            return dict(self._met)

    def judged(self) -> tuple[int, dict[str, float]]:
        """How many calls had something refused for good, and what increments were taken without an answer."""
        with self._lock:
            return len((self._judged | self._found_old) - {""}), dict(self._doubled)

    def differences(self, fed: Path) -> list[str]:
        """What was taken otherwise than it was fed, and not refused for good.

        Args:
            fed: Lines of call ids and totals.
        """
        return self._named(self._wrong(fed, {}))

    def told_otherwise(self, fed: Path, ledger: Path) -> list[str]:
        """What was taken otherwise than it was fed, or is told by the ledger otherwise than it was taken.

        Args:
            fed: Lines of call ids and totals.
            ledger: What tells the state of each call.
        """
        with LedgerReader(ledger) as reader:
            states = {call.call_id: call.state for call in reader.calls()}
        wrong = self._wrong(fed, states)
        for call_id in self._fed(fed):
            state = states.get(call_id)
            if state != CallState.DELIVERED and not (state == CallState.ENDED and self._is_judged(call_id)):
                wrong.setdefault(call_id, []).append(f"is {state} in the ledger")
        return self._named(wrong)

    def _is_judged(self, call_id: str) -> bool:
        return call_id in self._judged or call_id in self._found_old

    def _wrong(self, fed: Path, states: dict[str, str]) -> dict[str, list[str]]:
        totals, wrong = self._totals(), dict[str, list[str]]()
        for call_id, total in self._fed(fed).items():
            has = totals.pop(call_id, Counter[str]())
            faults = [f"{name} is {has.get(name)} of {value}" for name, value in total.items() if has[name] != value]
            if faults and self._may_lack(call_id, states.get(call_id), has, total):
                continue
            if faults:
                wrong[call_id] = faults
        return wrong | {call_id: ["has no one who made that call"] for call_id in totals}

    def _may_lack(self, call_id: str, state: str | None, has: Counter[str], fed: dict[str, float]) -> bool:
        """Whether a call may have less, since something of it was refused for good."""
        increments = bool(self._sums.get(call_id))
        if not self._is_judged(call_id) or (state == CallState.DELIVERED and not increments):
            return False
        # What is there while a call runs may stay there.
        counted = {name: value for name, value in fed.items() if name != "voice.calls.active"}
        if increments and call_id not in self._found_old:
            # Each increment that was refused is known.
            return all(has[name] == value for name, value in counted.items())
        # A request that is found too old does not say which of its points were given up.
        return all(has[name] <= value for name, value in counted.items())

    @staticmethod
    def _fed(fed: Path) -> dict[str, dict[str, float]]:
        return dict(map(json.loads, fed.read_text().splitlines()))

    @staticmethod
    def _named(wrong: dict[str, list[str]]) -> list[str]:
        named = [f"{call_id}: {', '.join(faults)}" for call_id, faults in list(wrong.items())[:5]]
        return [*named, f"{len(wrong)} calls are wrong"] if wrong else []


def _receive(commands: Connection, seed: int, names: frozenset[str]) -> None:
    store = Store(seed, names)
    with socket.socket() as reservation, ExitStack() as door:
        # No other program gets the port while nothing listens at it.
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(("127.0.0.1", 0))
        port = reservation.getsockname()[1]
        letting_go: threading.Event | None = None
        answers: list[Any] = [f"http://127.0.0.1:{port}"]
        while True:
            if letting_go is not None and store.mood == REFUSES:
                door.close()
                letting_go = None
            elif letting_go is None and store.mood != REFUSES:
                letting_go = door.enter_context(serving(store.answer, port))
            # What was wished for is so by now.
            while answers:
                commands.send(answers.pop())
            if commands.poll(0.05):
                name, *arguments = commands.recv()
                if name == "stop":
                    return
                if letting_go is not None:
                    # Those that hang are let go, and those to come are not.
                    letting_go.set()
                    letting_go.clear()
                answers.append(getattr(store, name)(*arguments))
            store.pass_time()


@contextmanager
def receiving(seed: int, names: frozenset[str]) -> Iterator[tuple[str, Ask]]:
    """Run the receiver.

    Args:
        seed: What happens.
        names: Metrics that are remembered.

    Yields:
        Its address, and what calls a method of its store.
    """
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_receive, args=(there, seed, names), daemon=True)
    process.start()

    def ask(*command: Any) -> Any:
        here.send(command)
        return here.recv()

    try:
        yield here.recv(), ask
    finally:
        here.send(("stop",))
        process.join(10)
        process.kill()
