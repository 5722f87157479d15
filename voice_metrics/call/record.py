"""The record of one call: facts in, totals out, in bounded memory (pure)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from voice_metrics.call.facts import (
    AudioTranscribed,
    CharactersSpoken,
    EndReason,
    Fact,
    Failed,
    FirstByte,
    FunctionOutcome,
    FunctionSettled,
    Generated,
    Interrupted,
    Leg,
    Priced,
    Processing,
    Refused,
    Responded,
    Switched,
    TokensUsed,
    TurnEnded,
    TurnOutcome,
    Unpriced,
)
from voice_metrics.call.floor import FloorTotals
from voice_metrics.call.latency import Samples, together
from voice_metrics.call.line import Line
from voice_metrics.call.summary import CallSummary, CostSummary, LLMSummary, PriceUsed, ServiceLatency


@dataclass(slots=True)
class _Tokens:
    """Sums of reported tokens; a detail stays `None` until a service reports it."""

    requests: int = 0
    prompt: int | None = None
    completion: int | None = None
    details: Counter[str] = field(default_factory=Counter)

    def add(self, used: TokensUsed) -> None:
        self.requests += 1
        self.prompt = (self.prompt or 0) + used.prompt
        self.completion = (self.completion or 0) + used.completion
        if used.cache_read is not None:
            self.details["cache_read"] += used.cache_read
        if used.cache_creation is not None:
            self.details["cache_creation"] += used.cache_creation
        if used.reasoning is not None:
            self.details["reasoning"] += used.reasoning

    def summary(self) -> LLMSummary:
        known = self.prompt is not None and self.completion is not None
        return LLMSummary(
            requests=self.requests,
            prompt_tokens=self.prompt,
            completion_tokens=self.completion,
            total_tokens=(self.prompt or 0) + (self.completion or 0) if known else None,
            cache_read_tokens=self.details.get("cache_read"),
            cache_creation_tokens=self.details.get("cache_creation"),
            reasoning_tokens=self.details.get("reasoning"),
        )


@dataclass(slots=True)
class _Costs:
    """Sums of priced usage, dates of its prices by model and source, and the models without a price."""

    usd: dict[Leg, Decimal] = field(default_factory=dict)
    priced_on: dict[tuple[str, str], str | None] = field(default_factory=dict)
    unpriced: dict[str, str] = field(default_factory=dict)

    def add(self, priced: Priced) -> None:
        sum_usd = self.usd.get(priced.leg)
        self.usd[priced.leg] = priced.usd if sum_usd is None else sum_usd + priced.usd
        self.priced_on[priced.model or priced.processor, priced.source] = priced.priced_on

    def add_unpriced(self, unpriced: Unpriced) -> None:
        self.unpriced.setdefault(unpriced.model or unpriced.processor, unpriced.reason)

    def summary(self, duration_seconds: float) -> CostSummary:
        total = sum(self.usd.values(), Decimal(0)) if self.usd else None
        return CostSummary(
            llm_usd=self.usd.get(Leg.LLM),
            stt_usd=self.usd.get(Leg.STT),
            tts_usd=self.usd.get(Leg.TTS),
            total_usd=total,
            per_minute_usd=total * 60 / Decimal(str(duration_seconds))
            if total is not None and duration_seconds
            else None,
            # Sorted, so that the order does not depend on the order of prices.
            unpriced=tuple(sorted(self.unpriced)),
            reasons=dict(sorted(self.unpriced.items())),
            prices=tuple(PriceUsed(*key, self.priced_on[key]) for key in sorted(self.priced_on)),
        )


class Record:
    """Totals of one call."""

    def __init__(self, leg: Callable[[str], Leg]) -> None:
        """Start empty; `leg` maps a processor's class name to its part of the bot."""
        self._leg = leg
        self.tokens = _Tokens()
        self.costs = _Costs()
        self.response = Samples()
        self.characters: int | None = None
        self.audio_seconds: float | None = None
        self.turns: Counter[TurnOutcome] = Counter()
        self.functions: Counter[FunctionOutcome] = Counter()
        self.line = Line()
        self.interruptions = self.errors = self.dropped = self.switches = 0
        kinds: tuple[type, ...] = (FirstByte, Processing)
        self._by_leg: dict[type, dict[Leg, Samples]] = {kind: {leg: Samples() for leg in Leg} for kind in kinds}

    def add(self, fact: Fact) -> None:
        """Add a fact to the totals."""
        _ADDERS[type(fact)](self, fact)

    def _add_event(self, fact: Fact) -> None:
        match fact:
            case Responded():
                self.response.add(fact.seconds)
            case TurnEnded():
                self.turns[fact.outcome] += 1
            case Interrupted():
                self.interruptions += 1
            case FunctionSettled():
                self.functions[fact.outcome] += 1
            case Failed():
                self.errors += 1
            case Switched():
                self.switches += 1
            case Refused():
                self.dropped += 1
            case Unpriced():
                self.costs.add_unpriced(fact)
            case _:
                self.line.add(fact)

    def summary(
        self,
        *,
        call_id: str,
        started_at: datetime,
        duration_seconds: float,
        end_reason: EndReason | None,
        models: Mapping[Leg, str | None],
        attributes: Mapping[str, str],
        floor: FloorTotals | None = None,
    ) -> CallSummary:
        """Return the totals as a summary of the call of these names; the parameters are those of `CallSummary`.

        Args:
            call_id: Its id.
            started_at: Wall time of its start.
            duration_seconds: Its length.
            end_reason: Why it ended, or `None` while it runs.
            models: Model of each leg.
            attributes: The user's own tags.
            floor: Seconds by speaker, or `None` if unknown.
        """
        return CallSummary(
            call_id=call_id,
            started_at=started_at,
            duration_seconds=duration_seconds,
            end_reason=end_reason,
            models=models,
            attributes=attributes,
            llm=self.tokens.summary(),
            characters=self.characters,
            audio_seconds=self.audio_seconds,
            ttfb=self.service_latency(FirstByte),
            processing=self.service_latency(Processing),
            response=self.response.summary(),
            turns=dict(self.turns),
            interruptions=self.interruptions,
            function_calls=dict(self.functions),
            errors=self.errors,
            switches=self.switches,
            cost=self.costs.summary(duration_seconds),
            dropped=self.dropped,
            line=self.line.summary(floor),
        )

    def service_latency(self, kind: type[FirstByte] | type[Processing]) -> ServiceLatency:
        """Return latency of all services and of each leg, without interrupted requests."""
        legs = self._by_leg[kind]
        overall = together(legs.values())
        return ServiceLatency(
            overall.summary(),
            overall.interrupted,
            {leg: (samples.summary(), samples.interrupted) for leg, samples in legs.items()},
        )

    def _add_latency(self, fact: FirstByte | Processing) -> None:
        samples = self._by_leg[type(fact)][self._leg(fact.processor)]
        if fact.interrupted:
            samples.interrupted += 1
        else:
            samples.add(fact.seconds)

    def _add_characters(self, fact: CharactersSpoken) -> None:
        self.characters = (self.characters or 0) + fact.characters

    def _add_audio(self, fact: AudioTranscribed) -> None:
        self.audio_seconds = (self.audio_seconds or 0.0) + fact.seconds


# The facts of MetricsFrames are the most frequent.
_ADDERS: defaultdict[type[Fact], Callable[[Record, Any], None]] = defaultdict(lambda: Record._add_event)
_ADDERS |= {
    FirstByte: Record._add_latency,
    Processing: Record._add_latency,
    TokensUsed: lambda record, fact: record.tokens.add(fact),
    Priced: lambda record, fact: record.costs.add(fact),
    CharactersSpoken: Record._add_characters,
    Generated: lambda record, fact: None,  # its average is in the series only
    AudioTranscribed: Record._add_audio,
}
