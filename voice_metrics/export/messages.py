"""A registry's series as OTLP messages.

Everything here runs in the export thread. Instants are Unix nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as otlp

from voice_metrics.export.about import DISTRIBUTION, SCOPE, installed
from voice_metrics.export.blocks import Block, Column, field
from voice_metrics.series.accumulators import (
    Accumulator,
    AttributeValue,
    ExponentialHistogram,
    ExponentialState,
    Gauge,
    Histogram,
    HistogramState,
    State,
    since,
)
from voice_metrics.series.table import Kind

# Prometheus keeps milliseconds: two samples of one series in the same one are duplicates to it.
MILLISECOND_NS = 1_000_000
POINTS_PER_BLOCK = 250
_INT64 = 2**63
_DELTA = otlp.AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_CUMULATIVE = otlp.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


class Entry:
    """A series and what a server has of it.

    Attributes:
        accumulator: Its value.
        delta: Whether its points carry what was added since the last acknowledged one.
        acknowledged: The version that a server has, or -1 if it has none.
        sent: The version in the request under way.
        base: The state that a server has, where points are deltas.
        base_ns: The instant of that state.
        zero_due: Whether a point of value zero is still to be sent for the beginning.
        key_values: Its attributes, encoded.
        earliest_ns: The first instant that a point may have.
        suspects: Number of the group of series among which a server rejected some, or 0.
        resting_until: When a rejected series is tried again, in monotonic seconds; 0 if it is not resting.
        changed_ns: When its newest change was seen.
    """

    __slots__ = (
        "accumulator",
        "acknowledged",
        "base",
        "base_ns",
        "changed_ns",
        "delta",
        "earliest_ns",
        "key_values",
        "resting_until",
        "sent",
        "sent_ns",
        "sent_state",
        "suspects",
        "zero_due",
    )

    def __init__(self, accumulator: Accumulator, *, delta: bool, zero_due: bool) -> None:
        self.accumulator = accumulator
        self.delta = delta and accumulator.row.kind in (Kind.COUNTER, Kind.HISTOGRAM)
        self.acknowledged = self.sent = -1
        self.base: State | None = None
        self.base_ns = self.sent_ns = self.changed_ns = accumulator.start_ns
        self.sent_state: State | None = None
        self.zero_due = zero_due and not self.delta and not isinstance(accumulator, Gauge)
        self.suspects = 0
        self.resting_until = 0.0
        self.key_values = list(key_values(accumulator.attributes))
        self.earliest_ns = accumulator.start_ns + MILLISECOND_NS

    @property
    def owed(self) -> bool:
        """Whether a server lacks the newest version."""
        return self.acknowledged != self.accumulator.version

    def acknowledge(self) -> None:
        """Note that a server has what was sent last."""
        self.acknowledged, self.base, self.base_ns = self.sent, self.sent_state, self.sent_ns
        self.zero_due = False
        self.suspects = 0
        self.resting_until = 0.0
        if not self.owed:
            self.accumulator.exemplar = None

    def give_up(self) -> None:
        """Treat what was sent last as over, although no server has it."""
        self.acknowledge()


def scope_of() -> InstrumentationScope:
    """What records series and events, as OTLP has it."""
    return InstrumentationScope(name=SCOPE, version=installed(DISTRIBUTION))


class Assembler:
    """Makes messages of the plug-in's series."""

    def __init__(self) -> None:
        """Name the scope."""
        self._scope = scope_of()

    def block(self, entries: Sequence[Entry]) -> Block:
        """A message that is kept and brought up to date; for cumulative series."""
        message = otlp.ScopeMetrics()
        columns: dict[Any, Any] = {}
        members: dict[int, list[Entry]] = {}
        for entry in entries:
            column = column_of(message, columns, entry)
            _point(column, entry, entry.accumulator.start_ns)
            members.setdefault(id(column), []).append(entry)
        of_each = zip(message.metrics, members.values(), strict=True)
        laid_out = [Column(metric, series, self._metric) for metric, series in of_each]
        return Block(self._scope.SerializeToString(), laid_out, entries)

    def _metric(self, entries: Sequence[Entry], time_ns: int) -> bytes:
        """One metric as a field of its scope."""
        metric = self.assemble(entries, time_ns).metrics[0]
        return field(2, metric.SerializeToString())

    def assemble(self, entries: Iterable[Entry], time_ns: int, *, mark: bool = True) -> otlp.ScopeMetrics:
        """A message of the newest points.

        Args:
            entries: What goes in.
            time_ns: The instant of the points, if their series did not begin later.
            mark: Whether this is noted as sent.
        """
        message = otlp.ScopeMetrics(scope=self._scope)
        columns: dict[Any, Any] = {}
        for entry in entries:
            accumulator = entry.accumulator
            with accumulator.lock:
                version, state, exemplar = accumulator.version, accumulator.state(), accumulator.exemplar
            instant = max(time_ns, entry.earliest_ns)
            begun_ns = entry.base_ns if entry.delta else accumulator.start_ns
            point = _point(column_of(message, columns, entry), entry, begun_ns)
            point.time_unix_nano = instant
            fill(point, since(state, entry.base) if entry.delta else state)
            _exemplify(point, exemplar)
            if mark:
                entry.sent, entry.sent_state, entry.sent_ns = version, state, instant
        return message

    def zeros(self, entries: Iterable[Entry]) -> otlp.ScopeMetrics:
        """A message with the beginnings of series: Prometheus sees no increase in a counter that begins above zero."""
        message = otlp.ScopeMetrics(scope=self._scope)
        columns: dict[Any, Any] = {}
        for entry in entries:
            accumulator = entry.accumulator
            point = _point(column_of(message, columns, entry), entry, accumulator.start_ns)
            point.time_unix_nano = accumulator.start_ns
            fill(point, _nothing_of(accumulator))
        return message


