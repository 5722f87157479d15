"""An ordinary provider of the SDK for other instrumentation; its series are exported with the calls'."""

from __future__ import annotations

# Before the SDK's provider registers its hook for forks, which uses it: a fork of a forked child would wait for ever.
import concurrent.futures.thread  # noqa: F401
import os
import threading
import weakref
from collections.abc import Hashable, Iterator
from contextlib import suppress
from typing import Any

from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    ExponentialHistogramDataPoint,
    Gauge,
    HistogramDataPoint,
    InMemoryMetricReader,
    Metric,
    Sum,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation
from opentelemetry.sdk.resources import Resource

from voice_metrics.export.outgoing import Outgoing
from voice_metrics.export.readings import Readings
from voice_metrics.series.accumulators import ExponentialState, HistogramState, State, since
from voice_metrics.series.registry import Full
from voice_metrics.series.table import Kind, Series

# In Prometheus it is the label that OpenTelemetry's "Prometheus and OpenMetrics Compatibility" names.
_SCOPE_NAME = "otel.scope.name"


class SdkMetrics:
    """A meter provider, and the reader that adds its points to the shared series."""

    def __init__(self, shared: Outgoing, parent: SdkMetrics | None = None, *, exponential: bool = False) -> None:
        """Make the provider, whose series `shared` takes.

        Args:
            shared: The shared series.
            parent: That of the export before, or of a forked child's parent; its instruments go on here, in new series.
            exponential: True if `shared` takes exponential histograms.
        """
        self._shared = shared
        self._lock = threading.Lock()
        # Requests have the process's resource already, and the exporter runs at exit.
        self._reader: InMemoryMetricReader = parent._reader if parent else _reader(exponential=exponential)
        self.provider: MeterProvider = (
            parent.provider if parent else MeterProvider([self._reader], Resource.get_empty(), shutdown_on_exit=False)
        )
        self._readings = Readings(self._reader)
        # The meter that had a name with its attributes first; another one's series has its own name as an attribute.
        self._owners: dict[Hashable, str] = dict(parent._owners) if parent else {}
        # The values last read, since the instruments were made, in whichever process.
        self._read: dict[Hashable, State] = dict(parent._read) if parent else {}
        # The parent's, which it read before a fork.
        self._before: dict[Hashable, State] = parent._read if parent else {}
        _alive.add(self)

    def collect(self) -> None:
        """Add the provider's new points to the shared series, as far as callbacks let them be read."""
        with self._lock:
            for meter, row, point in self._points():
                attributes = {key: _hashable(value) for key, value in (point.attributes or {}).items()}
                if self._owners.setdefault((row.identity, frozenset(attributes.items())), meter) != meter:
                    attributes[_SCOPE_NAME] = meter
                self._add_point(row, attributes, point)

    def close(self) -> None:
        """End the thread that reads the provider, which the next export may go on with."""
        _alive.discard(self)
        self._readings.close()

    def _points(self) -> Iterator[tuple[str, Series, Any]]:
        data = self._readings.take()
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        yield scope.scope.name, _row(metric, point), point

    def _add_point(self, row: Series, attributes: dict[str, Any], point: Any) -> None:
        try:
            accumulator = self._shared.registry.accumulator(row, attributes)
        except Full:
            return
        state, before = _state(point), None
        if row.kind is not Kind.GAUGE:
            identity = row.identity, frozenset(attributes.items())
            self._read[identity], before = state, self._before.get(identity)
        if not accumulator.version:
            if before is None:
                accumulator.start_ns = getattr(point, "start_time_unix_nano", None) or accumulator.start_ns
            self._shared.without_zero.add(accumulator)
        with accumulator.lock:
            accumulator.restore(since(state, before))


def _reader(*, exponential: bool) -> InMemoryMetricReader:
    wanted: Any = {Histogram: ExponentialBucketHistogramAggregation()} if exponential else {}
    return InMemoryMetricReader(preferred_aggregation=wanted)


def _row(metric: Metric, point: Any) -> Series:
    bounds = tuple(getattr(point, "explicit_bounds", ()))
    return Series(
        metric.name, _instrument_kind(metric.data), metric.unit or "", metric.description or "", buckets=bounds
    )


def _instrument_kind(data: Any) -> Kind:
    match data:
        case Sum(is_monotonic=True):
            return Kind.COUNTER
        case Sum():
            return Kind.UP_DOWN_COUNTER
        case Gauge():
            return Kind.GAUGE
    return Kind.HISTOGRAM


def _state(point: Any) -> State:
    if isinstance(point, HistogramDataPoint):
        return HistogramState(point.count, point.sum, tuple(point.bucket_counts), point.min, point.max)
    if isinstance(point, ExponentialHistogramDataPoint):
        positive, negative = dict(_nonempty_buckets(point.positive)), dict(_nonempty_buckets(point.negative))
        about = (point.count, point.sum, point.scale, point.zero_count)
        return ExponentialState(*about, positive, negative, point.min, point.max)
    value: float = point.value
    return value


def _nonempty_buckets(side: Any) -> Any:
    return ((index, count) for index, count in enumerate(side.bucket_counts, side.offset) if count)


def _hashable(value: Any) -> Any:
    # The SDK lets through maps, and sequences of them, which no key can hold.
    return value if isinstance(value, str | int | float) else repr(value)


_alive: weakref.WeakSet[SdkMetrics] = weakref.WeakSet()


def _read_before_fork() -> None:
    # What the parent has counted until then the child must not count again.
    for each in list(_alive):
        with suppress(Exception):
            each.collect()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_read_before_fork, after_in_child=lambda: _alive.clear())
