"""The write side of the ledger: calls, time lines and unsent requests, without blocking a call or raising into it."""

from __future__ import annotations

import atexit
import copy
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from voice_metrics.ledger import pending, writing
from voice_metrics.ledger.chores import Chores
from voice_metrics.ledger.file import LedgerFile
from voice_metrics.ledger.jobs import LedgerUnavailable
from voice_metrics.ledger.pending import Origin
from voice_metrics.ledger.process import this_process
from voice_metrics.ledger.rows import CallState, Row
from voice_metrics.ledger.writer import LINGER_SECONDS, Writer
from voice_metrics.ledger.writing import Session

if TYPE_CHECKING:
    from voice_metrics.export.spool import PendingRequest

T = TypeVar("T")
# The exporter's thread waits at most this long for its requests to be on disk.
_SPOOL_SECONDS = 2.0
_POLL_SECONDS = 0.05
# A process's exit waits at most this long for the last rows, and then for the transaction that is open.
_EXIT_SECONDS, _RETIRE_SECONDS = 0.5, 0.1
_CAPACITY = 20_000
# Marks of what became of a call or request are few, and find room if rows fill the queue.
_WEIGHT_OF_MARKS = 2.0
_DAYS, _MEGABYTES = 30.0, 500.0


class Ledger:
    """An SQLite file of calls, written by its own thread; safe to use from any thread and after a fork.

    Calls are named by their `Identity.key`. Summaries, as `CallSummary.to_dict()` makes them, must not change after
    they are passed in.
    """

    def __init__(
        self,
        path: Path,
        *,
        days: float = _DAYS,
        megabytes: float = _MEGABYTES,
        capacity: int = _CAPACITY,
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        """Make a ledger; the file is opened for the first row.

        Args:
            path: The SQLite file; its folder is made if missing.
            days: Calls and measurements older than this are pruned.
            megabytes: Above this size the oldest measurements, then calls, are pruned.
            capacity: Jobs that may wait in memory while the file cannot be written.
            linger_seconds: Longest that rows of a time line wait for more; a call's start and end do not wait.
        """
        self._writer = Writer(LedgerFile(path.absolute()), Chores(days, megabytes), capacity, linger_seconds)
        self._origin: Origin | None = None
        # A weak reference, so that an unused ledger can be collected.
        atexit.register(_flush_at_exit, weakref.ref(self))

    def of(self, origin: Origin) -> Ledger:
        """Return the same ledger as the store of one telemetry's requests, of which it claims what it may send."""
        same = copy.copy(self)
        same._origin = origin
        return same

    @property
    def path(self) -> Path:
        """The file."""
        return self._writer.file.path

    @property
    def location(self) -> str | None:
        """The file, for messages; `None` while it cannot be written."""
        return None if self._writer.is_held_up else str(self.path)

    @property
    def is_open(self) -> bool:
        """True if this process wrote something and did not close the ledger since."""
        return self._writer.is_running

    @property
    def dropped(self) -> int:
        """Number of writes dropped because the queue was full or they failed for good."""
        return self._writer.dropped

    def begin(self) -> None:
        """Start the writing thread; the first row would start it too, but not while the process ends (Python 3.12)."""
        self._writer.start()

    def call_started(self, key: str, started_at: datetime, summary: Mapping[str, Any]) -> None:
        """Insert a live call; `started_at` has a time zone, the summary has the id."""
        at = started_at.timestamp()
        self._writer.put(partial(writing.start_call, key=key, started_at=at, summary=summary), urgent=True)

    def call_updated(self, key: str, summary: Mapping[str, Any], started_at: datetime | None = None) -> None:
        """Replace a live call's summary, and its start if one is given."""
        self._queue_update(key, summary, CallState.LIVE, started_at)

    def call_ended(
        self,
        key: str,
        summary: Mapping[str, Any],
        state: CallState | str = CallState.ENDED,
        started_at: datetime | None = None,
    ) -> None:
        """Replace a call's summary by its final one; call again when the state is known better.

        Args:
            key: The call's key.
            summary: The final summary.
            state: "delivered" if the last export was acknowledged, "pending" if not yet, "ended" without an endpoint.
            started_at: Its start, with a time zone, or `None` for the one that is known.
        """
        self._queue_update(key, summary, CallState(state), started_at)

    def delivered(self, keys: Iterable[str]) -> None:
        """Mark calls of this process delivered, even one whose end is not written yet."""
        self._writer.put(partial(pending.deliver, keys=tuple(keys)), weight=_WEIGHT_OF_MARKS)

    def given_up(self, keys: Iterable[str]) -> None:
        """Mark calls ended: a server will never have all of their values."""
        self._writer.put(partial(pending.give_up, keys=tuple(keys)), weight=_WEIGHT_OF_MARKS)

    def add(self, key: str, rows: Iterable[Row]) -> None:
        """Add rows to a call's time line; a full queue drops them before anything else.

        Args:
            key: The call's key.
            rows: Iterated on the writing thread, once more for each retry; must not change.
        """
        self._writer.put(partial(writing.add_measurements, key=key, rows=rows), weight=0.5)

    def written(self) -> Future[None]:
        """Write everything passed in so far at once, without waiting for it.

        Returns:
            Resolves when it is on disk; fails with `LedgerUnavailable` if it cannot be written now.

        Raises:
            LedgerUnavailable: The thread cannot be started.
        """
        return self._writer.submit(_nothing)

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait up to `timeout` seconds until everything passed in so far is on disk; False if it is not."""
        try:
            self._writer.ask(_nothing, timeout)
        except LedgerUnavailable:
            return False
        return True

    def close(self, timeout: float = 2.0) -> bool:
        """Write the queue within `timeout` seconds and close the file; False if rows are left.

        A later write reopens it.
        """
        return self._writer.close(timeout)

    def replace(self, requests: Sequence[PendingRequest]) -> None:
        """Keep these undelivered requests of this process, or its one telemetry, in place of the previous ones.

        Raises:
            LedgerUnavailable: They are not on disk.
        """
        self._writer.ask(partial(pending.replace, requests=tuple(requests), origin=self._origin), _SPOOL_SECONDS)

    def park(self, requests: Sequence[PendingRequest]) -> None:
        """Keep requests that any process, this one included, may claim at once.

        Raises:
            LedgerUnavailable: They are not on disk.
        """
        self._writer.ask(partial(pending.park, requests=tuple(requests), origin=self._origin), _SPOOL_SECONDS)

    def claim(self, interrupted: Callable[[], bool] = lambda: False) -> list[tuple[int, PendingRequest]]:
        """Claim parked requests and those of dead processes, whose calls end; each goes to one claimer only.

        Args:
            interrupted: Polled during the wait; True claims nothing.

        Returns:
            Number and request of each, oldest first, about 16 MB at most; claim again for more.

        Raises:
            LedgerUnavailable: Nothing was claimed.
        """
        answer = self._writer.submit(partial(_end_dead_calls_and_claim, origin=self._origin))
        until = time.monotonic() + _SPOOL_SECONDS
        while not (stopped := interrupted()) and time.monotonic() < until:
            with suppress(TimeoutError):
                return answer.result(_POLL_SECONDS)
        if not answer.cancel():
            # Its statements have run, and it is about to be committed.
            answer.add_done_callback(self._release_late_claim)
        if stopped:
            return []
        raise LedgerUnavailable(f"no answer within {_SPOOL_SECONDS:g} s")

    def acknowledged(self, ids: Sequence[int]) -> None:
        """Delete claimed requests; a call without further ones becomes delivered unless it was given up.

        Raises:
            LedgerUnavailable: They are still kept.
        """
        self._writer.ask(partial(pending.acknowledge, rows=tuple(ids)), _SPOOL_SECONDS)

    def set_aside(self, ids: Sequence[int]) -> None:
        """Mark claimed requests unreadable, so that no process claims them again.

        Raises:
            LedgerUnavailable: They stay with this process until it ends.
        """
        self._writer.ask(partial(pending.set_aside, rows=tuple(ids)), _SPOOL_SECONDS)

    def release(self, ids: Sequence[int]) -> None:
        """Return undelivered claimed requests for the next claimer, without waiting."""
        self._writer.put(partial(pending.release, rows=tuple(ids)), weight=_WEIGHT_OF_MARKS)

    def ask(self, work: Callable[[Session], T], timeout: float = 2.0) -> T:
        """Run work in a transaction of the writing thread and return its result, within `timeout` seconds.

        Raises:
            LedgerUnavailable: It could not be committed now, or not in time.
        """
        return self._writer.ask(work, timeout)

    def _release_late_claim(self, claim: Future[list[tuple[int, PendingRequest]]]) -> None:
        if claim.exception() is None:
            self.release([row for row, _ in claim.result()])

    def _queue_update(
        self, key: str, summary: Mapping[str, Any], state: CallState, started_at: datetime | None
    ) -> None:
        at = None if started_at is None else started_at.timestamp()
        update = partial(writing.update_call, key=key, summary=summary, state=state, started_at=at)
        self._writer.put(update, urgent=state is not CallState.LIVE)


@cache
def ledger_at(path: Path, days: float = _DAYS) -> Ledger:
    """Return the process's ledger for a file, shared so that one thread writes; calls older than `days` are pruned."""
    return Ledger(path, days=days)


def _end_dead_calls_and_claim(session: Session, origin: Origin | None = None) -> list[tuple[int, PendingRequest]]:
    from voice_metrics.export.spool import PendingRequest

    gone = writing.gone_processes(session.db, this_process(), session.now)
    writing.end_calls_of(session.db, gone)
    return [
        (row, PendingRequest(body=body, calls=calls, created_at=created_at, signal=signal))
        for row, body, calls, created_at, signal in pending.adopt(session, gone, origin)
    ]


def _nothing(_: Session) -> None:
    """Do nothing; the queue runs this after everything before it."""


def _flush_at_exit(ledger: weakref.ref[Ledger]) -> None:
    # Flush without closing: a later exit handler may still keep a request.
    found = ledger()
    if found is not None and found.is_open:
        until = time.monotonic() + _EXIT_SECONDS
        found.flush(_EXIT_SECONDS)
        found._writer.retire(max(until - time.monotonic(), _RETIRE_SECONDS))
