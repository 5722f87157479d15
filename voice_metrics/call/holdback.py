"""Holds latencies back for a moment, until an interruption can no longer have cut them.

An interrupted service reports the time so far as if it were its latency, from a few milliseconds before the
interruption arrives until a few after; on a busy event loop many more. The interrupting turn is announced before, and
only requests under way then can be cut. Speech recognition is never held: an interruption follows a transcript that
starts the caller's turn at once, but that latency is true. Moments are monotonic seconds and passed in.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from voice_metrics.call.facts import FirstByte, Processing, TokensUsed

Latency = FirstByte | Processing
# Longest time for an interruption to reach all services and, behind their false latencies, the recorder.
LATE_SECONDS = 0.25


class _Held(NamedTuple):
    until: float
    waits_until: float  # for an interruption that makes it false
    fact: Latency | TokensUsed


class HoldBack:
    """The latencies of a call's last moments.

    Args:
        seconds: Time to hold each. Measured with nine processors: the false value comes less than 2 ms before the
            interruption.
    """

    def __init__(self, seconds: float = 0.02) -> None:
        self._seconds = seconds
        self._held: list[_Held] = []
        # Sums over the held ones, because a frame may bring thousands.
        self._until: dict[str, float] = {}
        self._next_due: float | None = None
        self._turn_at: float | None = None
        self._interrupted_at: float | None = None

    @property
    def next_due(self) -> float | None:
        """Moment of the next release, in monotonic seconds, or `None` if none is held."""
        return self._next_due

    def __len__(self) -> int:
        return len(self._held)

    def is_settled(self, at: float, now: float) -> bool:
        """True if a latency that arrived at `at` need not be held at `now`: no interruption is near, none waits."""
        return (
            now - at >= self._seconds
            and not self._held
            and (self._turn_at is None or at - self._turn_at > LATE_SECONDS)
            and (self._interrupted_at is None or at - self._interrupted_at > LATE_SECONDS)
        )

    def put(self, fact: Latency, at: float) -> Latency:
        """Hold `fact`, which arrived at `at`; return it, marked if an interruption came during its request."""
        if self._interrupted_at is not None and (
            at - self._interrupted_at <= self._seconds or _was_under_way(fact, at, self._interrupted_at)
        ):
            fact = replace(fact, interrupted=True)
        until = at + self._seconds
        if self._turn_at is not None and _was_under_way(fact, at, self._turn_at):
            until = max(until, self._turn_at + LATE_SECONDS)
        self._hold(until, until, fact)
        return fact

    def put_tokens(self, fact: TokensUsed, at: float) -> None:
        """Hold tokens, which are always true, behind the latencies before them."""
        self._hold(at, at, fact)

    def turn_started(self, at: float) -> None:
        """Expect an interruption, because the caller's turn began at `at`."""
        self._turn_at = at

    def interrupted(self, at: float) -> list[Latency | TokensUsed]:
        """Release everything, marked as cut where an interruption at `at` was awaited."""
        self._interrupted_at = at
        held = self._emptied()
        return [_cut(one.fact) if at <= one.waits_until else one.fact for one in held]

    def due(self, at: float) -> list[Latency | TokensUsed]:
        """Release unmarked the facts held for long enough at `at`."""
        if self._next_due is None or at < self._next_due:
            return []
        held = self._emptied()
        for one in held:
            if one.until > at:
                self._append(one)
        return [one.fact for one in held if one.until <= at]

    def flush(self) -> list[Latency | TokensUsed]:
        """Release everything, unmarked."""
        return [one.fact for one in self._emptied()]

    def _hold(self, until: float, waits_until: float, fact: Latency | TokensUsed) -> None:
        # Keep the order, because it joins the pieces of one inference.
        self._append(_Held(max(until, self._until.get(_origin(fact), until)), waits_until, fact))

    def _append(self, one: _Held) -> None:
        self._held.append(one)
        self._until[_origin(one.fact)] = one.until
        self._next_due = one.until if self._next_due is None else min(self._next_due, one.until)

    def _emptied(self) -> list[_Held]:
        held, self._held, self._until, self._next_due = self._held, [], {}, None
        return held


def _origin(fact: Latency | TokensUsed) -> str:
    return fact.instance or fact.processor


def _cut(fact: Latency | TokensUsed) -> Latency | TokensUsed:
    return fact if isinstance(fact, TokensUsed) else replace(fact, interrupted=True)


def _was_under_way(fact: Latency, at: float, then: float) -> bool:
    return at - then <= min(fact.seconds, LATE_SECONDS)
