"""How many series may live, and who has room among them.

Owns the count of calls that are let in, and what is given up when a server takes nothing. Refuses to fail a
call: one without room shares its series.
"""

from __future__ import annotations

import threading

from loguru import logger

from voice_metrics.export.collection import Collection

# A budget that is nearly full of calls that no server takes is relieved down to `_RELIEVED` of it.
_PRESSURE = 0.9
_RELIEVED = 0.7


class Budget:
    """The budget of live series."""

    def __init__(self, most: int, collection: Collection) -> None:
        """Begin with all of it free.

        Args:
            most: How many series may live.
            collection: Where they are counted.
        """
        self._most = most
        self._collection = collection
        self._lock = threading.Lock()
        self._begun_since = 0
        self._counted_at = -1
        self._told = False

    def has_room(self) -> bool:
        """Whether a call that begins now may have series of its own; counts it if so."""
        accumulation = self._collection.accumulation
        counted = accumulation.series_count
        with self._lock:
            # Calls that began since the last collection have no series there yet.
            if self._collection.number != self._counted_at:
                self._counted_at, self._begun_since = self._collection.number, 0
            if counted + (self._begun_since + 1) * accumulation.series_per_call <= self._most:
                self._begun_since += 1
                return True
            told, self._told = self._told, True
        if not told:
            logger.warning(
                f"No more calls have room for series of their own within VOICE_METRICS_MAX_SERIES={self._most}: "
                "calls that begin now share series without their call_id. Raise it, or set VOICE_METRICS_CALL_ID=off."
            )
        return False

    def surplus(self) -> int:
        """How many series are to be given up, as far as ended calls have them; 0 while there is room."""
        count = self._collection.accumulation.series_count
        return 0 if count < _PRESSURE * self._most else count - int(_RELIEVED * self._most)
