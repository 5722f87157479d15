"""One call's life: facts come in, go into its record and out to its series and time line, until it ends.

Moments are passed in: monotonic seconds for durations, wall time to name them.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from loguru import logger

from voice_metrics.call.call_end import NOTHING_SAID, EndedBy, Outcome, end_tags
from voice_metrics.call.call_events import call_event
from voice_metrics.call.conversation import Conversation
from voice_metrics.call.errors import Failures
from voice_metrics.call.events import BotStopped, Interruption, UserStarted
from voice_metrics.call.facts import (
    AudioTranscribed,
    CharactersSpoken,
    EndReason,
    Fact,
    FirstAnswerToken,
    FirstAudio,
    FirstByte,
    FunctionSettled,
    Leg,
    LoopHeld,
    Processing,
    Refused,
    Responded,
    ResponsePart,
    Switched,
    TokensUsed,
    Unpriced,
    Usage,
)
from voice_metrics.call.functions import FunctionCalls
from voice_metrics.call.holdback import HoldBack, Latency
from voice_metrics.call.incoming import Event
from voice_metrics.call.lags import STALL_SECONDS, Lags
from voice_metrics.call.models import Models, ServiceSwitched
from voice_metrics.call.outputs import Exemplar, JournalOutput, SeriesOutput, SpanIds
from voice_metrics.call.record import Record
from voice_metrics.call.response_parts import Breakdown, ResponseParts
from voice_metrics.call.summary import CallSummary
from voice_metrics.call.throughput import Throughput
from voice_metrics.call.unreported import UnreportedUsage
from voice_metrics.pipecat.services import Services
from voice_metrics.prices import PriceBook

if TYPE_CHECKING:
    from voice_metrics.series.own_metrics import OwnMetrics

NO_SERVICE = "none"
# Latencies whose points lead to a trace.
_IN_A_SPAN = (FirstByte, Processing, FirstAudio, FirstAnswerToken, Responded, ResponsePart, FunctionSettled)
_LEGS = {TokensUsed: Leg.LLM, AudioTranscribed: Leg.STT, CharactersSpoken: Leg.TTS}


@dataclass(frozen=True, slots=True)
class Identity:
    """What names a call.

    Parameters:
        call_id: Its id.
        models: Model of each leg, or `None` for a leg that the pipeline lacks.
        attributes: The user's own tags.
        started_at: Wall time of its start, UTC.
        key: What tells the call from every other, also from another one with the same id.
    """

    call_id: str
    models: Mapping[Leg, str | None]
    attributes: Mapping[str, str]
    started_at: datetime
    key: str = field(default_factory=lambda: uuid.uuid4().hex)

    def tags(self) -> dict[str, str]:
        """The attributes of every point of the call, but for the call id."""
        return {**self.attributes, **model_tags(self.models)}


def model_tags(models: Mapping[Leg, str | None]) -> dict[str, str]:
    """The attributes that name a call's models."""
    return {f"{leg.value}_model": models.get(leg) or NO_SERVICE for leg in (Leg.LLM, Leg.STT, Leg.TTS)}


