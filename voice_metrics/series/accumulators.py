"""Accumulated values of single series: sums, gauges, explicit and exponential histograms.

An accumulator knows neither OTLP nor exports; series of one registry share its lock.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Mapping
from threading import Lock
from typing import Any, NamedTuple

from voice_metrics.call.outputs import Source
from voice_metrics.series.exponential_buckets import bucket_index, coarser, difference
from voice_metrics.series.table import Series

AttributeValue = str | bool | int | float
# OpenTelemetry specification, metrics SDK, "Base2 Exponential Bucket Histogram Aggregation", read 2026-11-29.
MAX_SCALE = 20
MAX_BUCKETS = 160


class Exemplar(NamedTuple):
    """One measurement of a series and its span.

    Parameters:
        value: The measurement in the series' unit.
        time_ns: Unix nanoseconds.
        trace_id: The trace, or 0 for none.
        span_id: The span, or 0 for none.
    """

    value: float
    time_ns: int
    trace_id: int
    span_id: int


class HistogramState(NamedTuple):
    """An explicit histogram at one moment."""

    samples: int
    total: float
    counts: tuple[int, ...]
    least: float
    most: float


class ExponentialState(NamedTuple):
    """An exponential histogram at one moment; buckets are counts by index at `scale`."""

    samples: int
    total: float
    scale: int
    zeros: int
    positive: dict[int, int]
    negative: dict[int, int]
    least: float
    most: float


State = float | HistogramState | ExponentialState


class Accumulator(ABC):
    """One series.

    Attributes:
        row: Its row in the table.
        attributes: All its attributes, the call's tags included.
        start_ns: Its beginning in Unix nanoseconds.
        version: Number of its changes.
        exemplar: The newest measurement in a span since the last export, or `None`.
    """

    __slots__ = ("attributes", "exemplar", "lock", "row", "start_ns", "version")

    def __init__(self, row: Series, attributes: Mapping[str, AttributeValue], lock: Lock, start_ns: int) -> None:
        self.row = row
        self.attributes = attributes
        self.lock = lock
        self.start_ns = start_ns
        self.version = 0
        self.exemplar: Exemplar | None = None
        self._set(self._empty())

    @abstractmethod
    def add(self, value: float, exemplar: Source | None = None) -> None:
        """Add a measurement in the series' unit."""

    @abstractmethod
    def state(self) -> State:
        """The value now; the caller holds the lock."""

    def restore(self, state: State) -> None:
        """Replace the value by a state accumulated elsewhere; the caller holds the lock."""
        if not self.version or state != self.state():
            self._set(state)
            self.version += 1

    @abstractmethod
    def _empty(self) -> State:
        """Return the state before the first measurement."""

    @abstractmethod
    def _set(self, state: Any) -> None:
        """Take over a state of its kind."""


class Sum(Accumulator):
    """A counter or an up-down counter."""

    __slots__ = ("value",)

    def _empty(self) -> float:
        return 0

    def _set(self, state: float) -> None:
        self.value = state

    def add(self, value: float, exemplar: Source | None = None) -> None:
        """Add to the sum."""
        with self.lock:
            self.value += value
            self.version += 1
            if exemplar is not None:
                self.exemplar = Exemplar(value, *exemplar)

    def state(self) -> float:
        """The sum."""
        return self.value


class Gauge(Sum):
    """A value that replaces the previous one."""

    __slots__ = ()

    def add(self, value: float, exemplar: Source | None = None) -> None:
        """Replace the value."""
        with self.lock:
            self.value = value
            self.version += 1


class Histogram(Accumulator):
    """A histogram with explicit bounds; each bound belongs to the bucket below it."""

    __slots__ = ("bounds", "count", "counts", "least", "most", "total")

    def __init__(
        self,
        row: Series,
        attributes: Mapping[str, AttributeValue],
        lock: Lock,
        start_ns: int,
        bounds: tuple[float, ...],
    ) -> None:
        self.bounds = bounds
        super().__init__(row, attributes, lock, start_ns)

    def _empty(self) -> HistogramState:
        return HistogramState(0, 0.0, (0,) * (len(self.bounds) + 1), math.inf, -math.inf)

    def _set(self, state: HistogramState) -> None:
        self.count, self.total, counts, self.least, self.most = state
        self.counts = list(counts)

    def add(self, value: float, exemplar: Source | None = None) -> None:
        """Count a measurement."""
        with self.lock:
            self.counts[bisect_left(self.bounds, value)] += 1
            self.count += 1
            self.total += value
            if value < self.least:
                self.least = value
            if value > self.most:
                self.most = value
            self.version += 1
            if exemplar is not None:
                self.exemplar = Exemplar(value, *exemplar)

    def state(self) -> HistogramState:
        """Count, sum, buckets and extremes."""
        return HistogramState(self.count, self.total, tuple(self.counts), self.least, self.most)


class ExponentialHistogram(Accumulator):
    """A histogram with bucket bounds at powers of 2^(2^-scale); the scale follows the range."""

    __slots__ = ("count", "least", "most", "negative", "positive", "scale", "total", "zeros")

    def _empty(self) -> ExponentialState:
        return ExponentialState(0, 0.0, MAX_SCALE, 0, {}, {}, math.inf, -math.inf)

    def _set(self, state: ExponentialState) -> None:
        self.count, self.total, self.scale, self.zeros, positive, negative, self.least, self.most = state
        self.positive, self.negative = dict(positive), dict(negative)

    def add(self, value: float, exemplar: Source | None = None) -> None:
        """Count a measurement."""
        with self.lock:
            self.count += 1
            self.total += value
            self.least, self.most = min(self.least, value), max(self.most, value)
            if value == 0:
                self.zeros += 1
            else:
                index = bucket_index(abs(value), self.scale)
                if index not in (self.positive if value > 0 else self.negative):
                    index >>= self._make_room(self.positive if value > 0 else self.negative, index)
                side = self.positive if value > 0 else self.negative
                side[index] = side.get(index, 0) + 1
            self.version += 1
            if exemplar is not None:
                self.exemplar = Exemplar(value, *exemplar)

    def state(self) -> ExponentialState:
        """Count, sum, scale, buckets and extremes."""
        positive, negative = dict(self.positive), dict(self.negative)
        return ExponentialState(
            self.count, self.total, self.scale, self.zeros, positive, negative, self.least, self.most
        )

    def _make_room(self, side: dict[int, int], index: int) -> int:
        """Lower the scale until `index` fits on its side; return the number of steps."""
        low, high = min(index, min(side, default=index)), max(index, max(side, default=index))
        steps = 0
        while (high >> steps) - (low >> steps) >= MAX_BUCKETS:
            steps += 1
        if steps:
            self.scale -= steps
            self.positive, self.negative = coarser(self.positive, steps), coarser(self.negative, steps)
        return steps


def since(state: State, base: State | None) -> State:
    """Return the difference between a state and an earlier one (`None`: the beginning), without minimum and maximum."""
    match state, base:
        case HistogramState(), HistogramState():
            counts = tuple(now - then for now, then in zip(state.counts, base.counts, strict=True))
            return HistogramState(state.samples - base.samples, state.total - base.total, counts, math.inf, -math.inf)
        case ExponentialState(), ExponentialState():
            steps = base.scale - state.scale
            return ExponentialState(
                state.samples - base.samples,
                state.total - base.total,
                state.scale,
                state.zeros - base.zeros,
                difference(state.positive, coarser(base.positive, steps)),
                difference(state.negative, coarser(base.negative, steps)),
                math.inf,
                -math.inf,
            )
        case int() | float(), int() | float():
            return state - base
    return state
