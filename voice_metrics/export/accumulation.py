"""Delta collections in, cumulative requests out, call by call.

Owns every series that is still to be sent, grouped by the call it belongs to (and one group for what
calls share), and forgets those of an ended call once a server has their last values. Refuses input
and output; one thread at a time may use it. Instants are Unix nanoseconds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    DataT,
    ExponentialHistogram,
    Gauge,
    Histogram,
    Metric,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from voice_metrics.export.cumulative import (
    MILLISECOND_NS,
    CumulativeSeries,
    ExponentialSeries,
    GaugeSeries,
    HistogramSeries,
    SumSeries,
)
from voice_metrics.series import CALL_ID

SHARED = ""
# Taken for the size of a call until some have ended; then the last ones tell.
_SERIES_PER_CALL = 20
_CALLS_REMEMBERED = 10
_KINDS: dict[type, type[CumulativeSeries]] = {
    Sum: SumSeries,
    Gauge: GaugeSeries,
    Histogram: HistogramSeries,
    ExponentialHistogram: ExponentialSeries,
}


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """The metric that a series is part of.

    Parameters:
        scope: Who recorded it.
        name: Its OTLP name.
        description: What it measures.
        unit: UCUM unit.
        data: The SDK's class of its points.
        monotonic: Whether it is a sum that never falls.
    """

    scope: InstrumentationScope
    name: str
    description: str
    unit: str
    data: type
    monotonic: bool

    def metric(self, points: Sequence[Any]) -> Metric:
        """The metric with these points."""
        data: DataT
        if self.data is Gauge:
            data = Gauge(points)
        elif self.data is Sum:
            data = Sum(points, AggregationTemporality.CUMULATIVE, self.monotonic)
        elif self.data is Histogram:
            data = Histogram(points, AggregationTemporality.CUMULATIVE)
        else:
            data = ExponentialHistogram(points, AggregationTemporality.CUMULATIVE)
        return Metric(self.name, self.description, self.unit, data)


@dataclass(slots=True, eq=False)
class Group:
    """The series of one call, or those that calls share.

    Parameters:
        call_id: The call, or "" for shared series.
        begun_ns: When the call began.
        open: How many calls of this id are running.
        time_ns: The instant of its points in the newest request.
        ended_ns: When the call ended, or `None` while it runs.
        settled: Whether a server has its last values.
        series: Its series by stream and attributes, in whatever order these are.
        met: The same by stream and values of attributes, as they came.
    """

    call_id: str
    begun_ns: int
    open: int
    time_ns: int
    ended_ns: int | None
    settled: bool
    series: dict[tuple[Stream, Any], CumulativeSeries] = field(default_factory=dict)
    met: dict[tuple[Any, ...], CumulativeSeries] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """Series of one group that go into one request.

    Parameters:
        group: The group.
        series: The series with their streams.
    """

    group: Group
    series: Sequence[tuple[Stream, CumulativeSeries]]

    def halves(self) -> tuple[Part, Part]:
        """The part in two of about the same size."""
        middle = len(self.series) // 2
        return Part(self.group, self.series[:middle]), Part(self.group, self.series[middle:])


class Accumulation:
    """All series of the process that are still to be sent.

    Attributes:
        series_count: How many there are.
        series_per_call: How many a call has at its end, as the latest calls have it.
    """

    def __init__(self, resource: Resource, now_ns: int) -> None:
        """Begin with nothing.

        Args:
            resource: What every request says about the process.
            now_ns: When shared series begin, if not later.
        """
        self._resource = resource
        self._streams: dict[tuple[InstrumentationScope, str, type], Stream] = {}
        self._groups: dict[str, Group] = {SHARED: Group(SHARED, now_ns, 1, now_ns, None, False)}
        self.series_count = 0
        self.series_per_call: float = _SERIES_PER_CALL

    @property
    def call_ids(self) -> Collection[str]:
        """The calls of which something is kept."""
        return self._groups.keys() - {SHARED}

    def begin(self, call_id: str, at_ns: int) -> None:
        """Note that a call began; points of calls that did not are refused."""
        group = self._groups.get(call_id)
        if group is None:
            self._groups[call_id] = Group(call_id, at_ns, 1, at_ns, None, False)
            return
        # A second call under the same id goes on with the series of the first.
        group.open += 1
        group.ended_ns = None
        group.settled = False

    def merge(self, collected: MetricsData) -> int:
        """Add one delta collection.

        Args:
            collected: What the SDK collected.

        Returns:
            How many points belonged to calls of which nothing is kept any more; they are refused.
        """
        late = 0
        for resource_metrics in collected.resource_metrics:
            for scope_metrics in resource_metrics.scope_metrics:
                for metric in scope_metrics.metrics:
                    late += self._merge(scope_metrics.scope, metric)
        return late

    def _merge(self, scope: InstrumentationScope, metric: Metric) -> int:
        stream = self._stream(scope, metric)
        data: Any = metric.data
        cumulative = getattr(data, "aggregation_temporality", None) is AggregationTemporality.CUMULATIVE
        late = 0
        for point in data.data_points:
            attributes = point.attributes
            group = self._groups.get(attributes.get(CALL_ID, SHARED))
            if group is None or group.settled:
                late += 1
                continue
            # Most points are of a series that was met with its attributes in this order.
            shape = (stream, *map(_fixed, attributes.values()))
            series = group.met.get(shape)
            if series is None or series.attributes != attributes:
                series = group.met[shape] = self._series(group, stream, point)
            if cumulative:
                series.replace(point)
            else:
                series.add(point)
        return late

    def _series(self, group: Group, stream: Stream, point: Any) -> CumulativeSeries:
        key = (stream, frozenset((name, _fixed(value)) for name, value in point.attributes.items()))
        series = group.series.get(key)
        if series is None:
            start_ns = max(point.start_time_unix_nano or group.begun_ns, group.begun_ns)
            series = group.series[key] = _KINDS[stream.data](point, start_ns)
            self.series_count += 1
        return series

    def _stream(self, scope: InstrumentationScope, metric: Metric) -> Stream:
        data: Any = metric.data
        key = (scope, metric.name, type(data))
        stream = self._streams.get(key)
        if stream is None:
            monotonic = getattr(data, "is_monotonic", False)
            stream = Stream(scope, metric.name, metric.description or "", metric.unit or "", type(data), monotonic)
            self._streams[key] = stream
        return stream

    def end(self, call_id: str, at_ns: int) -> bool:
        """Note that a call ended and that everything it recorded is merged.

        Args:
            call_id: The call.
            at_ns: The instant of its last values, which they keep however often they are sent.

        Returns:
            Whether the call was known.
        """
        group = self._groups.get(call_id)
        if group is None:
            return False
        group.open -= 1
        if group.open <= 0 and group.ended_ns is None:
            group.ended_ns = at_ns
            group.time_ns = max(at_ns, group.time_ns)
            group.settled = not group.series
            self.series_per_call += (len(group.series) - self.series_per_call) / _CALLS_REMEMBERED
            for series in group.series.values():
                # What a server has from before the end does not count as the last export.
                series.version += 1
        return True

    def parts(self, at_ns: int) -> Iterator[Part]:
        """What a regular export sends: every series of running calls, and what ended calls still owe."""
        for group in self._groups.values():
            if group.ended_ns is None:
                group.time_ns = max(at_ns, group.time_ns)
                yield from _part(group, list(_flat(group)))
            elif not group.settled:
                yield from _part(group, _owed(group))

    def parts_of(self, call_ids: Iterable[str], at_ns: int) -> Iterator[Part]:
        """What an export for a few calls sends: what they owe."""
        for call_id in dict.fromkeys(call_ids):
            group = self._groups.get(call_id)
            if group is None or group.settled:
                continue
            if group.ended_ns is None:
                group.time_ns = max(at_ns, group.time_ns)
            yield from _part(group, _owed(group))

    def owed(self, at_ns: int) -> Iterator[Part]:
        """What no server has acknowledged; ended calls keep the instant of their end."""
        for group in self._groups.values():
            if not group.settled:
                yield from _part(self._dated(group, at_ns), _owed(group))

    def shown(self, parts: Iterable[Part]) -> MetricsData:
        """Parts as the SDK's exporters take them, for readers that acknowledge nothing.

        Args:
            parts: What goes in.

        Returns:
            The points.
        """
        points: defaultdict[Stream, list[Any]] = defaultdict(list)
        for part in parts:
            time_ns = part.group.time_ns
            for stream, series in part.series:
                earliest_ns = series.start_ns + MILLISECOND_NS
                points[stream].append(series.point(time_ns if time_ns > earliest_ns else earliest_ns))
        scopes: dict[InstrumentationScope, list[Metric]] = {}
        for stream, column in points.items():
            scopes.setdefault(stream.scope, []).append(stream.metric(column))
        scoped = [ScopeMetrics(scope, metrics, scope.schema_url or "") for scope, metrics in scopes.items()]
        return MetricsData([ResourceMetrics(self._resource, scoped, self._resource.schema_url)])

    def snapshot(self, at_ns: int) -> MetricsData:
        """Everything that is kept, for a reader that neither acknowledges nor needs beginnings."""
        parts = [Part(group, list(_flat(group))) for group in self._groups.values() if self._dated(group, at_ns).series]
        return self.shown(parts)

    @staticmethod
    def _dated(group: Group, at_ns: int) -> Group:
        if group.ended_ns is None:
            group.time_ns = max(at_ns, group.time_ns)
        return group

    def acknowledge(self, parts: Iterable[Part]) -> list[str]:
        """Note that a server has what was sent of these parts.

        Returns:
            Ended calls that owe nothing any more.
        """
        settled = []
        for part in parts:
            for _, series in part.series:
                series.acknowledge()
            group = part.group
            if group.ended_ns is not None and not group.settled and not _owed(group):
                group.settled = True
                settled.append(group.call_id)
        return settled

    def settle(self) -> list[str]:
        """Settle every ended call, for when nobody acknowledges anything."""
        settled = [group for group in self._groups.values() if group.ended_ns is not None and not group.settled]
        for group in settled:
            group.settled = True
        return [group.call_id for group in settled]

    def discard(self, part: Part) -> None:
        """Give up series that cannot be sent."""
        wanted = {id(series) for _, series in part.series}
        for key in [key for key, series in part.group.series.items() if id(series) in wanted]:
            del part.group.series[key]
            self.series_count -= 1
        part.group.met.clear()

    def forget(self, before_ns: int) -> int:
        """Forget settled calls.

        Args:
            before_ns: Only those that ended until then.

        Returns:
            How many were forgotten.
        """
        gone = [
            group
            for group in self._groups.values()
            if group.settled and group.ended_ns is not None and group.ended_ns <= before_ns
        ]
        for group in gone:
            self._remove(group)
        return len(gone)

    def oldest_ended(self, surplus: int) -> list[Part]:
        """The calls that ended longest ago and still owe something.

        Args:
            surplus: How many series they have together at least, if there are as many.

        Returns:
            What they owe.
        """
        ended = [group for group in self._groups.values() if group.ended_ns is not None and not group.settled]
        chosen: list[Part] = []
        for group in sorted(ended, key=lambda group: group.ended_ns or 0):
            if surplus <= 0:
                break
            surplus -= len(group.series)
            chosen.append(Part(group, _owed(group)))
        return chosen

    def remove(self, parts: Iterable[Part]) -> None:
        """Forget the calls of these parts, whatever they owe."""
        for part in parts:
            self._remove(part.group)

    def _remove(self, group: Group) -> None:
        if self._groups.pop(group.call_id, None) is not None:
            self.series_count -= len(group.series)

    def sizes(self) -> Counter[str]:
        """How many series each call has."""
        return Counter({call_id: len(group.series) for call_id, group in self._groups.items()})


def _fixed(value: Any) -> Any:
    # The SDK lets through maps, and sequences of them, which no key can hold.
    return value if isinstance(value, str | int | float) else repr(value)


def _flat(group: Group) -> Iterator[tuple[Stream, CumulativeSeries]]:
    return ((stream, series) for (stream, _), series in group.series.items())


def _owed(group: Group) -> list[tuple[Stream, CumulativeSeries]]:
    return [(stream, series) for stream, series in _flat(group) if series.acknowledged != series.version]


def _part(group: Group, series: list[tuple[Stream, CumulativeSeries]]) -> Iterator[Part]:
    if series:
        yield Part(group, series)
