"""The number of series that live in a process, whatever registry they are in."""

from __future__ import annotations

from threading import Lock


class Budget:
    """A common limit of registries.

    Attributes:
        most: The limit.
        count: Series that live now.
    """

    def __init__(self, most: float = float("inf")) -> None:
        """Begin with none."""
        self.most = most
        self.count = 0
        self._lock = Lock()

    def take(self, share: float) -> bool:
        """Count one more series unless that share of the limit, 0 to 1, is reached; return whether it is counted."""
        with self._lock:
            if self.count >= self.most * share:
                return False
            self.count += 1
            return True

    def give(self, series: int) -> None:
        """Count series no more that have ended."""
        with self._lock:
            self.count -= series
