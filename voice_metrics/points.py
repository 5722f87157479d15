"""Facts as points of series: which series, what value in the wire's unit, which attributes.

Pure. The conversion from seconds to milliseconds happens here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

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


_Maker = Callable[[Any, Services], Sequence[Point]]
_GEN_AI_LATENCY: dict[type[Fact], Series] = {
    FirstByte: table.GEN_AI_TIME_TO_FIRST_CHUNK,
    Processing: table.GEN_AI_OPERATION_DURATION,
}


def _service(processor: str, model: str | None) -> dict[str, str]:
    return {"processor": processor, "model": model or processor}


def points(fact: Fact, services: Services) -> Sequence[Point]:
    """The points of a call's own series that a fact makes.

    Args:
        fact: What happened.
        services: The call's services.

    Returns:
        Points in the wire's units.
    """
    return _POINTS[type(fact)](fact, services)


def _latency(series: Series) -> _Maker:
    def make(fact: FirstByte | Processing, services: Services) -> Sequence[Point]:
        attributes = {
            "processor": fact.processor,
            "model": fact.model or fact.processor,
            "service": services.leg(fact.processor).value,
            "interrupted": "true" if fact.interrupted else "false",
        }
        return (Point(series, fact.seconds * 1000, attributes),)

    return make


def _of_service(series: Series, value: Callable[[Any], float]) -> _Maker:
    return lambda fact, services: (Point(series, value(fact), _service(fact.processor, fact.model)),)


def _plain(series: Series, value: Callable[[Any], float], attributes: Callable[[Any], dict[str, str]]) -> _Maker:
    return lambda fact, services: (Point(series, value(fact), attributes(fact)),)


def _tokens(used: TokensUsed, services: Services) -> Sequence[Point]:
    attributes = _service(used.processor, used.model)
    made = [
        Point(table.LLM_TOKENS, used.prompt, attributes | {"token_type": "prompt"}),
        Point(table.LLM_TOKENS, used.completion, attributes | {"token_type": "completion"}),
    ]
    for detail, tokens in (
        ("cache_read", used.cache_read),
        ("cache_creation", used.cache_creation),
        ("reasoning", used.reasoning),
        ("input_audio", used.input_audio),
        ("output_audio", used.output_audio),
    ):
        if tokens:
            made.append(Point(table.LLM_TOKEN_DETAILS, tokens, attributes | {"detail": detail}))
    return made


def _function(settled: FunctionSettled, services: Services) -> Sequence[Point]:
    function = {"function": settled.function}
    counted = Point(table.FUNCTION_CALLS, 1, function | {"outcome": settled.outcome.value})
    if settled.seconds is None:
        return (counted,)
    return counted, Point(table.FUNCTION_CALL, settled.seconds * 1000, function)


def _milliseconds(fact: Any) -> float:
    return float(fact.seconds * 1000)


def _once(fact: Fact) -> float:
    return 1


def _nothing_more(fact: Fact) -> dict[str, str]:
    return {}


_POINTS: dict[type[Fact], _Maker] = {
    FirstByte: _latency(table.TTFB),
    Processing: _latency(table.PROCESSING),
    FirstAudio: _of_service(table.TTFA, _milliseconds),
    FirstAnswerToken: _of_service(table.TTFAT, _milliseconds),
    TextAggregated: _plain(table.TEXT_AGGREGATION, _milliseconds, lambda fact: {"processor": fact.processor}),
    TurnDetected: _plain(
        table.TURN_DETECTION,
        _milliseconds,
        lambda fact: {"processor": fact.processor, "complete": "true" if fact.complete else "false"},
    ),
    Responded: _plain(table.RESPONSE, _milliseconds, _nothing_more),
    ResponsePart: _plain(table.RESPONSE_PART, _milliseconds, lambda fact: {"part": fact.part}),
    TokensUsed: _tokens,
    Generated: _of_service(table.LLM_THROUGHPUT, lambda fact: fact.tokens_per_second),
    AudioTranscribed: _of_service(table.STT_AUDIO, lambda fact: fact.seconds),
    CharactersSpoken: _of_service(table.TTS_CHARACTERS, lambda fact: fact.characters),
    TurnEnded: _plain(table.TURNS, _once, lambda fact: {"outcome": fact.outcome.value}),
    Interrupted: _plain(table.INTERRUPTIONS, _once, _nothing_more),
    FunctionSettled: _function,
    Priced: _plain(
        table.COST,
        lambda fact: float(fact.usd),
        lambda fact: {"cost_type": fact.leg.value, **_service(fact.processor, fact.model)},
    ),
    Unpriced: _plain(
        table.UNPRICED, _once, lambda fact: {"service": fact.leg.value, "model": fact.model or fact.processor}
    ),
    Failed: _plain(table.ERRORS, _once, lambda fact: {"processor": fact.processor, "category": fact.category}),
    Refused: _plain(table.DROPPED, _once, lambda fact: {"reason": fact.reason}),
}


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


def gen_ai_points(fact: Fact, services: Services) -> Sequence[Point]:
    """The points of OpenTelemetry's series for generative AI that a fact makes; a cut request makes none.

    Args:
        fact: What happened.
        services: The call's services.

    Returns:
        Points in the wire's units.
    """
    if isinstance(fact, TokensUsed):
        attributes = _gen_ai(fact.processor, fact.model, services)
        return (
            Point(table.GEN_AI_TOKEN_USAGE, fact.prompt, attributes | {"gen_ai.token.type": "input"}),
            Point(table.GEN_AI_TOKEN_USAGE, fact.completion, attributes | {"gen_ai.token.type": "output"}),
        )
    series = _GEN_AI_LATENCY.get(type(fact))
    if series is None:
        return ()
    assert isinstance(fact, (FirstByte, Processing))
    if fact.interrupted or services.leg(fact.processor) is not Leg.LLM:
        return ()
    return (Point(series, fact.seconds, _gen_ai(fact.processor, fact.model, services)),)


def _gen_ai(processor: str, model: str | None, services: Services) -> dict[str, str]:
    provider = services.provider(processor)
    name = "gcp.vertex_ai" if "Vertex" in processor else _GEN_AI_PROVIDER.get(provider or "", provider)
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": name or processor,
        "gen_ai.request.model": model or processor,
    }
