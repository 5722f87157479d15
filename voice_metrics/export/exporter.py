"""The thread that exports: collect, accumulate, deliver, acknowledge, keep.

Owns the order of these, for the whole process: every interval everything that lives, and at once the
calls that end. Refuses to die of a fault, and to block anybody who asks it for something.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from voice_metrics.export.budget import Budget
from voice_metrics.export.collection import Collection, Hooks
from voice_metrics.export.group import Part
from voice_metrics.export.inbox import Inbox, Wishes
from voice_metrics.export.keeping import Keeping
from voice_metrics.export.outlets import Outlet
from voice_metrics.export.reports import Reports
from voice_metrics.export.shipping import Shipped, Shipping


class Exporter:
    """The thread and what it is asked for."""

    def __init__(
        self,
        collection: Collection,
        hooks: Hooks,
        *,
        shipping: Shipping | None,
        keeping: Keeping | None,
        outlets: Sequence[Outlet],
        interval_seconds: float,
        retention_seconds: float,
        budget: Budget,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            collection: Where series come from.
            hooks: What is told and asked.
            shipping: The way to the OTLP endpoint, or `None` if there is none.
            keeping: The spool, or `None` if there is none.
            outlets: Further readers.
            interval_seconds: Time between exports.
            retention_seconds: How long an ended call is still shown to `outlets`.
            budget: How many series may live.
        """
        self._collection = collection
        self._hooks = hooks
        self._shipping = shipping
        self._keeping = keeping
        self._outlets = outlets
        self._interval = interval_seconds
        self._retention_ns = int(retention_seconds * 1e9)
        self._budget = budget
        self._inbox = Inbox()
        where = f" to {shipping.delivery.endpoint.destination}" if shipping else ""
        self._reports = Reports(f"Metrics export{where}")
        # Whether anything was not acknowledged that is still kept here.
        self._owes = False
        # Ended calls whose last export has failed.
        self._undelivered: set[str] = set()
        # Whether the latest request failed in a way that concerns every request.
        self._outage = False
        # Whether the server is back and what is owed should not wait for the next interval.
        self._catch_up = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="voice-metrics-export", daemon=True)

    def start(self) -> None:
        """Start the thread, and the one that sends.

        Raises:
            RuntimeError: If no thread can be started; none is left then.
        """
        if self._shipping is not None:
            self._shipping.delivery.prepare()
        try:
            self._thread.start()
        except RuntimeError:
            self._close()
            raise

    def flush(self, call_id: str) -> Future[bool | None]:
        """Ask for the last export of a call; after its last measurement, without waiting.

        Args:
            call_id: The call, or "" for one whose series are shared.

        Returns:
            Whether it was acknowledged; `None` where nothing acknowledges.
        """
        return self._inbox.flush(call_id)

    def stop(self, timeout_seconds: float) -> bool:
        """Export everything once more and end the thread.

        Args:
            timeout_seconds: Longest time that this takes.

        Returns:
            Whether nothing is owed any more.
        """
        if self._shipping is not None:
            # The rest of the time is for keeping what could not be sent.
            self._shipping.delivery.close_down(time.monotonic() + 0.75 * timeout_seconds)
        self._inbox.stop()
        return self._stopped.wait(timeout_seconds) and not self._owes

    def _run(self) -> None:
        wishes = Wishes()
        next_at = time.monotonic() + self._interval
        try:
            self._guarded(self._resend)
            while not wishes.stop:
                wishes = self._inbox.wait(self._next(next_at))
                due = time.monotonic() >= next_at or self._catch_up
                self._catch_up = False
                if due or wishes.stop or wishes.flushes:
                    self._guarded(self._round, wishes, due or wishes.stop)
                elif self._keeping is not None:
                    self._guarded(self._keeping.keep_rest)
                for flush in wishes.flushes:
                    flush.answer(False)
                if time.monotonic() >= next_at:
                    missed = (time.monotonic() - next_at) // self._interval
                    next_at += (missed + 1) * self._interval
            self._guarded(self._close)
        finally:
            self._inbox.close()
            self._stopped.set()

    def _next(self, tick_at: float) -> float:
        if self._catch_up:
            return 0.0
        return min(tick_at, self._keeping.write_at) if self._keeping is not None else tick_at

    def _guarded(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except Exception as error:
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = f" in {place.tb_frame.f_code.co_qualname}" if place else ""
            self._reports.fault(type(error).__name__, f"an error of the plug-in, {type(error).__name__}{where}.")

    def _round(self, wishes: Wishes, everything: bool) -> None:
        parts = self._collected(wishes, everything)
        shipped = self._shipping.ship(parts) if self._shipping is not None else None
        if shipped is not None:
            self._account(shipped, everything=everything, last=wishes.stop)
        self._show(parts)
        self._finish(wishes, shipped)
        if shipped is None:
            return
        self._relieve()
        back = self._outage and shipped.acknowledged > 0 and not shipped.failed
        self._catch_up = back and not everything
        if not shipped.failed and not wishes.stop and not self._catch_up:
            self._resend()
        # Where nothing was sent, nothing is known of the server.
        self._outage = shipped.outcome.concerns_all if shipped.outcome is not None else self._outage and not back

    def _collected(self, wishes: Wishes, everything: bool) -> list[Part]:
        self._hooks.refresh()
        ended = [flush.call_id for flush in wishes.flushes]
        accumulation = self._collection.accumulation
        with self._collection.lock:
            self._collection.collect()
            now_ns = time.time_ns()
            for call_id in filter(None, ended):
                accumulation.end(call_id, now_ns)
            return list(accumulation.parts(now_ns) if everything else accumulation.parts_of(ended, now_ns))

    def _account(self, shipped: Shipped, *, everything: bool, last: bool) -> None:
        self._tell(shipped)
        owed = bool(shipped.failed or shipped.dropped)
        # A round for a few calls says nothing about what others owe.
        self._owes = owed if everything else owed or self._owes
        if self._keeping is not None:
            self._keeping.keep(failing=self._owes, last=last)

    def _tell(self, shipped: Shipped) -> None:
        outcome = shipped.outcome
        if outcome is not None:
            kept = self._keeping is not None and self._keeping.location is not None
            fate = "Values are kept and sent again" if kept else "Values are sent again while telemetry runs"
            self._reports.fault(outcome.fault, f"{outcome} {fate}.")
        elif shipped.dropped:
            self._reports.fault("encoding", "some values cannot be encoded and were dropped.")
        elif shipped.acknowledged:
            self._reports.recovered()
        lost = shipped.rejected + sum(len(part.series) for part in shipped.dropped)
        if lost:
            self._hooks.dropped("export_rejected", lost)
        after_all = self._undelivered.intersection(shipped.delivered)
        self._undelivered -= after_all
        self._undelivered |= {part.group.call_id for part in shipped.failed if part.group.ended_ns is not None}
        if after_all and self._keeping is not None:
            self._keeping.delivered(sorted(after_all))

    def _finish(self, wishes: Wishes, shipped: Shipped | None) -> None:
        with self._collection.lock:
            if shipped is None:
                self._collection.accumulation.settle()
            self._collection.accumulation.forget(time.time_ns() - self._retention_ns)
        for flush in wishes.flushes:
            flush.answer(None if shipped is None else shipped.reached(flush.call_id))

    def _show(self, parts: Sequence[Part]) -> None:
        if not self._outlets or not parts:
            return
        with self._collection.lock:
            data = self._collection.accumulation.shown(parts)
        for outlet in self._outlets:
            self._guarded(outlet.show, data)

    def _relieve(self) -> None:
        accumulation = self._collection.accumulation
        with self._collection.lock:
            parts = accumulation.oldest_ended(self._budget.surplus())
        if not parts:
            return
        if self._keeping is not None:
            self._keeping.park(parts)
        else:
            self._hooks.dropped("export_rejected", sum(len(part.series) for part in parts))
            self._reports.fault("full", f"{len(parts)} ended calls were dropped; there is no room for more.")
        with self._collection.lock:
            accumulation.remove(parts)
        self._undelivered -= {part.group.call_id for part in parts}

    def _resend(self) -> None:
        if self._shipping is not None and self._keeping is not None:
            self._keeping.resend(self._shipping, lambda: not self._inbox.empty())

    def _close(self) -> None:
        if self._shipping is not None:
            self._shipping.close()
        for outlet in self._outlets:
            self._guarded(outlet.close)
