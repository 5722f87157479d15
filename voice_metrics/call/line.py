"""The caller's experience in numbers: waits, silence, greeting, interruptions, gaps, unanswered turns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voice_metrics.call.facts import (
    BotGap,
    Cause,
    Fact,
    FalseInterruption,
    Greeted,
    Holder,
    ResponsePart,
    Unanswered,
    Yielded,
)
from voice_metrics.call.floor import FloorTotals
from voice_metrics.call.latency import NO_LATENCY, Latency, Samples, milliseconds


@dataclass(frozen=True, slots=True)
class LineSummary:
    """The caller's experience.

    Parameters:
        unanswered: Caller's turns without an answer, by cause.
        greeting_seconds: Caller connected, else the call's start, to the bot's first audio, or `None` if the caller
            spoke first.
        interruption_stop: Onset of the caller's speech to the bot's silence, at each interruption.
        false_interruptions: Interruptions without words.
        gaps: Pauses within an answer.
        gap_seconds: Their audible length together.
        floor: Seconds by speaker, or `None` if unknown.
        response_parts_ms: Average of each named part of the responses, in milliseconds.
    """

    unanswered: Mapping[Cause, int] = field(default_factory=dict)
    greeting_seconds: float | None = None
    interruption_stop: Latency = NO_LATENCY
    false_interruptions: int = 0
    gaps: int = 0
    gap_seconds: float = 0.0
    floor: FloorTotals | None = None
    response_parts_ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def all_unanswered(self) -> int:
        """Caller's turns without an answer."""
        return sum(self.unanswered.values())

    def floor_dict(self) -> dict[str, float | None]:
        """Seconds by holder and of the longest silence, JSON-ready."""
        floor = self.floor
        if floor is None:
            return {**dict.fromkeys(holder.value for holder in Holder), "longest_silence_seconds": None}
        held = {holder.value: round(floor.seconds[holder], 3) for holder in Holder}
        return {**held, "longest_silence_seconds": round(floor.longest_silence, 3)}

    def gaps_dict(self) -> dict[str, Any]:
        """Number of the gaps and their seconds together, JSON-ready."""
        return {"count": self.gaps, "seconds": round(self.gap_seconds, 3)}


class Line:
    """Totals of the caller's experience in one call."""

    def __init__(self) -> None:
        self._unanswered: Counter[Cause] = Counter()
        self._greeting: float | None = None
        self._stops = Samples()
        self._false_interruptions = self._gaps = 0
        self._gap_seconds = 0.0
        self._parts: dict[str, tuple[int, float]] = {}

    def add(self, fact: Fact) -> None:
        """Add a fact to the totals; other facts are ignored."""
        match fact:
            case Unanswered(cause):
                self._unanswered[cause] += 1
            case Greeted(seconds):
                self._greeting = seconds
            case Yielded(seconds):
                self._stops.add(seconds)
            case FalseInterruption():
                self._false_interruptions += 1
            case ResponsePart(part, seconds):
                count, total = self._parts.get(part, (0, 0.0))
                self._parts[part] = count + 1, total + seconds
            case BotGap(_, seconds):
                self._gaps += 1
                self._gap_seconds += seconds

    def summary(self, floor: FloorTotals | None = None) -> LineSummary:
        """Return the totals so far, with the floor if given."""
        return LineSummary(
            unanswered=dict(self._unanswered),
            greeting_seconds=self._greeting,
            interruption_stop=self._stops.summary(),
            false_interruptions=self._false_interruptions,
            gaps=self._gaps,
            gap_seconds=self._gap_seconds,
            floor=floor,
            response_parts_ms={part: milliseconds(total / count) for part, (count, total) in self._parts.items()},
        )
