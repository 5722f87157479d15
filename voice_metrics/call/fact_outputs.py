"""One fact into the record, the time line and the series of its call, with the facts that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from loguru import logger

from voice_metrics.call.facts import (
    AudioTranscribed,
    CharactersSpoken,
    Fact,
    FirstAnswerToken,
    FirstAudio,
    FirstByte,
    FunctionSettled,
    Leg,
    ModelAnswered,
    Processing,
    Refused,
    Responded,
    ResponsePart,
    TokensUsed,
    Usage,
)
from voice_metrics.call.identity import Identity, model_tags
from voice_metrics.call.models import Models
from voice_metrics.call.outputs import JournalOutput, SeriesOutput, Source, SpanIds
from voice_metrics.call.record import Record
from voice_metrics.call.response_parts import Breakdown, ResponseParts
from voice_metrics.call.throughput import Piece, Throughput
from voice_metrics.call.unreported import UnreportedUsage

if TYPE_CHECKING:
    from voice_metrics.pipecat.services import Services
    from voice_metrics.prices import PriceBook

_LEGS: dict[type[Usage], Leg] = {TokensUsed: Leg.LLM, AudioTranscribed: Leg.STT, CharactersSpoken: Leg.TTS}


class _Steps(NamedTuple):
    """Steps that only some classes of facts take.

    Parameters:
        is_of_service: True for work and usage of services.
        names_model: True if it names the model that answers.
        has_exemplar: True for latencies with exemplars.
        follow: Records the facts that follow from it; `None` if none do.
    """

    is_of_service: bool = False
    names_model: bool = False
    has_exemplar: bool = False
    follow: Callable[[FactOutputs, Any, float], None] | None = None


class FactOutputs:
    """Destinations of a call's facts; a fault of one costs the fact there only.

    Attributes:
        totals: The call's record.
        unreported: Services that report no usage.
        closed: True once facts are dropped.
        span: Returns the span of the moment, or `None` without one.
        faulted: Receives where a fault of an output arose, and the fault.
    """

    def __init__(
        self,
        identity: Identity,
        services: Services,
        series: SeriesOutput,
        prices: PriceBook,
        models: Models,
        journal: JournalOutput | None,
        at: float,
    ) -> None:
        """Begin with empty totals.

        Args:
            identity: The call's names.
            services: The services of its pipeline.
            series: Destination of its series.
            prices: Prices of usage.
            models: Model of each part while it runs.
            journal: Destination of its time line, or `None` for none.
            at: Moment of its start, in monotonic seconds.
        """
        self.totals = Record(services.leg)
        self.unreported = UnreportedUsage(services.leg)
        self.closed = False
        self.span: Callable[[], SpanIds | None] = lambda: None
        self.faulted: Callable[[str, Exception], None] = _raise
        self._call_id = identity.call_id
        self._zero = identity.started_at - timedelta(seconds=at)
        self._unix_at_zero = identity.started_at.timestamp() - at
        self._services = services
        self._series = series
        self._prices = prices
        self._models = models
        self._journal = journal
        self._throughput = Throughput()
        self._parts = ResponseParts()

    def moment(self, at: float) -> datetime:
        """Return the wall time, UTC, of a monotonic second."""
        return self._zero + timedelta(seconds=at)

    def unix_seconds(self, at: float) -> float:
        """Return the Unix time, in seconds, of a monotonic second."""
        return self._unix_at_zero + at

    def record(self, fact: Fact, at: float, span: SpanIds | None = None) -> None:
        """Record a final fact; once closed, it is dropped.

        Args:
            fact: The fact.
            at: Its moment, in monotonic seconds.
            span: Its trace id and span id; `None` for those of the moment, if the fact is a latency.
        """
        if self.closed:
            return
        logger.debug("Call {}: {}", self._call_id, fact)
        # A fault of one output costs this fact there only. Written out, because a function for each costs more.
        try:
            self.totals.add(fact)
        except Exception as fault:
            self._report_lost(fact, fault)
        steps: _Steps = _STEPS.get(type(fact), _NO_STEPS)
        is_of_service, names_model, has_exemplar, follow = steps
        if is_of_service:
            try:
                self.unreported.add(fact)  # type: ignore[arg-type]  # as the table says
            except Exception as fault:
                self._report_lost(fact, fault)
        if self._journal is not None:
            try:
                self._journal.write((fact, self._unix_at_zero + at))
            except Exception as fault:
                self._report_lost(fact, fault)
        try:
            if names_model:
                self._note_answering_model(fact)
            if span is None and has_exemplar:
                span = self.span()
            self._series.write(fact, None if span is None else self._exemplar(span, at))
        except Exception as fault:
            self._report_lost(fact, fault)
        if follow is not None:
            try:
                follow(self, fact, at)
            except Exception as fault:
                self._report_lost(fact, fault)

    def _exemplar(self, span: SpanIds, at: float) -> Source:
        return round(self.unix_seconds(at) * 1e9), *span

    def _report_lost(self, fact: Fact, fault: Exception) -> None:
        # The counting of a fault may be at fault itself.
        if not isinstance(fact, Refused):
            self.faulted(type(fact).__name__, fault)

    def _record_speed(self, fact: FirstByte | Processing, at: float) -> None:
        if self._services.leg(fact.processor) is Leg.LLM:
            self.record_throughput(fact, at)

    def _record_cost(self, fact: Usage, at: float) -> None:
        provider = self._services.provider(fact.processor, fact.model, fact.instance)
        self.record(self._prices.cost(_LEGS[type(fact)], provider, fact, self.moment(at)), at)

    def _record_parts(self, fact: Responded, at: float) -> None:
        self.record_all(self._parts.responded(fact, at), at)

    def record_throughput(self, fact: Piece, at: float) -> None:
        """Record the generation's speed, if this fact completes it."""
        if (generated := self._throughput.add(fact)) is not None:
            self.record(generated, at)

    def _note_answering_model(self, fact: Any) -> None:
        if (isinstance(fact, FirstByte) and fact.interrupted) or (isinstance(fact, TokensUsed) and fact.out_of_band):
            return
        if self._models.answered(self._services.leg(fact.processor), fact.instance, fact.model):
            self._series.retag(model_tags(self._models.current))

    def explained(self, breakdown: Breakdown, at: float) -> None:
        """Record the parts of a response from Pipecat's breakdown, once both are known."""
        self.record_all(self._parts.explained(breakdown, at), at)

    def record_all(self, facts: Iterable[Fact], at: float) -> None:
        """Record several facts of one moment."""
        for fact in facts:
            self.record(fact, at)


_NO_STEPS = _Steps()
_STEPS: dict[type[Fact], _Steps] = {
    FirstByte: _Steps(True, True, True, FactOutputs._record_speed),
    Processing: _Steps(True, False, True, FactOutputs._record_speed),
    **{kind: _Steps(True, True, False, FactOutputs._record_cost) for kind in _LEGS},
    ModelAnswered: _Steps(is_of_service=True),
    Responded: _Steps(has_exemplar=True, follow=FactOutputs._record_parts),
    **dict.fromkeys((FirstAudio, FirstAnswerToken, ResponsePart, FunctionSettled), _Steps(has_exemplar=True)),
}


def _raise(where: str, fault: Exception) -> None:
    raise fault
