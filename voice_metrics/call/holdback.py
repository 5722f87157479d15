"""Holds latencies back for a moment, until an interruption can no longer have cut them.

An interrupted service reports the time so far as if it were its latency, and passes the interruption on behind it. A
latency made after an interruption and seen before it is therefore cut, however late the event loop brings the two. Time
decides where the order cannot: the service made the interruption itself, or the interruption is read before it reaches
the service. The interrupting turn is announced before, and only requests under way then can be cut. Of recognisers and
of text the order alone decides: an interruption follows a transcript that starts the caller's turn at once, but that
latency is true. Moments are monotonic seconds and passed in.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from voice_metrics.call.facts import FirstAnswerToken, FirstByte, Processing, TextAggregated, TokensUsed
from voice_metrics.call.outputs import SpanIds

Latency = FirstByte | Processing | TextAggregated
# Always true, and held only to keep its place among the pieces of its inference.
Companion = TokensUsed | FirstAnswerToken
# Longest time for an interruption to reach all services and, behind their false latencies, the recorder.
LATE_SECONDS = 0.25
# Time to hold each. Measured with nine processors: the false value comes less than 2 ms before the interruption.
HOLD_SECONDS = 0.02


class Cut(NamedTuple):
    """An interruption that has come, while latencies from before it are still to be read.

    Parameters:
        number: Place of its frame in the order in which frames are made.
        service: Pipecat's name of the service that passes it on, or `None` for every service.
    """

    number: int
    service: str | None = None

    def is_before(self, fact: Latency, number: int) -> bool:
        """True if it makes a latency in the frame `number` false."""
        return number > self.number and self.service in {None, fact.instance}


class Held(NamedTuple):
    """A fact that waits.

    Parameters:
        fact: The latency, or a companion that came behind one.
        span: Its trace id and span id, or `None`.
        number: Place of its frame in the order in which frames are made; 0 if unknown.
        until: Moment of its release.
        waits_until: Last moment of an interruption that makes it false whatever their order.
        is_failed: True if its service reported an error during its request.
    """

    fact: Latency | Companion
    span: SpanIds | None
    number: int
    until: float
    waits_until: float
    is_failed: bool = False

    def cut(self, at: float, number: int | None) -> Held:
        """Return it, marked as interrupted if the interruption `number` of the moment `at` makes it false."""
        if isinstance(self.fact, Companion) or not (at <= self.waits_until or _was_made_after(self.number, number)):
            return self
        return self._replace(fact=replace(self.fact, interrupted=True))


class HoldBack:
    """The latencies of a call's last moments, in the order of their arrival.

    Args:
        seconds: Time to hold each.
    """

    def __init__(self, seconds: float = HOLD_SECONDS) -> None:
        self._seconds = seconds
        self._held: deque[Held] = deque()
        self._turn_at = self._interrupted_at = -math.inf
        self._interruption: int | None = None
        # The interruption that each service passed on last, and when.
        self._passed: dict[str, tuple[int, float]] = {}

    @property
    def next_due(self) -> float | None:
        """Moment of the next release, in monotonic seconds, or `None` if none is held."""
        return self._held[0].until if self._held else None

    def __len__(self) -> int:
        return len(self._held)

    def is_settled(self, at: float, now: float) -> bool:
        """True if a latency that arrived at `at` need not be held at `now`: no interruption is near, none waits."""
        return now - at >= self._seconds and not self._held and self._expects_until(at) is None

    def put(
        self,
        fact: Latency,
        at: float,
        number: int = 0,
        span: SpanIds | None = None,
        *,
        is_failed: bool = False,
        by_order: bool = False,
    ) -> None:
        """Hold a latency, marked if an interruption came during its request.

        Args:
            fact: The latency.
            at: Moment of its arrival.
            number: Place of its frame in the order in which frames are made; 0 if unknown.
            span: Its trace id and span id, or `None`.
            is_failed: True if its service reported an error during its request.
            by_order: True if the order of frames alone shows that it is cut.
        """
        until = waits_until = at + self._seconds
        if self._was_cut_in_order(fact, at, number) if by_order else self._was_cut(fact, at):
            fact = replace(fact, interrupted=True)
        else:
            until = max(until, self._expects_until(at) or until)
        if by_order:
            waits_until = -math.inf
        elif _was_under_way(fact, at, self._turn_at):
            waits_until = max(waits_until, self._turn_at + LATE_SECONDS)
        self._hold(Held(fact, span, number, until, waits_until, is_failed))

    def put_companion(self, fact: Companion, at: float) -> None:
        """Hold a fact that is always true, so that it stays behind the latencies before it."""
        self._hold(Held(fact, None, 0, at, at))

    def turn_started(self, at: float) -> None:
        """Expect an interruption, because the caller's turn began at `at`."""
        self._turn_at = at

    def interrupted(self, at: float, number: int | None = None) -> list[Held]:
        """Release everything, marked where an interruption made it false.

        Args:
            at: Moment of the interruption's arrival.
            number: Place of its frame in the order in which frames are made, or `None` if unknown.
        """
        self._interrupted_at, self._interruption = at, number
        return [one.cut(at, number) for one in self.flush()]

    def passed(self, service: str, at: float, number: int) -> None:
        """Mark the latencies of a service that an interruption, which the service passes on at `at`, made false.

        Args:
            service: Pipecat's name of the service.
            at: Moment at which it passes the interruption on.
            number: Place of the interruption's frame in the order in which frames are made.
        """
        self._passed[service] = (number, at)
        self._held = deque(one.cut(at, number) if one.fact.instance == service else one for one in self._held)

    def broke_off(self, service: str) -> None:
        """Drop the held first bytes of a service that failed."""
        self._held = deque(
            one for one in self._held if not (isinstance(one.fact, FirstByte) and one.fact.instance == service)
        )

    def failed(self, service: str, error_type: str) -> bool:
        """Mark the held processing time of a failed response of a service; return True if one is held."""
        for place, one in enumerate(self._held):
            if isinstance(one.fact, Processing) and one.fact.instance == service:
                self._held[place] = one._replace(fact=replace(one.fact, error_type=error_type))
                return True
        return False

    def latencies(self) -> Iterator[Latency]:
        """Yield the latencies that are held."""
        return (one.fact for one in self._held if not isinstance(one.fact, Companion))

    def due(self, at: float) -> list[Held]:
        """Release the facts held for long enough at `at`."""
        due = []
        while self._held and self._held[0].until <= at:
            due.append(self._held.popleft())
        return due

    def flush(self) -> list[Held]:
        """Release everything as it is."""
        held, self._held = self._held, deque()
        return list(held)

    def _was_cut(self, fact: Latency, at: float) -> bool:
        """True if the latest interruption came during the request of a latency that arrived at `at`."""
        interrupted_at = self._interrupted_at
        number, passed_at = self._passed.get(fact.instance or "", (None, 0.0))
        if number is not None and number == self._interruption:
            # The service's next request may begin before the interruption has come all the way.
            return _was_under_way(fact, at, min(passed_at, interrupted_at))
        return at - interrupted_at <= self._seconds or _was_under_way(fact, at, interrupted_at)

    def _was_cut_in_order(self, fact: Latency, at: float, number: int) -> bool:
        return _was_made_after(number, self._interruption) and _was_under_way(fact, at, self._interrupted_at)

    def _hold(self, one: Held) -> None:
        # Keep the order, because it joins the pieces of one inference.
        until = max(one.until, self._held[-1].until) if self._held else one.until
        self._held.append(one._replace(until=until))

    def _expects_until(self, at: float) -> float | None:
        """Moment until which a latency that arrived at `at` may yet be cut; `None` if no interruption is near."""
        announced_at = max(self._turn_at, self._interrupted_at)
        return announced_at + LATE_SECONDS if at - announced_at <= LATE_SECONDS else None


def _was_made_after(number: int, interruption: int | None) -> bool:
    return interruption is not None and number > interruption


def _was_under_way(fact: Latency, at: float, then: float) -> bool:
    return at - then <= min(fact.seconds, LATE_SECONDS)
