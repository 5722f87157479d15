"""One call on the event loop: its timers, its rows in the ledger, and its end, told once.

Nothing here raises, faults are handed on; nothing is shared with another call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Protocol

from loguru import logger

from voice_metrics.call.call import Call
from voice_metrics.call.call_end import EndedBy
from voice_metrics.call.facts import EndReason
from voice_metrics.call.rendering import render
from voice_metrics.call.summary import CallSummary
from voice_metrics.ledger.journal import Journal
from voice_metrics.pipecat import event_loop

# What is still under way when a pipeline is stopped or cancelled gets this long, unless it is cleaned up before.
GRACE_SECONDS = 0.5
# Speech that was queued before an EndFrame is played to its end, and other processors have work to finish; the
# longest that this may take.
DRAIN_SECONDS = 60.0
# Measurements wait this long to be read together, unless something happens in the conversation before.
READ_SECONDS = 0.25
# How often a live call's row in the ledger is brought up to date.
JOURNAL_SECONDS = 5.0

# The end of a call waits so long for the ledger's last rows, which take milliseconds where the file can be written.
ROWS_SECONDS = 0.25

# The event loop itself holds a task only weakly.
_endings: set[asyncio.Task[None]] = set()


class Listener(Protocol):
    """Who reads a call's measurements, and is told of its end."""

    def read(self) -> None:
        """It is time to take the measurements that have come."""
        ...

    def closing(self, call: Call) -> None:
        """The call takes nothing any more."""
        ...

    async def summed_up(self, summary: CallSummary) -> None:
        """The end has been told: here is the summary."""
        ...

    def faulted(self, where: str, fault: Exception) -> None:
        """Something of ours went wrong."""
        ...


class Lifetime:
    """Keeps time for a call, from its start to the answer to its last export."""

    def __init__(
        self,
        call: Call,
        journal: Journal | None,
        end_timeout_seconds: float,
        clock: Callable[[], float],
        listener: Listener,
    ) -> None:
        """Begin.

        Args:
            call: The call.
            journal: Its rows in the ledger, or `None` if there is none.
            end_timeout_seconds: Longest time that its end may take.
            clock: Monotonic seconds.
            listener: Told of its end, and of faults.
        """
        self.call = call
        self._journal = journal
        self._end_timeout_seconds = end_timeout_seconds
        self._clock = clock
        self._listener = listener
        self._reading: asyncio.TimerHandle | None = None
        self._concluding: asyncio.Task[None] | None = None
        self._due = asyncio.Event()
        self._awaits_clean_up = False
        self._watch = event_loop.watch()
        self._watch.tell(self._loop_late)
        if journal is not None:
            try:
                journal.started(call.progress(clock()))
            except Exception as fault:
                listener.faulted("ledger", fault)
            self._later(JOURNAL_SECONDS, self._write_journal)

    @property
    def over(self) -> bool:
        """Whether the call's end is being told, or was."""
        return self._due.is_set()

    def read_soon(self) -> None:
        """See to it that measurements are read, and those that are held back are taken."""
        if self._reading is None:
            self._reading = self._later(READ_SECONDS, self._read)

    def ended(self, reason: EndReason, at: float, ended_by: EndedBy, *, cleaned_up: bool) -> None:
        """Note the end, and wait for what is still under way.

        Args:
            reason: How the call ended.
            at: When, in monotonic seconds.
            ended_by: Who or what ended it.
            cleaned_up: Whether the pipeline's clean-up follows: measurements that come before it count.
        """
        if self.call.end_reason is None:
            self.call.end(reason, at, ended_by)
            self._awaits_clean_up = cleaned_up
            self._concluding = self._ending(at + DRAIN_SECONDS)

    def conclude(self) -> asyncio.Task[None]:
        """Tell the end, once, and without waiting for what is still under way.

        Returns:
            What tells it.
        """
        self._due.set()
        if self._concluding is None:
            self._concluding = self._ending(self._clock())
        return self._concluding

    def _ending(self, latest: float) -> asyncio.Task[None]:
        # A task and no timer: an event loop that is closed cancels it, and the end is told all the same.
        task = asyncio.get_running_loop().create_task(self._conclude(latest))
        _endings.add(task)
        task.add_done_callback(_endings.discard)
        return task

    def _later(self, seconds: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, act)

    def _read(self) -> None:
        self._reading = None
        try:
            self._listener.read()
            self.call.release(self._clock())
            if self.call.next_due is not None:
                self.read_soon()
        except Exception as fault:
            self._listener.faulted("held measurements", fault)

    def _write_journal(self) -> None:
        if self._journal is None or self.over:
            return
        try:
            self._journal.updated(self.call.progress(self._clock()))
        except Exception as fault:
            self._listener.faulted("ledger", fault)
        self._later(JOURNAL_SECONDS, self._write_journal)

    def _loop_late(self, seconds: float, function: str | None) -> None:
        self.call.loop_late(seconds, function, self._clock())

    def _leave_watch(self) -> None:
        """Take the lag of the tick that is overdue as well; a loop that is closed has no other."""
        if self._watch.forget(self._loop_late) and (late := self._watch.late()) > 0:
            self._loop_late(late, self._watch.holder)

    async def _quiet(self, latest: float) -> None:
        """Wait for what is still under way, unless the end is due."""
        while not self._due.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE_SECONDS):
                    await self._due.wait()
            if not (self.call.speaking or self._awaits_clean_up) or self._clock() >= latest:
                self._due.set()

    async def _conclude(self, latest: float) -> None:
        try:
            await self._quiet(latest)
            self._listener.read()
            self._leave_watch()
            await self._export()
        except Exception as fault:
            self._listener.faulted("last export", fault)
        finally:
            # Told even when the event loop is being closed.
            self._due.set()
            self._leave_watch()
            self._listener.read()
            last_export = self.call.close(self._clock())
            summary = self.call.progress(self._clock())
            self._show(summary)
            if self._journal is not None:
                await self._write_end(self._journal, summary, last_export)
            await self._listener.summed_up(summary)

    async def _write_end(self, journal: Journal, summary: CallSummary, last_export: Future[bool | None]) -> None:
        """Wait a moment for the last rows: a process may leave by `os._exit` when its call is over."""
        try:
            journal.ended(summary, last_export)
            written = asyncio.wrap_future(journal.written())
            # A ledger that cannot be written has said so; asyncio would say it again, as an error of the application.
            written.add_done_callback(lambda written: written.cancelled() or written.exception())
            await asyncio.wait({written}, timeout=ROWS_SECONDS)
        except Exception as fault:
            self._listener.faulted("ledger", fault)

    def _show(self, summary: CallSummary) -> None:
        # A name that is no text must not cost the ledger and the listeners the summary as well.
        try:
            logger.info("{}", render(summary))
        except Exception as fault:
            self._listener.faulted("summary", fault)

    async def _export(self) -> None:
        deadline = self._clock() + self._end_timeout_seconds * 0.95
        self._listener.closing(self.call)
        last_export = asyncio.wrap_future(self.call.close(self._clock()))
        await asyncio.wait({last_export}, timeout=max(0.0, deadline - self._clock()))
