"""A running call for its recorders: destination of its series, and its length so far."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping

from voice_metrics.series import table
from voice_metrics.series.registry import RESERVED, Attributes, Full, Record, Registry
from voice_metrics.series.table import Series


class RunningCall:
    """A call that has begun and not ended.

    Attributes:
        key: Its key, distinct even for two calls of one id.
        call_id: Its id.
        attributes: Attributes of each of its points.
        labelled: True if its series are its own, with its id among their attributes.
        began_ns: Its beginning, in Unix nanoseconds.
        whole_seconds: Its whole length once that is known; `None` for the clock's.
    """

    def __init__(
        self,
        call_id: str,
        attributes: Mapping[str, str],
        series: Callable[[Series, Attributes], Record],
        *,
        labelled: bool,
        key: str | None = None,
    ) -> None:
        """Begin the call, and its duration with it; `series` adds the attributes, and `None` is a new key."""
        self.key = key or uuid.uuid4().hex
        self.call_id = call_id
        self.attributes = attributes
        self.labelled = labelled
        self.began_ns = time.time_ns()
        self.whole_seconds: float | None = None
        self.series = series
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._recorded = 0.0
        self._over = False
        self._duration = self.series(table.SESSION_DURATION, {})
        # The series begins with the call, not with its first export.
        self._duration(0.0)

    def started(self, seconds: float) -> None:
        """Count the length from the call's start, `seconds` after its series began."""
        with self._lock:
            self._began += seconds

    def refresh(self) -> None:
        """Record the call's length so far."""
        with self._lock:
            if not self._over:
                self._record_length(time.monotonic() - self._began)

    def end(self) -> bool:
        """Record the whole duration; return False if the call had ended before."""
        with self._lock:
            if self._over:
                return False
            # The call may have ended some seconds before its last export.
            whole = time.monotonic() - self._began if self.whole_seconds is None else self.whole_seconds
            # A shared series has the length of the running calls together.
            self._record_length(whole if self.labelled else 0.0)
            self._over = True
            return True

    def _record_length(self, seconds: float) -> None:
        added, self._recorded = seconds - self._recorded, seconds
        self._duration(added)


class Tagged:
    """A sink of one call's series in the shared registry, with the call's tags."""

    def __init__(self, registry: Registry, tags: Mapping[str, str]) -> None:
        self._registry = registry
        self._tags = tags
        self._models = {key: value for key, value in tags.items() if key in table.MODEL_ATTRIBUTES}

    def series(self, row: Series, attributes: Attributes) -> Record:
        """Return the recorder of one series, without the user's attributes once the registry is nearly full."""
        reserved = 0.0 if len(self._tags) == len(self._models) else RESERVED
        try:
            return self._registry.accumulator(row, {**self._tags, **attributes}, reserved=reserved).add
        except Full:
            return self._registry.series(row, {**self._models, **attributes})
