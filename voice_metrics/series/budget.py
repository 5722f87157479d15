"""The number of live series of a process, in all registries."""

from __future__ import annotations

from threading import Lock


class Budget:
    """A common limit of registries.

    Attributes:
        most: The limit.
        count: Live series.
    """

    def __init__(self, most: float = float("inf")) -> None:
        """Begin without a series."""
        self.most = most
        self.count = 0
        self._lock = Lock()

    def reserve(self, share: float) -> bool:
        """Count one more series; return False, uncounted, if that `share` of the limit, 0 to 1, is reached."""
        with self._lock:
            if self.count >= self.most * share:
                return False
            self.count += 1
            return True

    def release(self, series: int) -> None:
        """Subtract ended series."""
        with self._lock:
            self.count -= series
