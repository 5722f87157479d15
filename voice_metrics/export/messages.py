"""A registry's series as OTLP messages: constant fields of a point are encoded once, its value after a change.

Everything here runs in the export thread. Instants are Unix nanoseconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1 import metrics_pb2 as otlp

from voice_metrics.export.about import DISTRIBUTION, SCOPE, installed
from voice_metrics.export.encoding import exemplar_of, field, histogram_value, key_values, moment, value_of, varint
from voice_metrics.series.accumulators import Accumulator, ExponentialHistogram, Gauge, Histogram, State, Sum, since
from voice_metrics.series.table import Kind

if TYPE_CHECKING:
    from voice_metrics.export.outgoing import Outgoing

_MOMENT_BYTES = len(moment(1))
# Prometheus stores milliseconds, so two samples of one series within one are duplicates.
MILLISECOND_NS = 1_000_000
_DELTA = otlp.AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_CUMULATIVE = otlp.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """A metric in a message, without its points.

    Parameters:
        about: Name, description and unit.
        data: Number of the field that holds the points.
        rest: The fields beside the points.
        exemplars: Number of a point's field for exemplars.
    """

    about: bytes
    data: int
    rest: bytes
    exemplars: int

    def holding(self, points: Iterable[bytes]) -> bytes:
        """Return the metric with points, as a field of its scope."""
        return field(2, self.about + field(self.data, b"".join((*points, self.rest))))


# By accumulator: the message of the data and its field in a metric, that of a point and its field for exemplars.
_SHAPES: Mapping[type, tuple[Callable[..., Any], int, Callable[..., Any], int]] = {
    Sum: (otlp.Sum, 7, otlp.NumberDataPoint, 5),
    Gauge: (otlp.Gauge, 5, otlp.NumberDataPoint, 5),
    Histogram: (otlp.Histogram, 9, otlp.HistogramDataPoint, 8),
    ExponentialHistogram: (otlp.ExponentialHistogram, 10, otlp.ExponentialHistogramDataPoint, 11),
}


@lru_cache(maxsize=4096)
def _metric(of: type[Accumulator], kind: Kind, name: str, description: str, unit: str, delta: bool) -> Metric:
    data, number, _, exemplars = _SHAPES[of]
    about_data: dict[str, Any] = {}
    if kind is not Kind.GAUGE:
        about_data["aggregation_temporality"] = _DELTA if delta else _CUMULATIVE
    if kind is Kind.COUNTER:
        about_data["is_monotonic"] = True
    about = otlp.Metric(name=name, description=description, unit=unit)
    return Metric(about.SerializeToString(), number, data(**about_data).SerializeToString(), exemplars)


@dataclasses.dataclass(slots=True, eq=False, repr=False)
class Entry:
    """A series and the state of its delivery.

    Attributes:
        accumulator: Its value.
        of: The unsent series of its registry, a call's or the shared one.
        delta: True if its points are increments since the last acknowledged one.
        acknowledged: Version that a server has, or -1 for none.
        sent: Version in the current request.
        sent_ns: Time of its point there.
        base: State that a server has, for increments.
        base_ns: Time of that state.
        zero_due: True if the zero point of its beginning is still to be sent.
        suspects: Number of its group of suspected rejection, or 0.
        resting_until: Monotonic seconds at which a rejected series is sent again; 0 for no rest.
        seen: Version at the latest look for series without new values, or -1 before the first.
        changed_ns: Time of the latest look that saw a change.
    """

    accumulator: Accumulator
    of: Outgoing
    delta: bool
    zero_due: bool
    acknowledged: int = -1
    sent: int = -1
    sent_ns: int = dataclasses.field(init=False)
    sent_state: State | None = None
    base: State | None = None
    base_ns: int = dataclasses.field(init=False)
    seen: int = -1
    changed_ns: int = dataclasses.field(init=False)
    suspects: int = 0
    resting_until: float = 0.0
    metric: Metric = dataclasses.field(init=False)
    earliest_ns: int = dataclasses.field(init=False)
    # The newest point, encoded but for its time: its constant fields and length, and its value; its version; and for
    # increments its state.
    head: bytes = b""
    value: bytes = b""
    version: int = -1
    state: State | None = None
    _about: bytes = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Settle what its kind needs, and encode what never changes."""
        accumulator, row = self.accumulator, self.accumulator.row
        self.delta = self.delta and row.kind in (Kind.COUNTER, Kind.HISTOGRAM)
        self.zero_due = self.zero_due and not self.delta and not isinstance(accumulator, Gauge)
        self.base_ns = self.sent_ns = self.changed_ns = accumulator.start_ns
        self.metric = _metric(type(accumulator), row.kind, row.name, row.description, row.unit, self.delta)
        self._encode_about()

    def _encode_about(self) -> None:
        """Encode the point's constant fields."""
        accumulator = self.accumulator
        self.earliest_ns = accumulator.start_ns + MILLISECOND_NS
        bounds = {"explicit_bounds": accumulator.bounds} if isinstance(accumulator, Histogram) else {}
        point = _SHAPES[type(accumulator)][2]
        about = point(attributes=key_values(accumulator.attributes), **bounds)
        if accumulator.row.kind is not Kind.GAUGE and not self.delta:
            about.start_time_unix_nano = accumulator.start_ns
        self._about = about.SerializeToString()
        # The head, which has them too, is made with the next value.
        self.value = b""

    def set_back(self, now_ns: int) -> None:
        """Let the series begin, and continue, at `now_ns` at the latest; it is owed again, and rests no more."""
        self.accumulator.start_ns = min(self.accumulator.start_ns, now_ns)
        self.base_ns, self.changed_ns = min(self.base_ns, now_ns), min(self.changed_ns, now_ns)
        self._encode_about()
        self.version = -1
        self.resting_until = 0.0
        if not self.delta:
            self.acknowledged = -1

    @property
    def owed(self) -> bool:
        """True if a server lacks the newest version."""
        return self.acknowledged != self.accumulator.version

    @property
    def apart(self) -> int:
        """Number of the group of suspects with which alone it may share a request; -1 if it rests, 0 for none."""
        return -1 if self.resting_until else self.suspects

    def zero(self) -> tuple[bytes, ...]:
        """Return the zero point of its beginning: Prometheus sees no increase in a counter that begins above zero."""
        state = self.accumulator.state()
        value = value_of(since(state, state))
        return self._head_of(value), value, moment(self.accumulator.start_ns)

    def encode(self) -> None:
        """Encode its point again."""
        accumulator = self.accumulator
        with accumulator.lock:
            self.version, exemplar = accumulator.version, accumulator.exemplar
            if self.delta:
                self.state = accumulator.state()
                value = value_of(since(self.state, self.base)) + moment(self.base_ns, begun=True)
            elif type(accumulator) is Histogram:
                # A state would copy the buckets.
                found = accumulator
                value = histogram_value(found.count, found.total, found.counts, found.least, found.most)
            else:
                value = value_of(accumulator.state())
        if exemplar is not None:
            value += field(self.metric.exemplars, exemplar_of(exemplar))
        if len(value) != len(self.value):
            self.head = self._head_of(value)
        self.value = value

    def _head_of(self, value: bytes) -> bytes:
        """Return a point as a field of its data, but for its value and its time, which come last."""
        return b"".join((b"\n", varint(len(self._about) + len(value) + _MOMENT_BYTES), self._about))

    def acknowledge(self) -> None:
        """Record that the point sent last is done with: a server has it, or never will."""
        self.acknowledged, self.base, self.base_ns = self.sent, self.sent_state, self.sent_ns
        self.zero_due = False
        self.suspects = 0
        self.resting_until = 0.0
        if self.accumulator.exemplar is not None and not self.owed:
            self.accumulator.exemplar = None
            # The encoded value still has it.
            self.version = -1


@cache
def scope() -> bytes:
    """Return the plug-in's scope, as the first field of its message."""
    return field(1, InstrumentationScope(name=SCOPE, version=installed(DISTRIBUTION)).SerializeToString())


def write(points: dict[Metric, list[bytes]], entries: Iterable[Entry], time_ns: int, *, mark: bool) -> None:
    """Add the newest points of series, in parts, to those of their metrics; `mark` records them as sent.

    A series that began after `time_ns` has its own time.
    """
    now = moment(time_ns)
    for entry in entries:
        if entry.version != entry.accumulator.version or entry.delta:
            entry.encode()
        instant, at = (time_ns, now) if time_ns >= entry.earliest_ns else (entry.earliest_ns, moment(entry.earliest_ns))
        if mark:
            entry.sent, entry.sent_ns, entry.sent_state = entry.version, instant, entry.state
        points[entry.metric] += (entry.head, entry.value, at)
