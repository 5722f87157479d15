"""The calls of one recorder, one after the other: how each begins, what it takes, and how it ends."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from loguru import logger
from pipecat.frames.frames import EndFrame, Frame, MetricsFrame, StartFrame

from voice_metrics.call.call import Call
from voice_metrics.call.call_end import achieved
from voice_metrics.call.errors import ErrorRaised
from voice_metrics.call.events import Interruption, LineClosed, TurnsAnnounced, Withdrawn
from voice_metrics.call.facts import Fact, FirstByte, Refused
from voice_metrics.call.holdback import Cut
from voice_metrics.call.incoming import Event
from voice_metrics.call.proofs import Proof
from voice_metrics.call.summary import CallSummary
from voice_metrics.pipecat.beginnings import Beginnings
from voice_metrics.pipecat.current_call import CurrentCall
from voice_metrics.pipecat.endings import Ending
from voice_metrics.pipecat.faults import Faults
from voice_metrics.pipecat.lifetime import Lifetime
from voice_metrics.pipecat.measured_pipeline import MeasuredPipeline
from voice_metrics.pipecat.services import Flags
from voice_metrics.pipecat.spending import Spending
from voice_metrics.pipecat.traces import Traces
from voice_metrics.pipecat.unread_metrics import UnreadMetrics

# Errors before a call that are remembered for it.
_MOST_EARLY = 100


class Calls:
    """The current call, or the latest one.

    Parameters:
        lifetime: Its timers and its end, or `None` before the first.
        ending: Evidence for its end.
        current: The call, for the tasks around it.
    """

    def __init__(
        self,
        pipeline: MeasuredPipeline,
        beginnings: Beginnings,
        spending: Spending,
        faults: Faults,
        announce: Callable[[CallSummary], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        """Prepare for the first call.

        Args:
            pipeline: The pipeline of the calls.
            beginnings: Begins each.
            spending: Reports each that reaches its budget.
            faults: Receives what goes wrong.
            announce: Receives the summary of each call, once.
            clock: Monotonic seconds.
        """
        self.lifetime: Lifetime | None = None
        self.current = CurrentCall()
        self.ending = Ending(
            lambda cut_off: faults.contain("end", lambda: self.observe(LineClosed(cut_off), clock())),
            lambda: faults.contain("end", self._end_reached_output),
        )
        self._pipeline = pipeline
        self._beginnings = beginnings
        self._spending = spending
        self._faults = faults
        self._announce = announce
        self._clock = clock
        self._traces = Traces()
        self._unread = UnreadMetrics(faults)
        self._early: deque[tuple[ErrorRaised, Any]] = deque(maxlen=_MOST_EARLY)

    @property
    def call(self) -> Call | None:
        """The current call or the latest one, or `None` before the first."""
        return self.lifetime.call if self.lifetime else None

    def begin(self, metadata: Mapping[str, Any], at: float) -> None:
        """Begin the next call.

        Args:
            metadata: The StartFrame's.
            at: Moment of its start, in monotonic seconds.
        """
        if self.lifetime is not None and not self.lifetime.over:
            # Its pipeline was stopped a moment ago, or given up before its start.
            self._end_without_frame(self.lifetime.call, at)
            self.lifetime.conclude()
        pipeline = self._pipeline
        self._beginnings.choose_call_id(metadata, self.call)
        self.ending.begin(pipeline.worker, pipeline.processors)
        self._spending.budget.begin()
        self._traces.begin(pipeline.worker)
        self.lifetime = self._beginnings.begin(pipeline.services, self, counts=pipeline.placement.counts)
        call = self.lifetime.call
        call.outputs.span, call.outputs.faulted = self._traces.span, self.faulted
        self.current.begin(call.own, self.refused, self.achieved)
        if pipeline.turns_are_announced:
            self.observe(TurnsAnnounced(), at)
        early, self._early = self._early, deque(maxlen=_MOST_EARLY)
        for event, worker in early:
            # Those of another worker came after an earlier call.
            if worker is pipeline.worker:
                self.observe(event, at)

    def started(self, frame: StartFrame, at: float, flags: Callable[[], Flags]) -> None:
        """Record the pipeline's start.

        Args:
            frame: The frame that starts it.
            at: Moment of the start, in monotonic seconds.
            flags: Returns the pipeline's measuring flags.
        """
        if self.lifetime is None or self.lifetime.call.end_reason is not None:
            self.begin(frame.metadata, at)
        if (call := self.call) is None or call.has_started:
            return  # a StartFrame that came by two ways
        call.started(at)
        self._faults.contain("set-up", self._pipeline.look_again)
        found = flags()
        call.latencies_enabled, call.usage_enabled = found.metrics, found.usage
        for warning in filter(None, (*found.warnings(), self._pipeline.placement.warning)):
            logger.warning("Call {}: {}", call.identity.call_id, warning)

    def measured(self, frame: MetricsFrame, at: float) -> None:
        """Keep a frame that came at `at`, in monotonic seconds, to be read soon."""
        if self.lifetime is not None:
            self._unread.add(self.lifetime.call, frame, at, self._traces.span())
            self.lifetime.read_soon()

    def inferred(self, fact: Fact, at: float) -> None:
        """Record a measurement of a language model's response, at `at` in monotonic seconds. Never raises."""
        if (lifetime := self.lifetime) is not None and not lifetime.over:
            self.read_measurements()
            call = lifetime.call
            # A first byte that is known by the output itself is true whatever follows.
            record = call.outputs.record if isinstance(fact, FirstByte) else call.measurements.add
            self._faults.contain("inference", lambda: record(fact, at))
            lifetime.read_soon()

    def proved(self, number: int, proof: Proof, at: float) -> None:
        """Record whether the measurements in frame `number` are true; `at` is in monotonic seconds. Never raises."""
        if (lifetime := self.lifetime) is not None:
            self._faults.contain("proof", lambda: lifetime.call.measurements.proved(number, proof, at))
            # A latency that was read before is held only now.
            if proof is not Proof.OPEN and not lifetime.over:
                lifetime.read_soon()

    def observe(self, event: Event, at: float, worker: Any = None) -> None:
        """Record an event of the conversation.

        Args:
            event: The event.
            at: Its moment, in monotonic seconds.
            worker: The worker in which it took place, or `None` if unknown.
        """
        if self.lifetime is not None and not self.lifetime.over:
            self.read_measurements(_cut_by(event))
            if isinstance(event, ErrorRaised) and event.fatal:
                self.ending.failed()
                self.lifetime.call.fail()
            self.ending.observe(event)
            self.lifetime.call.observe(event, at)
        elif isinstance(event, ErrorRaised):
            # A service in front may fail to connect before the meter is set up.
            self._early.append((event, worker))

    def refused(self, refused: Refused) -> None:
        """Count a measurement that was refused."""
        if self.call is not None:
            self.call.outputs.record(refused, self._clock())

    def achieved(self, name: str, success: bool | None) -> None:
        """Record the application's outcome of the call; the last one counts. Never raises."""
        try:
            if (call := self.call) is None:
                self._faults.warn_once("outcome", "An outcome recorded before the call's pipeline is set up is lost")
            elif isinstance(outcome := achieved(name, success, self._clock()), Refused):
                self.refused(outcome)
                self._faults.warn_once("outcome", f"Refused an {outcome.detail}")
            else:
                call.achieved(outcome)
        except Exception as fault:
            self.faulted("outcome", fault)

    def read_measurements(self, cut: Cut | None = None) -> None:
        """Record the measurements received so far; `cut` is the interruption that is read next. Never raises."""
        if self._unread:
            self._faults.contain("set-up", self._pipeline.look_again)
            self._unread.read(self._pipeline.metrics, self._clock, cut)
            if self._spending.budget.is_open and (latest := self.call) is not None:
                self._faults.contain("budget", lambda: self._spending.report_if_reached(latest.spent_usd))
        if (current := self.call) is not None and current.trace_id is None:
            self._faults.contain("trace", lambda: self._record_trace_id(current))

    def _record_trace_id(self, call: Call) -> None:
        # Pipecat forgets the trace before it cleans the pipeline up.
        if (span := self._traces.span()) is not None:
            call.trace_id = format(span[0], "032x")

    def ended(self, frame: Frame, at: float) -> None:
        """End the call with the frame that ends its pipeline, at `at` in monotonic seconds."""
        self.read_measurements()
        if self.lifetime is not None:
            # Pipecat cleans a pipeline up after its EndFrame, not after a StopFrame; a CancelFrame is its last.
            reason = self.ending.reason(frame)
            ended_by = self.ending.ended_by(reason)
            self.lifetime.ended(reason, at, ended_by, cleaned_up=isinstance(frame, EndFrame))

    def _end_reached_output(self) -> None:
        if self.call is not None:
            self.call.end_reached_output(self._clock())

    def record_end(self, frame: Frame) -> None:
        """Record the call's end now, when its pipeline receives the frame that ends it, before the remaining work."""
        if self.call is not None:
            self.read_measurements()
            reason = self.ending.reason(frame)
            self.call.end(reason, self._clock(), self.ending.ended_by(reason))

    async def conclude(self) -> None:
        """End the call, once: last export, summary. Takes at most the export timeout, and never raises."""
        try:
            self.read_measurements()
            if self.lifetime is not None:
                self._end_without_frame(self.lifetime.call, self._clock())
                await asyncio.shield(self.lifetime.conclude())
        except Exception as fault:
            self.faulted("end of the call", fault)

    def _end_without_frame(self, call: Call, at: float) -> None:
        reason = self.ending.reason_without_frame()
        call.end(reason, at, self.ending.ended_by(reason))

    def closing(self, call: Call) -> None:
        """Stop tagging the application's numbers with this call."""
        if call is self.call:
            self.current.end()
        else:
            call.own.close()

    async def summed_up(self, summary: CallSummary) -> None:
        """Pass a call's final summary to the application's handlers."""
        await self._announce(summary)

    def faulted(self, where: str, fault: Exception) -> None:
        """Count a fault of the plug-in, and log it once per kind. Never raises."""
        self._faults.add(where, fault)


def _cut_by(event: Event) -> Cut | None:
    match event:
        case Interruption(int(number)) | Withdrawn(int(number)):
            return Cut(number)
        case _:
            return None
