"""The one thread that writes: a bounded queue, batches, patience with a file that cannot be written.

Owns when things are written and what is said when they cannot be. Refuses to block whoever hands it work, to write on
any other thread, and to die: an outage costs time, beyond the queue's bound it costs rows, never a call.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any, TypeVar

from loguru import logger

from voice_metrics.ledger.chores import Chores
from voice_metrics.ledger.file import Fault, LedgerFile, fault
from voice_metrics.ledger.process import this_process
from voice_metrics.ledger.writing import Session, sign_in

T = TypeVar("T")
Work = Callable[[Session], T]

# Work that arrives within this time shares a transaction, and the thread wakes five times a second at most.
_LINGER_SECONDS = 0.2
_BATCH = 500
# A file that is damaged again and again lies on a bad disk, where more files do not help.
_DAMAGES = 3
_FIRST_PATIENCE_SECONDS, _LAST_PATIENCE_SECONDS = 0.5, 30.0


class LedgerUnavailable(Exception):
    """The ledger cannot be written now, or did not answer in time."""


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    answer: Future[Any] | None = None
    result: Any = None
    error: Exception | None = None


class Writer:
    """Writes what it is given, in order, in transactions of its own."""

    def __init__(self, file: LedgerFile, chores: Chores, capacity: int) -> None:
        """Make a writer; its thread starts with the first work.

        Args:
            file: The file to write to.
            chores: What is to be done between batches.
            capacity: Jobs that may wait at most.
        """
        self.file = file
        self.dropped = 0
        self._chores = chores
        self._capacity = capacity
        self._said: set[str] = set()
        self._reset()
        _writers.add(self)

    def put(self, work: Work[None], *, weight: float = 1.0) -> bool:
        """Hand over work without waiting.

        Args:
            work: What to write.
            weight: Part of the queue that such work may fill; the rest is for more important work.

        Returns:
            False if it was dropped.
        """
        if self._queue.qsize() + len(self._waiting) >= self._capacity * weight:
            self._drop(1, f"more than {self._capacity} rows wait")
            return False
        return self._send(_Job(work))

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
        answer: Future[T] = Future()
        if not self._send(_Job(work, answer)):
            raise LedgerUnavailable("its thread cannot be started")
        self._urgent.set()
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
        thread = self._thread
        if thread is None:
            return True
        self._closing.set()
        self._urgent.set()
        self._queue.put(None)
        thread.join(timeout)
        return not thread.is_alive() and not self._waiting

    @property
    def is_running(self) -> bool:
        """Whether the thread runs, so that something may wait to be written."""
        return self._thread is not None

    def forget(self) -> None:
        """In a forked child: leave the parent's queue, thread and connection alone."""
        _inherited.append(self.file.abandon())
        self._reset()

    def _reset(self) -> None:
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._urgent = threading.Event()
        self._closing = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiting: list[_Job] = []
        self._damages = 0
        self._outage = False
        self._process: int | None = None
        self._signed_in: sqlite3.Connection | None = None

    def _send(self, job: _Job) -> bool:
        self._queue.put(job)
        return self._thread is not None or self._start()

    def _start(self) -> bool:
        with self._starting:
            if self._thread is None:
                try:
                    thread = threading.Thread(target=self._run, name="voice-metrics-ledger", daemon=True)
                    thread.start()
                except RuntimeError:  # the interpreter is shutting down
                    return False
                self._thread = thread
        return True

    def _run(self) -> None:
        patience = 0.0
        try:
            while self._collect(patience):
                patience = self._attempt(patience)
            self.file.close()
        finally:
            self._closing.clear()
            self._thread = None
            if not self._queue.empty():
                self._start()

    def _collect(self, patience: float) -> bool:
        """Wait for work, or for another try at what waits; False when it is time to end."""
        if self._closing.is_set():
            pass
        elif patience:
            self._urgent.wait(patience)
        elif not self._waiting:
            try:
                job = self._queue.get(timeout=self._chores.next_in(time.monotonic()))
            except queue.Empty:
                return True
            if job is not None:
                self._waiting.append(job)
            self._urgent.wait(_LINGER_SECONDS)
        self._urgent.clear()
        while len(self._waiting) < self._capacity:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                break
            if job is not None:
                self._waiting.append(job)
        return not (self._closing.is_set() and not self._waiting)

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
            if job.answer is not None and job.answer.cancelled():
                continue
            self._perform(job, session)
        session.db.execute("COMMIT")
        if self._outage:
            self._outage = False
            logger.info(f"Ledger {self.file.path}: is written again")
        for job in batch:
            self._settle(job)

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

    def _settle(self, job: _Job) -> None:
        if job.answer is None:
            if job.error is not None:
                self._drop(1, f"{type(job.error).__name__}: {job.error}")
        elif job.answer.set_running_or_notify_cancel():
            if job.error is not None:
                job.answer.set_exception(job.error)
            else:
                job.answer.set_result(job.result)

    def _do_chores(self) -> None:
        while chore := self._chores.due(time.monotonic()):
            session = self._begin()
            chore(session)
            session.db.execute("COMMIT")
            if not self._queue.empty():
                return

    def _endure(self, error: Exception, patience: float) -> float:
        trouble = fault(error)
        self.file.rollback()
        if trouble is Fault.DAMAGED and self._set_aside(error):
            return 0.0
        if trouble is None:
            # The same work would fail again.
            self._fail(error, keep_quiet=False)
            self._say("fault", f"Ledger {self.file.path}: {type(error).__name__}: {error}")
            return 0.0
        self._outage = True
        self._process = None
        if trouble is not Fault.LOCKED:
            self.file.close()
        self._say(
            trouble,
            f"Ledger {self.file.path}: {_told(trouble, error)}. Calls go on; up to {self._capacity} of their rows wait "
            "in memory. VOICE_METRICS_DB names another file, or `off` for none",
        )
        self._fail(error, keep_quiet=True)
        if self._closing.is_set():
            self._drop(len(self._waiting), "the process ends")
            self._waiting.clear()
        return min(max(patience * 2, _FIRST_PATIENCE_SECONDS), _LAST_PATIENCE_SECONDS)

    def _set_aside(self, error: Exception) -> bool:
        self._process = None
        self._damages += 1
        if self._damages > _DAMAGES:
            return False
        try:
            aside = self.file.set_aside(time.time())
        except OSError:
            return False
        if aside is not None:
            logger.warning(
                f"Ledger {self.file.path}: is damaged ({error}), was set aside as {aside.name} and a new one begins: "
                f"`sqlite3 {aside.name} .recover` may bring its calls back"
            )
        return True

    def _fail(self, error: Exception, *, keep_quiet: bool) -> None:
        """Answer whoever waits; quiet work stays for the next try, or is dropped with the error."""
        kept = []
        for job in self._waiting:
            if job.answer is None:
                kept.append(job)
            elif job.answer.set_running_or_notify_cancel():
                job.answer.set_exception(LedgerUnavailable(str(error)))
        if not keep_quiet:
            self._drop(len(kept), f"{type(error).__name__}: {error}")
            kept = []
        self._waiting = kept

    def _drop(self, count: int, why: str) -> None:
        if count:
            self.dropped += count
            self._say(
                "dropped", f"Ledger {self.file.path}: rows are dropped, {why}. Later ones are counted, not reported"
            )

    def _say(self, kind: str, text: str) -> None:
        if kind not in self._said:
            self._said.add(kind)
            logger.warning(text)


def _told(trouble: Fault, error: Exception) -> str:
    if trouble is Fault.FOREIGN:
        return str(error)
    return f"{trouble.value} ({error})"


_writers: weakref.WeakSet[Writer] = weakref.WeakSet()
# A forked child must not close its parent's connections, which dropping them would do.
_inherited: list[sqlite3.Connection | None] = []


def _forget_in_child() -> None:
    for writer in list(_writers):
        writer.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
