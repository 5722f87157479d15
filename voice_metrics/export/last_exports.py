"""Last exports of calls: requested at a call's end, answered after their round, and settled later if that failed."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from voice_metrics.export.event_queue import EventQueue
from voice_metrics.export.outgoing import Outgoing
from voice_metrics.export.shipping import Shipped

# Bounds the memory of calls that ended before their events were refused.
_MOST_WITHOUT_EVENT = 1_000


@dataclass(frozen=True, slots=True)
class Flush:
    """A request for the last export of a call.

    Parameters:
        outgoing: The call's series, or the shared ones if it has none.
        key: The key of the call.
        result: True if it was acknowledged; `None` if no output acknowledges.
    """

    outgoing: Outgoing
    key: str
    result: Future[bool | None] = field(default_factory=Future)

    def answer(self, acknowledged: bool | None) -> None:
        """Resolve the result, unless it is resolved or cancelled."""
        if not self.result.done() and self.result.set_running_or_notify_cancel():
            self.result.set_result(acknowledged)


class LastExports:
    """Requests for last exports, and the calls whose last export failed."""

    def __init__(self, events: EventQueue | None) -> None:
        self._events = events
        self._failed: dict[str, Outgoing] = {}
        # Calls of which a server will never have an event, running ones too; and those of them that `settle` returned.
        self._without_event: set[str] = set()
        self._told: set[str] = set()

    def answer(self, flushes: Iterable[Flush], shipped: Shipped | None) -> None:
        """Answer requests after their round; `shipped` has its results, `None` if no series are sent."""
        open_events = self._events.keys() | self._refused() if self._events is not None else frozenset()
        for flush in flushes:
            answers = [flush.key not in open_events] if self._events is not None else []
            if shipped is not None:
                answers.append(shipped.reached(flush.outgoing))
            acknowledged = all(answers) if answers else None
            if acknowledged is False:
                self._failed[flush.key] = flush.outgoing
            flush.answer(acknowledged)

    def settle(self, shipped: Shipped | None) -> dict[str, bool]:
        """Forget calls that have nothing more to send; return them by key, True if a server will never have all."""
        if not self._failed:
            return {}
        waiting = self._events.keys() if self._events is not None else frozenset()
        refused = self._refused() & self._failed.keys()
        # Known before the delivery of the rest, which another process may have to finish.
        over = dict.fromkeys(refused - self._told, True)
        self._told |= refused
        if shipped is not None:
            over |= {call.key: True for call in shipped.given_up if call.refused}
        for key, outgoing in list(self._failed.items()):
            shared = outgoing.key != key
            done = shipped is None or (shipped.reached(outgoing) if shared else outgoing.settled)
            if done and key not in waiting:
                lost = shared and shipped is not None and outgoing in shipped.given_up
                over[key] = outgoing.refused or key in refused or lost
                self._forget(key)
        return over

    def forget(self, calls: Iterable[Outgoing]) -> None:
        """Forget calls that another process may deliver."""
        for call in calls:
            self._forget(call.key)

    def _refused(self) -> set[str]:
        """Return the calls of which a server will never have an event."""
        if self._events is not None:
            self._without_event |= self._events.refused
            self._events.refused.clear()
        if len(self._without_event) > _MOST_WITHOUT_EVENT:
            self._without_event &= self._failed.keys()
        return self._without_event

    def _forget(self, key: str) -> None:
        self._failed.pop(key, None)
        self._without_event.discard(key)
        self._told.discard(key)
