"""The soak's receiver: a process of its own whose mood changes at random, and which remembers what it took.

Owns the moods, and the judgement of what arrived: it compares what it took with a file of what was fed, so that the
process under test remembers nothing of either.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from email.utils import formatdate
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests import receiver as servers
from voice_metrics.ledger import CallState, LedgerReader

Ask = Callable[..., Any]
NOISE = b"\xff\xfe\x00\x9f" * 64
PROTOBUF = "application/x-protobuf"
SMALL_REQUEST_POINTS = 100


def take_small(exchange: servers.Exchange) -> None:
    """Take small requests only."""
    (servers.answering(413) if len(exchange.points) > SMALL_REQUEST_POINTS else servers.accept)(exchange)


def take_half(exchange: servers.Exchange) -> None:
    """Take every second point, the first one included, and reject the others."""
    servers.rejecting(points=len(exchange.points) // 2)(exchange)


def taking(answer: servers.Behaviour) -> servers.Behaviour:
    """Store everything, whatever is answered."""

    def behave(exchange: servers.Exchange) -> None:
        exchange.store()
        answer(exchange)

    return behave


def limit_until_date(exchange: servers.Exchange) -> None:
    """Ask to be left alone until a date."""
    servers.answering(429, Retry_After=formatdate(time.time() + 3, usegmt=True))(exchange)


TAKES, TAKES_SMALL, TAKES_HALF, REFUSES = "takes", "takes small ones", "takes half", "refuses connections"
MUMBLES = "takes, mumbles"
TOO_OLD = "400 for age"
# What a server has judged for good: OpenTelemetry forbids another try of a partial success, and age only grows.
FOR_GOOD = (TAKES_HALF, TOO_OLD)
# What acknowledges a request, if only a small one.
ACKNOWLEDGES = (TAKES, TAKES_SMALL, MUMBLES)
MOODS: dict[str, servers.Behaviour] = {
    TAKES: servers.accept,
    TAKES_SMALL: take_small,
    TAKES_HALF: take_half,
    "takes nothing, says 200": servers.rejecting(),
    MUMBLES: taking(servers.answering(200, NOISE, PROTOBUF)),
    "takes, says 500": taking(servers.answering(500)),
    "takes, resets": servers.store_and_reset,
    # The listener is closed as well; this is for connections that stand already.
    REFUSES: servers.reset,
    "hangs": servers.hang,
    "hangs after headers": servers.hang_after_headers,
    "drips headers": servers.drip_headers,
    "drips body": servers.drip_body,
    "resets": servers.reset,
    "closes": servers.close,
    "speaks no HTTP": servers.not_http,
    "200 with a page": servers.answering(200, b"<html>log in</html>", "text/html"),
    "301": servers.answering(301, Location="http://127.0.0.1:9/v1/metrics"),
    "308": servers.answering(308, Location="/elsewhere"),
    "400": servers.answering(400, b"label value is too long"),
    "400 in noise": servers.answering(400, NOISE, PROTOBUF),
    TOO_OLD: servers.answering(400, b"err-mimir-sample-out-of-order: out of order sample"),
    "401": servers.answering(401, b"no such token"),
    "403": servers.answering(403, b'{"message": "no scope"}', "application/json"),
    "404": servers.answering(404),
    "413": servers.answering(413),
    "429": servers.answering(429),
    "429 for 1 s": servers.answering(429, Retry_After="1"),
    "429 for 12 s": servers.answering(429, Retry_After="12"),
    "429 until a date": limit_until_date,
    "429 for nonsense": servers.answering(429, Retry_After="soon"),
    "500": servers.answering(500),
    "500 in noise": servers.answering(500, NOISE),
    "502 with a page": servers.answering(502, b"<html>bad gateway</html>", "text/html"),
    "503": servers.answering(503),
    "503 for 1 s": servers.answering(503, Retry_After="1"),
    "504": servers.answering(504),
}


class Store:
    """The newest value of each series, and how many requests met which mood; used by the receiver's threads."""

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
        self._newest: dict[servers.Key, tuple[int, str, str, float]] = {}

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

    def answer(self, exchange: servers.Exchange) -> None:
        """Answer in the mood of the moment."""
        mood = self.mood
        with self._lock:
            self._met[mood] += 1
        try:
            MOODS[mood](exchange)
        finally:
            points = exchange.points
            taken = points if exchange.stored else points[::2] if mood == TAKES_HALF else []
            with self._lock:
                self._keep(taken)
            exchange.receiver.exchanges.clear()

    def _keep(self, points: list[servers.Point]) -> None:
        for point in points:
            if point.name not in self._names or "call_id" not in point.attributes:
                continue
            before = self._newest.get(point.key)
            if before is None or point.time_ns >= before[0]:
                value = point.value if point.count is None else point.count
                self._newest[point.key] = point.time_ns, point.attributes["call_id"], point.name, value

    def _totals(self) -> dict[str, Counter[str]]:
        totals: dict[str, Counter[str]] = {}
        with self._lock:
            for _, call_id, name, value in self._newest.values():
                totals.setdefault(call_id, Counter())[name] += value  # type: ignore[assignment]
        return totals

    def met(self) -> dict[str, int]:
        """How many requests met which mood."""
        with self._lock:
            return dict(self._met)

    def differences(self, fed: Path) -> list[str]:
        """What was taken otherwise than it was fed.

        Args:
            fed: Lines of call ids and totals.
        """
        return self._named(self._wrong(fed))

    def told_otherwise(self, fed: Path, ledger: Path, hopeless: set[str]) -> list[str]:
        """What was taken otherwise than it was fed, or is told by the ledger otherwise than it was taken.

        Args:
            fed: Lines of call ids and totals.
            ledger: What tells the state of each call.
            hopeless: Calls that a server may have judged for good.
        """
        with LedgerReader(ledger) as reader:
            states = {call.call_id: call.state for call in reader.calls()}
        wrong = self._wrong(fed)
        for call_id in self._fed(fed):
            state = states.get(call_id)
            if state == CallState.ENDED and call_id in hopeless:
                wrong.pop(call_id, None)
            elif state != CallState.DELIVERED:
                wrong.setdefault(call_id, []).append(f"is {state} in the ledger")
        return self._named(wrong)

    def _wrong(self, fed: Path) -> dict[str, list[str]]:
        totals, wrong = self._totals(), dict[str, list[str]]()
        for call_id, total in self._fed(fed).items():
            has = totals.pop(call_id, Counter())
            faults = [
                f"{name} is {has.get(name)} of {value}" for name, value in total.items() if has.get(name) != value
            ]
            if faults:
                wrong[call_id] = faults
        return wrong | {call_id: ["nobody made that call"] for call_id in totals}

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
        # Nobody else gets the port while nothing listens at it.
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reservation.bind(("127.0.0.1", 0))
        port = reservation.getsockname()[1]
        listening: servers.Receiver | None = None
        answers: list[Any] = [f"http://127.0.0.1:{port}"]
        while True:
            if listening is not None and store.mood == REFUSES:
                door.close()
                listening = None
            elif listening is None and store.mood != REFUSES:
                listening = door.enter_context(servers.running(store.answer, port=port, drip_seconds=1.0))
            # What was wished for is so by now.
            while answers:
                commands.send(answers.pop())
            if commands.poll(0.05):
                name, *arguments = commands.recv()
                if name == "stop":
                    return
                if listening is not None:
                    # Whoever hangs is let go; those to come are not.
                    listening.stopping.set()
                    listening.stopping.clear()
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
