"""Series on standard output, for `OTEL_METRICS_EXPORTER=console`, in the form of OpenTelemetry's own printer."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ConsoleMetricExporter,
    ExponentialHistogramDataPoint,
    Gauge,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import ExponentialHistogram as ExponentialData
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from voice_metrics.export.about import SCOPE
from voice_metrics.export.messages import Entry
from voice_metrics.series.accumulators import Accumulator, ExponentialState, HistogramState
from voice_metrics.series.exponential_buckets import dense
from voice_metrics.series.table import Kind, Series


class Console:
    """Prints exported series."""

    def __init__(self, resource: Callable[[], Resource]) -> None:
        self._resource = resource
        self._exporter = ConsoleMetricExporter(out=sys.stdout)

    def show(self, entries: Sequence[Entry]) -> None:
        """Print series."""
        if entries:
            self._exporter.export(metrics_data(entries, self._resource()))

    def close(self) -> None:
        """Stop printing."""
        self._exporter.shutdown()


def metrics_data(entries: Iterable[Entry], resource: Resource) -> MetricsData:
    """Return series as the SDK's data, always cumulative."""
    points: defaultdict[Series, list[Any]] = defaultdict(list)
    for entry in entries:
        points[entry.accumulator.row].append(_sdk_point(entry.accumulator, entry.of.time_ns))
    metrics = [Metric(row.name, row.description, row.unit, _sdk_data(row, column)) for row, column in points.items()]
    scope = ScopeMetrics(InstrumentationScope(SCOPE), metrics, "")
    return MetricsData([ResourceMetrics(resource, [scope], resource.schema_url)])


def _sdk_data(row: Series, column: list[Any]) -> Any:
    cumulative = AggregationTemporality.CUMULATIVE
    match row.kind, column[0]:
        case Kind.GAUGE, _:
            return Gauge(column)
        case Kind.HISTOGRAM, HistogramDataPoint():
            return HistogramData(column, cumulative)
        case Kind.HISTOGRAM, _:
            return ExponentialData(column, cumulative)
    return Sum(column, cumulative, row.kind is Kind.COUNTER)


def _sdk_point(accumulator: Accumulator, time_ns: int) -> Any:
    with accumulator.lock:
        state = accumulator.state()
    about = (dict(accumulator.attributes), accumulator.start_ns, time_ns)
    match state:
        case HistogramState(count, total, counts, least, most):
            bounds = getattr(accumulator, "bounds", ())
            return HistogramDataPoint(*about, count, total, list(counts), bounds, least, most)
        case ExponentialState():
            sides = (Buckets(*dense(state.positive)), Buckets(*dense(state.negative)))
            extremes = (state.least, state.most)
            return ExponentialHistogramDataPoint(
                *about, state.samples, state.total, state.scale, state.zeros, *sides, 0, *extremes
            )
    return NumberDataPoint(*about, state)
