"""The SDK's reader and the accumulation behind it, brought up to date together.

Owns their lock, and the order that makes a call known before its points. Refuses to know where they go.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData

from voice_metrics.export.accumulation import Accumulation


@dataclass(frozen=True, slots=True)
class Hooks:
    """What those who collect and export tell and ask others, in a thread of their own.

    Parameters:
        refresh: Brings instruments up to date, before each collection.
        dropped: Told a reason and a number of items that are lost; must not collect.
    """

    refresh: Callable[[], None]
    dropped: Callable[[str, int], None]


class Collection:
    """The SDK's reader and the accumulation behind it, for one thread at a time.

    Attributes:
        lock: Held while anything else of it is used, but for `begin`.
        accumulation: The series.
        number: How many collections there were.
    """

    def __init__(self, reader: InMemoryMetricReader, accumulation: Accumulation, hooks: Hooks) -> None:
        """Begin with no call."""
        self.lock = threading.Lock()
        self.accumulation = accumulation
        self.number = 0
        self._reader = reader
        self._hooks = hooks
        self._begun: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()

    def begin(self, call_id: str, at_ns: int) -> None:
        """Note that a call began; before its first measurement, without waiting."""
        self._begun.put((call_id, at_ns))

    def collect(self) -> None:
        """Bring the accumulation up to date; under the lock."""
        collected = self._reader.get_metrics_data()
        # A call is known before its first measurement, so what was collected is of calls noted by now.
        while True:
            try:
                self.accumulation.begin(*self._begun.get_nowait())
            except queue.Empty:
                break
        late = self.accumulation.merge(collected) if collected is not None else 0
        self.number += 1
        if late:
            self._hooks.dropped("late", late)

    def snapshot(self) -> MetricsData:
        """Everything that lives, up to date, for a reader of its own rhythm."""
        self._hooks.refresh()
        with self.lock:
            self.collect()
            return self.accumulation.snapshot(time.time_ns())
