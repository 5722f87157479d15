"""Delta collections in, cumulative points out, call by call.

Owns every series that is still to be sent, in one group for each call and one for what calls share, and
forgets those of an ended call once a server has their last values. Refuses input and output; one thread at
a time may use it. Instants are Unix nanoseconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Metric,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from voice_metrics.export.group import Group, Part, fixed
from voice_metrics.export.stream import Stream
from voice_metrics.series.table import CALL_ID

SHARED = ""
# Taken for the size of a call until some have ended; then the last ones tell.
_SERIES_PER_CALL = 20
_CALLS_REMEMBERED = 10


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
        self._streams: dict[tuple[Any, ...], Stream] = {}
        self._groups: dict[str, Group] = {SHARED: Group(SHARED, now_ns, now_ns)}
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
            self._groups[call_id] = Group(call_id, at_ns, at_ns)
        else:
            group.reopen()

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
            group = self._groups.get(fixed(point.attributes.get(CALL_ID, SHARED)))
            if group is None or group.settled:
                late += 1
            elif group.take(stream, point, cumulative=cumulative):
                self.series_count += 1
        return late

    def _stream(self, scope: InstrumentationScope, metric: Metric) -> Stream:
        data: Any = metric.data
        monotonic = getattr(data, "is_monotonic", False)
        # The SDK takes instruments of one name for several where their descriptions differ, and gives each its bounds.
        bounds = tuple(getattr(next(iter(data.data_points), None), "explicit_bounds", ()))
        key = (scope, metric.name, metric.unit, type(data), monotonic, bounds)
        stream = self._streams.get(key)
        if stream is None:
            stream = Stream(scope, metric.name, metric.description or "", metric.unit or "", type(data), monotonic)
            self._streams[key] = stream
        return stream

    def end(self, call_id: str, at_ns: int) -> None:
        """Note that a call ended and that everything it recorded is merged.

        Args:
            call_id: The call.
            at_ns: The instant of its last values.
        """
        group = self._groups.get(call_id)
        if group is not None and group.end(at_ns):
            self.series_per_call += (len(group.series) - self.series_per_call) / _CALLS_REMEMBERED

    def parts(self, at_ns: int) -> Iterator[Part]:
        """What a regular export sends: every series of running calls, and what ended calls still owe."""
        for group in self._groups.values():
            group.date(at_ns)
            part = group.whole() if group.ended_ns is None else group.owed()
            if part.series:
                yield part

    def parts_of(self, call_ids: Iterable[str], at_ns: int) -> Iterator[Part]:
        """What an export for a few calls sends: what they owe."""
        return _owed(filter(None, map(self._groups.get, dict.fromkeys(call_ids))), at_ns)

    def owed(self, at_ns: int) -> Iterator[Part]:
        """What no server has acknowledged; ended calls keep the instant of their end."""
        return _owed(self._groups.values(), at_ns)

    def shown(self, parts: Iterable[Part]) -> MetricsData:
        """Parts as the SDK's exporters take them, for readers that acknowledge nothing.

        Args:
            parts: What goes in.

        Returns:
            The points.
        """
        points: defaultdict[Stream, list[Any]] = defaultdict(list)
        for part in parts:
            for stream, series, time_ns in part.dated():
                points[stream].append(series.point(time_ns))
        scopes: dict[InstrumentationScope, list[Metric]] = {}
        for stream, column in points.items():
            scopes.setdefault(stream.scope, []).append(stream.metric(column))
        scoped = [ScopeMetrics(scope, metrics, scope.schema_url or "") for scope, metrics in scopes.items()]
        return MetricsData([ResourceMetrics(self._resource, scoped, self._resource.schema_url)])

    def snapshot(self, at_ns: int) -> MetricsData:
        """Everything that is kept, for a reader that neither acknowledges nor needs beginnings."""
        for group in self._groups.values():
            group.date(at_ns)
        return self.shown(group.whole() for group in self._groups.values())

    def acknowledge(self, parts: Iterable[Part]) -> list[str]:
        """Note that a server has what was sent of these parts.

        Returns:
            Ended calls that owe nothing any more.
        """
        settled = []
        for part in parts:
            for _, series in part.series:
                series.acknowledge()
            if part.group.settle():
                settled.append(part.group.call_id)
        return settled

    def settle(self) -> None:
        """Settle every ended call, for when nobody acknowledges anything."""
        for group in self._groups.values():
            group.settled = group.ended_ns is not None

    def discard(self, part: Part) -> None:
        """Give up series that cannot be sent."""
        self.series_count -= part.group.discard(part.series)
        part.group.settle()

    def forget(self, before_ns: int) -> int:
        """Forget settled calls.

        Args:
            before_ns: Only those that ended until then.

        Returns:
            How many were forgotten.
        """
        gone = [group for group in self._ended() if group.settled and (group.ended_ns or 0) <= before_ns]
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
        chosen: list[Part] = []
        for group in sorted(self._ended(), key=lambda group: group.ended_ns or 0):
            if surplus > 0 and not group.settled:
                surplus -= len(group.series)
                chosen.append(group.owed())
        return chosen

    def _ended(self) -> Iterator[Group]:
        return (group for group in self._groups.values() if group.ended_ns is not None)

    def remove(self, parts: Iterable[Part]) -> None:
        """Forget the calls of these parts, whatever they owe."""
        for part in parts:
            self._remove(part.group)

    def _remove(self, group: Group) -> None:
        if self._groups.pop(group.call_id, None) is not None:
            self.series_count -= len(group.series)


def _owed(groups: Iterable[Group], at_ns: int) -> Iterator[Part]:
    for group in groups:
        group.date(at_ns)
        part = group.owed()
        if part.series:
            yield part