def column_of(message: otlp.ScopeMetrics, columns: dict[Any, Any], entry: Entry) -> Any:
    """The points of an entry's metric in a message; the metric is added where it is missing."""
    row, bounds = entry.accumulator.row, getattr(entry.accumulator, "bounds", None)
    key = (row.name, row.kind, row.unit, bounds)
    column = columns.get(key)
    if column is not None:
        return column
    metric = message.metrics.add(name=row.name, description=row.description, unit=row.unit)
    data: Any
    if row.kind is Kind.GAUGE:
        data = metric.gauge
    elif isinstance(entry.accumulator, Histogram):
        data = metric.histogram
    elif isinstance(entry.accumulator, ExponentialHistogram):
        data = metric.exponential_histogram
    else:
        data = metric.sum
        data.is_monotonic = row.kind is Kind.COUNTER
    if row.kind is not Kind.GAUGE:
        data.aggregation_temporality = _DELTA if entry.delta else _CUMULATIVE
    column = columns[key] = data.data_points
    return column


def _point(column: Any, entry: Entry, begun_ns: int) -> Any:
    accumulator = entry.accumulator
    point = column.add()
    point.attributes.extend(entry.key_values)
    if accumulator.row.kind is not Kind.GAUGE:
        point.start_time_unix_nano = begun_ns
    if isinstance(accumulator, Histogram):
        point.explicit_bounds.extend(accumulator.bounds)
    return point


def _nothing_of(accumulator: Accumulator) -> State:
    state = accumulator.state()
    inf = float("inf")
    match state:
        case HistogramState():
            return HistogramState(0, 0.0, (0,) * len(state.counts), inf, -inf)
        case ExponentialState():
            return ExponentialState(0, 0.0, state.scale, 0, {}, {}, inf, -inf)
    return 0 * state


def fill(point: Any, state: State) -> None:
    """Write a state into a point.

    Args:
        point: A data point of OTLP, new or filled before.
        state: The value.
    """
    if isinstance(state, HistogramState):
        point.count, point.sum = state.samples, state.total
        point.bucket_counts[:] = state.counts
        # What has no value yet has no extremes, and those of a difference are unknown.
        if state.least <= state.most:
            point.min, point.max = state.least, state.most
    elif isinstance(state, ExponentialState):
        point.count, point.sum, point.scale, point.zero_count = state.samples, state.total, state.scale, state.zeros
        for side, counts in ((point.positive, state.positive), (point.negative, state.negative)):
            if counts:
                low, high = min(counts), max(counts)
                side.offset = low
                side.bucket_counts[:] = [counts.get(index, 0) for index in range(low, high + 1)]
        if state.least <= state.most:
            point.min, point.max = state.least, state.most
    elif isinstance(state, int) and -_INT64 <= state < _INT64:
        point.as_int = state
    else:
        point.as_double = state


def _exemplify(point: Any, exemplar: Any) -> None:
    del point.exemplars[:]
    if exemplar is not None:
        made = point.exemplars.add(time_unix_nano=exemplar.time_ns, as_double=exemplar.value)
        if exemplar.trace_id:
            made.trace_id = exemplar.trace_id.to_bytes(16, "big")
            made.span_id = exemplar.span_id.to_bytes(8, "big")


def key_values(attributes: Any) -> Iterator[KeyValue]:
    """Attributes as OTLP has them."""
    for key, value in attributes.items():
        yield KeyValue(key=key, value=any_value(value))


def any_value(value: AttributeValue | Sequence[Any]) -> AnyValue:
    """One value as OTLP has it; what it has no form for becomes text."""
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int) and -_INT64 <= value < _INT64:
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, (list, tuple)):
        made = AnyValue()
        made.array_value.values.extend(map(any_value, value))
        return made
    return AnyValue(string_value=str(value))
