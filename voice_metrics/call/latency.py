"""Figures of one kind of latency: seconds in, milliseconds out."""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

# Percentiles are over this many latest samples; counts, averages and extremes over all.
SAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Latency:
    """Figures of one kind of latency in milliseconds, each `None` without samples.

    Parameters:
        count: Number of samples.
        average_ms: Mean.
        min_ms: Least.
        max_ms: Most.
        p50_ms: Median.
        p95_ms: 95th percentile, interpolated between samples.
    """

    count: int
    average_ms: float | None
    min_ms: float | None
    max_ms: float | None
    p50_ms: float | None
    p95_ms: float | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "count": self.count,
            "average_ms": self.average_ms,
            "min_ms": self.min_ms,
            "max_ms": self.max_ms,
            "p50_ms": self.p50_ms,
            "p95_ms": self.p95_ms,
        }


def latency(count: int, total: float, least: float, most: float, samples: Iterable[float]) -> Latency:
    """Return figures in milliseconds, to a thousandth, from seconds.

    Args:
        count: Number of all samples.
        total: Their sum in seconds.
        least: The least in seconds.
        most: The most in seconds.
        samples: Samples in seconds for the percentiles.
    """
    if not count:
        return Latency(0, None, None, None, None, None)
    return _figures(count, total, least, most, sorted(samples))


def _figures(count: int, total: float, least: float, most: float, ranked: list[float]) -> Latency:
    return Latency(
        count, *(milliseconds(s) for s in (total / count, least, most, _quantile(ranked, 0.5), _quantile(ranked, 0.95)))
    )


def _quantile(ranked: list[float], fraction: float) -> float:
    position = fraction * (len(ranked) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (ranked[above] - ranked[below]) * (position - below)


def milliseconds(seconds: float) -> float:
    """Convert seconds to milliseconds, to a thousandth."""
    return round(seconds * 1000, 3)


NO_LATENCY = latency(0, 0.0, 0.0, 0.0, ())


@dataclass(slots=True)
class Samples:
    """Seconds of one kind of latency."""

    count: int = 0
    total: float = 0.0
    least: float = 0.0
    most: float = 0.0
    interrupted: int = 0
    latest: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    # The same in order, because a live call is summed up every few seconds.
    _ranked: list[float] = field(default_factory=list)

    def add(self, seconds: float) -> None:
        """Add a sample."""
        if not self.count or seconds < self.least:
            self.least = seconds
        if seconds > self.most:
            self.most = seconds
        self.count += 1
        self.total += seconds
        if len(self.latest) == SAMPLES:
            del self._ranked[bisect_right(self._ranked, self.latest[0]) - 1]
        self.latest.append(seconds)
        insort(self._ranked, seconds)

    def summary(self) -> Latency:
        """Return the figures so far, in milliseconds."""
        if not self.count:
            return NO_LATENCY
        return _figures(self.count, self.total, self.least, self.most, self._ranked)


def together(parts: Iterable[Samples]) -> Samples:
    """Return several kinds of latency as one."""
    parts = list(parts)
    counted = [part for part in parts if part.count]
    return Samples(
        count=sum(part.count for part in counted),
        total=sum(part.total for part in counted),
        least=min((part.least for part in counted), default=0.0),
        most=max((part.most for part in counted), default=0.0),
        interrupted=sum(part.interrupted for part in parts),
        _ranked=sorted(chain.from_iterable(part._ranked for part in counted)),
    )
