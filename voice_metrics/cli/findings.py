"""Findings of `voice-metrics doctor`, worded so that they may be pasted into a public issue."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from voice_metrics.export.answers import Outcome
from voice_metrics.series.footprint import Footprint


class Mark(StrEnum):
    """Grade of a finding."""

    GOOD = "good"
    ADVICE = "advice"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One checked thing: its `mark`, and `text` with the cure if it is not good."""

    mark: Mark
    text: str


@dataclass(frozen=True, slots=True)
class Examination:
    """All findings.

    Parameters:
        findings: In the order of the checks.
        outcome: Fate of the test point, or `None` if none could be sent.
        footprint: Series and points of a call at the back end.
    """

    findings: tuple[Finding, ...]
    outcome: Outcome | None
    footprint: Footprint

    @property
    def wrong(self) -> bool:
        """True if something is wrong."""
        return any(finding.mark is Mark.BAD for finding in self.findings)

    @property
    def ok(self) -> bool:
        """True if a server accepted the point and nothing is wrong."""
        return self.outcome is not None and self.outcome.acknowledged and not self.wrong

    @property
    def round_trip_seconds(self) -> float | None:
        """Seconds from request to answer; `None` without an answer."""
        return self.outcome.seconds if self.outcome is not None and self.outcome.status is not None else None
