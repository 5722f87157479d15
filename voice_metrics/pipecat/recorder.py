"""The core of processor and observer: frames of a pipeline in, one call after another out.

No fault of the plug-in reaches the pipeline: it costs one measurement, is counted, and is logged once per kind.
"""

from __future__ import annotations

import asyncio
import time
import uuid
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from loguru import logger
from pipecat.frames.frames import CancelFrame, EndFrame, Frame, MetricsFrame, StartFrame, StopFrame

from voice_metrics.call.call import Call, Identity
from voice_metrics.call.call_end import achieved
from voice_metrics.call.errors import ErrorRaised
from voice_metrics.call.events import LineClosed, TurnsAnnounced, VoiceStarted
from voice_metrics.call.facts import Fact, Leg, Refused
from voice_metrics.call.incoming import Event
from voice_metrics.call.models import LEGS, Models, ServiceSwitched
from voice_metrics.call.outputs import SpanIds
from voice_metrics.call.response_parts import Breakdown
from voice_metrics.call.seen import Seen
from voice_metrics.call.summary import CallSummary
from voice_metrics.call.text import clean
from voice_metrics.export.call_export import CallExport
from voice_metrics.ledger import ledger_at
from voice_metrics.ledger.journal import Journal
from voice_metrics.pipecat import breakdowns, endings, event_loop, set_up_times
from voice_metrics.pipecat import conversation_frames as events
from voice_metrics.pipecat.current_call import CurrentCall
from voice_metrics.pipecat.endings import Ending
from voice_metrics.pipecat.lifetime import Lifetime
from voice_metrics.pipecat.metrics_frames import MetricsReader
from voice_metrics.pipecat.options import Options
from voice_metrics.pipecat.origins import Origins
from voice_metrics.pipecat.partners import Partners
from voice_metrics.pipecat.passing_speech import passing_speech
from voice_metrics.pipecat.placement import Placement, no_telemetry
from voice_metrics.pipecat.pushes import Pushes
from voice_metrics.pipecat.reading import Readers
from voice_metrics.pipecat.responses import Responses
from voice_metrics.pipecat.services import Flags, Services, services_in
from voice_metrics.pipecat.spending import Budget, Spending
from voice_metrics.pipecat.switches import resting_in
from voice_metrics.pipecat.traces import Traces
from voice_metrics.pipecat.workers import peers_of, processors_of, processors_of_workers, worker_of
from voice_metrics.prices import PriceBook
from voice_metrics.series import table
from voice_metrics.series.declarations import OwnKind
from voice_metrics.settings.environment import Settings
from voice_metrics.telemetry import Telemetry

