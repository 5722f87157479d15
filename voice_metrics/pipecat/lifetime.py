"""One call on the event loop: its timers, its rows in the ledger, and its end.

Nothing here raises: the listener receives faults. Calls share nothing.
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

# Time for measurements after a StopFrame or CancelFrame, unless the pipeline is cleaned up before.
GRACE_SECONDS = 0.5
# Longest time after an EndFrame, while the bot speaks queued text and other processors finish their work.
DRAIN_SECONDS = 60.0
# Measurements wait this long to be read together, or until the next event of the conversation.
READ_SECONDS = 0.25
# Interval at which a live call's row in the ledger is updated.
JOURNAL_SECONDS = 5.0

# Longest wait of a call's end for its last rows, which take milliseconds if the file can be written.
ROWS_SECONDS = 0.25

# The event loop holds tasks only weakly.
_endings: set[asyncio.Task[None]] = set()


class Listener(Protocol):
    """The recorder, as its call's lifetime calls it."""

    def read_measurements(self) -> None:
        """Record the measurements that have arrived."""
        ...

    def closing(self, call: Call) -> None:
        """Stop recording into the call: its last export is requested next."""
        ...

    async def summed_up(self, summary: CallSummary) -> None:
        """Receive the final summary, after the call's end was logged and written."""
        ...

    def faulted(self, where: str, fault: Exception) -> None:
        """Receive a fault of the plug-in, with the place where it arose."""
        ...


class Lifetime:
    """Runs a call's timers, from its start to the answer to its last export."""

    def __init__(
        self,
        call: Call,
        journal: Journal | None,
        end_timeout_seconds: float,
        clock: Callable[[], float],
        listener: Listener,
    ) -> None:
        """Begin the call's row in the ledger, and start the timers.

        Args:
            call: The call.
            journal: Writes its rows into the ledger; `None` without a ledger.
            end_timeout_seconds: Longest wait for the last export.
            clock: Monotonic seconds.
            listener: Reads measurements, and receives the summary and faults.
        """
        self.call = call
        self._journal = journal
        self._end_timeout_seconds = end_timeout_seconds
        self._clock = clock
        self._listener = listener
        self._reading: asyncio.TimerHandle | None = None
        self._read_at = clock()
        self._concluding: asyncio.Task[None] | None = None
        self._due = asyncio.Event()
        self._awaits_clean_up = False
        self._watch = event_loop.watch()
        self._watch.add_listener(self._record_lag)
        if journal is not None:
            try:
                journal.started(call.progress(clock()))
            except Exception as fault:
                listener.faulted("ledger", fault)
            self._call_later(JOURNAL_SECONDS, self._update_journal)

    @property
    def over(self) -> bool:
        """True once the call's end is due."""
        return self._due.is_set()

    def read_soon(self) -> None:
        """Schedule the reading of measurements and the release of held ones, if it is not scheduled yet."""
        if self._reading is None:
            self._reading = self._call_later(READ_SECONDS, self._read_and_release)

    def ended(self, reason: EndReason, at: float, ended_by: EndedBy, *, cleaned_up: bool) -> None:
        """Record the call's end, and conclude it once measurements have had their time.

        Args:
            reason: How the call ended.
            at: Monotonic seconds of its end.
            ended_by: The party or cause.
            cleaned_up: True if the pipeline's clean-up follows: measurements until then count.
        """
        if self.call.end_reason is None:
            self.call.end(reason, at, ended_by)
            self._awaits_clean_up = cleaned_up
            self._concluding = self._conclude_in_task(at + DRAIN_SECONDS)

    def conclude(self) -> asyncio.Task[None]:
        """Conclude the call now, once; return the task that exports, logs and announces its end."""
        self._due.set()
        if self._concluding is None:
            self._concluding = self._conclude_in_task(self._clock())
        return self._concluding

    def _conclude_in_task(self, latest_at: float) -> asyncio.Task[None]:
        # A task, not a timer: a closing event loop cancels it, and its `finally` still announces the end.
        task = asyncio.get_running_loop().create_task(self._conclude(latest_at))
        _endings.add(task)
        task.add_done_callback(_endings.discard)
        return task

    def _call_later(self, seconds: float, act: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, act)

    def _read_and_release(self) -> None:
        self._reading = None
        try:
            self._listener.read_measurements()
            # A loop that was held brings a timer before the interruption that is due too: wait for another reading.
            self.call.release(self._read_at)
            self._read_at = self._clock()
            if self.call.next_due is not None:
                self.read_soon()
        except Exception as fault:
            self._listener.faulted("held measurements", fault)

    def _update_journal(self) -> None:
        if self._journal is None or self.over:
            return
        try:
            self._journal.updated(self.call.progress(self._clock()))
        except Exception as fault:
            self._listener.faulted("ledger", fault)
        self._call_later(JOURNAL_SECONDS, self._update_journal)

    def _record_lag(self, seconds: float, function: str | None) -> None:
        self.call.loop_late(seconds, function, self._clock())

    def _leave_watch(self) -> None:
        """Stop measuring lag, after that of the overdue tick, which a closing loop would never run."""
        if self._watch.remove_listener(self._record_lag) and (late := self._watch.late()) > 0:
            self._record_lag(late, self._watch.holder)

    async def _wait_for_quiet(self, latest_at: float) -> None:
        """Wait until the bot is silent and the pipeline cleaned up, `latest_at` has passed, or the end is due."""
        while not self._due.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE_SECONDS):
                    await self._due.wait()
            if not (self.call.speaking or self._awaits_clean_up) or self._clock() >= latest_at:
                self._due.set()

    async def _conclude(self, latest_at: float) -> None:
        try:
            await self._wait_for_quiet(latest_at)
            self._listener.read_measurements()
            self._leave_watch()
            await self._export_last_values()
        except Exception as fault:
            self._listener.faulted("last export", fault)
        finally:
            # Runs also while the event loop is being closed.
            self._due.set()
            self._leave_watch()
            self._listener.read_measurements()
            last_export = self.call.close(self._clock())
            summary = self.call.progress(self._clock())
            self._log_summary(summary)
            if self._journal is not None:
                await self._write_end(self._journal, summary, last_export)
            await self._listener.summed_up(summary)

    async def _write_end(self, journal: Journal, summary: CallSummary, last_export: Future[bool | None]) -> None:
        """Write the call's end and wait a moment for it, because the process may call `os._exit` next."""
        try:
            journal.ended(summary, last_export)
            written = asyncio.wrap_future(journal.written())
            # The ledger has logged its fault; without this asyncio would log it again as the application's.
            written.add_done_callback(lambda written: written.cancelled() or written.exception())
            await asyncio.wait({written}, timeout=ROWS_SECONDS)
        except Exception as fault:
            self._listener.faulted("ledger", fault)

    def _log_summary(self, summary: CallSummary) -> None:
        # A fault here must not keep the summary from the ledger and the listener.
        try:
            logger.info("{}", render(summary))
        except Exception as fault:
            self._listener.faulted("summary", fault)

    async def _export_last_values(self) -> None:
        deadline = self._clock() + self._end_timeout_seconds * 0.95
        self._listener.closing(self.call)
        last_export = asyncio.wrap_future(self.call.close(self._clock()))
        await asyncio.wait({last_export}, timeout=max(0.0, deadline - self._clock()))
