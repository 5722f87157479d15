"""Holds a service's latencies back for a moment, until it is clear that no interruption cut them.

An interrupted service reports the time that had passed so far as if it were its latency: a few milliseconds before
the interruption comes along the pipeline, and a few after it was sent, for who is told of it where it arises. On a
busy event loop they are many more, but the turn of the caller that interrupts is announced before either, and only
what was under way then can be cut. Knows no Pipecat and no clock: moments are passed in, in monotonic seconds.

Only latencies that an interruption can falsify belong here. Speech recognition's do not: a transcript that starts
the caller's turn is followed by an interruption at once, and its latency is true.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from voice_metrics.call.facts import FirstByte, Processing, TokensUsed

Latency = FirstByte | Processing
# Longest time that an interruption takes to reach all services and, behind their false latencies, whoever measures.
LATE_SECONDS = 0.25


class _Held(NamedTuple):
    until: float
    waits_until: float  # for an interruption that makes it false
    fact: Latency | TokensUsed


class HoldBack:
    """The latencies of the last moments of a call.

    Args:
        seconds: How long one is held back. Measured on a pipeline of nine processors: the false value comes less
            than 2 ms before the interruption.
    """

    def __init__(self, seconds: float = 0.02) -> None:
        self._seconds = seconds
        self._held: list[_Held] = []
        self._turn_at: float | None = None
        self._interrupted_at: float | None = None

    @property
    def next_due(self) -> float | None:
        """When the next is to be released, in monotonic seconds, or `None` if none is held."""
        return min((one.until for one in self._held), default=None)

    def put(self, fact: Latency, at: float) -> Latency:
        """Hold `fact`, which arrived at `at`; it is marked if an interruption came while its request was under way.

        Returns:
            What is held: the fact, or its marked copy.
        """
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
        """Hold tokens, which are true whatever happens, behind the latencies that came before them at `at`."""
        self._hold(at, at, fact)

    def turn_started(self, at: float) -> None:
        """Expect an interruption: the caller's turn began at `at`."""
        self._turn_at = at

    def interrupted(self, at: float) -> list[Latency | TokensUsed]:
        """Release everything; what an interruption at `at` was still waited for is marked as cut by it."""
        self._interrupted_at = at
        held, self._held = self._held, []
        return [_cut(one.fact) if at <= one.waits_until else one.fact for one in held]

    def due(self, at: float) -> list[Latency | TokensUsed]:
        """Release what was held for long enough at `at`, unmarked."""
        held, self._held = self._held, [one for one in self._held if one.until > at]
        return [one.fact for one in held if one.until <= at]

    def flush(self) -> list[Latency | TokensUsed]:
        """Release everything, unmarked."""
        held, self._held = self._held, []
        return [one.fact for one in held]

    def _hold(self, until: float, waits_until: float, fact: Latency | TokensUsed) -> None:
        # Which pieces are of one inference is told by their order, which therefore stays.
        for one in self._held:
            if (one.fact.instance or one.fact.processor) == (fact.instance or fact.processor):
                until = max(until, one.until)
        self._held.append(_Held(until, waits_until, fact))


def _cut(fact: Latency | TokensUsed) -> Latency | TokensUsed:
    return fact if isinstance(fact, TokensUsed) else replace(fact, interrupted=True)


def _was_under_way(fact: Latency, at: float, then: float) -> bool:
    return at - then <= min(fact.seconds, LATE_SECONDS)
