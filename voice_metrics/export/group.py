"""The series of one call, or those that calls share, and what of them goes into a request.

Owns what a call still owes a server, and the instant of its points. Refuses to know other calls. Instants
are Unix nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.metrics.export import ExponentialHistogram, Gauge, Histogram, Sum

from voice_metrics.export.cumulative import (
    MILLISECOND_NS,
    CumulativeSeries,
    ExponentialSeries,
    GaugeSeries,
    HistogramSeries,
    SumSeries,
)
from voice_metrics.export.stream import Stream

_KINDS: dict[type, type[CumulativeSeries]] = {
    Sum: SumSeries,
    Gauge: GaugeSeries,
    Histogram: HistogramSeries,
    ExponentialHistogram: ExponentialSeries,
}


@dataclass(slots=True, eq=False)
class Group:
    """The series of one call, or those that calls share.

    Parameters:
        call_id: The call, or "" for shared series.
        begun_ns: When the call began.
        time_ns: The instant of its points in the newest request.
        open: How many calls of this id are running.
        ended_ns: When the call ended, or `None` while it runs.
        settled: Whether it owes nothing more to anybody.
        series: Its series with their streams, by stream and attributes, in whatever order these are.
        met: The same by stream and values of attributes, as they came.
    """

    call_id: str
    begun_ns: int
    time_ns: int
    open: int = 1
    ended_ns: int | None = None
    settled: bool = False
    series: dict[tuple[Stream, Any], tuple[Stream, CumulativeSeries]] = field(default_factory=dict)
    met: dict[tuple[Any, ...], CumulativeSeries] = field(default_factory=dict)

    def reopen(self) -> None:
        """Go on with another call of the same id."""
        self.open += 1
        self.ended_ns = None
        self.settled = False

    def take(self, stream: Stream, point: Any, *, cumulative: bool) -> bool:
        """Add a point to its series.

        Args:
            stream: What it is a point of.
            point: What the SDK collected.
            cumulative: Whether it replaces what came before.

        Returns:
            Whether it began a series.
        """
        attributes = point.attributes
        count = len(self.series)
        # Most points are of a series that was met with its attributes in this order.
        shape = (stream, *map(fixed, attributes.values()))
        series = self.met.get(shape)
        if series is None or series.attributes != attributes:
            series = self.met[shape] = self._series_of(stream, point)
        if cumulative:
            series.replace(point)
        else:
            series.add(point)
        return len(self.series) > count

    def _series_of(self, stream: Stream, point: Any) -> CumulativeSeries:
        key = (stream, frozenset((name, fixed(value)) for name, value in point.attributes.items()))
        known = self.series.get(key)
        if known is None:
            start_ns = max(point.start_time_unix_nano or self.begun_ns, self.begun_ns)
            known = self.series[key] = stream, _KINDS[stream.data](point, start_ns)
        return known[1]

    def end(self, at_ns: int) -> bool:
        """Note that a call of this id ended.

        Args:
            at_ns: The instant of its last values, which they keep however often they are sent.

        Returns:
            Whether it was the last one that ran.
        """
        self.open -= 1
        if self.open > 0 or self.ended_ns is not None:
            return False
        self.ended_ns = at_ns
        self.time_ns = max(at_ns, self.time_ns)
        self.settled = not self.series
        for _, series in self.series.values():
            # What a server has from before the end does not count as the last export.
            series.version += 1
        return True

    def date(self, at_ns: int) -> None:
        """Give its points another instant, unless the call has ended."""
        if self.ended_ns is None:
            self.time_ns = max(at_ns, self.time_ns)

    def whole(self) -> Part:
        """Every series of it."""
        return Part(self, list(self.series.values()))

    def owed(self) -> Part:
        """What no server has acknowledged."""
        if self.settled:
            return Part(self, ())
        return Part(self, [known for known in self.series.values() if not known[1].settled()])

    def settle(self) -> bool:
        """Note that something was acknowledged or given up; whether that was the last thing an ended call owed."""
        if self.ended_ns is None or self.settled or self.owed().series:
            return False
        self.settled = True
        return True

    def discard(self, given_up: Sequence[tuple[Stream, CumulativeSeries]]) -> int:
        """Give up series; how many it had of them."""
        unwanted = {id(series) for _, series in given_up}
        keys = [key for key, (_, series) in self.series.items() if id(series) in unwanted]
        for key in keys:
            del self.series[key]
        self.met.clear()
        return len(keys)


@dataclass(frozen=True, slots=True)
class Part:
    """Series of one group that go into one request.

    Parameters:
        group: The group.
        series: The series with their streams.
    """

    group: Group
    series: Sequence[tuple[Stream, CumulativeSeries]]

    def dated(self) -> Iterator[tuple[Stream, CumulativeSeries, int]]:
        """The series, each with the instant of its point."""
        time_ns = self.group.time_ns
        for stream, series in self.series:
            earliest_ns = series.start_ns + MILLISECOND_NS
            yield stream, series, time_ns if time_ns > earliest_ns else earliest_ns

    def divided(self, most: int) -> Iterator[Part]:
        """The part in parts of so many series at most."""
        for start in range(0, len(self.series), most):
            yield Part(self.group, self.series[start : start + most])


def fixed(value: Any) -> Any:
    """An attribute's value as a key of a dictionary."""
    # The SDK lets through maps, and sequences of them, which no key can hold.
    return value if isinstance(value, str | int | float) else repr(value)
