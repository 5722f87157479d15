"""Series and data points of a call at a back end, from the table of series; no prices, because plans change."""

from __future__ import annotations

from dataclasses import dataclass

from voice_metrics.series import table
from voice_metrics.series.table import Kind, Series
from voice_metrics.settings.environment import Settings

# Attribute sets of a call with one service of each kind; one for series not listed.
_SETS = {
    table.TTFB.name: 3,
    table.PROCESSING.name: 3,
    table.TURN_DETECTION.name: 2,
    table.RESPONSE_PART.name: 3,
    table.LLM_TOKENS.name: 2,
    table.COST.name: 3,
    table.TURNS.name: 2,
    # Only if something goes wrong, or functions are called.
    table.FUNCTION_CALLS.name: 0,
    table.FUNCTION_CALL.name: 0,
    table.UNPRICED.name: 0,
    table.ERRORS.name: 0,
    table.SWITCHES.name: 0,
    table.DROPPED.name: 0,
}
# A series counts as active for this long after its last sample (Grafana Cloud, "Active series and DPM", 2026-11-22).
_ACTIVE_MINUTES = 20
_FEWER = "; exponential histograms need far fewer, but leave the latencies of this package's dashboard and alerts empty"


@dataclass(frozen=True, slots=True)
class Footprint:
    """Series and points of a call.

    Parameters:
        series: Prometheus series of a call with one service of each kind, all its measurements present.
        points_per_minute: Data points per series and minute.
        labelled: True if each call has its own series.
        exponential: True if histograms are exponential, one series each.
    """

    series: int
    points_per_minute: float
    labelled: bool
    exponential: bool

    def __str__(self) -> str:
        rate = f"{self.points_per_minute:g} data points a minute each"
        if not self.labelled:
            return f"All calls of a process share about {self.series} series, {rate}."
        return (
            f"A call has up to about {self.series} series, {rate}, and each counts as active for {_ACTIVE_MINUTES} "
            f"minutes after the call: one call every minute is about {self.series * _ACTIVE_MINUTES} active series. "
            f"VOICE_METRICS_CALL_ID=off shares them among calls{'' if self.exponential else _FEWER}."
        )


def footprint(settings: Settings) -> Footprint:
    """Return a call's footprint under the given settings."""
    series = sum(_SETS.get(row.name, 1) * _series(row, settings) for row in table.VOICE)
    return Footprint(series, 60 / settings.interval_seconds, settings.call_ids, settings.exponential)


def _series(row: Series, settings: Settings) -> int:
    if row.kind is not Kind.HISTOGRAM or settings.exponential:
        return 1
    # A bucket per bound, +Inf, sum and count.
    return (0 if settings.call_ids and row.read_as_average else len(row.buckets)) + 3
