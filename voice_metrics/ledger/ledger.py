"""The ledger as calls and the exporter see it: every call is a row, and what was not delivered is kept.

Owns what may be asked of the writing thread. Refuses to block a call and to raise into one.
"""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from voice_metrics.ledger import pending, writing
from voice_metrics.ledger.chores import Chores
from voice_metrics.ledger.file import LedgerFile
from voice_metrics.ledger.process import this_process
from voice_metrics.ledger.rows import CallState, Row
from voice_metrics.ledger.writer import LINGER_SECONDS, LedgerUnavailable, Writer
from voice_metrics.ledger.writing import Session

if TYPE_CHECKING:
    from voice_metrics.export.spool import PendingRequest

T = TypeVar("T")
# Longest that the exporter's thread waits for its requests to be on disk.
_SPOOL_SECONDS = 2.0
# Longest that a process's exit waits for the last rows.
_EXIT_SECONDS = 0.5
_CAPACITY = 20_000
_DAYS, _MEGABYTES = 30.0, 500.0


class Ledger:
    """An SQLite file of calls, written on a thread of its own; any thread may call, also after a fork."""

    def __init__(
        self,
        path: Path,
        *,
        days: float = _DAYS,
        megabytes: float = _MEGABYTES,
        capacity: int = _CAPACITY,
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        """Make a ledger; nothing is opened before the first row.

        Args:
            path: The SQLite file; its folder is made if it is missing.
            days: Calls and measurements older than this are pruned.
            megabytes: Size above which the oldest measurements, then calls, are pruned.
            capacity: Rows that may wait in memory while the file cannot be written.
            linger_seconds: How long rows of a time line wait for more of them; begin and end of a call do not wait.
        """
        self._writer = Writer(LedgerFile(path.absolute()), Chores(days, megabytes), capacity, linger_seconds)
        # A weak reference: a ledger that nobody holds needs no exit.
        atexit.register(_flush_at_exit, weakref.ref(self))

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
        """Whether something was written in this process and the ledger was not closed since."""
        return self._writer.is_running

    @property
    def dropped(self) -> int:
        """Rows that were lost: the file could not be written for too long, or not with them."""
        return self._writer.dropped

    def call_started(self, key: str, started_at: datetime, summary: Mapping[str, Any]) -> None:
        """Add a live call.

        Args:
            key: What tells it from every other call, also from another one with the same id.
            started_at: When it started, with time zone.
            summary: `CallSummary.to_dict()`, which has the id; not changed afterwards.
        """
        at = started_at.timestamp()
        self._writer.put(partial(writing.start_call, key=key, started_at=at, summary=summary), urgent=True)

    def call_updated(self, key: str, summary: Mapping[str, Any]) -> None:
        """Replace a live call's summary."""
        self._put_call(key, summary, CallState.LIVE)

    def call_ended(self, key: str, summary: Mapping[str, Any], state: CallState | str = CallState.ENDED) -> None:
        """Replace a call's summary by its last one; may be called again when its state is known better.

        Args:
            key: The call's key.
            summary: `CallSummary.to_dict()`; not changed afterwards.
            state: "delivered" if its last export was acknowledged, "pending" if not, "ended" without an endpoint.
        """
        self._put_call(key, summary, CallState(state))

    def delivered(self, keys: Iterable[str]) -> None:
        """Note that calls of this process were delivered after all, also one whose end is not written yet."""
        self._writer.put(partial(pending.deliver, keys=tuple(keys)))

    def given_up(self, keys: Iterable[str]) -> None:
        """Note that a server will never have all of these calls of this process."""
        self._writer.put(partial(pending.give_up, keys=tuple(keys)))

    def add(self, key: str, rows: Iterable[Row]) -> None:
        """Add rows to a call's time line; under pressure they are the first to be dropped.

        Args:
            key: The call's key.
            rows: Iterated by the writing thread, and again if it has to try again; not changed afterwards.
        """
        self._writer.put(partial(writing.add_measurements, key=key, rows=rows), weight=0.5)

    def written(self) -> Future[None]:
        """Ask, without waiting, that everything handed over so far is on disk at once.

        Returns:
            Done when it is; `LedgerUnavailable` if it cannot be now.

        Raises:
            LedgerUnavailable: The thread cannot be started.
        """
        return self._writer.submit(_nothing)

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until everything handed over so far is on disk.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            False if it is not.
        """
        try:
            self._writer.ask(_nothing, timeout)
        except LedgerUnavailable:
            return False
        return True

    def close(self, timeout: float = 2.0) -> bool:
        """Write what waits and let go of the file; a later call opens it again.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether everything was written.
        """
        return self._writer.close(timeout)

    def replace(self, requests: Sequence[PendingRequest]) -> None:
        """Keep what this process has not delivered, instead of what it kept before.

        Raises:
            LedgerUnavailable: It is not on disk.
        """
        self._writer.ask(partial(pending.replace, requests=tuple(requests)), _SPOOL_SECONDS)

    def park(self, requests: Sequence[PendingRequest]) -> None:
        """Keep requests that this process gives out of its hands; any process may claim them at once.

        Raises:
            LedgerUnavailable: They are not on disk.
        """
        self._writer.ask(partial(pending.park, requests=tuple(requests)), _SPOOL_SECONDS)

    def claim(self) -> list[tuple[int, PendingRequest]]:
        """Take over what processes left that are gone, each request by one claimer only.

        Returns:
            Number and request of each, oldest first; at most some 16 MB, so that there may be more after these.

        Raises:
            LedgerUnavailable: Nothing was claimed.
        """
        return self._writer.ask(_claim, _SPOOL_SECONDS)

    def acknowledged(self, ids: Sequence[int]) -> None:
        """Forget claimed requests that were delivered.

        Raises:
            LedgerUnavailable: They are still kept.
        """
        self._writer.ask(partial(pending.acknowledge, rows=tuple(ids)), _SPOOL_SECONDS)

    def refused(self, ids: Sequence[int]) -> None:
        """Forget claimed requests that a server refused for good.

        Raises:
            LedgerUnavailable: They are still kept.
        """
        self._writer.ask(partial(pending.refuse, rows=tuple(ids)), _SPOOL_SECONDS)

    def set_aside(self, ids: Sequence[int]) -> None:
        """Leave claimed requests that cannot be read to nobody.

        Raises:
            LedgerUnavailable: They stay with this process until it ends.
        """
        self._writer.ask(partial(pending.set_aside, rows=tuple(ids)), _SPOOL_SECONDS)

    def release(self, ids: Sequence[int]) -> None:
        """Leave claimed requests that were not delivered to the next process.

        Raises:
            LedgerUnavailable: They stay with this process until it ends.
        """
        self._writer.ask(partial(pending.release, rows=tuple(ids)), _SPOOL_SECONDS)

    def ask(self, work: Callable[[Session], T], timeout: float = 2.0) -> T:
        """Have work of your own done in a transaction of the writing thread.

        Args:
            work: What to do.
            timeout: Seconds to wait at most.

        Returns:
            What the work returned.

        Raises:
            LedgerUnavailable: It could not be committed now, or not in time.
        """
        return self._writer.ask(work, timeout)

    def _put_call(self, key: str, summary: Mapping[str, Any], state: CallState) -> None:
        ended = state is not CallState.LIVE
        self._writer.put(partial(writing.update_call, key=key, summary=summary, state=state), urgent=ended)


@cache
def ledger_at(path: Path, days: float = _DAYS) -> Ledger:
    """The process's ledger in a file; the same one for whoever asks, so that one thread writes.

    Args:
        path: The SQLite file.
        days: Calls and measurements older than this are pruned.

    Returns:
        The ledger.
    """
    return Ledger(path, days=days)


def _claim(session: Session) -> list[tuple[int, PendingRequest]]:
    from voice_metrics.export.spool import PendingRequest

    gone = writing.gone_processes(session.db, this_process(), session.now)
    writing.end_calls_of(session.db, gone)
    return [
        (row, PendingRequest(body=body, calls=calls, created_at=created_at, signal=signal))
        for row, body, calls, created_at, signal in pending.adopt(session, gone)
    ]


def _nothing(_: Session) -> None:
    """Work that is done when all work before it is."""


def _flush_at_exit(ledger: weakref.ref[Ledger]) -> None:
    # The thread stays: what runs after this at exit may still want to keep a request.
    found = ledger()
    if found is not None and found.is_open:
        found.flush(_EXIT_SECONDS)
