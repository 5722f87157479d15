"""An OTLP/HTTP receiver on loopback that remembers what it acknowledges, and misbehaves on request."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testbed.otlp_answers import (  # noqa: F401
    accept,
    answering,
    close,
    drip_body,
    drip_headers,
    hang,
    hang_after_headers,
    not_http,
    reject,
    rejecting,
    reset,
    store_and_reset,
)
from testbed.otlp_points import Key, Point
from testbed.otlp_server import Behaviour, Exchange, Listener, gzip, listening  # noqa: F401


@dataclass
class Receiver(Listener):
    """A server that remembers; use `running()`.

    Parameters:
        behaviour: What it does with the next requests.
        exchanges: Every request, in the order of arrival.
        changed: Notified with each request and each answer.
    """

    behaviour: Behaviour = accept
    exchanges: list[Exchange] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def stored(self) -> list[Exchange]:
        with self.changed:
            return [exchange for exchange in self.exchanges if exchange.stored]

    @property
    def points(self) -> list[Point]:
        """Every acknowledged point, in the order of arrival."""
        return [point for exchange in self.stored for point in exchange.points]

    def of(self, name: str, **attributes: str) -> list[Point]:
        """Acknowledged points of a metric whose attributes include these."""
        wanted = attributes.items()
        return [point for point in self.points if point.name == name and wanted <= point.attributes.items()]

    def last(self) -> dict[Key, Point]:
        """The newest acknowledged point of each series."""
        newest: dict[Key, Point] = {}
        for point in self.points:
            if point.key not in newest or point.time_ns >= newest[point.key].time_ns:
                newest[point.key] = point
        return newest

    def wait_for(self, what: Callable[[Receiver], Any], timeout: float = 60.0) -> Any:
        """Wait until something is so.

        Returns:
            What it is; the last look if the time is over.
        """
        deadline = time.monotonic() + timeout
        while True:
            found = what(self)
            remaining = deadline - time.monotonic()
            if found or remaining <= 0:
                return found
            with self.changed:
                self.changed.wait(min(remaining, 0.05))

    def answer(self, exchange: Exchange) -> None:
        """Answer a request as the receiver behaves at the moment."""
        with self.changed:
            self.exchanges.append(exchange)
            self.changed.notify_all()
        try:
            self.behaviour(exchange)
        finally:
            with self.changed:
                self.changed.notify_all()


@contextlib.contextmanager
def running(
    behaviour: Behaviour = accept, *, port: int = 0, certificate: Path | None = None, drip_seconds: float = 0.2
) -> Iterator[Receiver]:
    """Run a receiver.

    Args:
        behaviour: What it does with requests.
        port: Where it listens; 0 for any free port.
        certificate: Certificate and key for TLS, or `None` for plain HTTP.
        drip_seconds: Time between two bytes of a slow answer.
    """
    receiver = Receiver(behaviour, drip_seconds)
    with listening(receiver, port=port, certificate=certificate):
        yield receiver


def _ports() -> Iterator[int]:
    """In random order, none twice, and none that another worker of the same run may choose."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    mine = range(20_000 + worker, 32_000, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    return iter(random.SystemRandom().sample(mine, len(mine)))


_PORTS = _ports()


def free_port() -> int:
    """A port without a listener, outside the range from which the system picks free ports; never the same again."""
    for port in _PORTS:
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is left")