class Call:
    """A call that runs, or that has ended and waits for the acknowledgement of its last export."""

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
        """Begin the call.

        Args:
            identity: What names it.
            services: The services of its pipeline.
            series: Takes its series.
            prices: What usage costs.
            at: The moment of its start, in monotonic seconds.
            journal: Takes its time line, or `None` if there is none.
            models: Which model answers for each part, or `None` for those of `identity` to the end.
        """
        self.identity = identity
        self.models = models or Models(identity.models, {}, {})
        self.latencies_enabled = self.usage_enabled = True
        self.services = services
        self.end_reason: EndReason | None = None
        self.ended_by: EndedBy | None = None
        self.outcome = NOTHING_SAID
        self._series = series
        self._lags = Lags()
        self.span: Callable[[], SpanIds | None] = lambda: None
        # Given where a fault of an output arose, and the fault.
        self.faulted: Callable[[str, Exception], None] = _raise
        self.trace_id: str | None = None
        self._prices = prices
        self._journal = journal
        self._started_at = at
        self._has_started = False
        self._unix_at_zero = identity.started_at.timestamp() - at
        self._ended_at: float | None = None
        self._record = Record(services.leg)
        self._throughput = Throughput()
        self._unreported = UnreportedUsage(services.leg)
        self._parts = ResponseParts()
        self._held = HoldBack()
        # Spans of what is held back, by the identity of the fact.
        self._spans: dict[int, SpanIds | None] = {}
        self._conversation = Conversation(services.leg, at)
        self._functions = FunctionCalls()
        self._failures = Failures()
        self._failing: dict[str, str] = {}
        self._last_export: Future[bool | None] | None = None

    @property
    def next_due(self) -> float | None:
        """When `release` has something to do, in monotonic seconds; `None` if nothing is held back."""
        return self._held.next_due

    @property
    def has_started(self) -> bool:
        """Whether its pipeline has started."""
        return self._has_started

    @property
    def own(self) -> OwnMetrics:
        """Records the application's own numbers, tagged like the call."""
        return self._series.own

    @property
    def speaking(self) -> bool:
        """Whether the bot is speaking."""
        return self._conversation.bot_speaking

    def started(self, at: float) -> None:
        """Note that the pipeline has started: the length counts from here, and what came before stays the call's.

        Args:
            at: When, in monotonic seconds.
        """
        self._has_started = True
        late = at - self._started_at
        self.identity = replace(self.identity, started_at=self._moment(at))
        self._started_at = at
        self._conversation.started(at)
        self._series.started(late)

    def measured(self, fact: Fact, at: float, span: SpanIds | None = None) -> None:
        """Take what a service reported.

        Args:
            fact: The measurement. Latencies are held back for a moment: an interruption makes them false.
            at: When it came, in monotonic seconds.
            span: Trace id and span id in which it came, or `None`.
        """
        if isinstance(fact, Processing) and (error_type := self._failing.pop(fact.instance or "", None)) is not None:
            fact = replace(fact, error_type=error_type)
        # A transcript that starts the caller's turn is followed by an interruption at once, and its latency is true.
        if isinstance(fact, (FirstByte, Processing)) and self.services.leg(fact.processor) is not Leg.STT:
            if self._held.next_due is None:
                self._spans.clear()  # an interruption replaces what it marks
            self._spans[id(self._held.put(fact, at))] = span
        else:
            self.happened(fact, at, self._exemplar(span, at))
        if isinstance(fact, TokensUsed):
            self._held.put_tokens(fact, at)
            self.release(at)

    def took_place(self, event: Event, at: float) -> None:
        """Take an event of the conversation.

        Args:
            event: The event.
            at: When it came, in monotonic seconds.
        """
        match event:
            case Interruption():
                self._all_released(self._held.interrupted(at), at)
            case UserStarted():
                self._held.turn_started(at)
            case BotStopped() if self._ended_at is not None and self.speaking:
                # A goodbye that was queued before the EndFrame is part of the call.
                self._ended_at = at
        self._all_happened(self._conversation.take(event, at), at)
        self._all_happened(self._functions.take(event, at), at)
        self._all_happened(self._failures.take(event), at)

    def inference_failed(self, instance: str, error_type: str) -> None:
        """Note that a response failed, whose processing time is still to come.

        Args:
            instance: Pipecat's name of the service.
            error_type: Why, as `Failed` has it.
        """
        self._failing[instance] = error_type

    def switched(self, switch: ServiceSwitched, at: float) -> None:
        """Take the change of a service in use.

        Args:
            switch: The change.
            at: When, in monotonic seconds.
        """
        self.models.switched(switch)
        self.happened(Switched(switch.leg, switch.previous, switch.now), at)

    def loop_late(self, seconds: float, function: str | None, at: float) -> None:
        """Note how late the event loop was.

        Args:
            seconds: By how much; not negative.
            function: What held the loop, or `None` if it was not seen.
            at: When the loop went on, in monotonic seconds.
        """
        if self._last_export is not None:
            return
        self._lags.add(seconds)
        if seconds > STALL_SECONDS:
            self.happened(LoopHeld(seconds, function), at)

    def explained(self, breakdown: Breakdown, at: float) -> None:
        """Take Pipecat's account of a response.

        Args:
            breakdown: The account.
            at: When it came, in monotonic seconds.
        """
        self._all_happened(self._parts.explained(breakdown, at), at)

    @property
    def spent_usd(self) -> Decimal:
        """What the priced usage has cost so far, in US dollars."""
        return sum(self._record.costs.usd.values(), Decimal(0))

    def release(self, at: float) -> None:
        """Take the held measurements whose time has come.

        Args:
            at: Now, in monotonic seconds.
        """
        self._all_released(self._held.due(at), at)

    def happened(self, fact: Fact, at: float, exemplar: Exemplar | None = None) -> None:
        """Take a fact for good; one that comes after the last export was asked for is too late.

        Args:
            fact: What happened.
            at: When, in monotonic seconds.
            exemplar: Unix nanoseconds, trace id and span id that it happened in, or `None`.
        """
        if self._last_export is not None:
            return
        logger.debug("Call {}: {}", self.identity.call_id, fact)
        self._contained(self._record.take, fact)
        self._contained(self._unreported.take, fact)
        if self._journal is not None:
            self._contained(self._journal.happened, fact, self._unix_at_zero + at)
        self._contained(self._write, fact, at, exemplar)
        self._contained(self._follow, fact, at)

    def _contained(self, act: Callable[..., None], fact: Fact, *arguments: Any) -> None:
        """Let a fault of one output cost this fact there, and neither the other outputs nor the facts behind it."""
        try:
            act(fact, *arguments)
        except Exception as fault:
            # What counts a fault may be what is at fault.
            if not isinstance(fact, Refused):
                self.faulted(type(fact).__name__, fault)

    def _write(self, fact: Fact, at: float, exemplar: Exemplar | None) -> None:
        match fact:
            case FirstByte(interrupted=False) | TokensUsed() | AudioTranscribed() | CharactersSpoken():
                self._answered(fact)
        if exemplar is None and isinstance(fact, _IN_A_SPAN):
            exemplar = self._exemplar(self._spans.pop(id(fact), None) or self.span(), at)
        self._series.happened(fact, exemplar)

    def _exemplar(self, span: SpanIds | None, at: float) -> Exemplar | None:
        return None if span is None else (round((self._unix_at_zero + at) * 1e9), *span)

    def _follow(self, fact: Fact, at: float) -> None:
        match fact:
            case FirstByte() | Processing() if self.services.leg(fact.processor) is Leg.LLM:
                self._wrote(fact, at)
            case Responded():
                self._all_happened(self._parts.responded(fact, at), at)
        if isinstance(fact, (TokensUsed, AudioTranscribed, CharactersSpoken)):
            provider = self.services.provider(fact.processor, fact.model)
            self.happened(self._prices.cost(_LEGS[type(fact)], provider, fact, self._moment(at)), at)

    def _wrote(self, fact: FirstByte | Processing | TokensUsed, at: float) -> None:
        if (generated := self._throughput.take(fact)) is not None:
            self.happened(generated, at)

    def _all_released(self, facts: Iterable[Latency | TokensUsed], at: float) -> None:
        for fact in facts:
            # Tokens have happened when they came; how fast they were written is told in the order of all.
            if isinstance(fact, TokensUsed):
                self._wrote(fact, at)
            else:
                self.happened(fact, at)

    def _answered(self, fact: FirstByte | Usage) -> None:
        if self.models.answered(self.services.leg(fact.processor), fact.instance, fact.model):
            self._series.retag(model_tags(self.models.current))

    def achieved(self, outcome: Outcome) -> None:
        """Note what the call achieved; the last one counts, and none after the last export was asked for.

        Args:
            outcome: What it achieved.
        """
        if self._last_export is None:
            logger.debug("Call {}: {}", self.identity.call_id, outcome)
            self.outcome = outcome

    def end(self, reason: EndReason, at: float, ended_by: EndedBy = EndedBy.UNKNOWN) -> None:
        """Note the end; the first reason counts. Measurements that are still under way are still taken.

        Args:
            reason: How the call ended.
            at: When, in monotonic seconds.
            ended_by: Who or what ended it.
        """
        if self.end_reason is None:
            self.end_reason, self._ended_at, self.ended_by = reason, at, ended_by

    def fail(self) -> None:
        """Note an error that ends the call although it was told to end; nothing once the last export was asked for."""
        if self.end_reason is EndReason.COMPLETED and self._last_export is None:
            self.end_reason, self.ended_by = EndReason.ERROR, EndedBy.ERROR

    def close(self, at: float) -> Future[bool | None]:
        """Ask for the last export, once; nothing is taken any more.

        Args:
            at: Now, in monotonic seconds.

        Returns:
            Whether the last values were acknowledged; `None` without an endpoint.
        """
        if self._last_export is None:
            self.end(EndReason.UNKNOWN, at)
            if self.speaking:
                self._ended_at = at
            self._all_released(self._held.flush(), at)
            self._all_happened(self._still_open(self._held, self._conversation, self._functions, at), at)
            self._all_happened(self._unreported_usage(), at)
            ended_at = at if self._ended_at is None else self._ended_at
            reason, by = self.end_reason or EndReason.UNKNOWN, self.ended_by or EndedBy.UNKNOWN
            ended = end_tags(reason, by, self.outcome)
            try:
                if (tags := self._series.event_tags) is not None:
                    self._series.event(call_event(self.progress(at).to_dict(), tags, self._unix_at_zero + ended_at))
            except Exception as fault:
                self.faulted("event", fault)
            try:
                self._last_export = self._series.end(ended, ended_at - self._started_at, at - ended_at)
            except Exception as fault:
                self._last_export = Future()
                self._last_export.set_result(False)
                self.faulted("last export", fault)
        return self._last_export

    def summary(self, at: float) -> CallSummary:
        """The call so far; once it has ended, as a whole: what is under way ends as if nothing more came.

        Args:
            at: Now, in monotonic seconds.

        Returns:
            The summary. Nothing of the call is changed.
        """
        if self._ended_at is None or self._last_export is not None:
            return self.progress(at)
        under_way = copy.deepcopy((self._held, self._conversation, self._functions))
        still_open = [*self._still_open(*under_way, at), *self._unreported_usage()]
        record = copy.deepcopy(self._record) if still_open else self._record
        for fact in still_open:
            record.take(fact)
        return self._summed_up(record, at)

    def progress(self, at: float) -> CallSummary:
        """The call so far, with what is under way left open.

        Args:
            at: Now, in monotonic seconds.

        Returns:
            The summary.
        """
        return self._summed_up(self._record, at)

    def _summed_up(self, record: Record, at: float) -> CallSummary:
        over = self._over_at(at)
        duration = over - self._started_at
        return CallSummary(
            call_id=self.identity.call_id,
            started_at=self.identity.started_at,
            duration_seconds=duration,
            end_reason=self.end_reason,
            models=self.models.current,
            attributes=self.identity.attributes,
            llm=record.tokens.summary(),
            characters=record.characters,
            audio_seconds=record.audio_seconds,
            ttfb=record.service_latency(FirstByte),
            processing=record.service_latency(Processing),
            response=record.response.summary(),
            turns=dict(record.turns),
            interruptions=record.interruptions,
            function_calls=dict(record.functions),
            errors=record.errors,
            switches=record.switches,
            cost=record.costs.summary(duration),
            dropped=record.dropped,
            line=record.line.summary(self._conversation.floor(over)),
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
        """When the call's length ends, as things stand at `at`."""
        return self._ended_at if self._ended_at is not None and not self.speaking else at

    def _still_open(
        self, held: HoldBack, conversation: Conversation, functions: FunctionCalls, at: float
    ) -> Iterator[Fact]:
        yield from (fact for fact in held.flush() if not isinstance(fact, TokensUsed))
        cut_off = self.end_reason is not EndReason.COMPLETED
        yield from conversation.end(at, cut_off=cut_off, over_at=self._over_at(at))
        yield from functions.end(at)

    def _unreported_usage(self) -> list[Unpriced]:
        # Without `enable_usage_metrics` no service reports any, which is said of the call as a whole.
        return list(self._unreported.end()) if self.usage_enabled else []

    def _exported(self) -> bool | None:
        if self._series.destination is None or self._last_export is None:
            return None
        done = self._last_export.done() and not self._last_export.cancelled()
        return bool(done and self._last_export.exception() is None and self._last_export.result())

    def _all_happened(self, facts: Iterable[Fact], at: float) -> None:
        for fact in facts:
            self.happened(fact, at)

    def _moment(self, at: float) -> datetime:
        return self.identity.started_at + timedelta(seconds=at - self._started_at)


def _raise(where: str, fault: Exception) -> None:
    raise fault
