"""One call's life: facts enter its record, series and time line until it ends.

Moments are passed in: monotonic seconds for durations, wall time for names.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from loguru import logger

from voice_metrics.call.call_end import NOTHING_SAID, EndedBy, Outcome, end_tags
from voice_metrics.call.call_events import call_event
from voice_metrics.call.conversation import Conversation
from voice_metrics.call.errors import ErrorRaised, Failures
from voice_metrics.call.events import (
    BotStopped,
    Interruption,
    LineClosed,
    SpeechLate,
    SpeechMade,
    UserStarted,
    Withdrawn,
)
from voice_metrics.call.fact_outputs import FactOutputs
from voice_metrics.call.facts import EndReason, Fact, LoopHeld, Switched, Unpriced
from voice_metrics.call.functions import FunctionCalls
from voice_metrics.call.identity import Identity
from voice_metrics.call.incoming import Event
from voice_metrics.call.lags import STALL_SECONDS, Lags
from voice_metrics.call.measurements import Measurements
from voice_metrics.call.models import Models, ServiceSwitched
from voice_metrics.call.outputs import JournalOutput, SeriesOutput
from voice_metrics.call.record import Record
from voice_metrics.call.summary import CallSummary

if TYPE_CHECKING:
    from voice_metrics.pipecat.services import Services
    from voice_metrics.prices import PriceBook
    from voice_metrics.series.own_metrics import OwnMetrics


class Call:
    """A call that runs, or has ended and waits for its last export's acknowledgement.

    Every `at` is in monotonic seconds.
    """

    def __init__(
        self,
        identity: Identity,
        services: Services,
        series: SeriesOutput,
        prices: PriceBook,
        at: float,
        *,
        journal: JournalOutput | None = None,
        models: Models | None = None,
    ) -> None:
        """Begin the call at `at`.

        Args:
            identity: Its names.
            services: The services of its pipeline.
            series: Destination of its series.
            prices: Prices of usage.
            at: Moment of its start.
            journal: Destination of its time line, or `None` for none.
            models: Model of each part while it runs, or `None` for those of `identity`.
        """
        self.identity = identity
        self.models = models or Models(identity.models, {}, {})
        self.latencies_enabled = self.usage_enabled = True
        self.services = services
        self.end_reason: EndReason | None = None
        self.ended_by: EndedBy | None = None
        self.outcome = NOTHING_SAID
        self.outputs = FactOutputs(identity, services, series, prices, self.models, journal, at)
        self._series = series
        self._lags = Lags()
        self.trace_id: str | None = None
        self._started_at = at
        self._has_started = False
        self._ended_at: float | None = None
        self.measurements = Measurements(self.outputs, services.leg)
        self._conversation = Conversation(services.leg, at)
        self._functions = FunctionCalls()
        self._failures = Failures()
        self._last_export: Future[bool | None] | None = None

    @property
    def next_due(self) -> float | None:
        """Moment of the next `release`, in monotonic seconds; `None` if nothing is held back."""
        return self.measurements.held.next_due

    @property
    def has_started(self) -> bool:
        """True once its pipeline has started."""
        return self._has_started

    @property
    def own(self) -> OwnMetrics:
        """Recorder of the application's own numbers, with the call's tags."""
        return self._series.own

    @property
    def speaking(self) -> bool:
        """True while the bot speaks."""
        return self._conversation.bot_speaking

    def started(self, at: float) -> None:
        """Record the pipeline's start: the length counts from here, and earlier facts stay the call's."""
        self._has_started = True
        late = at - self._started_at
        self.identity = replace(self.identity, started_at=self.outputs.moment(at))
        self._started_at = at
        self._conversation.started(at)
        self._series.started(late)

    def observe(self, event: Event, at: float) -> None:
        """Record an event of the conversation."""
        match event:
            case Interruption(number) | Withdrawn(number):
                self.measurements.interrupted(at, number)
            case LineClosed(cut_off):
                self.measurements.line_closed(cut_off=cut_off)
            case SpeechMade() | SpeechLate():
                self.measurements.voice_made_audio(at)
            case UserStarted():
                self.measurements.held.turn_started(at)
            case BotStopped() if self._ended_at is not None and self.speaking:
                # A goodbye queued before the EndFrame is part of the call.
                self._ended_at = at
        self.outputs.record_all(self._conversation.observe(event, at), at)
        self.outputs.record_all(self._functions.observe(event, at), at)
        failed = self._failures.observe(event)
        if failed and isinstance(event, ErrorRaised) and event.instance:
            self.measurements.broke_off(event.processor, event.instance, at)
        self.outputs.record_all(failed, at)

    def switched(self, switch: ServiceSwitched, at: float) -> None:
        """Record the change of a service in use."""
        self.models.switched(switch)
        self.outputs.record(Switched(switch.leg, switch.previous, switch.now), at)

    def loop_late(self, seconds: float, function: str | None, at: float) -> None:
        """Record a lag of the event loop, and the function that caused it, or `None` if not seen."""
        if self._last_export is not None:
            return
        self._lags.add(seconds)
        if seconds > STALL_SECONDS:
            self.outputs.record(LoopHeld(seconds, function), at)

    @property
    def spent_usd(self) -> Decimal:
        """Cost of the priced usage so far, in US dollars."""
        return sum(self.outputs.totals.costs.usd.values(), Decimal(0))

    def release(self, at: float) -> None:
        """Record held measurements that are due."""
        self.measurements.release(at)

    def achieved(self, outcome: Outcome) -> None:
        """Record the application's outcome; the last one counts, until the last export was requested."""
        if self._last_export is None:
            logger.debug("Call {}: {}", self.identity.call_id, outcome)
            self.outcome = outcome

    def end(self, reason: EndReason, at: float, ended_by: EndedBy = EndedBy.UNKNOWN) -> None:
        """End the call; the first reason counts, and open measurements may still arrive."""
        if self.end_reason is None:
            self.end_reason, self.ended_by = reason, ended_by
            self.end_reached_output(at)

    def end_reached_output(self, at: float) -> None:
        """Record the end of the call's length, unless speech that is left to be heard comes after it."""
        if self._ended_at is None:
            self._ended_at = at

    def fail(self) -> None:
        """Turn COMPLETED into ERROR, unless the last export was already requested."""
        if self.end_reason is EndReason.COMPLETED and self._last_export is None:
            self.end_reason, self.ended_by = EndReason.ERROR, EndedBy.ERROR

    def close(self, at: float) -> Future[bool | None]:
        """Request the last export, once, and record nothing after it.

        Returns:
            True if the last values were acknowledged; `None` without an endpoint.
        """
        if self._last_export is None:
            self.end(EndReason.UNKNOWN, at)
            if self.speaking:
                self._ended_at = at
            self.measurements.flush(at)
            self.outputs.record_all(self._end_open_work(self._conversation, self._functions, at), at)
            self.outputs.record_all(self._unreported_usage(), at)
            ended_at = at if self._ended_at is None else self._ended_at
            reason, by = self.end_reason or EndReason.UNKNOWN, self.ended_by or EndedBy.UNKNOWN
            ended = end_tags(reason, by, self.outcome)
            try:
                if (tags := self._series.event_tags) is not None:
                    self._series.event(
                        call_event(self.progress(at).to_dict(), tags, self.outputs.unix_seconds(ended_at))
                    )
            except Exception as fault:
                self.outputs.faulted("event", fault)
            self.outputs.closed = True
            try:
                self._last_export = self._series.end(ended, ended_at - self._started_at)
            except Exception as fault:
                self._last_export = Future()
                self._last_export.set_result(False)
                self.outputs.faulted("last export", fault)
        return self._last_export

    def summary(self, at: float) -> CallSummary:
        """Return the summary so far without changing the call; of an ended call, with open measurements ended."""
        if self.end_reason is None or self._last_export is not None:
            return self.progress(at)
        under_way = copy.deepcopy((self._conversation, self._functions))
        still_open = [*self.measurements.waiting(), *self._end_open_work(*under_way, at), *self._unreported_usage()]
        record = copy.deepcopy(self.outputs.totals) if still_open else self.outputs.totals
        for fact in still_open:
            record.add(fact)
        return self._summary_of(record, at)

    def progress(self, at: float) -> CallSummary:
        """Return the summary so far, with open measurements left open."""
        return self._summary_of(self.outputs.totals, at)

    def _summary_of(self, record: Record, at: float) -> CallSummary:
        over = self._over_at(at)
        summary = record.summary(
            call_id=self.identity.call_id,
            started_at=self.identity.started_at,
            duration_seconds=over - self._started_at,
            end_reason=self.end_reason,
            models=self.models.current,
            attributes=self.identity.attributes,
            floor=self._conversation.floor(over),
        )
        return replace(
            summary,
            outcome=self.outcome.name,
            success=self.outcome.success,
            ended_by=self.ended_by,
            loop_lag=self._lags.to_dict(),
            trace_id=self.trace_id,
            exported=self._exported(),
            destination=self._series.destination,
            kept_in=self._series.kept_in,
            latencies_enabled=self.latencies_enabled,
            usage_enabled=self.usage_enabled,
        )

    def _over_at(self, at: float) -> float:
        """Moment at which the call's length ends, as known at `at`."""
        return self._ended_at if self._ended_at is not None and not self.speaking else at

    def _end_open_work(self, conversation: Conversation, functions: FunctionCalls, at: float) -> Iterator[Fact]:
        cut_off = self.end_reason is not EndReason.COMPLETED
        yield from conversation.end(at, cut_off=cut_off, over_at=self._over_at(at))
        yield from functions.end(at)

    def _unreported_usage(self) -> list[Unpriced]:
        # Without `enable_usage_metrics` no service reports usage, and the summary says so for the whole call.
        return list(self.outputs.unreported.end()) if self.usage_enabled else []

    def _exported(self) -> bool | None:
        if self._series.destination is None or self._last_export is None:
            return None
        done = self._last_export.done() and not self._last_export.cancelled()
        return bool(done and self._last_export.exception() is None and self._last_export.result())
