"""The one thread that writes: a bounded queue, batches, patience with a file that cannot be written.

Owns when things are written. Refuses to block whoever hands it work, to write on any other thread, and to die: an
outage costs time, beyond the queue's bound it costs rows, never a call.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any, TypeVar

from voice_metrics.ledger import forking
from voice_metrics.ledger.chores import Chores
from voice_metrics.ledger.file import Fault, LedgerFile, fault
from voice_metrics.ledger.outage import Outages
from voice_metrics.ledger.process import this_process
from voice_metrics.ledger.writing import Session, sign_in

T = TypeVar("T")
Work = Callable[[Session], T]

# Work that can wait and arrives within this time shares a transaction.
LINGER_SECONDS = 0.2
_BATCH = 500
# Longest that a fork waits for the transaction under way, which takes milliseconds unless the file is locked.
_PAUSE_SECONDS = 0.5


class LedgerUnavailable(Exception):
    """The ledger cannot be written now, or did not answer in time."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    answer: Future[Any] | None = None
    result: Any = None
    error: Exception | None = None

    def settle(self) -> None:
        """Tell whoever waits, unless that has been given up."""
        if self.answer is None or not self.answer.set_running_or_notify_cancel():
            return
        if self.error is not None:
            self.answer.set_exception(self.error)
        else:
            self.answer.set_result(self.result)


