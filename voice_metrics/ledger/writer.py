"""The writing thread: a bounded queue, batches, and retries while the file cannot be written.

Callers never wait unless they ask for a result. An outage delays rows; a full queue drops them.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeVar

from voice_metrics.ledger import forking
from voice_metrics.ledger.chores import Chores
from voice_metrics.ledger.file import Fault, LedgerFile, fault
from voice_metrics.ledger.jobs import Job, LedgerUnavailable, Work
from voice_metrics.ledger.outage import Outages
from voice_metrics.ledger.process import this_process
from voice_metrics.ledger.writing import Session, sign_in

T = TypeVar("T")

# Work that is not urgent and arrives within this time shares a transaction.
LINGER_SECONDS = 0.2
_BATCH = 500
# A fork waits at most this long for the current transaction; milliseconds unless the file is locked.
_PAUSE_SECONDS = 0.5


class Writer:
    """Runs work in order, in transactions on its own thread."""

    def __init__(self, file: LedgerFile, chores: Chores, capacity: int, linger_seconds: float = LINGER_SECONDS) -> None:
        """Make a writer; its thread starts with the first work at the latest.

        Args:
            file: The file to write to.
            chores: Work between batches.
            capacity: Most jobs waiting.
            linger_seconds: Longest that work that is not urgent waits for more.
        """
        self.file = file
        self.dropped = 0
        self._chores = chores
        self._capacity = capacity
        self._linger_seconds = linger_seconds
        self._outages = Outages(file, capacity)
        self._reset()
        forking.watch(self)

    def start(self) -> bool:
        """Start the thread, unless it runs; False if it cannot be started."""
        return self._thread is not None or self._start_thread()

    def put(self, work: Work[None], *, weight: float = 1.0, urgent: bool = False) -> bool:
        """Queue work without waiting; False if it was dropped.

        Args:
            work: Statements to run.
            weight: Size of the queue, as a share of its capacity, up to which work of this importance is taken.
            urgent: Write at once, because the process may be killed.
        """
        if self._queue.qsize() + len(self._waiting) >= self._capacity * weight:
            self._count_dropped(1, f"more than {self._capacity} rows wait")
            return False
        sent = self._enqueue(Job(work))
        if urgent:
            self._urgent.set()
        return sent

    def submit(self, work: Work[T]) -> Future[T]:
        """Queue urgent work without waiting.

        Returns:
            The work's result once committed; fails with `LedgerUnavailable` if it could not be.

        Raises:
            LedgerUnavailable: The thread cannot be started.
        """
        answer: Future[T] = Future()
        if not self._enqueue(Job(work, answer)):
            raise LedgerUnavailable("its thread cannot be started")
        self._urgent.set()
        return answer

    def ask(self, work: Work[T], timeout: float) -> T:
        """Run work and return its result, committed within `timeout` seconds.

        Raises:
            LedgerUnavailable: It could not be committed now, or not in time.
        """
        answer = self.submit(work)
        # Once its statements have run, it is about to be committed.
        for _ in range(2):
            try:
                return answer.result(timeout)
            except FutureTimeout:
                if answer.cancel():
                    break
        raise LedgerUnavailable(f"no answer within {timeout:g} s")

    def close(self, timeout: float) -> bool:
        """Write the queue within `timeout` seconds, close the file and end the thread; False if rows are left.

        Later work starts the thread again.
        """
        thread, dropped = self._thread, self.dropped
        if thread is None:
            return True
        self._closing.set()
        self._urgent.set()
        self._queue.put(None)
        thread.join(timeout)
        return not thread.is_alive() and self.dropped == dropped

    def retire(self, timeout: float) -> None:
        """Begin only work that comes from now on, and wait up to `timeout` seconds for the end of what has begun.

        Python ends with its threads where they stand. One in a transaction would keep the file locked for other
        processes until this one is gone.
        """
        self._retired.set()
        if self._busy.acquire(timeout=timeout):
            self._busy.release()

    @property
    def is_running(self) -> bool:
        """True if the thread runs, so that work may be waiting."""
        return self._thread is not None

    @property
    def is_held_up(self) -> bool:
        """True if the latest write failed."""
        return self._outages.lasts

    def pause(self) -> None:
        """Close the file before a fork."""
        self._paused = self._busy.acquire(timeout=_PAUSE_SECONDS)
        if self._paused:
            self.file.close()

    def resume(self) -> None:
        """Continue after a fork, in the parent."""
        if self._paused:
            self._paused = False
            self._busy.release()

    def forget(self) -> None:
        """Abandon the parent's queue, thread and connection after a fork, in the child."""
        _inherited.append(self.file.abandon())
        self._reset()

    def _reset(self) -> None:
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._urgent = threading.Event()
        self._closing = threading.Event()
        self._retired = threading.Event()
        self._starting = threading.Lock()
        self._busy = threading.Lock()
        self._paused = False
        self._thread: threading.Thread | None = None
        self._waiting: list[Job] = []
        self._process: int | None = None
        self._signed_in: sqlite3.Connection | None = None

    def _enqueue(self, job: Job) -> bool:
        self._queue.put(job)
        return self.start()

    def _start_thread(self) -> bool:
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
        wait_seconds = 0.0
        try:
            while self._collect(wait_seconds):
                with self._busy:
                    wait_seconds = self._attempt(wait_seconds)
            with self._busy:
                self.file.close()
        finally:
            self._closing.clear()
            self._thread = None
            if not self._queue.empty():
                self._start_thread()

    def _collect(self, wait_seconds: float) -> bool:
        """Wait for work, or for the next retry; return False when the thread must end."""
        if not self._closing.is_set():
            if wait_seconds:
                if not self._urgent.wait(wait_seconds) and self._retired.is_set():
                    self._urgent.wait()
            elif not self._waiting:
                if not self._take_from_queue(self._chores.next_in(time.monotonic())):
                    return True
                self._urgent.wait(self._linger_seconds)
        self._urgent.clear()
        while len(self._waiting) < self._capacity and self._take_from_queue(0.0):
            pass
        return bool(self._waiting) or not self._closing.is_set()

    def _take_from_queue(self, timeout: float) -> bool:
        try:
            job = self._queue.get(timeout > 0, timeout or None)
        except queue.Empty:
            return False
        if job is not None:
            self._waiting.append(job)
        return True

    def _attempt(self, wait_seconds: float) -> float:
        """Write everything queued; return the seconds until the next try, 0 on success."""
        try:
            while self._waiting:
                self._write(self._waiting[:_BATCH])
                del self._waiting[:_BATCH]
            self._do_chores()
        except Exception as error:
            return self._handle_failure(error, wait_seconds)
        return 0.0

    def _write(self, batch: list[Job]) -> None:
        session = self._begin_transaction()
        for job in batch:
            if job.is_awaited:
                self._perform(job, session)
        session.db.execute("COMMIT")
        self._outages.over()
        for job in batch:
            if job.error is not None and job.answer is None:
                self._count_dropped(1, f"{type(job.error).__name__}: {job.error}")
            job.settle()

    def _begin_transaction(self) -> Session:
        db = self.file.begin(self._retired.is_set)
        now = time.time()
        due = self._chores.heartbeat_due(time.monotonic())
        if due or self._process is None or db is not self._signed_in:
            self._process, self._signed_in = sign_in(db, this_process(), now), db
        return Session(db, self._process, now)

    def _perform(self, job: Job, session: Session) -> None:
        session.db.execute("SAVEPOINT job")
        job.result = job.error = None
        try:
            job.result = job.work(session)
            if not job.is_taken():
                # What it claimed would belong to nobody.
                session.db.execute("ROLLBACK TO job")
        except Exception as error:
            if fault(error) is not None:
                raise
            session.db.execute("ROLLBACK TO job")
            job.error = error
        session.db.execute("RELEASE job")

    def _do_chores(self) -> None:
        while not self._retired.is_set() and (chore := self._chores.due(time.monotonic())):
            session = self._begin_transaction()
            chore(session)
            session.db.execute("COMMIT")
            if not self._queue.empty():
                return

    def _handle_failure(self, error: Exception, wait_seconds: float) -> float:
        """Fail the jobs that are awaited, keep or drop the others; return the seconds until the next try."""
        trouble = fault(error)
        self._process = None
        self.file.rollback()
        if trouble is Fault.DAMAGED and self._outages.set_aside(error, time.time()):
            return 0.0
        wait = self._outages.begin(trouble, error, wait_seconds)
        if trouble is not Fault.LOCKED:
            self.file.close()
        for job in self._waiting:
            if job.answer is not None:
                job.error = LedgerUnavailable(str(error))
                job.settle()
        kept = [job for job in self._waiting if job.answer is None]
        # Work that failed on a sound file would fail again, and an ending process cannot wait.
        lost = kept if trouble is None or self._closing.is_set() else []
        self._count_dropped(len(lost), f"{type(error).__name__}: {error}")
        self._waiting = [] if lost else kept
        return wait

    def _count_dropped(self, count: int, why: str) -> None:
        if count:
            self.dropped += count
            self._outages.say("dropped", f"rows are dropped, {why}. Later ones are counted, not reported")


# Keeps inherited connections alive: collecting one in the child would close the parent's.
_inherited: list[sqlite3.Connection | None] = []
