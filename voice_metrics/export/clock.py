"""Unix time that never runs backwards while a process lives."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """The wall clock, until it is set back: then time goes on from where it was.

    A store refuses a second value at an instant that it has, and values older than those. Time that goes on is ahead
    of a clock that was set back; it meets it again when the clock has caught up or is set forward.
    """

    def __init__(
        self, wall_ns: Callable[[], int] = time.time_ns, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """Begin with the wall clock.

        Args:
            wall_ns: Unix nanoseconds.
            monotonic_ns: Monotonic nanoseconds.
        """
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._last = (wall_ns(), monotonic_ns())

    def now_ns(self) -> int:
        """Unix nanoseconds, not less than at the last look plus the time that passed since."""
        wall, monotonic = self._wall_ns(), self._monotonic_ns()
        last_wall, last_monotonic = self._last
        self._last = max(wall, last_wall + monotonic - last_monotonic), monotonic
        return self._last[0]