class Writer:
    """Writes what it is given, in order, in transactions of its own."""

    def __init__(self, file: LedgerFile, chores: Chores, capacity: int, linger_seconds: float = LINGER_SECONDS) -> None:
        """Make a writer; its thread starts with the first work.

        Args:
            file: The file to write to.
            chores: What is to be done between batches.
            capacity: Jobs that may wait at most.
            linger_seconds: How long work that is not urgent waits for more.
        """
        self.file = file
        self.dropped = 0
        self._chores = chores
        self._capacity = capacity
        self._linger_seconds = linger_seconds
        self._outages = Outages(file, capacity)
        self._reset()
        forking.watch(self)

    def put(self, work: Work[None], *, weight: float = 1.0, urgent: bool = False) -> bool:
        """Hand over work without waiting.

        Args:
            work: What to write.
            weight: Part of the queue that such work may fill; the rest is for more important work.
            urgent: Whether it is written at once, in case that the process is killed.

        Returns:
            False if it was dropped.
        """
        if self._queue.qsize() + len(self._waiting) >= self._capacity * weight:
            self._drop(1, f"more than {self._capacity} rows wait")
            return False
        sent = self._send(_Job(work))
        if urgent:
            self._urgent.set()
        return sent

    def submit(self, work: Work[T]) -> Future[T]:
        """Have work done at once, without waiting.

        Args:
            work: What to write or find out.

        Returns:
            What the work returned, once it is committed; `LedgerUnavailable` if it could not be.

        Raises:
            LedgerUnavailable: The thread cannot be started.
        """
        answer: Future[T] = Future()
        if not self._send(_Job(work, answer)):
            raise LedgerUnavailable("its thread cannot be started")
        self._urgent.set()
        return answer

    def ask(self, work: Work[T], timeout: float) -> T:
        """Have work done and wait until it is committed.

        Args:
            work: What to write or find out.
            timeout: Seconds to wait at most.

        Returns:
            What the work returned.

        Raises:
            LedgerUnavailable: It could not be committed now, or not in time.
        """
        answer = self.submit(work)
        try:
            return answer.result(timeout)
        except FutureTimeout:
            answer.cancel()
            raise LedgerUnavailable(f"no answer within {timeout:g} s") from None

    def close(self, timeout: float) -> bool:
        """Write what waits, close the file and end the thread; later work starts it again.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether everything was written.
        """
        thread, dropped = self._thread, self.dropped
        if thread is None:
            return True
        self._closing.set()
        self._urgent.set()
        self._queue.put(None)
        thread.join(timeout)
        return not thread.is_alive() and self.dropped == dropped

    @property
    def is_running(self) -> bool:
        """Whether the thread runs, so that something may wait to be written."""
        return self._thread is not None

    @property
    def is_held_up(self) -> bool:
        """Whether the file could not be written when it was last tried."""
        return self._outages.lasts

    def pause(self) -> None:
        """Before a fork: let go of the file."""
        self._paused = self._busy.acquire(timeout=_PAUSE_SECONDS)
        if self._paused:
            self.file.close()

    def resume(self) -> None:
        """After a fork, in the parent: go on."""
        if self._paused:
            self._paused = False
            self._busy.release()

    def forget(self) -> None:
        """After a fork, in the child: leave the parent's queue, thread and connection alone."""
        _inherited.append(self.file.abandon())
        self._reset()

    def _reset(self) -> None:
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._urgent = threading.Event()
        self._closing = threading.Event()
        self._starting = threading.Lock()
        self._busy = threading.Lock()
        self._paused = False
        self._thread: threading.Thread | None = None
        self._waiting: list[_Job] = []
        self._process: int | None = None
        self._signed_in: sqlite3.Connection | None = None

    def _send(self, job: _Job) -> bool:
        self._queue.put(job)
        return self._thread is not None or self._start()

    def _start(self) -> bool:
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="voice-metrics-ledger", daemon=True)
                self._thread = thread
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is shutting down
                    self._thread = None
                    return False
        return True

    def _run(self) -> None:
        patience = 0.0
        try:
            while self._collect(patience):
                with self._busy:
                    patience = self._attempt(patience)
            with self._busy:
                self.file.close()
        finally:
            self._closing.clear()
            self._thread = None
            if not self._queue.empty():
                self._start()

    def _collect(self, patience: float) -> bool:
        """Wait for work, or for another try at what waits; False when it is time to end."""
        if not self._closing.is_set():
            if patience:
                self._urgent.wait(patience)
            elif not self._waiting:
                if not self._receive(self._chores.next_in(time.monotonic())):
                    return True
                self._urgent.wait(self._linger_seconds)
        self._urgent.clear()
        while len(self._waiting) < self._capacity and self._receive(0.0):
            pass
        return bool(self._waiting) or not self._closing.is_set()

    def _receive(self, timeout: float) -> bool:
        try:
            job = self._queue.get(timeout > 0, timeout or None)
        except queue.Empty:
            return False
        if job is not None:
            self._waiting.append(job)
        return True

    def _attempt(self, patience: float) -> float:
        """Write all that waits; returns how long to wait before the next try, 0 if all is well."""
        try:
            while self._waiting:
                self._write(self._waiting[:_BATCH])
                del self._waiting[:_BATCH]
            self._do_chores()
        except Exception as error:
            return self._endure(error, patience)
        return 0.0

    def _write(self, batch: list[_Job]) -> None:
        session = self._begin()
        for job in batch:
            if job.answer is None or not job.answer.cancelled():
                self._perform(job, session)
        session.db.execute("COMMIT")
        self._outages.over()
        for job in batch:
            if job.error is not None and job.answer is None:
                self._drop(1, f"{type(job.error).__name__}: {job.error}")
            job.settle()

    def _begin(self) -> Session:
        db = self.file.connection()
        db.execute("BEGIN IMMEDIATE")
        now = time.time()
        due = self._chores.heartbeat_due(time.monotonic())
        if due or self._process is None or db is not self._signed_in:
            self._process, self._signed_in = sign_in(db, this_process(), now), db
        return Session(db, self._process, now)

    def _perform(self, job: _Job, session: Session) -> None:
        session.db.execute("SAVEPOINT job")
        job.result = job.error = None
        try:
            job.result = job.work(session)
        except Exception as error:
            if fault(error) is not None:
                raise
            session.db.execute("ROLLBACK TO job")
            job.error = error
        session.db.execute("RELEASE job")

    def _do_chores(self) -> None:
        while chore := self._chores.due(time.monotonic()):
            session = self._begin()
            chore(session)
            session.db.execute("COMMIT")
            if not self._queue.empty():
                return

    def _endure(self, error: Exception, patience: float) -> float:
        trouble = fault(error)
        self._process = None
        self.file.rollback()
        if trouble is Fault.DAMAGED and self._outages.set_aside(error, time.time()):
            return 0.0
        wait = self._outages.begin(trouble, error, patience)
        if trouble is not Fault.LOCKED:
            self.file.close()
        for job in self._waiting:
            job.error = LedgerUnavailable(str(error))
            job.settle()
        kept = [job for job in self._waiting if job.answer is None]
        # Work that failed for no fault of the file would fail again; and a process that ends cannot wait.
        lost = kept if trouble is None or self._closing.is_set() else []
        self._drop(len(lost), f"{type(error).__name__}: {error}")
        self._waiting = [] if lost else kept
        return wait

    def _drop(self, count: int, why: str) -> None:
        if count:
            self.dropped += count
            self._outages.say("dropped", f"rows are dropped, {why}. Later ones are counted, not reported")


# A connection that a child inherited after all is the parent's: dropping it would close it.
_inherited: list[sqlite3.Connection | None] = []
