"""The core of processor and observer: frames of a pipeline in, one call after another out.

No fault of the plug-in reaches the pipeline: it costs one measurement, is counted, and is logged once per kind.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pipecat.frames.frames import CancelFrame, EndFrame, Frame, MetricsFrame, StartFrame, StopFrame

from voice_metrics.call.call import Call
from voice_metrics.call.events import UserStopped, VoiceStarted, VoiceStopped
from voice_metrics.call.facts import Fact
from voice_metrics.call.holdback import Cut
from voice_metrics.call.incoming import Event
from voice_metrics.call.models import ServiceSwitched
from voice_metrics.call.proofs import Proof
from voice_metrics.call.response_parts import Breakdown
from voice_metrics.call.seen import Seen
from voice_metrics.call.summary import CallSummary
from voice_metrics.pipecat import conversation_frames as events
from voice_metrics.pipecat import endings, set_up_times
from voice_metrics.pipecat.beginnings import Beginnings
from voice_metrics.pipecat.current_call import CurrentCall
from voice_metrics.pipecat.faults import Faults
from voice_metrics.pipecat.measured_pipeline import MeasuredPipeline
from voice_metrics.pipecat.options import Options
from voice_metrics.pipecat.reading import Readers
from voice_metrics.pipecat.services import Flags
from voice_metrics.pipecat.spending import Budget, Spending
from voice_metrics.pipecat.successive_calls import Calls
from voice_metrics.pipecat.workers import worker_of
from voice_metrics.prices import PriceBook
from voice_metrics.series.declarations import OwnKind
from voice_metrics.settings.environment import Settings
from voice_metrics.telemetry import Telemetry


class CallRecorder:
    """Records the calls of one pipeline."""

    def __init__(
        self,
        options: Options,
        telemetry: Callable[[], Telemetry],
        prices: PriceBook,
        settings: Settings,
        announce: Callable[[CallSummary], Awaitable[None]],
        flags: Callable[[], Flags],
        clock: Callable[[], float] = time.monotonic,
        *,
        budget: Budget | None = None,
        over_budget: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        """Prepare; the first call begins when its pipeline is set up.

        Args:
            options: The user's arguments.
            telemetry: Returns the destination of series when a call begins.
            prices: Prices of usage.
            settings: The environment's.
            announce: Receives the summary of each call, once.
            flags: Returns the pipeline's measuring flags, once it has started.
            clock: Monotonic seconds.
            budget: Budget of a call, or `None` for none.
            over_budget: Receives a call's cost in US dollars when it reaches the budget.
        """
        self._flags = flags
        self._clock = clock
        self._faults = Faults(lambda refused: self._calls.refused(refused))
        self._beginnings = Beginnings(options, telemetry, prices, settings, self._now)
        self._pipeline = MeasuredPipeline(self, self._now)
        spending = Spending(budget or Budget(None), over_budget)
        self._calls = Calls(self._pipeline, self._beginnings, spending, self._faults, announce, self._now)
        self._seen = Seen()

    @property
    def call_id(self) -> str:
        """Id of the current call, or of the latest one."""
        return self._beginnings.call_id

    @property
    def readers(self) -> Readers:
        """Readers of the frames that pass, by class."""
        return self._pipeline.readers

    @property
    def call(self) -> Call | None:
        """The current call or the latest one, or `None` before the first."""
        return self._calls.call

    @property
    def is_running(self) -> bool:
        """True while a call runs."""
        return self._calls.lifetime is not None and not self._calls.lifetime.over

    @property
    def current_call(self) -> CurrentCall:
        """The call, for the tasks around it."""
        return self._calls.current

    def listen_in_front(self, processor: Any) -> None:
        """Listen for errors of the processors in front of `processor`, which are set up before it. Never raises."""
        self._faults.contain("set-up", lambda: self._pipeline.listen_in_front(processor))

    async def discover(self, setup: Any) -> None:
        """Examine the pipeline during its set-up and begin its call, once. Never raises.

        Args:
            setup: The argument of Pipecat's `setup` hook, or a processor that is set up.
        """
        try:
            worker = worker_of(setup)
            if worker is not None and worker is not self._pipeline.worker:
                self._pipeline.find_place(worker)
                self._warn_of_double_or_shared_use()
                self._pipeline.enter(worker)
                self._calls.begin(worker.params.start_metadata, self._now())
                self._calls.current.inherit(self._pipeline.processors)
                await self._pipeline.listen(setup.task_manager)
        except Exception as fault:
            self.faulted("set-up", fault)

    def was_set_up(self, data: Any) -> None:
        """Record a service's set-up time from Pipecat's report. Never raises."""
        try:
            if self.call is not None and (report := set_up_times.set_up(data)) is not None:
                fact, ago = report
                self.call.outputs.record(fact, self._now() - ago)
        except Exception as fault:
            self.faulted("set-up", fault)

    def read_frame(self, frame: Frame) -> None:
        """Read a frame, unless it was read before. Never raises and never waits."""
        try:
            # SyncParallelPipeline and bridged workers deliver a frame twice, the second time seconds later. Frames of a
            # worker in another process keep the ids and names that it counted; only both together are unique.
            if self._seen.first((frame.id, frame.name)):
                self._dispatch(frame, self._now())
        except Exception as fault:
            self.faulted(type(frame).__name__, fault)

    def has_read(self, frame: Frame) -> bool:
        """True if `read_frame` was given the frame before."""
        return (frame.id, frame.name) in self._seen

    async def conclude(self) -> None:
        """End the call, once: last export, summary. Takes at most the export timeout, and never raises."""
        await self._calls.conclude()

    def record_end(self, frame: Frame) -> None:
        """Record the call's end now, when its pipeline receives the frame that ends it, before the remaining work."""
        self._calls.record_end(frame)

    def faulted(self, where: str, fault: Exception) -> None:
        """Count a fault of the plug-in, and log it once per kind. Never raises."""
        self._faults.add(where, fault)

    def record(self, name: str, value: float, kind: OwnKind, unit: str, attributes: Mapping[str, Any]) -> None:
        """Record one of the application's own numbers. Never raises.

        Args:
            name: OTLP name of the metric.
            value: The value in `unit`.
            kind: The metric's kind.
            unit: UCUM unit; empty for none.
            attributes: More attributes of the value.
        """
        call = self.call
        if call is None:
            self._faults.warn_once("record", "Numbers recorded before the call's pipeline is set up are lost")
        elif refused := call.own.record(name, value, kind=kind, unit=unit, attributes=attributes):
            self._calls.refused(refused)

    def outcome(self, name: str, success: bool | None) -> None:
        """Record the application's outcome of the call; the last one counts. Never raises."""
        self._calls.achieved(name, success)

    def summary(self) -> CallSummary | None:
        """The summary of the current call or the latest one, or `None` before the first."""
        if self.call is None:
            return None
        self._calls.read_measurements()
        self.call.release(self._now())
        return self.call.summary(self._now())

    def _dispatch(self, frame: Frame, at: float) -> None:
        match frame:
            case StartFrame():
                self._calls.started(frame, at, self._flags)
            case MetricsFrame():
                self._calls.measured(frame, at)
            case EndFrame() | StopFrame() | CancelFrame():
                self._calls.ended(frame, at)
            case _ if self._pipeline.tracks.hides(frame):
                pass
            case _ if (event := events.event(frame)) is not None:
                if isinstance(event, VoiceStarted):
                    self._expect_breakdown(frame)
                elif isinstance(event, VoiceStopped):
                    event = self._pipeline.voice_stopped(event, at)
                elif isinstance(event, UserStopped):
                    event = self._pipeline.turn_stopped(event, at)
                self._calls.observe(event, at, worker_of(getattr(frame, "processor", None)))
            case _ if endings.reads(type(frame)):
                self._calls.ending.read(frame)

    def _warn_of_double_or_shared_use(self) -> None:
        if not self._pipeline.placement.counts:
            self._faults.warn_once(
                "second",
                "A pipeline is measured twice: series and ledger have its calls from one processor or observer, the "
                "other one has only its summary; remove one",
            )
        elif self.call is not None and self.call.end_reason is None:
            self._faults.warn_once(
                "shared",
                f"Call {self.call_id} is measured no further, because its processor or observer was put into another "
                "pipeline; make one for each pipeline",
            )

    def _now(self) -> float:
        return self._clock()

    def _expect_breakdown(self, frame: Frame) -> None:
        # An observer that is attached to a pipeline after its end would never be removed.
        if self.call is not None and self.call.end_reason is None:
            self._pipeline.voice_started(frame)

    def explained(self, breakdown: Breakdown) -> None:
        """Record Pipecat's breakdown of a response. Never raises."""
        if (call := self.call) is not None:
            self._faults.contain("breakdown", lambda: call.outputs.explained(breakdown, self._now()))

    def interruption_passed(self, service: str, number: int) -> None:
        """Record that a service passes an interruption on, with its name in Pipecat and the frame's number."""
        if (call := self.call) is not None:
            self._calls.read_measurements(Cut(number, service))
            call.measurements.held.passed(service, self._now(), number)

    def speech_began(self, voice: str, number: int, is_alone: bool) -> None:
        """Record that a voice begins a speech, with its name in Pipecat; `is_alone` if it works on no other one."""
        if (call := self.call) is not None:
            call.measurements.stopwatches.started(voice, self._now(), number, is_alone=is_alone)

    def switched(self, switch: ServiceSwitched) -> None:
        """Record the change of a service in use. Never raises."""
        if (call := self.call) is not None:
            self._calls.read_measurements()
            self._faults.contain("switch", lambda: call.switched(switch, self._now()))

    def inferred(self, fact: Fact) -> None:
        """Record a measurement of a language model's response, or a request of unknown usage. Never raises."""
        self._calls.inferred(fact, self._now())

    def inference_failed(self, instance: str, error_type: str, is_over: bool) -> None:
        """Record a failed response of a language model, which may be over. Never raises."""
        if self.call is not None:
            self.call.measurements.failed(instance, error_type, is_over=is_over)

    def proved(self, number: int, proof: Proof) -> None:
        """Record whether the measurements in the frame `number` are true, as far as it is known. Never raises."""
        self._calls.proved(number, proof, self._now())

    def at_origin(self, event: Event, processor: Any) -> None:
        """Record an event that was read at the processor that caused it. Never raises."""
        try:
            self._calls.current.enter()
            self._calls.observe(event, self._now(), worker_of(processor))
        except Exception as fault:
            self.faulted(type(event).__name__, fault)
