"""What was not acknowledged, in the spool: what this process keeps there and when, and what it sends of others'."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from voice_metrics.export.delivery import Delivery
from voice_metrics.export.earlier_requests import resend
from voice_metrics.export.event_queue import EventQueue
from voice_metrics.export.messages import Entry
from voice_metrics.export.reports import Reports
from voice_metrics.export.requests import Requests
from voice_metrics.export.spool import PendingRequest, Spool

# Writing may take this share of the time, so that an outage at a busy server costs little.
_WRITING_SHARE = 0.1
_CLAIM_EVERY_SECONDS = 60.0
_TRY_AGAIN_SECONDS = 10.0


class UnsentRequests:
    """What this process has in the spool; a fault of the spool is logged and costs what it would have saved.

    Attributes:
        write_at: When `keep_rest` has something to do, in monotonic seconds; infinite if it has not.
    """

    def __init__(
        self,
        spool: Spool,
        requests: Requests,
        owed: Callable[[], Iterable[Entry]],
        events: EventQueue | None,
        dropped: Callable[[str, int], None],
    ) -> None:
        """Begin with nothing kept.

        Args:
            spool: Keeps requests.
            requests: Makes them.
            owed: Series that no server has, now.
            events: Events that no server has, or `None` if none are sent.
            dropped: Called with a reason and a number of calls that are lost.
        """
        self._spool = spool
        self._requests = requests
        self._owed = owed
        self._events = events
        self._dropped = dropped
        self._reports = Reports("Metrics kept for later")
        self.write_at = math.inf
        self._kept = False
        self._write_again_at = 0.0
        self._claim_again_at = 0.0

    @property
    def location(self) -> str | None:
        """The spool's file, or `None` if there is none that can be written now."""
        return self._spool.location

    def keep(self, *, failing: bool, last: bool = False) -> None:
        """Keep what is owed, or nothing any more.

        Args:
            failing: Whether something that was sent was not acknowledged.
            last: Whether the process may end now, so that this cannot wait.
        """
        began = time.monotonic()
        if not failing and not self._kept:
            return
        if failing and not last and began < self._write_again_at:
            self.write_at = self._write_again_at
            return
        self.write_at = math.inf
        kept = self._all() if failing else []
        # Held by no process, the last ones are sent by the process's next telemetry, which would replace its own.
        parked = not last or self._written(lambda: self._spool.park(kept))
        if parked and self._written(lambda: self._spool.replace([] if last else kept)):
            self._kept = bool(kept) and not last
        now = time.monotonic()
        self._write_again_at = now + (now - began) / _WRITING_SHARE

    def _all(self) -> list[PendingRequest]:
        now = time.time()
        events = self._events.pending(self._requests, now) if self._events is not None else []
        return self._requests.pending(self._owed(), now) + events

    def settled(self, over: Mapping[str, bool]) -> None:
        """Note what became of calls that were not acknowledged when they ended.

        Args:
            over: Whether a server will never have all of a call, by its key.
        """
        if delivered := [key for key, refused in over.items() if not refused]:
            self._written(lambda: self._spool.delivered(delivered))
        if refused := [key for key, refused in over.items() if refused]:
            self._written(lambda: self._spool.given_up(refused))

    def keep_rest(self) -> None:
        """Keep what had to wait, because the spool was written to just before."""
        if time.monotonic() >= self.write_at:
            self._write_again_at = 0.0
            self.keep(failing=True)

    def park(self, owed: Sequence[Entry]) -> None:
        """Give calls out of this process's hands, because it has no room for them.

        Args:
            owed: The series that no server has.
        """
        requests = self._requests.pending(owed, time.time())
        # Parked requests can be claimed as soon as a server takes anything.
        self._claim_again_at = 0.0
        if not self._written(lambda: self._spool.park(requests)):
            self._dropped("export_rejected", len(owed))

    def resend(self, delivery: Delivery | None, interrupted: Callable[[], bool]) -> None:
        """Send what processes that are gone have left, if it is time to ask for it.

        Args:
            delivery: The way of series to the server, or `None` if they have none.
            interrupted: Asked before each request whether something else is more urgent.
        """
        if time.monotonic() < self._claim_again_at:
            return
        self._claim_again_at = time.monotonic() + _CLAIM_EVERY_SECONDS
        # A claim is limited in size, so that one after another is made while they are delivered.
        while self._resent(delivery, interrupted):
            pass

    def _resent(self, delivery: Delivery | None, interrupted: Callable[[], bool]) -> bool:
        """Send one claim; return whether there may be more to send at once."""
        try:
            events = self._events.delivery if self._events is not None else None
            resent = resend(delivery, self._spool, interrupted, events=events)
        except Exception as error:
            self._fault(error)
            return False
        if resent.left:
            self._claim_again_at = time.monotonic() + (0.0 if resent.outcome is None else _TRY_AGAIN_SECONDS)
        if resent.lost:
            self._dropped("export_rejected", resent.lost)
            words = resent.outcome.words if resent.outcome else ""
            self._reports.fault("refused", f"{resent.lost} points of an earlier run are refused for good: {words}")
        return bool(resent.delivered or resent.refused) and not resent.left

    def _written(self, write: Callable[[], object]) -> bool:
        try:
            write()
        except Exception as error:
            self._fault(error)
            return False
        return True

    def _fault(self, error: Exception) -> None:
        self._reports.fault(
            type(error).__name__,
            f"the ledger cannot be used ({type(error).__name__}: {error}). "
            "What is not delivered when the process ends is lost.",
        )
