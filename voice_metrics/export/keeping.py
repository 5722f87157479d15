"""The spool as the export thread uses it: what to keep when, and what to send of what was kept.

Owns the rhythm of writing and claiming. Refuses to let the spool's faults matter: they are told once
and cost what the spool would have saved.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence

from voice_metrics.export.accumulation import Accumulation
from voice_metrics.export.group import Part
from voice_metrics.export.reports import Reports
from voice_metrics.export.resend import resend
from voice_metrics.export.shipping import Shipping, pending
from voice_metrics.export.spool import PendingRequest, Spool
from voice_metrics.export.wire import Wire

# Writing may take this share of the time, so that an outage at a busy server costs little.
_WRITING_SHARE = 0.1
_CLAIM_EVERY_SECONDS = 60.0
_TRY_AGAIN_SECONDS = 10.0


class Keeping:
    """What this process has in the spool.

    Attributes:
        write_at: When `keep_rest` has something to do, in monotonic seconds; infinite if it has not.
    """

    def __init__(
        self,
        spool: Spool,
        accumulation: Accumulation,
        lock: threading.Lock,
        wire: Wire,
        dropped: Callable[[str, int], None],
    ) -> None:
        """Begin with nothing kept.

        Args:
            spool: Keeps requests.
            accumulation: What they are made of.
            lock: Held while `accumulation` is used.
            wire: What encodes them.
            dropped: Told a reason and a number of calls that are lost.
        """
        self._spool = spool
        self._accumulation = accumulation
        self._lock = lock
        self._wire = wire
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

    def keep(self, *, failing: bool, last: bool) -> None:
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
        requests: list[PendingRequest] = []
        if failing:
            with self._lock:
                requests = pending(self._wire, self._accumulation.owed(time.time_ns()), time.time())
        if self._written(lambda: self._write(requests, last)):
            self._kept = bool(requests)
        now = time.monotonic()
        self._write_again_at = now + (now - began) / _WRITING_SHARE

    def _write(self, requests: list[PendingRequest], last: bool) -> None:
        if last:
            # Nobody's, so that the process's next telemetry sends them instead of replacing them.
            self._spool.park(requests)
            requests = []
        self._spool.replace(requests)

    def delivered(self, call_ids: Sequence[str]) -> None:
        """Note that calls whose last export had failed are delivered after all."""
        self._written(lambda: self._spool.delivered(call_ids))

    def keep_rest(self) -> None:
        """Keep what had to wait, because the spool was written to just before."""
        if time.monotonic() >= self.write_at:
            self._write_again_at = 0.0
            self.keep(failing=True, last=False)

    def park(self, parts: Sequence[Part]) -> None:
        """Give calls out of this process's hands, because it has no room for them.

        Args:
            parts: What they owe.
        """
        with self._lock:
            requests = pending(self._wire, parts, time.time())
        # Parked requests can be claimed as soon as a server takes anything.
        self._claim_again_at = 0.0
        if not self._written(lambda: self._spool.park(requests)):
            self._dropped("export_rejected", len(parts))

    def resend(self, shipping: Shipping, interrupted: Callable[[], bool]) -> None:
        """Send what processes that are gone have left, if it is time to ask for it.

        Args:
            shipping: The way to the server.
            interrupted: Asked before each request whether something else is more urgent.
        """
        if time.monotonic() < self._claim_again_at:
            return
        self._claim_again_at = time.monotonic() + _CLAIM_EVERY_SECONDS
        # A claim is limited in size, so that one after another is made while they are delivered.
        while self._resent(shipping, interrupted):
            pass

    def _resent(self, shipping: Shipping, interrupted: Callable[[], bool]) -> bool:
        """Send one claim; whether there may be more to send at once."""
        try:
            resent = resend(shipping.delivery, self._spool, interrupted)
        except Exception as error:
            self._fault(error)
            return False
        if resent.left:
            self._claim_again_at = time.monotonic() + (0.0 if resent.outcome is None else _TRY_AGAIN_SECONDS)
        if resent.refused:
            self._dropped("export_rejected", len(resent.refused))
            words = resent.outcome.words if resent.outcome else ""
            self._reports.fault(
                "refused", f"{len(resent.refused)} calls of an earlier run are refused for good: {words}"
            )
        return bool(resent.delivered or resent.refused) and not resent.left

    def _written(self, write: Callable[[], None]) -> bool:
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
