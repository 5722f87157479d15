"""Requests made of series and sent through OpenTelemetry's exporter, call by call acknowledged.

Owns the size of requests and what follows from their outcomes. Refuses to repeat within a round what
would fare alike, and to let one call's series that a server cannot take keep others from it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from voice_metrics.export.accumulation import Accumulation
from voice_metrics.export.answers import Outcome, Verdict
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.group import Part
from voice_metrics.export.spool import PendingRequest
from voice_metrics.export.stock_exporter import stock_exporter
from voice_metrics.export.wire import Wire

# Some 300 kB before compression; encoding one takes the interpreter for about 20 ms in slices.
POINTS_PER_REQUEST = 1000
# Requests beyond the planned ones that a round may spend on finding what a server cannot take.
_SPARE_REQUESTS = 16


@dataclass(slots=True)
class Shipped:
    """What became of a round.

    Parameters:
        acknowledged: Requests that the server took whole.
        delivered: Ended calls that owe nothing any more.
        failed: What was not acknowledged.
        dropped: Series that cannot be sent at all.
        rejected: Points that the server refused of requests that it otherwise took.
        outcome: The last outcome that was not an acknowledgement, or `None`.
    """

    acknowledged: int = 0
    delivered: list[str] = field(default_factory=list)
    failed: list[Part] = field(default_factory=list)
    dropped: list[Part] = field(default_factory=list)
    rejected: int = 0
    outcome: Outcome | None = None

    def reached(self, call_id: str) -> bool:
        """Whether everything of a call was acknowledged."""
        return all(part.group.call_id != call_id for part in (*self.failed, *self.dropped))


class Shipping:
    """The way to one OTLP endpoint."""

    def __init__(self, delivery: Delivery, accumulation: Accumulation, lock: threading.Lock, wire: Wire) -> None:
        """Prepare the way; nothing is sent yet.

        Args:
            delivery: What posts requests.
            accumulation: Where series come from.
            lock: Held while `accumulation` is used.
            wire: What encodes them.
        """
        self.delivery = delivery
        self._accumulation = accumulation
        self._lock = lock
        self._wire = wire
        self._exporter = stock_exporter(delivery.endpoint, delivery)
        self._points = POINTS_PER_REQUEST

    def ship(self, parts: Iterable[Part]) -> Shipped:
        """Send parts in as many requests as they need.

        Args:
            parts: What to send.

        Returns:
            What became of them.
        """
        shipped = Shipped()
        spare = _SPARE_REQUESTS
        waiting = deque(chunks(parts, self._points))
        tried, several = self._points, len(waiting) > 1
        while waiting:
            chunk = waiting.popleft()
            outcome = self._send(chunk)
            if outcome is not None and outcome.acknowledged:
                shipped.acknowledged += 1
                with self._lock:
                    shipped.delivered += self._accumulation.acknowledge(chunk)
                continue
            if outcome is not None and outcome.verdict is Verdict.TOO_LARGE and self._shrink(chunk):
                waiting = deque(chunks((part for rest in (chunk, *waiting) for part in rest), self._points))
                continue
            smaller = _halves(chunk)
            if smaller and spare > 0 and (outcome is None or outcome.fault == "400"):
                spare -= 1
                waiting.extendleft(reversed(smaller))
                continue
            if self._failed(chunk, outcome, shipped):
                shipped.failed += [part for rest in waiting for part in rest]
                break
        self.delivery.patient = not shipped.failed
        if several and not shipped.failed and self._points == tried:
            # What made requests too large may be over; where it is not, this costs one request in a few rounds.
            self._points = min(tried + max(tried // 4, 1), POINTS_PER_REQUEST)
        return shipped

    def _shrink(self, chunk: Sequence[Part]) -> bool:
        series = sum(len(part.series) for part in chunk)
        # A server to which one series is too much takes nothing of any size.
        self._points = series // 2 or POINTS_PER_REQUEST
        return series > 1

    def _failed(self, chunk: Sequence[Part], outcome: Outcome | None, shipped: Shipped) -> bool:
        """Note a failure; whether everything else would fare alike."""
        if outcome is None and not _halves(chunk):
            self._drop(chunk, shipped)
            return False
        shipped.failed += chunk
        if outcome is None:
            return False
        shipped.outcome = outcome
        shipped.rejected += outcome.rejected
        return outcome.concerns_all

    def _send(self, chunk: Sequence[Part]) -> Outcome | None:
        try:
            with self._lock:
                request = self._wire.request(chunk)
        except Exception:
            # The SDK's encoder wraps what it meets in an exception of its own, which it does not make public.
            return None
        self.delivery.outcome = None
        self._exporter.post(request)
        return self.delivery.outcome

    def _drop(self, chunk: Sequence[Part], shipped: Shipped) -> None:
        shipped.dropped += chunk
        with self._lock:
            for part in chunk:
                self._accumulation.discard(part)

    def close(self) -> None:
        """Let connections and threads go."""
        self.delivery.close()


def chunks(parts: Iterable[Part], most: int = POINTS_PER_REQUEST) -> Iterator[list[Part]]:
    """Put parts together until a request is full; only a part that is too large for one is divided."""
    chunk: list[Part] = []
    size = 0
    for part in (piece for whole in parts for piece in whole.divided(most)):
        if chunk and size + len(part.series) > most:
            yield chunk
            chunk, size = [], 0
        chunk.append(part)
        size += len(part.series)
    if chunk:
        yield chunk


def _halves(chunk: Sequence[Part]) -> tuple[list[Part], list[Part]] | None:
    if len(chunk) > 1:
        middle = len(chunk) // 2
        return list(chunk[:middle]), list(chunk[middle:])
    size = len(chunk[0].series)
    if size > 1:
        first, second = chunk[0].divided((size + 1) // 2)
        return [first], [second]
    return None


def pending(wire: Wire, parts: Iterable[Part], now: float) -> list[PendingRequest]:
    """Make requests to keep.

    Args:
        wire: What encodes them.
        parts: What was not acknowledged.
        now: The moment, in Unix seconds.

    Returns:
        The requests, each call in as few as possible, without series that cannot be encoded.
    """
    requests = []
    waiting = deque(chunks(parts))
    while waiting:
        chunk = waiting.popleft()
        try:
            body = wire.request(chunk).SerializeToString()
        except Exception:
            waiting.extendleft(reversed(_halves(chunk) or ()))
            continue
        requests.append(PendingRequest(body, {part.group.call_id: part.group.call_id for part in chunk}, now))
    return requests
