"""What one call writes to its series.

Owns the sums of its counters: increments are added up here and told once before each collection, because an
instrument takes ten times as long as a sum. Distributions and momentary values go to their instruments at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

from voice_metrics.instruments import instruments_of
from voice_metrics.points import Point
from voice_metrics.series import Kind
from voice_metrics.telemetry import Telemetry

_SUMMED = frozenset({Kind.COUNTER, Kind.UP_DOWN_COUNTER})


class CallSeries:
    """The series of a call that runs."""

    def __init__(self, telemetry: Telemetry, call_id: str, attributes: Mapping[str, str]) -> None:
        """Begin the call's series.

        Args:
            telemetry: Where they go.
            call_id: The call.
            attributes: Attributes of every point of it, besides the call's id.
        """
        self._lock = Lock()
        self._sums: dict[tuple[str, tuple[tuple[str, str], ...]], Point] = {}
        self._instruments = instruments_of(telemetry.meter)
        self.tags = telemetry.begin(call_id, attributes, self.tell)
        self._tags = self.tags.attributes

    def write(self, point: Point) -> None:
        """Write a point of the call's own.

        Args:
            point: The point.
        """
        series, value, attributes = point
        if series.kind in _SUMMED:
            key = series.name, tuple(attributes.items())
            with self._lock:
                before = self._sums.get(key)
                self._sums[key] = Point(series, before.value + value, attributes) if before else point
        else:
            self._instruments.write(point, self._tags)

    def write_shared(self, point: Point) -> None:
        """Write a point of a series that all calls share.

        Args:
            point: The point.
        """
        self._instruments.write(point, {})

    def tell(self) -> None:
        """Hand the sums to their instruments; also called by the thread that exports."""
        with self._lock:
            sums, self._sums = self._sums, {}
        for point in sums.values():
            self._instruments.write(point, self._tags)
