"""The named parts of a response, from Pipecat's breakdown, corrected to add up to the response (pure).

Three things in the breakdown are wrong: after an interruption that follows the caller's speech (a turn that starts from
a transcript) it counts from the client's connection; it includes greetings and unprompted speech; and its total differs
by the transit time of its frames. So parts are cut to the response's interval, and the rest is "pipeline". Moments are
monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voice_metrics.call.facts import Fact, Responded, ResponsePart

# Pipecat's own name for the time that no part explains.
PIPELINE = "pipeline"
# A breakdown and its response come from the same frame, so they arrive together.
SAME_FRAME_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Span:
    """One named stretch of a breakdown.

    Parameters:
        part: Pipecat's stable key.
        started_at: Its begin, in monotonic seconds.
        seconds: Its length.
    """

    part: str
    started_at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Pipecat's account of the time before the bot spoke: named `spans`, without overlap."""

    spans: tuple[Span, ...]


class ResponseParts:
    """Joins each response with its breakdown, whichever comes first."""

    def __init__(self) -> None:
        self._responded: tuple[float, float] | None = None
        self._breakdown: tuple[Breakdown, float] | None = None

    def responded(self, response: Responded, at: float) -> Sequence[Fact]:
        """Record a response that ended at `at`; return its parts if its breakdown is known."""
        self._responded = (response.seconds, at)
        return self._parts_once_known()

    def explained(self, breakdown: Breakdown, at: float) -> Sequence[Fact]:
        """Record a breakdown that arrived at `at`; return its parts if its response is known."""
        self._breakdown = (breakdown, at)
        return self._parts_once_known()

    def _parts_once_known(self) -> Sequence[Fact]:
        if self._responded is None or self._breakdown is None:
            return ()
        (seconds, answered_at), (breakdown, explained_at) = self._responded, self._breakdown
        if abs(answered_at - explained_at) > SAME_FRAME_SECONDS:
            return ()
        self._responded = self._breakdown = None
        return parts(breakdown.spans, answered_at - seconds, answered_at)


def parts(spans: Sequence[Span], since: float, until: float) -> list[ResponsePart]:
    """Return the parts of a response, in order of time.

    Args:
        spans: Pipecat's named stretches.
        since: Moment at which the caller fell silent, in monotonic seconds.
        until: Moment at which the bot began to speak.

    Returns:
        One part per name, and the rest as "pipeline"; they add up to `until - since`. Empty if no named stretch falls
        into the response.
    """
    seconds: dict[str, float] = {}
    covered_until = since
    for span in sorted(spans, key=lambda span: span.started_at):
        start, end = max(span.started_at, covered_until), min(span.started_at + span.seconds, until)
        if span.part != PIPELINE and end > start:
            seconds[span.part] = seconds.get(span.part, 0.0) + (end - start)
            covered_until = end
    if not seconds:
        return []
    if (rest := until - since - sum(seconds.values())) > 0:
        seconds[PIPELINE] = rest
    return [ResponsePart(part, share) for part, share in seconds.items()]
