"""Reads the SDK's instruments on a thread of its own, because their callbacks are the application's and may hang."""

from __future__ import annotations

import threading
from typing import Any

from loguru import logger
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from voice_metrics.export.connections import start_apart

# A call's end waits for one reading, and for its export.
_PATIENCE_SECONDS = 0.5


class Readings:
    """The newest data of a reader.

    Attributes:
        data: What was read last and not taken yet, or `None`.
    """

    def __init__(self, reader: InMemoryMetricReader) -> None:
        """Start the thread; a process that ends next could not."""
        self.data: Any = None
        self._reader = reader
        self._changed = threading.Condition()
        self._asked = self._done = 0
        self._error: Exception | None = None
        # True if the reading under way took too long for somebody.
        self._late = self._late_logged = False
        self._closed = False
        start_apart(threading.Thread(target=self._run, name="voice-metrics-instruments", daemon=True))

    def take(self) -> Any:
        """Read all instruments, and return what was read since the last time; `None` if the callbacks take longer.

        Raises:
            Exception: The SDK cannot read them.
        """
        with self._changed:
            self._asked += 1
            wanted = self._asked
            self._changed.notify_all()
            # Later ones do not wait for the same callback again.
            patience = 0.0 if self._late else _PATIENCE_SECONDS
            self._late = not self._changed.wait_for(lambda: self._done >= wanted, patience)
            if self._late and not self._late_logged:
                self._late_logged = True
                logger.warning(
                    f"A callback of an observable instrument takes longer than {_PATIENCE_SECONDS:g} s: the values of "
                    "the application's instruments come once it returns. Calls are exported without them."
                )
            (found, self.data), (error, self._error) = (self.data, None), (self._error, None)
        if error is not None:
            raise error
        return found

    def close(self) -> None:
        """End the thread, once no callback holds it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._asked > self._done or self._closed)
                if self._closed:
                    return
                wanted = self._asked
            error, data = None, None
            try:
                data = self._reader.get_metrics_data()
            except Exception as raised:
                error = raised
            with self._changed:
                self._done, self.data, self._error, self._late = wanted, data, error, False
                self._changed.notify_all()
