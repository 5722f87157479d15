"""What the caller felt on the line, summed up: turns without an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from voice_metrics.call.facts import Cause, Fact, Unanswered


@dataclass(frozen=True, slots=True)
class LineSummary:
    """What the caller felt.

    Parameters:
        unanswered: Turns of the caller that got no answer, by cause.
    """

    unanswered: Mapping[Cause, int] = field(default_factory=dict)

    @property
    def all_unanswered(self) -> int:
        """Turns of the caller that got no answer."""
        return sum(self.unanswered.values())


class Line:
    """Totals of one call."""

    def __init__(self) -> None:
        self._unanswered: Counter[Cause] = Counter()

    def take(self, fact: Fact) -> None:
        """Add a fact to the totals; facts about other things are ignored."""
        match fact:
            case Unanswered(cause):
                self._unanswered[cause] += 1

    def summary(self) -> LineSummary:
        """The totals so far."""
        return LineSummary(unanswered=dict(self._unanswered))
