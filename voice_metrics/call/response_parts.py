"""The named parts of a response, taken from Pipecat's own breakdown and made to add up to the response.

Pipecat's breakdown names where the time went. Three things about it are corrected: after an interruption that
follows the caller's speech (a turn that starts from a transcript) it counts from the client's connection; it breaks
down greetings and speech that answers nobody; and its total differs from the response by the time that its frames
took to reach it. So parts are cut to the response's interval, and what no part explains is "pipeline".

Pure: knows no Pipecat and no clock. Moments are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voice_metrics.call.facts import Fact, Responded, ResponsePart

# Pipecat's own name for the time that no part explains.
PIPELINE = "pipeline"
# A breakdown and the response that it explains are told of the same frame.
SAME_FRAME_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Span:
    """One named stretch of a breakdown.

    Parameters:
        part: Pipecat's stable key.
        started_at: When it began, in monotonic seconds.
        seconds: How long it took.
    """

    part: str
    started_at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Pipecat's account of the time before the bot spoke.

    Parameters:
        spans: The named stretches, without overlap.
    """

    spans: tuple[Span, ...]


class ResponseParts:
    """Joins each response with its breakdown, whichever comes first."""

    def __init__(self) -> None:
        self._responded: tuple[float, float] | None = None
        self._breakdown: tuple[Breakdown, float] | None = None

    def responded(self, response: Responded, at: float) -> Sequence[Fact]:
        """Note a response that ended at `at`; its parts, if its breakdown is known."""
        self._responded = (response.seconds, at)
        return self._joined()

    def explained(self, breakdown: Breakdown, at: float) -> Sequence[Fact]:
        """Note a breakdown that arrived at `at`; its parts, if its response is known."""
        self._breakdown = (breakdown, at)
        return self._joined()

    def _joined(self) -> Sequence[Fact]:
        if self._responded is None or self._breakdown is None:
            return ()
        (seconds, answered_at), (breakdown, explained_at) = self._responded, self._breakdown
        if abs(answered_at - explained_at) > SAME_FRAME_SECONDS:
            return ()
        self._responded = self._breakdown = None
        return parts(breakdown.spans, answered_at - seconds, answered_at)


def parts(spans: Sequence[Span], since: float, until: float) -> list[ResponsePart]:
    """The parts of a response, in the order in which they happened.

    Args:
        spans: The stretches that Pipecat names.
        since: When the caller fell silent, in monotonic seconds.
        until: When the bot began to speak.

    Returns:
        One part for each name, and the rest as "pipeline"; they add up to `until - since`. Nothing if no named
        stretch falls into the response.
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
