"""Unix time that runs backwards only on request."""

from __future__ import annotations

import time
from collections.abc import Callable

# Stores take points that are less ahead: Mimir and Prometheus, for instance, those of the next ten minutes.
_TAKEN_AHEAD_NS = 60 * 10**9


class Clock:
    """The wall clock, without steps back: if it is set back, time continues from the latest moment.

    A store refuses a second value at an instant, and older ones. Time then runs ahead of the wall clock until that
    catches up or is set forward, or `follow` is called.
    """

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._last = (wall_ns(), monotonic_ns())

    def now_ns(self) -> int:
        """Return Unix nanoseconds, at least the last ones plus the time since."""
        wall, monotonic = self._wall_ns(), self._monotonic_ns()
        last_wall, last_monotonic = self._last
        self._last = max(wall, last_wall + monotonic - last_monotonic), monotonic
        return self._last[0]

    def follow(self) -> bool:
        """Step back to the wall clock if time runs too far ahead of it for stores; return True if it did."""
        wall = self._wall_ns()
        if self.now_ns() - wall < _TAKEN_AHEAD_NS:
            return False
        self._last = wall, self._monotonic_ns()
        return True
