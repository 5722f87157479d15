"""Series and data points of a call at a back end, from the table of series; no prices, because plans change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from voice_metrics.series import table
from voice_metrics.series.table import Kind, Series
from voice_metrics.settings.environment import Settings

# Attribute sets of a call with one service of each kind, as the demo's call has them; one for series not listed.
_SETS = {
    table.TTFB.name: 3,
    table.RESPONSE_PART.name: 10,
    table.LLM_TOKENS.name: 2,
    table.COST.name: 3,
    table.TURNS.name: 2,
    table.FLOOR.name: 4,
    table.SILENCE.name: 2,
    table.GEN_AI_TOKEN_USAGE.name: 2,
    # Only if something goes wrong, or functions are called.
    table.FUNCTION_CALLS.name: 0,
    table.FUNCTION_CALL.name: 0,
    table.GEN_AI_EXECUTE_TOOL.name: 0,
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
        of_process: Series of the process beside them, whatever its calls.
        points_per_minute: Data points per series and minute.
        labelled: True if each call has its own series.
        exponential: True if histograms are exponential, one series each.
    """

    series: int
    of_process: int
    points_per_minute: float
    labelled: bool
    exponential: bool

    def __str__(self) -> str:
        rate = f"{self.points_per_minute:g} data points a minute each"
        if not self.labelled:
            return f"All calls of a process share about {self.series + self.of_process} series, {rate}."
        return (
            f"A call has about {self.series} series, more with functions or further services, {rate}, "
            f"and each counts as active for {_ACTIVE_MINUTES} minutes after the call: "
            f"one call every minute is about {self.series * _ACTIVE_MINUTES} active series, "
            f"beside {self.of_process} of the process. "
            f"VOICE_METRICS_CALL_ID=off shares them among calls{'' if self.exponential else _FEWER}."
        )


def footprint(settings: Settings) -> Footprint:
    """Return a call's footprint under the given settings."""
    of_process = (*table.PROCESS, *(table.GEN_AI if settings.gen_ai else ()))
    return Footprint(
        _series_number(table.VOICE, settings, of_calls=settings.call_ids),
        _series_number(of_process, settings, of_calls=False),
        60 / settings.interval_seconds,
        settings.call_ids,
        settings.exponential,
    )


def _series_number(rows: Iterable[Series], settings: Settings, *, of_calls: bool) -> int:
    """Return the number of Prometheus series of some rows; `of_calls` where each call has its own."""
    return sum(_SETS.get(row.name, 1) * _series_per_set(row, settings, of_calls) for row in rows)


def _series_per_set(row: Series, settings: Settings, of_calls: bool) -> int:
    if row.kind is not Kind.HISTOGRAM or settings.exponential:
        return 1
    # A bucket per bound, +Inf, sum and count.
    return len(row.buckets_of_a_call({}) if of_calls else row.buckets) + 3