# Errors before a call that are remembered for it.
_MOST_EARLY = 100
_LONGEST_WARNING = 1000
# The latest call of each id that may still be running.
_running: weakref.WeakValueDictionary[str, Lifetime] = weakref.WeakValueDictionary()


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
        self._spending = Spending(budget or Budget(None), over_budget)
        self._traces = Traces()
        self._lifetime: Lifetime | None = None
        self.call_id = options.call_id or str(uuid.uuid4())
        self._options = options
        self._telemetry = telemetry
        self._prices = prices
        self._settings = settings
        self._announce = announce
        self._flags = flags
        self._clock = clock
        self.readers = Readers(self.read_frame)
        self._current = CurrentCall()
        self._services = Services()
        self._metrics = MetricsReader(self._services)
        pushes = Pushes(self.faulted)
        self._origins = Origins(self._at_origin, pushes, clock)
        self._responses = Responses(self._inferred, self._inference_failed, pushes, clock)
        self._partners = Partners(self._at_origin, self.read_frame, self._switched, self._responses, pushes)
        self._seen = Seen()
        self._unread: list[tuple[Call, MetricsFrame, float, SpanIds | None]] = []
        self._early: deque[tuple[ErrorRaised, Any]] = deque(maxlen=_MOST_EARLY)
        self._ending = Ending(lambda: self._contained("end", lambda: self._observe(LineClosed(), self._clock())))
        self._worker: Any = None
        self._placement = Placement()
        self._faults: set[str] = set()
        self._breakdowns: breakdowns.Breakdowns | None = None

    @property
    def call(self) -> Call | None:
        """The current call or the latest one, or `None` before the first."""
        return self._lifetime.call if self._lifetime else None

    def listen_in_front(self, processor: Any) -> None:
        """Listen for errors of the processors in front of `processor`, which are set up before it. Never raises."""
        try:
            while (processor := processor.previous) is not None:
                self._origins.listen(processors_of(processor))
        except Exception as fault:
            self.faulted("set-up", fault)

    async def discover(self, setup: Any) -> None:
        """Examine the pipeline during its set-up and begin its call, once. Never raises.

        Args:
            setup: The argument of Pipecat's `setup` hook, or a processor that is set up.
        """
        try:
            worker = worker_of(setup)
            if worker is not None and worker is not self._worker:
                processors = list(processors_of(worker.pipeline))
                self._find_place(worker, processors)
                self._worker = worker
                self._services = Services(
                    services_in(processors), lambda: processors_of_workers(peers_of(worker)), resting_in(processors)
                )
                self._metrics = MetricsReader(self._services)
                self._origins.listen(processors)
                speech = passing_speech(
                    worker.pipeline, processors, self._placement.meter, self._at_origin, self._clock
                )
                self.readers.read_speech(speech)
                self._origins.listen_to_answers(processors, speech=speech is None)
                self._begin(worker.params.start_metadata, self._clock())
                if self._placement.meter is not None:
                    await set_up_times.attach(worker, setup.task_manager, self.was_set_up)
                self._origins.listen_above(worker)
                self._partners.attach(worker)
                self._current.inherit(processors)
                # A breakdown names parts of the language model's and the voice's work.
                if breakdowns.EXPLAINS and self._services.model(Leg.LLM) and self._services.model(Leg.TTS):
                    self._breakdowns = breakdowns.Breakdowns(worker, self._explained, self.faulted)
                    await self._breakdowns.attach(setup.task_manager)
        except Exception as fault:
            self.faulted("set-up", fault)

    def was_set_up(self, data: Any) -> None:
        """Record a service's set-up time from Pipecat's report. Never raises."""
        try:
            if self.call is not None and (report := set_up_times.set_up(data)) is not None:
                fact, ago = report
                self.call.record(fact, self._clock() - ago)
        except Exception as fault:
            self.faulted("set-up", fault)

    def read_frame(self, frame: Frame) -> None:
        """Read a frame, unless it was read before. Never raises and never waits."""
        try:
            # SyncParallelPipeline and bridged workers deliver a frame twice, the second time seconds later.
            if self._seen.first(frame.id):
                self._dispatch(frame, self._clock())
        except Exception as fault:
            self.faulted(type(frame).__name__, fault)

    def has_read(self, frame: Frame) -> bool:
        """True if `read_frame` was given the frame before."""
        return frame.id in self._seen

    async def conclude(self) -> None:
        """End the call, once: last export, summary. Takes at most the export timeout, and never raises."""
        try:
            self.read_measurements()
            if self._lifetime is not None:
                self._cut(self._lifetime.call, self._clock())
                await asyncio.shield(self._lifetime.conclude())
        except Exception as fault:
            self.faulted("end of the call", fault)

    def read_measurements(self) -> None:
        """Record the measurements received so far. Never raises."""
        unread, self._unread = self._unread, []
        if unread:
            self._contained("set-up", self._partners.look_again)
        for call, frame, at, span in unread:
            try:
                self._read(call, frame, at, span, self._clock())
            except Exception as fault:
                self.faulted(type(frame).__name__, fault)
        if unread and self._spending.budget.is_open and (latest := self.call) is not None:
            self._contained("budget", lambda: self._spending.look(latest.spent_usd))
        if (current := self.call) is not None and current.trace_id is None:
            self._contained("trace", lambda: self._note_trace(current))

    def _note_trace(self, call: Call) -> None:
        # Pipecat forgets the trace before it cleans the pipeline up.
        if (span := self._traces.span()) is not None:
            call.trace_id = format(span[0], "032x")

    def announce_end(self, frame: Frame) -> None:
        """Record that the pipeline received its end, before its remaining work. Never raises."""
        if self.call is not None:
            self.read_measurements()
            reason = self._ending.reason(frame)
            self.call.end(reason, self._clock(), self._ending.ended_by(reason))

    def closing(self, call: Call) -> None:
        """Stop tagging the application's numbers with this call."""
        if call is self.call:
            self._current.end()
        else:
            call.own.close()

    async def summed_up(self, summary: CallSummary) -> None:
        """Pass a call's summary on."""
        await self._announce(summary)

    def faulted(self, where: str, fault: Exception) -> None:
        """Count a fault of the plug-in, and log it once per kind. Never raises."""
        with suppress(Exception):
            if self.call is not None:
                self.call.record(Refused("fault", f"{where}: {type(fault).__name__}"), self._clock())
        with suppress(Exception):
            self._say_once(f"{where} {type(fault).__name__}", f"A measurement was lost ({where}): {fault!r}")

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
            self._say_once("record", "Numbers recorded before the call's pipeline is set up are lost")
        elif refused := call.own.record(name, value, kind=kind, unit=unit, attributes=attributes):
            self._refused(refused)

    def outcome(self, name: str, success: bool | None) -> None:
        """Record the application's outcome of the call; the last one counts. Never raises."""
        try:
            if (call := self.call) is None:
                self._say_once("outcome", "An outcome recorded before the call's pipeline is set up is lost")
            elif isinstance(outcome := achieved(name, success, self._clock()), Refused):
                self._refused(outcome)
                self._say_once("outcome", f"Refused an {outcome.detail}")
            else:
                call.achieved(outcome)
        except Exception as fault:
            self.faulted("outcome", fault)

    def summary(self) -> CallSummary | None:
        """The summary of the current call or the latest one, or `None` before the first."""
        if self.call is None:
            return None
        self.read_measurements()
        self.call.release(self._clock())
        return self.call.summary(self._clock())

    def _dispatch(self, frame: Frame, at: float) -> None:
        match frame:
            case StartFrame():
                self._started(frame, at)
            case MetricsFrame():
                self._measured(frame, at)
            case EndFrame() | StopFrame() | CancelFrame():
                self._ended(frame, at)
            case _ if (event := events.event(frame)) is not None:
                if isinstance(event, VoiceStarted):
                    self._voice_started(frame)
                self._observe(event, at, worker_of(getattr(frame, "processor", None)))
            case _ if endings.reads(type(frame)):
                self._ending.transfers()

    def _find_place(self, worker: Any, processors: list[Any]) -> None:
        self._placement.look(worker, processors, self)
        if not self._placement.counts:
            self._say_once(
                "second",
                "A pipeline has two meters: the series and the ledger have its calls from one of them, the other one "
                "has only its summary; remove it",
            )
        elif self._lifetime is not None and self._lifetime.call.end_reason is None:
            self._say_once(
                "shared",
                f"Call {self.call_id} ends here for its meter, which is set up in another pipeline while the call goes "
                "on; make a meter for each pipeline",
            )

    def _started(self, frame: StartFrame, at: float) -> None:
        if self._lifetime is None or self._lifetime.call.end_reason is not None:
            self._begin(frame.metadata, at)
        if (call := self.call) is None or call.has_started:
            return  # a StartFrame that came by two ways
        call.started(at)
        self._contained("set-up", self._partners.look_again)
        flags = self._flags()
        call.latencies_enabled, call.usage_enabled = flags.metrics, flags.usage
        for warning in filter(None, (*flags.warnings(), self._placement.warning)):
            logger.warning("Call {}: {}", self.call_id, warning)

    def _begin(self, metadata: Mapping[str, Any], at: float) -> None:
        if self._lifetime is not None and not self._lifetime.over:
            # Its pipeline was stopped a moment ago, or given up before its start.
            self._cut(self._lifetime.call, at)
            self._lifetime.conclude()
        self.call_id = self._next_id(metadata)
        self._ending.begin(self._worker, processors_of(self._worker.pipeline) if self._worker else ())
        models = Models(
            self._options.models,
            {leg: self._services.model(leg) for leg in LEGS},
            {leg: self._services.in_use(leg) for leg in LEGS},
        )
        telemetry = self._telemetry() if self._placement.counts else no_telemetry()
        identity = Identity(self.call_id, models.current, self._options.attributes, datetime.now(UTC))
        journal = self._journal(identity.key)
        series = CallExport(
            telemetry, self._services, self.call_id, identity.tags(), gen_ai=self._settings.gen_ai, key=identity.key
        )
        call = Call(identity, self._services, series, self._prices, at, journal=journal, models=models)
        self._spending.budget.begin()
        self._traces.begin(self._worker)
        call.span, call.faulted = self._traces.span, self.faulted
        self._lifetime = Lifetime(call, journal, self._settings.export_timeout_seconds, self._clock, self)
        self._current.begin(call.own, self._refused, self.outcome)
        if self._placement.counts:
            event_loop.watch().record_in(telemetry.series(table.LOOP_LAG, {}))
        named = ", ".join(f"{leg.name} {model or 'none'}" for leg, model in models.current.items())
        logger.info("Call {} begins: {}; {}", self.call_id, named, telemetry.mode)
        namesake = _running.get(self.call_id)
        if namesake is not None and not namesake.over and self._placement.counts:
            logger.warning(
                "Call {}: another running call has this id. Each has its own summary and row in the ledger; series "
                "cannot tell them apart. Let call_id name one call only",
                self.call_id,
            )
        _running[self.call_id] = self._lifetime
        if self._origins.turns_are_announced:
            self._observe(TurnsAnnounced(), at)
        early, self._early = self._early, deque(maxlen=_MOST_EARLY)
        for event, worker in early:
            # Those of another worker came after an earlier call.
            if worker is self._worker:
                self._observe(event, at)

    def _journal(self, key: str) -> Journal | None:
        path = self._settings.ledger if self._placement.counts else None
        return None if path is None else Journal(ledger_at(path, self._settings.ledger_days), self._services.leg, key)

    def _refused(self, refused: Refused) -> None:
        if self.call is not None:
            self.call.record(refused, self._clock())

    def _next_id(self, metadata: Mapping[str, Any]) -> str:
        found = metadata.get("call_id")
        given = self._options.call_id
        with suppress(Exception):  # an id that cannot be shown, such as a number of thousands of digits, is none
            given = given or (clean(str(found)) if found else None)
        if self.call is None:
            return given or self.call_id
        # A processor that starts a second call keeps no id of the first, or their series would mix.
        return given if given and given != self.call.identity.call_id else str(uuid.uuid4())

    def _measured(self, frame: MetricsFrame, at: float) -> None:
        if self._lifetime is None:
            return
        # Read together with those that follow: each alone would cost twice as much.
        self._unread.append((self._lifetime.call, frame, at, self._traces.span()))
        self._lifetime.read_soon()

    def _read(self, call: Call, frame: MetricsFrame, at: float, span: SpanIds | None, now: float) -> None:
        for fact in self._metrics.facts(frame):
            try:
                call.measured(fact, at, span, now)
            except Exception as fault:
                self.faulted(type(fact).__name__, fault)
            if isinstance(fact, Refused):
                # The value is no part of the kind: each false one differs.
                self._say_once(fact.detail.partition(":")[0], f"Refused a measurement: {fact.detail}")

    def _observe(self, event: Event, at: float, worker: Any = None) -> None:
        if self._lifetime is not None and not self._lifetime.over:
            self.read_measurements()
            if isinstance(event, ErrorRaised) and event.fatal:
                self._ending.failed()
                self._lifetime.call.fail()
            self._ending.observe(event)
            self._lifetime.call.observe(event, at)
        elif isinstance(event, ErrorRaised):
            # A service in front may fail to connect before this processor is set up.
            self._early.append((event, worker))

    def _voice_started(self, frame: Frame) -> None:
        # An observer that is attached to a pipeline after its end would never be removed.
        if self._breakdowns is not None and self.call is not None and self.call.end_reason is None:
            self._breakdowns.voice_started(frame)

    def _explained(self, breakdown: Breakdown) -> None:
        try:
            if self.call is not None:
                self.call.explained(breakdown, self._clock())
        except Exception as fault:
            self.faulted("breakdown", fault)

    def _contained(self, where: str, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as fault:
            self.faulted(where, fault)

    def _switched(self, switch: ServiceSwitched) -> None:
        if (call := self.call) is not None:
            self.read_measurements()
            self._contained("switch", lambda: call.switched(switch, self._clock()))

    def _inferred(self, fact: Fact) -> None:
        if (lifetime := self._lifetime) is not None and not lifetime.over:
            self.read_measurements()
            self._contained("inference", lambda: lifetime.call.measured(fact, self._clock()))
            lifetime.read_soon()

    def _inference_failed(self, instance: str, error_type: str) -> None:
        if self.call is not None:
            self.call.inference_failed(instance, error_type)

    def _at_origin(self, event: Event, processor: Any) -> None:
        try:
            self._current.enter()
            self._observe(event, self._clock(), worker_of(processor))
        except Exception as fault:
            self.faulted(type(event).__name__, fault)

    def _cut(self, call: Call, at: float) -> None:
        reason = self._ending.reason_without_frame()
        call.end(reason, at, self._ending.ended_by(reason))

    def _ended(self, frame: Frame, at: float) -> None:
        self.read_measurements()
        if self._lifetime is not None:
            # Pipecat cleans a pipeline up after its EndFrame, not after a StopFrame; a CancelFrame is its last.
            reason = self._ending.reason(frame)
            ended_by = self._ending.ended_by(reason)
            self._lifetime.ended(reason, at, ended_by, cleaned_up=isinstance(frame, EndFrame))

    def _say_once(self, kind: str, text: str) -> None:
        if kind not in self._faults and len(self._faults) < 100:
            self._faults.add(kind)
            # An exception may be worded by what a caller said.
            logger.warning("{}", clean(text, _LONGEST_WARNING))
