"""Facts as points of series: which series, what value in the wire's unit, which attributes.

Pure. The conversion from seconds to milliseconds happens here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from voice_metrics import series as table
from voice_metrics.facts import (
    AudioTranscribed,
    CharactersSpoken,
    Fact,
    Failed,
    FirstAnswerToken,
    FirstAudio,
    FirstByte,
    FunctionSettled,
    Generated,
    Interrupted,
    Leg,
    Priced,
    Processing,
    Refused,
    Responded,
    ResponsePart,
    TextAggregated,
    TokensUsed,
    TurnDetected,
    TurnEnded,
    Unpriced,
)
from voice_metrics.series import Series


class Point(NamedTuple):
    """One value of one series.

    Parameters:
        series: The series.
        value: The value in the series' unit.
        attributes: Attributes beside those that every point of the call carries.
    """

    series: Series
    value: float
    attributes: Mapping[str, str]


class Services(Protocol):
    """What must be known of a call's services."""

    def leg(self, processor: str) -> Leg:
        """The part that a processor plays, by its class name."""
        ...

    def provider(self, processor: str) -> str | None:
        """Pipecat's name of a processor's provider, by its class name; `None` if unknown."""
        ...


def _service(processor: str, model: str | None) -> dict[str, str]:
    return {"processor": processor, "model": model or processor}


def points(fact: Fact, services: Services) -> Iterator[Point]:
    """The points of a call's own series that a fact makes.

    Args:
        fact: What happened.
        services: The call's services.

    Yields:
        Points in the wire's units.
    """
    match fact:
        case FirstByte(processor, model, seconds, interrupted) | Processing(processor, model, seconds, interrupted):
            attributes = _service(processor, model) | {
                "service": services.leg(processor).value,
                "interrupted": "true" if interrupted else "false",
            }
            yield Point(table.TTFB if isinstance(fact, FirstByte) else table.PROCESSING, seconds * 1000, attributes)
        case FirstAudio(processor, model, seconds):
            yield Point(table.TTFA, seconds * 1000, _service(processor, model))
        case FirstAnswerToken(processor, model, seconds):
            yield Point(table.TTFAT, seconds * 1000, _service(processor, model))
        case TextAggregated(processor, seconds):
            yield Point(table.TEXT_AGGREGATION, seconds * 1000, {"processor": processor})
        case TurnDetected(processor, seconds, complete):
            attributes = {"processor": processor, "complete": "true" if complete else "false"}
            yield Point(table.TURN_DETECTION, seconds * 1000, attributes)
        case Responded(seconds):
            yield Point(table.RESPONSE, seconds * 1000, {})
        case ResponsePart(part, seconds):
            yield Point(table.RESPONSE_PART, seconds * 1000, {"part": part})
        case TokensUsed():
            yield from _tokens(fact)
        case Generated(processor, model, tokens_per_second):
            yield Point(table.LLM_THROUGHPUT, tokens_per_second, _service(processor, model))
        case AudioTranscribed(processor, model, seconds):
            yield Point(table.STT_AUDIO, seconds, _service(processor, model))
        case CharactersSpoken(processor, model, characters):
            yield Point(table.TTS_CHARACTERS, characters, _service(processor, model))
        case _:
            yield from _event_points(fact)


def _event_points(fact: Fact) -> Iterator[Point]:
    match fact:
        case TurnEnded(outcome):
            yield Point(table.TURNS, 1, {"outcome": outcome.value})
        case Interrupted():
            yield Point(table.INTERRUPTIONS, 1, {})
        case FunctionSettled(function, outcome, seconds):
            yield Point(table.FUNCTION_CALLS, 1, {"function": function, "outcome": outcome.value})
            if seconds is not None:
                yield Point(table.FUNCTION_CALL, seconds * 1000, {"function": function})
        case Priced(leg, processor, model, usd):
            yield Point(table.COST, float(usd), {"cost_type": leg.value} | _service(processor, model))
        case Unpriced(leg, processor, model):
            yield Point(table.UNPRICED, 1, {"service": leg.value, "model": model or processor})
        case Failed(processor, category):
            yield Point(table.ERRORS, 1, {"processor": processor, "category": category})
        case Refused(reason):
            yield Point(table.DROPPED, 1, {"reason": reason})


def _tokens(used: TokensUsed) -> Iterator[Point]:
    attributes = _service(used.processor, used.model)
    yield Point(table.LLM_TOKENS, used.prompt, attributes | {"token_type": "prompt"})
    yield Point(table.LLM_TOKENS, used.completion, attributes | {"token_type": "completion"})
    for detail, tokens in (
        ("cache_read", used.cache_read),
        ("cache_creation", used.cache_creation),
        ("reasoning", used.reasoning),
        ("input_audio", used.input_audio),
        ("output_audio", used.output_audio),
    ):
        if tokens:
            yield Point(table.LLM_TOKEN_DETAILS, tokens, attributes | {"detail": detail})


# Well-known values of `gen_ai.provider.name` (OpenTelemetry semantic conventions for generative AI, read
# 2026-11-22) for Pipecat's names where the two differ; the same table as Pipecat's traces use.
_GEN_AI_PROVIDER = {
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google": "gcp.gemini",
    "grok": "x_ai",
    "xai": "x_ai",
    "mistral": "mistral_ai",
}


def gen_ai_points(fact: Fact, services: Services) -> Iterator[Point]:
    """The points of OpenTelemetry's series for generative AI that a fact makes; a cut request makes none.

    Args:
        fact: What happened.
        services: The call's services.

    Yields:
        Points in the wire's units.
    """
    match fact:
        case TokensUsed(processor, model):
            attributes = _gen_ai(processor, model, services)
            for kind, tokens in (("input", fact.prompt), ("output", fact.completion)):
                yield Point(table.GEN_AI_TOKEN_USAGE, tokens, attributes | {"gen_ai.token.type": kind})
        case FirstByte(processor, model, seconds, False) if services.leg(processor) is Leg.LLM:
            yield Point(table.GEN_AI_TIME_TO_FIRST_CHUNK, seconds, _gen_ai(processor, model, services))
        case Processing(processor, model, seconds, False) if services.leg(processor) is Leg.LLM:
            yield Point(table.GEN_AI_OPERATION_DURATION, seconds, _gen_ai(processor, model, services))


def _gen_ai(processor: str, model: str | None, services: Services) -> dict[str, str]:
    provider = services.provider(processor)
    name = "gcp.vertex_ai" if "Vertex" in processor else _GEN_AI_PROVIDER.get(provider or "", provider)
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": name or processor,
        "gen_ai.request.model": model or processor,
    }
