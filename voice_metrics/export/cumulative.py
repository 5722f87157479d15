"""One cumulative series of each kind, fed with the deltas that the SDK collects.

Owns the arithmetic of adding a delta point to a series, and the points made of it. Refuses to know
about calls, requests and acknowledgements. Instants are Unix nanoseconds, as in the SDK's points.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import add
from typing import Any

from opentelemetry.sdk.metrics.export import (
    Buckets,
    DataPointT,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
)

from voice_metrics.export.buckets import coarser, excess, merged

# Prometheus keeps milliseconds: two samples of one series in the same one are duplicates to it.
MILLISECOND_NS = 1_000_000
_INT64 = 2**63


def _number(value: float) -> float:
    # An integer beyond 64 bits cannot be encoded, and would take the whole request with it.
    return value if isinstance(value, float) or -_INT64 <= value < _INT64 else float(value)


class CumulativeSeries:
    """One series since its beginning.

    Attributes:
        attributes: What tells it from its siblings.
        start_ns: Its beginning.
        version: Counts its changes.
        acknowledged: The version that a server has, or -1 if it has none.
        sent: The version in the request under way.
        zero_due: Whether a point of value zero at `start_ns` is still to be sent.
        template: The part of its points that never changes, encoded, or `None` before the first request.
    """

    __slots__ = ("acknowledged", "attributes", "exemplars", "sent", "start_ns", "template", "version", "zero_due")

    counts_from_zero = True

    def __init__(self, point: DataPointT, start_ns: int) -> None:
        """Begin a series.

        Args:
            point: Its first delta; still to be added.
            start_ns: Where it begins, if not later.
        """
        self.attributes = point.attributes
        self.start_ns = min(start_ns, point.time_unix_nano - MILLISECOND_NS)
        self.exemplars: Sequence[Any] = ()
        self.version = 0
        self.acknowledged = -1
        self.sent = -1
        self.zero_due = self.counts_from_zero
        self.template: Any = None

    def settled(self) -> bool:
        """Whether a server has the newest version."""
        return self.acknowledged == self.version

    def add(self, delta: Any) -> None:
        """Add a delta point of the same kind."""
        self.version += 1
        self.exemplars = delta.exemplars
        self._add(delta)

    def replace(self, point: Any) -> None:
        """Take over a point that is cumulative already, as those of observable instruments are."""
        self._clear()
        self.add(point)
        # It counted before anyone looked: a zero would make its past one jump.
        self.zero_due = False

    def acknowledge(self) -> None:
        """Note that a server has what was sent last."""
        self.acknowledged = self.sent
        self.zero_due = False
        if self.acknowledged == self.version:
            self.exemplars = ()

    def _add(self, delta: Any) -> None:
        raise NotImplementedError

    def _clear(self) -> None:
        raise NotImplementedError

    def point(self, time_ns: int) -> DataPointT:
        """The series as a point at an instant."""
        raise NotImplementedError


class SumSeries(CumulativeSeries):
    """A counter or an up-down counter."""

    __slots__ = ("value",)

    def __init__(self, point: NumberDataPoint, start_ns: int) -> None:
        """Begin a sum."""
        super().__init__(point, start_ns)
        self.value: float = 0

    def _add(self, delta: NumberDataPoint) -> None:
        self.value = _number(self.value + delta.value)

    def _clear(self) -> None:
        self.value = 0

    def point(self, time_ns: int) -> NumberDataPoint:
        """The sum at an instant."""
        return NumberDataPoint(self.attributes, self.start_ns, time_ns, self.value, self.exemplars)


class GaugeSeries(SumSeries):
    """A gauge: the last value counts, and there is no beginning from zero."""

    __slots__ = ()

    counts_from_zero = False

    def _add(self, delta: NumberDataPoint) -> None:
        self.value = _number(delta.value)


class HistogramSeries(CumulativeSeries):
    """A histogram with explicit bounds."""

    __slots__ = ("bounds", "bucket_counts", "count", "max", "min", "sum")

    def __init__(self, point: HistogramDataPoint, start_ns: int) -> None:
        """Begin a histogram."""
        super().__init__(point, start_ns)
        self.bounds = point.explicit_bounds
        self._clear()

    def _clear(self) -> None:
        self.count = 0
        self.sum: float = 0.0
        self.bucket_counts = [0] * (len(self.bounds) + 1)
        self.min = float("inf")
        self.max = float("-inf")

    def _add(self, delta: HistogramDataPoint) -> None:
        self.count += delta.count
        self.sum += delta.sum
        self.bucket_counts = list(map(add, self.bucket_counts, delta.bucket_counts))
        self.min = min(self.min, delta.min)
        self.max = max(self.max, delta.max)

    def point(self, time_ns: int) -> HistogramDataPoint:
        """The histogram at an instant."""
        return HistogramDataPoint(
            self.attributes,
            self.start_ns,
            time_ns,
            self.count,
            self.sum,
            self.bucket_counts,
            self.bounds,
            self.min,
            self.max,
            self.exemplars,
        )


class ExponentialSeries(CumulativeSeries):
    """A histogram with exponential buckets; its scale follows the widest range it has seen."""

    __slots__ = ("count", "max", "min", "negative", "positive", "scale", "sum", "zero_count")

    def __init__(self, point: ExponentialHistogramDataPoint, start_ns: int) -> None:
        """Begin an exponential histogram."""
        super().__init__(point, start_ns)
        self._clear()

    def _clear(self) -> None:
        self.scale: int | None = None
        self.count = 0
        self.sum: float = 0.0
        self.zero_count = 0
        self.positive = Buckets(0, [])
        self.negative = Buckets(0, [])
        self.min = float("inf")
        self.max = float("-inf")

    def _add(self, delta: ExponentialHistogramDataPoint) -> None:
        mine = delta.scale if self.scale is None else self.scale
        scale = min(mine, delta.scale)
        sides = [
            (coarser(ours, mine - scale), coarser(theirs, delta.scale - scale))
            for ours, theirs in ((self.positive, delta.positive), (self.negative, delta.negative))
        ]
        steps = max(excess(ours, theirs) for ours, theirs in sides)
        self.scale = scale - steps
        self.positive, self.negative = (merged(coarser(ours, steps), coarser(theirs, steps)) for ours, theirs in sides)
        self.count += delta.count
        self.sum += delta.sum
        self.zero_count += delta.zero_count
        self.min = min(self.min, delta.min)
        self.max = max(self.max, delta.max)

    def point(self, time_ns: int) -> ExponentialHistogramDataPoint:
        """The histogram at an instant."""
        return ExponentialHistogramDataPoint(
            self.attributes,
            self.start_ns,
            time_ns,
            self.count,
            self.sum,
            self.scale or 0,
            self.zero_count,
            self.positive,
            self.negative,
            0,
            self.min,
            self.max,
            self.exemplars,
        )
