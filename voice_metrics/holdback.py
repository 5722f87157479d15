"""Holds a service's latencies back for a moment, until it is clear that no interruption cut them.

An interrupted service reports the time that had passed so far as if it were its latency: a few milliseconds before
the interruption comes along the pipeline, and a few after it was sent, for who is told of it where it arises. Knows
no Pipecat and no clock: moments are passed in, in monotonic seconds.

Only latencies that an interruption can falsify belong here. Speech recognition's do not: a transcript that starts
the caller's turn is followed by an interruption at once, and its latency is true.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from voice_metrics.facts import FirstByte, Processing

Latency = FirstByte | Processing
# An interruption that is seen where it arises reaches the service behind it later, on a busy event loop much later.
LATE_SECONDS = 0.25


class HoldBack:
    """The latencies of the last moments of a call.

    Args:
        seconds: How long one is held back. Measured on a pipeline of nine processors: the false value comes less
            than 2 ms before the interruption.
    """

    def __init__(self, seconds: float = 0.02) -> None:
        self._seconds = seconds
        self._held: deque[tuple[float, Latency]] = deque()
        self._interrupted_at: float | None = None

    @property
    def next_due(self) -> float | None:
        """When the oldest is to be released, in monotonic seconds, or `None` if none is held."""
        return self._held[0][0] + self._seconds if self._held else None

    def put(self, fact: Latency, at: float) -> None:
        """Hold `fact`, which arrived at `at`; it is marked if an interruption came while its request was under way."""
        if self._interrupted_at is not None:
            since = at - self._interrupted_at
            if since <= self._seconds or since <= min(fact.seconds, LATE_SECONDS):
                fact = replace(fact, interrupted=True)
        self._held.append((at, fact))

    def interrupted(self, at: float) -> list[Latency]:
        """Release everything; what arrived just before the interruption at `at` is marked as cut by it."""
        self._interrupted_at = at
        held, self._held = self._held, deque()
        return [replace(fact, interrupted=True) if at - put_at <= self._seconds else fact for put_at, fact in held]

    def due(self, at: float) -> list[Latency]:
        """Release what was held for long enough at `at`, unmarked."""
        released = []
        while self._held and at - self._held[0][0] >= self._seconds:
            released.append(self._held.popleft()[1])
        return released

    def flush(self) -> list[Latency]:
        """Release everything, unmarked."""
        held, self._held = self._held, deque()
        return [fact for _, fact in held]
