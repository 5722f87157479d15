"""PromQL that counts right, both for series of one call each and for series that a process's calls share.

`rate()` and `increase()` need two samples in a window and extrapolate to its borders: they lose or invent up to half of
a short call's counts. `gained` reads the values at both borders instead. It is exact, needs one sample in five minutes,
and the steps of a graph add up to the total.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from voice_metrics.series.prometheus_names import metric_name, series_names
from voice_metrics.series.table import CALL_ID, CALLS, LOOP_LAG, Kind, Series

# Grafana's own variables.
RANGE = "$__range"
STEP = "$__interval"
# Four minimal steps at least, so that a percentile has values to rank.
SMOOTH = "$__rate_interval"

# Time in which Prometheus still takes a series' last value for the present one.
LOOKED_BACK = "5m"
# Longest gap in delivery that is bridged: look-back for the value at a window's beginning.
BRIDGED = "1h"

SHARED = f'{CALL_ID}=""'
LABELLED = f'{CALL_ID}!=""'

Form = Callable[[str, tuple[str, ...], str], str]


def gained(metric: str, matchers: tuple[str, ...], window: str) -> str:
    """Return PromQL for the growth of each series of a counter within a window, exact, without extrapolation.

    A call's own series begins at 0, and a shared one with a point of 0 that the plug-in sends. If it fell, because a
    process restarted under the same name, `increase()` takes over.

    Args:
        metric: Name in Prometheus.
        matchers: Label matchers.
        window: Duration, or a variable of Grafana.
    """
    one, shared = selector(metric, matchers), selector(metric, (*matchers, SHARED))
    return (
        f"max_over_time({one}[{window}]) - (last_over_time({one}[{BRIDGED}] offset {window})"
        f" or min_over_time({shared}[{window}]) or 0 * max_over_time({one}[{window}])) >= 0"
        f" unless resets({shared}[{window}]) > 0 or increase({shared}[{window}])"
    )


def whole(metric: str, matchers: tuple[str, ...], window: str) -> str:
    """Return PromQL for each call's whole value, also from before the window; for shared series, the growth within it.

    Args:
        metric: Name in Prometheus.
        matchers: Label matchers.
        window: Duration in which the call was seen.
    """
    labelled = selector(metric, (*matchers, LABELLED))
    return f"last_over_time({labelled}[{window}]) or {gained(metric, (*matchers, SHARED), window)}"


def selector(metric: str, matchers: tuple[str, ...]) -> str:
    """Return the selector of a metric; a repeated matcher is written once."""
    return f"{metric}{{{', '.join(dict.fromkeys(matchers))}}}" if matchers else metric


def quoted(text: str) -> str:
    """Return text as a string of PromQL, which knows JSON's escapes except pairs of surrogates."""
    return json.dumps(text, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Selection:
    """A set of series, and the form of counting them; methods return PromQL.

    In its methods `window` is a duration or a variable of Grafana, and `by` are the labels to keep.

    Parameters:
        matchers: Label matchers of every selector.
        form: How counters are counted.
    """

    matchers: tuple[str, ...] = ()
    form: Form = gained

    def where(self, *matchers: str) -> Selection:
        """Return the selection with more matchers."""
        return replace(self, matchers=(*self.matchers, *matchers))

    def total(self, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """PromQL for what a counter counted, summed."""
        if series.kind is not Kind.COUNTER:
            raise ValueError(f"{series.name}: not a counter")
        return self._sum(_prometheus_name(series), window, by)

    def observations(self, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """PromQL for the number of a histogram's values."""
        return self._sum(_histogram_names(series)[2], window, by)

    def up_to(self, bound: float, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """PromQL for the number of a histogram's values up to `bound`, one of its bounds."""
        if bound not in series.buckets:
            raise ValueError(f"{series.name}: {bound:g} is no bound of its buckets")
        # Mimir writes whole bounds with a decimal, Prometheus without it.
        le = rf'le=~"{bound:g}(\\.0)?"'
        return self.where(le)._sum(_histogram_names(series)[0], window, by)

    def added(self, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """PromQL for the sum of a histogram's values."""
        return self._sum(_histogram_names(series)[1], window, by)

    def average(self, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """PromQL for the mean of a histogram's values; empty if it has none."""
        _, added, count = _histogram_names(series)
        return f"{self._sum(added, window, by)} / ({self._sum(count, window, by)} > 0)"

    def quantile(self, share: float, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """PromQL for the quantile `share`, 0 to 1, interpolated within its bucket; empty without values."""
        # Without values the answer is NaN, which every comparison drops.
        return f"histogram_quantile({share:g}, {self.buckets(series, window, by)}) >= 0"

    def buckets(self, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """PromQL for the number of a histogram's values up to each bound."""
        return self._sum(_histogram_names(series)[0], window, (*by, "le"))

    def current(self, series: Series, by: tuple[str, ...] = ()) -> str:
        """PromQL for the sum of an up-down counter or gauge now."""
        return f"{_sum_by(by)}({selector(_prometheus_name(series), self.matchers)})"

    def current_or_zero(self, series: Series) -> str:
        """PromQL for the sum of an up-down counter or gauge now; 0 if it has no series although a bot sends some."""
        return f"{self.current(series)} or {self._zero_if_sending(LOOKED_BACK)}"

    def latest(self, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """PromQL for the sum of the last values of an up-down counter or gauge within a window."""
        return f"{_sum_by(by)}({self.last(series, window)})"

    def last(self, series: Series, window: str) -> str:
        """PromQL for the last value of each series within a window."""
        return f"last_over_time({selector(_prometheus_name(series), self.matchers)}[{window}])"

    def last_seen(self, series: Series, window: str, by: tuple[str, ...]) -> str:
        """PromQL for the Unix time of the last point within a window, in steps of five minutes."""
        one = selector(_prometheus_name(series), self.matchers)
        grouping = f"max by ({', '.join(by)}) "
        return f"{grouping}(timestamp({one}) or max_over_time(timestamp({one})[{window}:5m]))"

    def total_or_zero(self, series: Series, window: str) -> str:
        """PromQL for what a counter counted, summed; 0 as in `or_zero`."""
        return self.or_zero(self.total(series, window), window)

    def share(self, part: str, whole: str, window: str) -> str:
        """PromQL for part of a whole, 0 if the whole has no such part; both queries answer without labels."""
        return f"({self.or_zero(part, window)}) / ({whole} > 0)"

    def or_zero(self, expression: str, window: str) -> str:
        """PromQL for `expression`, or 0 without series although a bot sent some; counters begin at their first event.

        Args:
            expression: A query without labels in its answer.
            window: Duration, or a variable of Grafana.
        """
        calls = selector(_prometheus_name(CALLS), self.matchers)
        return f"{expression} or 0 * sum(max_over_time({calls}[{window}])) or {self._zero_if_sending(window)}"

    def _zero_if_sending(self, window: str) -> str:
        # A process sends its event loop's lag between its calls too.
        lag = selector(_histogram_names(LOOP_LAG)[2], self.matchers)
        return f"0 * sum(max_over_time({lag}[{window}]))"

    def _sum(self, metric: str, window: str, by: tuple[str, ...]) -> str:
        return f"{_sum_by(by)}({self.form(metric, self.matchers, window)})"


def _sum_by(by: tuple[str, ...]) -> str:
    return f"sum by ({', '.join(by)}) " if by else "sum"


def _prometheus_name(series: Series) -> str:
    return metric_name(series.name, series.unit, series.kind)


def _histogram_names(series: Series) -> tuple[str, str, str]:
    if series.kind is not Kind.HISTOGRAM:
        raise ValueError(f"{series.name}: not a histogram")
    bucket, added, count = series_names(series)
    return bucket, added, count
