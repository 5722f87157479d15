"""PromQL that counts right, whether series belong to one call each or are shared by all calls of a process.

Owns the forms of counting; refuses what they are shown in. `rate()` and `increase()` need two samples in a window and
extrapolate to its borders: of a short call's series they lose or invent up to half. `gained` reads the values at the
two borders instead. It is exact, needs one sample in five minutes, and the steps of a graph add up to the total.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from voice_metrics.series.prometheus_names import metric_name, series_names
from voice_metrics.series.table import CALL_ID, CALLS, Kind, Series

# Grafana's own variables.
RANGE = "$__range"
STEP = "$__interval"
# Four minimal steps at least, so that a percentile has something to rank.
SMOOTH = "$__rate_interval"

# How far back the value at a window's beginning is looked for: the longest gap in delivery that is bridged.
BRIDGED = "1h"

SHARED = f'{CALL_ID}=""'
LABELLED = f'{CALL_ID}!=""'

Form = Callable[[str, tuple[str, ...], str], str]


def gained(metric: str, matchers: tuple[str, ...], window: str) -> str:
    """By how much each series of a counter grew within a window; exact, without extrapolation.

    A call's own series began at 0. A shared one that is new began at its first point, which the plug-in sends as 0; if
    it fell (a process restarted under the same name), `increase()` takes over.

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
    """What each call came to as a whole, also before the window; of shared series what they gained within it.

    Args:
        metric: Name in Prometheus.
        matchers: Label matchers.
        window: Duration in which the call was seen.
    """
    labelled = selector(metric, (*matchers, LABELLED))
    return f"last_over_time({labelled}[{window}]) or {gained(metric, (*matchers, SHARED), window)}"


def selector(metric: str, matchers: tuple[str, ...]) -> str:
    """A metric's series that match.

    Args:
        metric: Name in Prometheus.
        matchers: Label matchers; one that occurs twice is written once.
    """
    return f"{metric}{{{', '.join(dict.fromkeys(matchers))}}}" if matchers else metric


@dataclass(frozen=True, slots=True)
class Selection:
    """The series that a query looks at, and how it counts them.

    Parameters:
        matchers: Label matchers of every selector.
        form: How counters are counted.
    """

    matchers: tuple[str, ...] = ()
    form: Form = gained

    def where(self, *matchers: str) -> Selection:
        """The same with more matchers."""
        return replace(self, matchers=(*self.matchers, *matchers))

    def total(self, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """Sum of a counter.

        Args:
            series: A counter's row of the table.
            window: Duration, or a variable of Grafana.
            by: Labels to keep.
        """
        if series.kind is not Kind.COUNTER:
            raise ValueError(f"{series.name}: not a counter")
        return self._sum(_name(series), window, by)

    def observations(self, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """Number of values that a histogram received."""
        return self._sum(_parts(series)[2], window, by)

    def up_to(self, bound: float, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """Number of values that a histogram received and that are no larger than one of its bounds.

        Args:
            bound: One of the histogram's bounds.
            series: A histogram's row of the table.
            window: Duration, or a variable of Grafana.
            by: Labels to keep.
        """
        if bound not in series.buckets:
            raise ValueError(f"{series.name}: {bound:g} is no bound of its buckets")
        # Mimir writes whole bounds with a decimal, Prometheus without.
        le = rf'le=~"{bound:g}(\\.0)?"'
        return self.where(le)._sum(_parts(series)[0], window, by)

    def added(self, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """Sum of the values that a histogram received."""
        return self._sum(_parts(series)[1], window, by)

    def average(self, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """Mean of the values that a histogram received; nothing where it received none."""
        _, added, count = _parts(series)
        return f"{self._sum(added, window, by)} / ({self._sum(count, window, by)} > 0)"

    def quantile(self, share: float, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """A percentile, interpolated within its bucket; nothing where the histogram received no value.

        Args:
            share: Which one, between 0 and 1.
            series: A histogram's row of the table.
            window: Duration, or a variable of Grafana.
            by: Labels to keep.
        """
        # Without values the answer is NaN, which no comparison lets through.
        return f"histogram_quantile({share:g}, {self.buckets(series, window, by)}) >= 0"

    def buckets(self, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """Number of values up to each bound of a histogram."""
        return self._sum(_parts(series)[0], window, (*by, "le"))

    def current(self, series: Series, by: tuple[str, ...] = ()) -> str:
        """Sum of what goes up and down, as it is now."""
        return f"{_sum_by(by)}({selector(_name(series), self.matchers)})"

    def latest(self, series: Series, window: str, by: tuple[str, ...] = ()) -> str:
        """Sum of the last values within a window of what goes up and down."""
        return f"{_sum_by(by)}({self.last(series, window)})"

    def last(self, series: Series, window: str) -> str:
        """The last value of each series within a window."""
        return f"last_over_time({selector(_name(series), self.matchers)}[{window}])"

    def last_seen(self, series: Series, window: str, by: tuple[str, ...]) -> str:
        """Unix time of the last point within a window.

        Each step of five minutes sees a point of these minutes, and the moment of the query one of those before it.

        Args:
            series: The row of the table.
            window: Duration, or a variable of Grafana.
            by: Labels to keep.
        """
        one = selector(_name(series), self.matchers)
        grouping = f"max by ({', '.join(by)}) "
        return f"{grouping}(timestamp({one}) or max_over_time(timestamp({one})[{window}:5m]))"

    def share(self, part: str, whole: str, window: str) -> str:
        """Part of a whole, 0 where there is a whole without such a part.

        Args:
            part: A query without labels in its answer.
            whole: Likewise.
            window: Duration, or a variable of Grafana.
        """
        return f"({self.or_zero(part, window)}) / ({whole} > 0)"

    def or_zero(self, expression: str, window: str) -> str:
        """The expression, or 0 where it has no series although there were calls; counters begin at their first event.

        Args:
            expression: A query without labels in its answer.
            window: Duration, or a variable of Grafana.
        """
        return f"{expression} or 0 * sum(max_over_time({selector(_name(CALLS), self.matchers)}[{window}]))"

    def _sum(self, metric: str, window: str, by: tuple[str, ...]) -> str:
        return f"{_sum_by(by)}({self.form(metric, self.matchers, window)})"


def _sum_by(by: tuple[str, ...]) -> str:
    return f"sum by ({', '.join(by)}) " if by else "sum"


def _name(series: Series) -> str:
    return metric_name(series.name, series.unit, series.kind)


def _parts(series: Series) -> tuple[str, str, str]:
    if series.kind is not Kind.HISTOGRAM:
        raise ValueError(f"{series.name}: not a histogram")
    bucket, added, count = series_names(series)
    return bucket, added, count
