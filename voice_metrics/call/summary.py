"""The summary of a call, as data and as text. Missing numbers are `None`, never 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from voice_metrics.call.call_end import EndedBy
from voice_metrics.call.facts import EndReason, FunctionOutcome, Leg, TurnOutcome
from voice_metrics.call.lags import Lags
from voice_metrics.call.latency import Latency, milliseconds
from voice_metrics.call.line import LineSummary


@dataclass(frozen=True, slots=True)
class ServiceLatency:
    """Latency of services, together and by leg.

    Parameters:
        overall: Figures of all services, without interrupted requests.
        interrupted: Number of interrupted requests.
        by_leg: The same for each leg.
    """

    overall: Latency
    interrupted: int
    by_leg: Mapping[Leg, tuple[Latency, int]]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        by_service = {
            leg.value: figures.to_dict() | {"interrupted": cut} for leg, (figures, cut) in self.by_leg.items()
        }
        return self.overall.to_dict() | {"interrupted": self.interrupted, "by_service": by_service}


@dataclass(frozen=True, slots=True)
class LLMSummary:
    """Tokens of the language model; `None` if no service reported any.

    Parameters:
        requests: Inferences with reported usage; an interrupted one often reports none.
        prompt_tokens: Tokens of the prompts, cached ones included.
        completion_tokens: Tokens of the completions, reasoning included.
        total_tokens: Both together.
        cache_read_tokens: Prompt tokens read from the provider's cache.
        cache_creation_tokens: Prompt tokens written to the provider's cache.
        reasoning_tokens: Completion tokens spent on reasoning.
    """

    requests: int
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cache_read_tokens: int | None
    cache_creation_tokens: int | None
    reasoning_tokens: int | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "requests": self.requests,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.total_tokens,
            "cache_read_tokens": self.cache_read_tokens,
            "cache_creation_tokens": self.cache_creation_tokens,
            "reasoning_tokens": self.reasoning_tokens,
        }


@dataclass(frozen=True, slots=True)
class PriceUsed:
    """A price within the cost.

    Parameters:
        model: Its model.
        source: Its source.
        priced_on: ISO date at which the source last checked it, or `None` if unknown.
    """

    model: str
    source: str
    priced_on: str | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"model": self.model, "source": self.source, "priced_on": self.priced_on}


@dataclass(frozen=True, slots=True)
class CostSummary:
    """Cost in US dollars; `None` if nothing was priced.

    Parameters:
        llm_usd: Cost of the language model.
        stt_usd: Cost of speech recognition.
        tts_usd: Cost of speech synthesis.
        total_usd: Total of the priced usage.
        per_minute_usd: The total over the length of the call.
        unpriced: Models in use without a known price, which the total leaves out.
        prices: The prices used.
        reasons: Why each unpriced model has no price.
    """

    llm_usd: Decimal | None
    stt_usd: Decimal | None
    tts_usd: Decimal | None
    total_usd: Decimal | None
    per_minute_usd: Decimal | None
    unpriced: tuple[str, ...]
    prices: tuple[PriceUsed, ...]
    reasons: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: money as numbers."""
        return {
            "llm_usd": _number(self.llm_usd),
            "stt_usd": _number(self.stt_usd),
            "tts_usd": _number(self.tts_usd),
            "total_usd": _number(self.total_usd),
            "per_minute_usd": _number(self.per_minute_usd),
            "unpriced": list(self.unpriced),
            "prices": [price.to_dict() for price in self.prices],
            "unpriced_reasons": [self.reasons.get(model, "") for model in self.unpriced],
        }


def _number(usd: Decimal | None) -> float | None:
    return None if usd is None else float(usd)


