"""Unsent events of calls: acknowledged, kept and given up as series are."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from voice_metrics.call.call_events import CallEvent
from voice_metrics.export.answers import Outcome, Verdict
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.division import deliver
from voice_metrics.export.encoding import any_value, field, key_values
from voice_metrics.export.messages import scope
from voice_metrics.export.requests import Requests
from voice_metrics.export.spool import LOGS, PendingRequest

EVENTS_PER_REQUEST = 500
# Limit of events in memory; beyond it the oldest are dropped.
MOST_WAITING = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """One event that no server has.

    Parameters:
        key: The key of its call.
        call_id: The call's id.
        record: The event, serialised.
    """

    key: str
    call_id: str
    record: bytes


class EventQueue:
    """The events of a process that no server has; any thread may add one."""

    def __init__(self, delivery: Delivery, dropped: Callable[[str, int], None]) -> None:
        """Begin empty."""
        self.delivery = delivery
        self._dropped = dropped
        self._lock = threading.Lock()
        self._waiting: deque[Waiting] = deque()
        self._refused: set[str] = set()

    def add(self, key: str, call_id: str, event: CallEvent) -> None:
        """Add an event of a call, to be sent with its next export."""
        with self._lock:
            self._waiting.append(waiting(key, call_id, event))
            lost = len(self._waiting) > MOST_WAITING
            if lost:
                self._refused.add(self._waiting.popleft().key)
        if lost:
            self._dropped("event_lost", 1)

    @property
    def waiting(self) -> list[Waiting]:
        """Events that no server has."""
        with self._lock:
            return list(self._waiting)

    def keys(self) -> frozenset[str]:
        """Keys of calls with a waiting event."""
        return frozenset(one.key for one in self.waiting)

    @property
    def refused(self) -> set[str]:
        """Keys of calls of which a server will never have an event, until `forget`."""
        with self._lock:
            return self._refused.copy()

    def forget(self, keys: Iterable[str]) -> None:
        """Forget that events of calls were refused."""
        with self._lock:
            self._refused.difference_update(keys)

    def reached(self, keys: Iterable[str]) -> set[str]:
        """Return the calls, of those given, with every event on the server."""
        return set(keys) - self.refused - self.keys()

    def ship(self, requests: Requests) -> Outcome | None:
        """Send the waiting events.

        Returns:
            The last outcome that was not an acknowledgement, or `None`.
        """
        failure: Outcome | None = None
        events = self.waiting
        spoilt: list[Waiting] = []
        for chunk, outcome in deliver(_chunked(events), lambda chunk: self.delivery.deliver(body_of(requests, chunk))):
            if outcome.acknowledged:
                self._remove(chunk)
                continue
            failure = outcome
            if outcome.verdict is Verdict.REJECTED:
                self._give_up(chunk, outcome.rejected)
            elif outcome.divisible and len(chunk) == 1:
                spoilt += chunk
        if spoilt and len(spoilt) < len(events):
            # The server took others, or they are still to be sent, so the fault is in these.
            self._give_up(spoilt, len(spoilt))
        return failure

    def pending(self, requests: Requests, now: float) -> list[PendingRequest]:
        """Return the waiting events as requests to keep, made at `now` in Unix seconds."""
        return [
            PendingRequest(body_of(requests, chunk), {one.key: one.call_id for one in chunk}, now, LOGS)
            for chunk in _chunked(self.waiting)
        ]

    def _remove(self, chunk: Iterable[Waiting]) -> None:
        gone = set(chunk)
        with self._lock:
            self._waiting = deque(one for one in self._waiting if one not in gone)

    def _give_up(self, chunk: Sequence[Waiting], lost: int) -> None:
        with self._lock:
            self._refused.update(one.key for one in chunk)
        self._remove(chunk)
        self._dropped("export_rejected", lost)


def waiting(key: str, call_id: str, event: CallEvent) -> Waiting:
    """Return an event of a call, serialised."""
    return Waiting(key, call_id, record_of(event).SerializeToString())


def record_of(event: CallEvent) -> LogRecord:
    """Return an event as OTLP's record."""
    record = LogRecord(
        time_unix_nano=int(event.at * 1e9),
        observed_time_unix_nano=int(event.at * 1e9),
        severity_number=SeverityNumber.SEVERITY_NUMBER_ERROR if event.failed else SeverityNumber.SEVERITY_NUMBER_INFO,
        severity_text="ERROR" if event.failed else "INFO",
        body=any_value(event.name),
    )
    record.attributes.extend(key_values(event.attributes))
    if event.trace_id:
        record.trace_id = event.trace_id.to_bytes(16, "big")
    if event.span_id:
        record.span_id = event.span_id.to_bytes(8, "big")
    # LogRecord.event_name is field 12, which opentelemetry-proto knows from 1.35 on; names are below 128 bytes.
    name = event.name.encode()
    record.MergeFromString(bytes((12 << 3 | 2, len(name))) + name)
    return record


def body_of(requests: Requests, events: Iterable[Waiting]) -> bytes:
    """Return an ExportLogsServiceRequest with events."""
    return requests.enclosed([b"".join((scope(), *(field(2, one.record) for one in events)))])


def _chunked(events: Sequence[Waiting]) -> Iterable[list[Waiting]]:
    return (list(events[start : start + EVENTS_PER_REQUEST]) for start in range(0, len(events), EVENTS_PER_REQUEST))
