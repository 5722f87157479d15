"""The running calls, and what is told of each whenever somebody collects: how long it lasts, and its sums.

Owns the arithmetic of a duration that is exported while it grows. Refuses to know who exports it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from opentelemetry.metrics import UpDownCounter

from voice_metrics.export.reports import Reports


@dataclass(frozen=True, slots=True, eq=False)
class Tags:
    """What every point of a call carries.

    Parameters:
        call_id: The call.
        attributes: Its attributes; the call's id is one of them if `labelled`.
        labelled: Whether its series are its own.
    """

    call_id: str
    attributes: Mapping[str, str]
    labelled: bool


class _Running:
    __slots__ = ("lock", "over", "tags", "tell_rest", "told", "told_at")

    def __init__(self, tags: Tags, tell_rest: Callable[[], None], at: float) -> None:
        self.lock = threading.Lock()
        self.over = False
        self.tags = tags
        self.tell_rest = tell_rest
        self.told = 0.0
        self.told_at = at


class RunningCalls:
    """The calls of a process that have begun and not ended."""

    def __init__(self, duration: UpDownCounter, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with no call.

        Args:
            duration: The instrument, in seconds.
            clock: Monotonic seconds.
        """
        self._duration = duration
        self._clock = clock
        self._running: dict[int, _Running] = {}
        self._reports = Reports("Sums of a call")

    def begin(self, tags: Tags, tell_rest: Callable[[], None]) -> None:
        """Note that a call began.

        Args:
            tags: What every point of it carries.
            tell_rest: Tells what else the call has not told yet.
        """
        self._running[id(tags)] = _Running(tags, tell_rest, self._clock())
        # The series begins with the call, not with its first export.
        self._duration.add(0.0, tags.attributes)

    def end(self, tags: Tags) -> bool:
        """Note that a call ended, and tell its whole duration and what it has not told yet.

        Returns:
            Whether it was running.
        """
        running = self._running.pop(id(tags), None)
        if running is None:
            return False
        with running.lock:
            self._tell(running)
            running.over = True
            if not tags.labelled:
                # Shared series tell the duration of running calls together.
                self._duration.add(-running.told, tags.attributes)
        return True

    def forget(self) -> None:
        """Forget every call, telling nothing more of it."""
        self._running.clear()

    def refresh(self) -> None:
        """Tell how long each call has lasted by now, and what it has not told yet."""
        for running in list(self._running.values()):
            with running.lock:
                if not running.over:
                    self._tell(running)

    def _tell(self, running: _Running) -> None:
        now = self._clock()
        elapsed = now - running.told_at
        running.told += elapsed
        running.told_at = now
        self._duration.add(elapsed, running.tags.attributes)
        try:
            running.tell_rest()
        except Exception as error:
            # One call's fault would keep every other from being exported.
            self._reports.fault(type(error).__name__, f"an error of the plug-in, {type(error).__name__}: {error}.")
