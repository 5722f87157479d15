"""Lag of the event loop during one call (pure)."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

# A caller hears a longer lag.
STALL_SECONDS = 0.5
# Upper bounds in seconds for the percentile: 0.1 ms to 100 s, in steps of 10 %.
_BOUNDS = tuple(0.0001 * 1.1**power for power in range(146))


class Lags:
    """Lags of a loop during one call."""

    __slots__ = ("_counts", "_most")

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS) + 1)
        self._most = 0.0

    def add(self, seconds: float) -> None:
        """Add a tick that was late by `seconds`."""
        self._counts[bisect_left(_BOUNDS, seconds)] += 1
        self._most = max(self._most, seconds)

    @property
    def most(self) -> float | None:
        """The worst lag in seconds, or `None` before the first tick."""
        return self._most if any(self._counts) else None

    @property
    def p99(self) -> float | None:
        """The 99th percentile in seconds, to 10 %, or `None` before the first tick."""
        rank, seen = 0.99 * sum(self._counts), 0
        if not rank:
            return None
        for bound, count in zip((*_BOUNDS, self._most), self._counts, strict=True):
            seen += count
            if seen >= rank:
                return min(bound, self._most)
        return self._most

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, in milliseconds; `None` before the first tick."""
        most, p99 = self.most, self.p99
        return {
            "max_ms": None if most is None else round(most * 1000, 3),
            "p99_ms": None if p99 is None else round(p99 * 1000, 3),
        }