@dataclass(frozen=True, slots=True)
class CallSummary:
    """One call, summed up.

    Parameters:
        call_id: The call's id.
        started_at: Wall time of its start, with time zone UTC.
        duration_seconds: Its length so far.
        end_reason: How it ended, or `None` while it runs.
        models: Model of each leg, or `None` for a leg that the pipeline lacks.
        attributes: The user's own tags.
        llm: Tokens.
        characters: Characters sent to speech synthesis, or `None` if unreported.
        audio_seconds: Audio through speech recognition, or `None` if unreported.
        ttfb: Time to first byte.
        processing: Processing time.
        response: User stopped speaking to bot started speaking.
        turns: Bot turns by outcome.
        interruptions: Times the caller cut the bot off.
        function_calls: Function calls by outcome.
        errors: Errors, counted where they arose.
        cost: Cost.
        dropped: Measurements that were refused or lost.
        line: The caller's experience.
        outcome: The application's outcome of the call, or `None` if it gave none.
        success: True if that is a success; `None` if the application did not say.
        ended_by: The party or cause that ended it, or `None` while it runs.
        trace_id: OpenTelemetry's id of its trace as hexadecimal text, or `None` where Pipecat's tracing is off.
        switches: Times that a switcher changed the service in use.
        loop_lag: Lag of the event loop while it ran, in milliseconds; `None` before the first tick.
        exported: True if the last export was acknowledged; `None` without an endpoint, or while the call runs.
        destination: Host of the endpoint, or `None` without one.
        kept_in: File that keeps unacknowledged requests, or `None`.
        latencies_enabled: True if the pipeline measures latencies (`enable_metrics`).
        usage_enabled: True if it measures tokens, characters and audio (`enable_usage_metrics`).
    """

    call_id: str
    started_at: datetime
    duration_seconds: float
    end_reason: EndReason | None
    models: Mapping[Leg, str | None]
    attributes: Mapping[str, str]
    llm: LLMSummary
    characters: int | None
    audio_seconds: float | None
    ttfb: ServiceLatency
    processing: ServiceLatency
    response: Latency
    turns: Mapping[TurnOutcome, int]
    interruptions: int
    function_calls: Mapping[FunctionOutcome, int]
    errors: int
    cost: CostSummary
    dropped: int
    line: LineSummary = field(default_factory=LineSummary)
    outcome: str | None = None
    success: bool | None = None
    ended_by: EndedBy | None = None
    trace_id: str | None = None
    switches: int = 0
    loop_lag: Mapping[str, float | None] = field(default_factory=lambda: Lags().to_dict())
    exported: bool | None = None
    destination: str | None = None
    kept_in: str | None = None
    latencies_enabled: bool = True
    usage_enabled: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The summary as a JSON-ready dictionary; `null` for what does not exist."""
        return {
            "call_id": self.call_id,
            "started_at": self.started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "duration_seconds": round(self.duration_seconds, 3),
            "end_reason": self.end_reason.value if self.end_reason else None,
            "models": {leg.value: self.models.get(leg) for leg in (Leg.LLM, Leg.STT, Leg.TTS)},
            "attributes": dict(self.attributes),
            "llm": self.llm.to_dict(),
            "tts": {"characters": self.characters},
            "stt": {"audio_seconds": None if self.audio_seconds is None else round(self.audio_seconds, 3)},
            "ttfb": self.ttfb.to_dict(),
            "processing": self.processing.to_dict(),
            "response": self.response.to_dict(),
            "response_parts": dict(self.line.response_parts_ms),
            "greeting_ms": None if (greeting := self.line.greeting_seconds) is None else milliseconds(greeting),
            "turns": {outcome.value: self.turns.get(outcome, 0) for outcome in TurnOutcome}
            | {"unanswered": self.line.all_unanswered},
            "interruptions": self.interruptions,
            "false_interruptions": self.line.false_interruptions,
            "interruption_stop": self.line.interruption_stop.to_dict(),
            "floor": self.line.floor_dict(),
            "bot_gaps": self.line.gaps_dict(),
            "outcome": self.outcome,
            "success": self.success,
            "ended_by": self.ended_by.value if self.ended_by else None,
            "switches": self.switches,
            "loop_lag": dict(self.loop_lag),
            "trace_id": self.trace_id,
            "function_calls": {outcome.value: self.function_calls.get(outcome, 0) for outcome in FunctionOutcome},
            "errors": self.errors,
            "cost": self.cost.to_dict(),
            "dropped": self.dropped,
            "exported": self.exported,
        }

    def render(self) -> str:
        """The summary as text for a log, without a final newline."""
        from voice_metrics.call.rendering import render

        return render(self)
