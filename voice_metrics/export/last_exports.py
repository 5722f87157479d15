"""Last exports of calls: requested at a call's end, answered after their round, and settled later if that failed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from voice_metrics.export.event_queue import EventQueue
from voice_metrics.export.outgoing import Outgoing
from voice_metrics.export.shipping import Shipped

# Above it, the calls whose events were refused are forgotten, but for those that still have something to send.
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
        # Failed calls that `settle` returned because of a refused event.
        self._told: set[str] = set()

    def answer(self, flushes: Collection[Flush], shipped: Shipped | None) -> None:
        """Answer requests after their round; `shipped` has its results, `None` if no series are sent."""
        reached = self._events.reached(flush.key for flush in flushes) if self._events is not None else set()
        for flush in flushes:
            answers = [flush.key in reached] if self._events is not None else []
            if shipped is not None:
                answers.append(shipped.reached(flush.outgoing) and not flush.outgoing.refused)
            acknowledged = all(answers) if answers else None
            if acknowledged is False:
                self._failed[flush.key] = flush.outgoing
            flush.answer(acknowledged)

    def settle(self, shipped: Shipped | None) -> dict[str, bool]:
        """Forget calls that have nothing more to send; return them by key, True if a server will never have all."""
        waiting, refused = frozenset[str](), set[str]()
        if self._events is not None:
            waiting, refused = self._events.keys(), self._events.refused
            if len(refused) > _MOST_WITHOUT_EVENT:
                self._events.forget(refused - self._failed.keys())
        refused &= self._failed.keys()
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

    def _forget(self, key: str) -> None:
        self._failed.pop(key, None)
        self._told.discard(key)
