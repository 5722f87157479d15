"""The export thread: all live series at every interval, and the series of an ending call at once.

It survives every fault, and blocks no thread that asks for an export.
"""

from __future__ import annotations

import math
import queue
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from voice_metrics.export.answers import Outcome
from voice_metrics.export.connections import start_apart
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.event_queue import EventQueue
from voice_metrics.export.last_exports import Flush, LastExports
from voice_metrics.export.live import LiveSeries
from voice_metrics.export.messages import Entry
from voice_metrics.export.outgoing import Outgoing
from voice_metrics.export.reports import Reports
from voice_metrics.export.requests import Requests
from voice_metrics.export.shipping import Shipping
from voice_metrics.export.spool import Spool
from voice_metrics.export.unsent import UnsentRequests

# Requests of dead processes are sent at least so long before those of running calls are due again.
_LEAST_RESENDING_SECONDS = 1.0


class Reader(Protocol):
    """An output beside OTLP."""

    def show(self, entries: Sequence[Entry]) -> None:
        """Show all live series, or the last values of a few calls."""

    def close(self) -> None:
        """Close the output."""


class Exporter:
    """The thread and its queue of requests."""

    def __init__(
        self,
        live: LiveSeries,
        requests: Callable[[Callable[[], float]], Requests],
        *,
        delivery: Delivery | None,
        events: EventQueue | None,
        spool: Spool | None,
        readers: Sequence[Reader],
        interval_seconds: float,
        retention_seconds: float,
    ) -> None:
        """Prepare; nothing runs yet, and what is `None` is not sent or kept.

        Args:
            live: The series.
            requests: Makes what makes requests, in the thread; its argument says until when detectors may take.
            delivery: The way to the OTLP endpoint.
            events: Events on their way to a log store.
            spool: Keeps what was not acknowledged.
            readers: Further outputs.
            interval_seconds: Time between exports.
            retention_seconds: Time for which `readers` still show an ended call.
        """
        self._live = live
        self._make_requests = requests
        self._delivery = delivery
        self._events = events
        self._spool = spool
        self._readers = readers
        self._interval = interval_seconds
        self._retention_ns = int(retention_seconds * 1e9)
        self._inbox: queue.SimpleQueue[Flush | None] = queue.SimpleQueue()
        self._stop_at = math.inf
        # Monotonic seconds of the next export of everything.
        self._next_at = math.inf
        ways = (delivery, events.delivery if events is not None else None)
        to_metrics, to_events = (f" to {way.endpoint.destination}" if way is not None else "" for way in ways)
        self._reports = Reports(f"Metrics export{to_metrics}")
        self._event_reports = Reports(f"Events export{to_events}")
        reports = (self._reports, self._event_reports)
        self._deliveries = {way: report for way, report in zip(ways, reports, strict=True) if way is not None}
        self._requests: Requests | None = None
        self._shipping: Shipping | None = None
        self._unsent: UnsentRequests | None = None
        self._owes_series = False
        self._last_exports = LastExports(events)
        # True if the latest request's fault concerns every request.
        self._outage = False
        # True if the server is back, so that unsent series should not wait for the next interval.
        self._catch_up = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="voice-metrics-export", daemon=True)

    def start(self) -> None:
        """Start the thread, and the one that sends.

        Raises:
            RuntimeError: No thread can be started; none is left running.
        """
        for delivery in self._deliveries:
            delivery.prepare(self._keep_meanwhile)
        # A process that ends next starts no thread any more (Python 3.12).
        if self._spool is not None:
            self._spool.begin()
        try:
            start_apart(self._thread)
        except RuntimeError:
            self._close_outputs()
            raise

    def flush(self, outgoing: Outgoing, key: str) -> Future[bool | None]:
        """Request the last export of a call, after its last measurement, without waiting; return `Flush.result`."""
        flush = Flush(outgoing, key)
        self._inbox.put(flush)
        if self._stopped.is_set():
            self._answer_late_flushes()
        return flush.result

    def stop(self, timeout_seconds: float) -> bool:
        """Export everything once more and end the thread; return True if everything was acknowledged."""
        # Keeping unsent requests has the last part of the time. A process whose detectors still run is so young that
        # it has little to send or to keep.
        began, sending = time.monotonic(), 0.75 if self._requests is not None else 0.95
        for delivery in self._deliveries:
            delivery.close_down(began + sending * timeout_seconds)
        self._stop_at = began + 0.8 * timeout_seconds
        self._inbox.put(None)
        return self._stopped.wait(timeout_seconds) and not self._owes

    def _run(self) -> None:
        stop = False
        self._next_at = time.monotonic() + self._interval
        try:
            self._guarded(self._begin_sending)
            while not stop:
                write_at = self._unsent.write_at if self._unsent is not None else math.inf
                flushes, stop = self._wait(0.0 if self._catch_up else min(self._next_at, write_at))
                due = self._passes_interval() or self._catch_up
                self._catch_up = False
                if due or stop or flushes:
                    self._guarded(self._export_round, flushes, due or stop, stop)
                elif self._unsent is not None:
                    self._guarded(self._unsent.keep_rest)
                for flush in flushes:
                    flush.answer(False)
            self._guarded(self._close_outputs)
        finally:
            # Before the last look at the queue, so that one side or the other answers a call that ends meanwhile.
            self._stopped.set()
            self._answer_late_flushes()

    def _passes_interval(self) -> bool:
        """Return True if the next export of everything is due, and plan the one after it; none is caught up on."""
        late = time.monotonic() - self._next_at
        if late >= 0:
            self._next_at += (late // self._interval + 1) * self._interval
        return late >= 0

    def _begin_sending(self) -> None:
        if not self._deliveries:
            return
        requests = self._requests = self._make_requests(lambda: self._stop_at)
        if self._delivery is not None:
            self._shipping = Shipping(self._delivery, requests)
        if self._spool is not None:
            owed = self._live.owed if self._delivery is not None else list
            self._unsent = UnsentRequests(self._spool, requests, owed, self._events, self._live.dropped)
        self._resend()

    def _wait(self, until: float) -> tuple[list[Flush], bool]:
        """Wait for requests until `until`, in monotonic seconds; return all of them, and True to stop."""
        flushes: list[Flush] = []
        stop = False
        timeout = max(until - time.monotonic(), 0.0)
        while True:
            try:
                asked = self._inbox.get(timeout=timeout)
            except queue.Empty:
                return flushes, stop
            if asked is None:
                stop = True
            else:
                flushes.append(asked)
            timeout = 0.0

    def _answer_late_flushes(self) -> None:
        for flush in self._wait(0.0)[0]:
            flush.answer(False)

    def _guarded(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except Exception as error:
            *_, (frame, _) = traceback.walk_tb(error.__traceback__)
            where = f"{type(error).__name__} in {frame.f_code.co_qualname}"
            self._reports.fault(type(error).__name__, f"an error of the plug-in, {where}.")

    def _export_round(self, flushes: Sequence[Flush], everything: bool, last: bool) -> None:
        entries = self._due(flushes, everything)
        shipped = self._shipping.ship(entries) if self._shipping is not None else None
        self._guarded(self._ship_events)
        for delivery, reports in self._deliveries.items():
            reports.remark(delivery.remark)
        self._passes_interval()
        if shipped is not None:
            if shipped.outcome is not None or shipped.acknowledged:
                self._report(self._reports, shipped.outcome, failing=bool(shipped.failed))
            if shipped.lost:
                self._live.dropped("export_rejected", shipped.lost)
            # A round for a few calls says nothing about the others.
            self._owes_series = bool(shipped.failed) or (self._owes_series and not everything)
        if self._unsent is not None:
            self._unsent.keep(failing=self._owes, last=last)
        for reader in self._readers:
            self._guarded(reader.show, entries)
        self._live.forget(self._live.clock.now_ns() - self._retention_ns, unacknowledged=shipped is None)
        self._last_exports.answer(flushes, shipped)
        if (over := self._last_exports.settle(shipped)) and self._unsent is not None:
            self._unsent.settled(over)
        if shipped is not None:
            self._make_room()
            back = self._outage and shipped.acknowledged > 0 and not shipped.failed
            ahead = shipped.outcome is not None and shipped.outcome.ahead and self._live.set_back()
            self._catch_up = (back and not everything) or ahead
            # Without a request, the state of the server is unknown.
            self._outage = shipped.outcome.concerns_all if shipped.outcome is not None else self._outage and not back
        failing = bool(shipped.failed) if shipped is not None else self._owes
        if not (failing or last or self._catch_up):
            self._resend()

    def _due(self, flushes: Sequence[Flush], everything: bool) -> list[Entry]:
        """Refresh and date the series of a round, and return those to send."""
        now_ns = self._live.clock.now_ns()
        self._live.refresh()
        ended = dict.fromkeys(flush.outgoing for flush in flushes)
        for outgoing in ended:
            if outgoing.ended_ns is None and outgoing is not self._live.shared:
                self._live.ended(outgoing, now_ns)
        # The process may end with the call, so the shared series go with each.
        some = [*ended, self._live.shared]
        due: list[Entry] = []
        for outgoing in self._live.outgoing() if everything else dict.fromkeys(some):
            outgoing.date(now_ns)
            running = outgoing.ended_ns is None and everything
            due += outgoing.whole(time.monotonic()) if running else outgoing.owed()
        return due

    def _ship_events(self) -> None:
        if self._events is None or self._requests is None or not self._events.waiting:
            return
        failure = self._events.ship(self._requests)
        self._report(self._event_reports, failure, failing=bool(self._events.waiting))

    @property
    def _owes(self) -> bool:
        """True if this process has unacknowledged series or events."""
        return self._owes_series or (self._events is not None and bool(self._events.waiting))

    def _report(self, reports: Reports, outcome: Outcome | None, *, failing: bool) -> None:
        """Log the outcome of a round, `None` for a success; `failing` if something is still to be sent."""
        if outcome is None:
            reports.recovered()
            return
        kept = self._spool is not None and self._spool.location is not None
        fate = "Values are kept and sent again" if kept else "Values are sent again while telemetry runs"
        if not failing:
            fate = "What it rejects is not sent again with other values"
        reports.fault(outcome.fault, f"{outcome} {fate}.")

    def _keep_meanwhile(self) -> None:
        """Keep unsent requests in the spool while one waits for its answer."""
        if self._unsent is not None:
            self._unsent.keep(failing=True)

    def _make_room(self) -> None:
        """If there is no room for more series, park the oldest ended calls in the spool, or drop them."""
        gone = self._live.surplus()
        if not gone:
            return
        owed = [entry for call in gone for entry in call.owed()]
        if self._unsent is not None:
            self._unsent.park(owed)
        else:
            self._live.dropped("export_rejected", len(owed))
            self._reports.fault("full", f"{len(gone)} ended calls were dropped; there is no room for more.")
        self._live.remove(gone)
        self._last_exports.forget(gone)

    def _resend(self) -> None:
        if self._unsent is not None:
            # A slow server gets some of them between any two exports.
            until = max(self._next_at, time.monotonic() + _LEAST_RESENDING_SECONDS)
            self._unsent.resend(self._delivery, lambda: not self._inbox.empty() or time.monotonic() >= until)

    def _close_outputs(self) -> None:
        for delivery in self._deliveries:
            delivery.close()
        for reader in self._readers:
            self._guarded(reader.close)
