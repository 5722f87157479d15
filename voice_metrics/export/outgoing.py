"""The unsent series of one registry, a call's or the shared one.

Everything here runs in the export thread. Instants are Unix nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterable

from voice_metrics.export.messages import MILLISECOND_NS, Entry
from voice_metrics.series.accumulators import Accumulator
from voice_metrics.series.registry import IDLE_SECONDS, Registry
from voice_metrics.series.table import Kind

SHARED = ""


class Outgoing:
    """A registry on its way to a server.

    Attributes:
        key: The call's key, or "" for the shared series.
        call_id: The call's id, for people.
        time_ns: Time of its points in the newest request.
        ended_ns: Time of the call's end, or `None` while it runs.
        settled: True if an ended call has nothing more to send.
        refused: True if a server will never have all of an ended call, or all increments of one.
        without_zero: Series of the SDK, which may have values from before, so that a zero point would show a jump.
    """

    def __init__(self, key: str, call_id: str, registry: Registry, *, delta: bool) -> None:
        self.key = key
        self.call_id = call_id
        self.registry = registry
        self.time_ns = 0
        self.ended_ns: int | None = None
        self.settled = self.refused = False
        self.without_zero: set[Accumulator] = set()
        self._delta = delta
        self._entries: dict[Accumulator, Entry] = {}

    @property
    def entries(self) -> Iterable[Entry]:
        """All series, new ones included."""
        if len(self._entries) != len(self.registry):
            for each in list(self.registry.all):
                if each not in self._entries:
                    self._entries[each] = Entry(each, self, delta=self._delta, zero_due=each not in self.without_zero)
        return self._entries.values()

    def date(self, now_ns: int) -> None:
        """Set the time of the next points, which always grows and is fixed once the call has ended."""
        if self.ended_ns is None:
            self.time_ns = max(now_ns, self.time_ns + MILLISECOND_NS)

    def end(self, now_ns: int) -> None:
        """Record that the call ended and recorded its last values."""
        self.date(now_ns)
        self.ended_ns = self.time_ns
        for entry in self.entries:
            # An acknowledgement from before the end does not count as that of the last export.
            entry.acknowledged = -1 if not entry.delta else entry.acknowledged
            entry.resting_until = 0.0
        self.settle()

    def set_back(self, now_ns: int) -> None:
        """Date what is unsent at `now_ns` at the latest, because no server takes what is ahead of its time."""
        if self.settled:
            return
        self.time_ns = min(self.time_ns, now_ns)
        if self.ended_ns is not None:
            self.ended_ns = self.time_ns
        for entry in self.entries:
            entry.set_back(now_ns)

    def settle(self) -> None:
        """Mark an ended call that owes nothing as settled."""
        self.settled = self.ended_ns is not None and not any(entry.owed for entry in self.entries)

    def whole(self, at: float) -> list[Entry]:
        """Return the series of a running call for a regular export."""
        return [entry for entry in self.entries if entry.resting_until <= at and (not entry.delta or entry.owed)]

    def owed(self) -> list[Entry]:
        """Return the series whose newest value no server has."""
        return [] if self.settled else [entry for entry in self.entries if entry.owed]

    def end_idle(self, now_ns: int, oldest_call_ns: int, *, owing: bool = True) -> None:
        """End shared series without a value for an hour that no running call may still record into.

        The SDK never ends its own: one that ended here would begin anew at once, and all of its value would be new.

        Args:
            now_ns: The moment.
            oldest_call_ns: Beginning of the oldest running call.
            owing: True to keep what no server has; False if none is sent anything.
        """
        gone = set()
        for entry in self.entries:
            accumulator = entry.accumulator
            if (owing and entry.owed) or entry.seen != accumulator.version:
                entry.seen, entry.changed_ns = accumulator.version, now_ns
            # An up-down counter above 0 counts something that still exists.
            there = accumulator.row.kind is Kind.UP_DOWN_COUNTER and bool(accumulator.state())
            idle = now_ns - entry.changed_ns > IDLE_SECONDS * 1e9 and accumulator not in self.without_zero
            if idle and not there and entry.changed_ns < oldest_call_ns:
                gone.add(accumulator)
        if gone:
            self.registry.remove(gone)
            for accumulator in gone:
                del self._entries[accumulator]
