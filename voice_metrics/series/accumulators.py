"""Accumulated values of single series: sums, gauges, explicit and exponential histograms.

An accumulator knows neither OTLP nor exports; series of one registry share its lock. Its recorders only append to a
list, and the thread that reads the values adds them up.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Mapping
from threading import Lock
from typing import NamedTuple

from voice_metrics.series.exponential_buckets import bucket_index, coarser, difference
from voice_metrics.series.table import Kind, Series

AttributeValue = str | bool | int | float
# OpenTelemetry specification, metrics SDK, "Base2 Exponential Bucket Histogram Aggregation", read 2026-11-29.
MAX_SCALE = 20
MAX_BUCKETS = 160
# With so many values, a recorder adds them up: nothing may read them for long, as without an endpoint.
_MOST_NEW = 256


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
        exemplar: The newest measurement in a span since the last export, or `None`.
    """

    __slots__ = ("_added_up", "_new", "attributes", "exemplar", "lock", "row", "start_ns")

    def __init__(self, row: Series, attributes: Mapping[str, AttributeValue], lock: Lock, start_ns: int) -> None:
        self.row = row
        self.attributes = attributes
        self.lock = lock
        self.start_ns = start_ns
        self.exemplar: Exemplar | None = None
        self._new: list[float] = []
        self._added_up = 0
        self.clear()

    @property
    def version(self) -> int:
        """Number of its changes."""
        return self._added_up + len(self._new)

    def add(self, value: float, exemplar: Exemplar | None = None) -> None:
        """Add a measurement in the series' unit, on any thread."""
        if exemplar is None and len(self._new) < _MOST_NEW:
            self._new.append(value)  # atomic, so that nothing waits for the lock
            return
        with self.lock:
            self._new.append(value)
            if exemplar is not None:
                self.exemplar = exemplar
            self.add_up()

    def add_up(self) -> None:
        """Add the new measurements up; the caller holds the lock."""
        if new := self._new[:]:
            # In this order, because the version may be read meanwhile and must not go back.
            self._added_up += len(new)
            del self._new[: len(new)]
            self._add(new)

    def state(self) -> State:
        """The value now; the caller holds the lock."""
        self.add_up()
        return self._state()

    @abstractmethod
    def _add(self, values: list[float]) -> None: ...

    @abstractmethod
    def _state(self) -> State: ...

    @abstractmethod
    def clear(self) -> None:
        """Reset to the beginning."""

    @abstractmethod
    def restore(self, state: State) -> None:
        """Replace the value by a state accumulated elsewhere; the caller holds the lock."""


class Sum(Accumulator):
    """A counter or an up-down counter."""

    __slots__ = ("value",)

    def _add(self, values: list[float]) -> None:
        for value in values:
            self.value += value

    def clear(self) -> None:
        """Reset to zero."""
        self.value: float = 0

    def _state(self) -> float:
        return self.value

    def restore(self, state: State) -> None:
        """Replace the sum."""
        assert isinstance(state, int | float)
        self.add_up()
        if state != self.value or not self.version:
            self.value = state
            self._added_up += 1


class Gauge(Sum):
    """A value that replaces the previous one."""

    __slots__ = ()

    def add(self, value: float, exemplar: Exemplar | None = None) -> None:
        """Replace the value; a gauge keeps no exemplar."""
        super().add(value)

    def _add(self, values: list[float]) -> None:
        self.value = values[-1]


class Histogram(Accumulator):
    """A histogram with explicit bounds; each bound belongs to the bucket below it."""

    __slots__ = ("bounds", "count", "counts", "least", "most", "total")

    def __init__(
        self,
        row: Series,
        attributes: Mapping[str, AttributeValue],
        lock: Lock,
        start_ns: int,
        bounds: tuple[float, ...] | None = None,
    ) -> None:
        self.bounds = row.buckets if bounds is None else bounds
        super().__init__(row, attributes, lock, start_ns)

    def clear(self) -> None:
        """Reset to no measurement."""
        self.count, self.total = 0, 0.0
        self.counts = [0] * (len(self.bounds) + 1)
        self.least, self.most = math.inf, -math.inf

    def _add(self, values: list[float]) -> None:
        self.count += len(values)
        for value in values:
            self.counts[bisect_left(self.bounds, value)] += 1
            self.total += value
            if value < self.least:
                self.least = value
            if value > self.most:
                self.most = value

    def _state(self) -> HistogramState:
        return HistogramState(self.count, self.total, tuple(self.counts), self.least, self.most)

    def restore(self, state: State) -> None:
        """Replace the values by those of a histogram with the same bounds."""
        assert isinstance(state, HistogramState)
        self.add_up()
        if state.samples != self.count:
            self.count, self.total, self.least, self.most = state.samples, state.total, state.least, state.most
            self.counts = list(state.counts)
            self._added_up += 1


class ExponentialHistogram(Accumulator):
    """A histogram with bucket bounds at powers of 2^(2^-scale); the scale follows the range."""

    __slots__ = ("count", "least", "most", "negative", "positive", "scale", "total", "zeros")

    def clear(self) -> None:
        """Reset to no measurement, at the finest scale."""
        self.count, self.zeros, self.total = 0, 0, 0.0
        self.scale = MAX_SCALE
        self.positive: dict[int, int] = {}
        self.negative: dict[int, int] = {}
        self.least, self.most = math.inf, -math.inf

    def _add(self, values: list[float]) -> None:
        for value in values:
            self.count += 1
            self.total += value
            self.least, self.most = min(self.least, value), max(self.most, value)
            if value == 0:
                self.zeros += 1
                continue
            index = bucket_index(abs(value), self.scale)
            if index not in (self.positive if value > 0 else self.negative):
                index >>= self._make_room(self.positive if value > 0 else self.negative, index)
            side = self.positive if value > 0 else self.negative
            side[index] = side.get(index, 0) + 1

    def _state(self) -> ExponentialState:
        sides = dict(self.positive), dict(self.negative)
        return ExponentialState(self.count, self.total, self.scale, self.zeros, *sides, self.least, self.most)

    def restore(self, state: State) -> None:
        """Replace the values by those of an exponential histogram."""
        assert isinstance(state, ExponentialState)
        self.add_up()
        if state.samples != self.count:
            self.count, self.total, self.scale, self.zeros = state.samples, state.total, state.scale, state.zeros
            self.positive, self.negative = dict(state.positive), dict(state.negative)
            self.least, self.most = state.least, state.most
            self._added_up += 1

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


KINDS: Mapping[Kind, type[Accumulator]] = {
    Kind.COUNTER: Sum,
    Kind.UP_DOWN_COUNTER: Sum,
    Kind.GAUGE: Gauge,
    Kind.HISTOGRAM: Histogram,
}
