"""The soak's receiver, a process whose mood changes at random, and which records every point that it stores.

It compares the stored values with a file that the calls write, so that the process under test keeps neither.

Of a cumulative series the newest value counts; of increments, the sum of the acknowledged ones. Increments that the
receiver stored without an answer arrive again, as with any sender of increments, and are reported as doubled. Rejected
increments are added to the sum, because the bot gives them up by design. A call with rejected points may lack some of
its values, if the ledger does not call it delivered; nor need the ledger call one delivered whose request had rejected
points of others, because no server says which they are.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.moods import MOODS, REFUSES, TAKES, TOO_OLD
from testbed.otlp_points import Key, Point
from testbed.otlp_server import Exchange, Listener, listening
from voice_metrics.ledger import CallState, LedgerReader

Ask = Callable[..., Any]
Totals = dict[str, Counter[str]]


class Store:
    """The stored values of each series and the number of requests by mood; used by the receiver's threads."""

    def __init__(self, seed: int, names: frozenset[str]) -> None:
        """Begin in a good mood, which stays until `be` is called.

        Args:
            seed: What happens.
            names: Names of the recorded metrics.
        """
        self.mood = TAKES
        self._met: Counter[str] = Counter()
        self._names = names
        self._random = random.Random(seed)
        self._changes, self._until = False, 0.0
        self._lock = threading.Lock()
        # Moment and value, by call and series: a point would keep its whole request in memory.
        self._newest: dict[tuple[str, Key], tuple[int, float]] = {}
        self._sums: Totals = defaultdict(Counter)
        self._doubled: Counter[str] = Counter()
        # Calls with rejected points; calls in requests that were rejected without a word of which points.
        self._judged: set[str] = set()
        self._found_old: set[str] = set()
        # Calls in requests of which some points were rejected: the bot cannot know whose.
        self._suspected: set[str] = set()

    def be(self, mood: str | None) -> None:
        """Stay in a mood; for `None`, change it at random."""
        self._changes, self._until = mood is None, 0.0
        self.mood = mood or self.mood

    def pass_time(self) -> None:
        """Change the mood if its time is up."""
        if self._changes and time.monotonic() > self._until:
            well = self._random.random() < 0.3
            self.mood = TAKES if well else self._random.choice(list(MOODS))
            self._until = time.monotonic() + self._random.uniform(0.2, 4)

    def answer(self, exchange: Exchange) -> None:
        """Answer in the current mood."""
        mood = self.mood
        with self._lock:
            self._met[mood] += 1
        try:
            MOODS[mood](exchange)
        finally:
            with self._lock:
                self._keep(exchange, found_old=mood == TOO_OLD)

    def _keep(self, exchange: Exchange, *, found_old: bool) -> None:
        for call_id, point in self._remembered(exchange.taken):
            if point.is_delta and exchange.acknowledged:
                self._sums[call_id][point.name] += _amount(point)  # type: ignore[assignment]
            elif point.is_delta:
                self._doubled[point.name] += _amount(point)  # type: ignore[assignment]
            else:
                series, now = (call_id, point.key), (point.time_ns, _amount(point))
                self._newest[series] = max(now, self._newest.get(series, now), key=lambda found: found[0])
        self._judged |= {_call_id(point) for point in exchange.judged}
        if exchange.judged:
            self._suspected |= {_call_id(point) for point in exchange.points}
        for call_id, point in self._remembered(exchange.judged):
            if point.is_delta:
                self._sums[call_id][point.name] += _amount(point)  # type: ignore[assignment]
        if found_old:
            self._found_old |= {_call_id(point) for point in exchange.points}

    def _remembered(self, points: Iterable[Point]) -> Iterator[tuple[str, Point]]:
        for point in points:
            if point.name in self._names and (call_id := _call_id(point)):
                yield call_id, point

    def _totals(self) -> Totals:
        with self._lock:
            totals: Totals = {call_id: Counter(sums) for call_id, sums in self._sums.items()}
            for (call_id, (name, _)), (_, value) in self._newest.items():
                totals.setdefault(call_id, Counter())[name] += value  # type: ignore[assignment]
        return totals

    def met(self) -> dict[str, int]:
        """Return the number of requests by mood."""
        with self._lock:
            return dict(self._met)

    def judged(self) -> tuple[int, dict[str, float]]:
        """Return the number of calls with rejected points, and the doubled increments by metric."""
        with self._lock:
            return len((self._judged | self._found_old) - {""}), dict(self._doubled)

    def differences(self, fed: Path) -> list[str]:
        """Return a line for each call whose stored values are not those that were fed, nor explained by rejections.

        Args:
            fed: Lines of call ids and totals.
        """
        return self._named(self._wrong(fed, {}))

    def contradictions(self, fed: Path, ledger: Path) -> list[str]:
        """Return the lines of `differences`, and one for each call whose state in the ledger contradicts them.

        Args:
            fed: Lines of call ids and totals.
            ledger: The ledger's file.
        """
        with LedgerReader(ledger) as reader:
            states = {call.call_id: call.state for call in reader.calls()}
        wrong = self._wrong(fed, states)
        for call_id in self._fed(fed):
            state = states.get(call_id)
            is_given_up = state == CallState.ENDED and (self._is_judged(call_id) or call_id in self._suspected)
            if state != CallState.DELIVERED and not is_given_up:
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
        return wrong | {call_id: ["was never made"] for call_id in totals}

    def _may_lack(self, call_id: str, state: str | None, has: Counter[str], fed: dict[str, float]) -> bool:
        """True if a call may lack values, because points of it were rejected."""
        increments = bool(self._sums.get(call_id))
        if not self._is_judged(call_id) or (state == CallState.DELIVERED and not increments):
            return False
        # Values of a running call may remain.
        counted = {name: value for name, value in fed.items() if name != "voice.calls.active"}
        if increments and call_id not in self._found_old:
            # The rejected increments are known, and part of the sum.
            return all(has[name] == value for name, value in counted.items())
        # The rejection of a too old request does not say which of its points the bot gave up.
        return all(has[name] <= value for name, value in counted.items())

    @staticmethod
    def _fed(fed: Path) -> dict[str, dict[str, float]]:
        return dict(map(json.loads, fed.read_text().splitlines()))

    @staticmethod
    def _named(wrong: dict[str, list[str]]) -> list[str]:
        named = [f"{call_id}: {', '.join(faults)}" for call_id, faults in list(wrong.items())[:5]]
        return [*named, f"{len(wrong)} calls are wrong"] if wrong else []


