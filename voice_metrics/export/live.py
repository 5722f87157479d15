"""The registries of a process, one for each call and a shared one, and their limit of series."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable

from loguru import logger

from voice_metrics.export.clock import Clock
from voice_metrics.export.messages import Entry
from voice_metrics.export.outgoing import SHARED, Outgoing
from voice_metrics.export.reports import Reports
from voice_metrics.export.running_call import RunningCall, Tagged
from voice_metrics.series import table
from voice_metrics.series.registry import MAX_SERIES_OF_A_CALL, RESERVED, Attributes, Budget, Registry, SeriesSink

# Assumed series of a call until some have ended; then a mean of the last calls.
_SERIES_PER_CALL = 20
_CALLS_REMEMBERED = 10
# If unacknowledged calls fill this share of the budget, they are parked or dropped down to `_RELIEVED` of it.
_PRESSURE = 0.9
_RELIEVED = 0.7
_IDLE_EVERY_NS = 60 * 10**9


class LiveSeries:
    """Series recorded in a process and not yet sent: those of each call, the shared ones, and the clock of all."""

    def __init__(self, *, most: int, call_ids: bool, exponential: bool, delta: bool) -> None:
        """Begin without a call, for at most `most` live series, a call's own only with `call_ids`."""
        self._call_ids = call_ids
        self._exponential = exponential
        self._delta = delta
        self.clock = Clock()
        self._lock = threading.Lock()
        self._calls: dict[str, Outgoing] = {}
        self._running: dict[str, RunningCall] = {}
        self._series_per_call: float = _SERIES_PER_CALL
        self._warned = False
        self._reports = Reports("Series that are read")
        self._idle_at = 0
        self._budget = Budget(most)
        # If calls have their own series, the shared ones leave them half of the room.
        registry = self._new_registry({}, most // 2 if call_ids else most, slim=False)
        self.shared = Outgoing(SHARED, "", registry, delta=delta)
        # Called before each export.
        self.refreshers: list[Callable[[], None]] = []

    @property
    def series_count(self) -> int:
        """Number of live series."""
        return self._budget.count

    def _new_registry(self, tags: Attributes, most: int, *, slim: bool, overflow: SeriesSink | None = None) -> Registry:
        return Registry(
            tags,
            most=most,
            budget=self._budget,
            share=1.0 - RESERVED if slim else math.inf,
            exponential=self._exponential,
            slim=slim,
            overflow=overflow,
            dropped=self.dropped,
            clock_ns=self.clock.now_ns,
        )

    def begin(self, call_id: str, attributes: dict[str, str], key: str | None = None) -> RunningCall:
        """Begin a call, with its own series if allowed and there is room; `key` is its own, or `None` for a new one."""
        shared = Tagged(self.shared.registry, attributes)
        if not self._call_ids or not self._has_room_or_warns():
            running = RunningCall(call_id, attributes, shared.series, labelled=False, key=key)
        else:
            tags = {**attributes, table.CALL_ID: call_id}
            registry = self._new_registry(tags, MAX_SERIES_OF_A_CALL, slim=True, overflow=shared)
            running = RunningCall(call_id, tags, registry.series, labelled=True, key=key)
            outgoing = Outgoing(running.key, call_id, registry, delta=self._delta)
            with self._lock:
                self._calls[running.key] = outgoing
        with self._lock:
            self._running[running.key] = running
        return running

    def end(self, running: RunningCall) -> Outgoing | None:
        """Record a call's end; return the series to export at once, or `None` if it was not running here."""
        with self._lock:
            if self._running.pop(running.key, None) is None:
                return None
            return self._calls.get(running.key, self.shared)

    def dropped(self, reason: str, items: int) -> None:
        """Count refused or dropped items."""
        self.shared.registry.series(table.DROPPED, {"reason": reason})(items)

    def refresh(self) -> None:
        """Update series that are computed at each export."""
        with self._lock:
            running = list(self._running.values())
        for refresh in (*(call.refresh for call in running), *self.refreshers):
            try:
                refresh()
            except Exception as error:
                # Contained, so that the other series are exported.
                self._reports.fault(type(error).__name__, f"an error of the plug-in, {type(error).__name__}: {error}.")

    def outgoing(self) -> list[Outgoing]:
        """Return everything still to be sent or shown."""
        with self._lock:
            return [self.shared, *self._calls.values()]

    def set_back(self) -> bool:
        """Date everything unsent by the wall clock again; return False if time did not run far ahead of it."""
        if not self.clock.follow():
            return False
        for outgoing in self.outgoing():
            outgoing.set_back(self.clock.now_ns())
        return True

    def owed(self) -> list[Entry]:
        """Return series that no server has."""
        owed: list[Entry] = []
        for outgoing in self.outgoing():
            outgoing.date(self.clock.now_ns())
            owed += outgoing.owed()
        return owed

    def ended(self, outgoing: Outgoing, now_ns: int) -> None:
        """Record the time of a call's last values."""
        outgoing.end(now_ns)
        self._series_per_call += (len(outgoing.registry) - self._series_per_call) / _CALLS_REMEMBERED

    def forget(self, before_ns: int, *, unacknowledged: bool) -> None:
        """Forget ended calls from before an instant that owe nothing, or whatever they owe, and idle shared series."""
        over = [call for call in self.outgoing() if call.ended_ns is not None and call.ended_ns <= before_ns]
        self.remove([call for call in over if call.settled or unacknowledged])
        now_ns = self.clock.now_ns()
        if now_ns > self._idle_at:
            self._idle_at = now_ns + _IDLE_EVERY_NS
            with self._lock:
                oldest_ns = min((call.began_ns for call in self._running.values()), default=now_ns)
            self.shared.end_idle(now_ns, oldest_ns, owing=not unacknowledged)

    def surplus(self) -> list[Outgoing]:
        """Return the calls that ended longest ago, to be parked or dropped if there is no room for more series."""
        if self._budget.count < _PRESSURE * self._room:
            return []
        too_many = self._budget.count - int(_RELIEVED * self._room)
        chosen: list[Outgoing] = []
        calls = [call for call in self.outgoing() if call.ended_ns is not None and not call.settled]
        for call in sorted(calls, key=lambda call: call.ended_ns or 0):
            if too_many > 0:
                too_many -= len(call.registry)
                chosen.append(call)
        return chosen

    def remove(self, calls: Iterable[Outgoing]) -> None:
        """Forget calls, acknowledged or not."""
        with self._lock:
            for call in calls:
                if self._calls.pop(call.key, None) is not None:
                    call.registry.close()

    @property
    def _room(self) -> float:
        """Number of series above which new calls get none of their own; the rest is for shared ones."""
        return self._budget.most * (1.0 - RESERVED)

    def _has_room_or_warns(self) -> bool:
        each = self._series_per_call
        with self._lock:
            taken = sum(
                len(call.registry) if call.ended_ns is not None else max(len(call.registry), each)
                for call in self._calls.values()
            )
            if len(self.shared.registry) + taken + each <= self._room:
                return True
            warned, self._warned = self._warned, True
        if not warned:
            logger.warning(
                f"No more calls have room for series of their own within VOICE_METRICS_MAX_SERIES={self._budget.most}: "
                "calls that begin now share series without their call_id. Raise it, or set VOICE_METRICS_CALL_ID=off."
            )
        return False
