"""The unacknowledged requests in the spool: when this process keeps its own, and sends those of dead processes."""

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
    """This process's use of the spool; a fault of the spool is logged, and its requests stay in memory only.

    Attributes:
        write_at: Monotonic seconds at which `keep_rest` is due; infinite if it is not.
    """

    def __init__(
        self,
        spool: Spool,
        requests: Requests,
        owed: Callable[[], Iterable[Entry]],
        events: EventQueue | None,
        dropped: Callable[[str, int], None],
    ) -> None:
        """Begin without a kept request.

        Args:
            spool: Keeps requests.
            requests: Makes them.
            owed: Returns the series that no server has.
            events: The events that no server has; `None` if none are sent.
            dropped: Called with a reason and a number of series or points that are lost.
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

    def keep(self, *, failing: bool, last: bool = False) -> None:
        """Keep the unacknowledged requests of a `failing` server in place of the previous ones, at once if the last."""
        began = time.monotonic()
        if not failing and not self._kept:
            return
        if failing and not last and began < self._write_again_at:
            self.write_at = self._write_again_at
            return
        self.write_at = math.inf
        kept = self._owed_requests() if failing else []
        # Park the last ones: the process's next telemetry would replace its own, but claims parked ones.
        parked = not last or self._try_to_write(lambda: self._spool.park(kept))
        if parked and self._try_to_write(lambda: self._spool.replace([] if last else kept)):
            self._kept = bool(kept) and not last
        now = time.monotonic()
        self._write_again_at = now + (now - began) / _WRITING_SHARE

    def _owed_requests(self) -> list[PendingRequest]:
        now = time.time()
        events = self._events.pending(self._requests, now) if self._events is not None else []
        return self._requests.pending(self._owed(), now) + events

    def settled(self, over: Mapping[str, bool]) -> None:
        """Record calls that are over in the spool, by key: True if a server will never have all of the call."""
        if delivered := [key for key, refused in over.items() if not refused]:
            self._try_to_write(lambda: self._spool.delivered(delivered))
        if refused := [key for key, refused in over.items() if refused]:
            self._try_to_write(lambda: self._spool.given_up(refused))

    def keep_rest(self) -> None:
        """Keep requests that had to wait because the spool was written just before."""
        if time.monotonic() >= self.write_at:
            self.keep(failing=True)

    def park(self, owed: Sequence[Entry]) -> None:
        """Park ended calls in the spool, because memory has no room for them."""
        requests = self._requests.pending(owed, time.time())
        # Parked requests can be claimed as soon as a server takes anything.
        self._claim_again_at = 0.0
        if not self._try_to_write(lambda: self._spool.park(requests)):
            self._dropped("export_rejected", len(owed))

    def resend(self, delivery: Delivery | None, interrupted: Callable[[], bool]) -> None:
        """Claim and send requests of dead processes, if a claim is due and while it is not `interrupted`."""
        if time.monotonic() < self._claim_again_at:
            return
        self._claim_again_at = time.monotonic() + _CLAIM_EVERY_SECONDS
        # A claim is limited in size, so claim again while requests are delivered.
        while not interrupted() and self._resend_claim(delivery, interrupted):
            pass
        if interrupted():
            # Ask again after what is more urgent.
            self._claim_again_at = 0.0

    def _resend_claim(self, delivery: Delivery | None, interrupted: Callable[[], bool]) -> bool:
        """Claim and send some requests of dead processes; return True if more may be left."""
        try:
            events = self._events.delivery if self._events is not None else None
            resent = resend(delivery, self._spool, interrupted, events=events)
        except Exception as error:
            self._claim_again_at = time.monotonic() + _TRY_AGAIN_SECONDS
            self._report_fault(error)
            return False
        if resent.left:
            self._claim_again_at = time.monotonic() + (0.0 if resent.outcome is None else _TRY_AGAIN_SECONDS)
        if resent.lost:
            self._dropped("export_rejected", resent.lost)
            words = resent.outcome.words if resent.outcome else ""
            self._reports.fault("refused", f"{resent.lost} points of an earlier run are refused for good: {words}")
        return bool(resent.delivered or resent.refused) and not resent.left

    def _try_to_write(self, write: Callable[[], object]) -> bool:
        try:
            write()
        except Exception as error:
            self._report_fault(error)
            return False
        return True

    def _report_fault(self, error: Exception) -> None:
        self._reports.fault(
            type(error).__name__,
            f"the ledger cannot be used ({type(error).__name__}: {error}). "
            "What is not delivered when the process ends is lost.",
        )
