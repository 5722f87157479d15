"""What `voice-metrics doctor` found, in words that may be pasted into a public issue."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from voice_metrics.export.answers import Outcome
from voice_metrics.series.footprint import Footprint


class Mark(StrEnum):
    """How good a finding is."""

    GOOD = "good"
    ADVICE = "advice"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Parameters:
        mark: How good it is.
        text: What it is, and what to change if it is not good.
    """

    mark: Mark
    text: str


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything that was found.

    Parameters:
        findings: In the order in which they were looked at.
        outcome: What became of the test point, or `None` if none could be sent.
        footprint: What a call costs at the back end.
    """

    findings: tuple[Finding, ...]
    outcome: Outcome | None
    footprint: Footprint

    @property
    def wrong(self) -> bool:
        """Whether something is wrong."""
        return any(finding.mark is Mark.BAD for finding in self.findings)

    @property
    def ok(self) -> bool:
        """Whether a server accepted a point and nothing else is wrong."""
        return self.outcome is not None and self.outcome.acknowledged and not self.wrong

    @property
    def round_trip_seconds(self) -> float | None:
        """From the request to its answer; `None` without an answer."""
        return self.outcome.seconds if self.outcome is not None and self.outcome.status is not None else None