def _call_id(point: Point) -> str:
    return str(point.attributes.get("call_id", ""))


def _amount(point: Point) -> float:
    return point.value if point.count is None else point.count


def _receive(commands: Connection, seed: int, names: frozenset[str]) -> None:
    store = Store(seed, names)
    with socket.socket() as reservation, ExitStack() as door:
        # Keeps other programs from the port while the listener is closed.
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(("127.0.0.1", 0))
        port = reservation.getsockname()[1]
        listener: Listener | None = None
        answers: list[Any] = [f"http://127.0.0.1:{port}"]
        while True:
            if listener is not None and store.mood == REFUSES:
                door.close()
                listener = None
            elif listener is None and store.mood != REFUSES:
                listener = Listener(store.answer, drip_seconds=1.0)
                door.enter_context(listening(listener, port=port))
            # The requested mood holds from here on.
            while answers:
                commands.send(answers.pop())
            if commands.poll(0.05):
                name, *arguments = commands.recv()
                if name == "stop":
                    return
                if listener is not None:
                    # Release the answers that hang now, not later ones.
                    listener.stopping.set()
                    listener.stopping.clear()
                answers.append(getattr(store, name)(*arguments))
            store.pass_time()


@contextmanager
def receiving(seed: int, names: frozenset[str]) -> Iterator[tuple[str, Ask]]:
    """Run the receiver.

    Args:
        seed: What happens.
        names: Names of the recorded metrics.

    Yields:
        Its address, and a function that calls a method of its store.
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
