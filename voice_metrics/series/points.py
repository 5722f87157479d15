"""Facts as points of series, with value and attributes (pure).

Seconds of facts become milliseconds of series here only. A fact's series and attributes depend on its names alone and
are cached by them; values are read from each fact.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from voice_metrics.call import facts
from voice_metrics.call.facts import Fact, Leg
from voice_metrics.call.providers import gen_ai_provider, provider_word
from voice_metrics.series import table
from voice_metrics.series.table import Series

Attributes = Mapping[str, str]


class Target(NamedTuple):
    """A series for all facts of the same names.

    Parameters:
        series: The series.
        attributes: Attributes beside the call's tags.
        value: Reads one or several values in the series' unit from a fact; `None` if it has none for this series.
    """

    series: Series
    attributes: Attributes
    value: Callable[[Any], float | tuple[float, ...] | None]


class ServiceDirectory(Protocol):
    """A call's services, looked up by class name, and by Pipecat's name of the instance where it is known."""

    @property
    def has_siblings(self) -> bool:
        """True if two services are of one class, so that their facts may differ in attributes."""
        ...

    def leg(self, processor: str, /) -> Leg:
        """Return a processor's part of the bot, by its class name."""
        ...

    def provider(self, processor: str, model: str | None = None, instance: str | None = None) -> str | None:
        """Return Pipecat's name of a processor's provider, or `None` if unknown."""
        ...

    def host(self, processor: str, model: str | None = None, instance: str | None = None) -> str | None:
        """Return the host of a processor's requests, or `None` if unknown."""
        ...

    def response_model(self, processor: str, model: str | None = None, instance: str | None = None) -> str | None:
        """Return the model that the provider reports, by requested model, or `None` if unknown."""
        ...


_AttributesOf = Callable[[Any, ServiceDirectory], Attributes]


class _Row(NamedTuple):
    series: Series
    value: Callable[[Any], float | None]
    attributes: _AttributesOf


def targets(fact: Fact, services: ServiceDirectory) -> Iterator[Target]:
    """Yield a fact's targets among the call's own series."""
    for row in _ROWS[type(fact)]:
        yield Target(row.series, row.attributes(fact, services), row.value)


def gen_ai_targets(fact: Fact, services: ServiceDirectory) -> Iterator[Target]:
    """Yield a fact's targets among OpenTelemetry's generative AI series; none for an interrupted request."""
    match fact:
        case facts.TokensUsed():
            attributes = _gen_ai_attributes(fact, services)
            for kind, value in (("input", attrgetter("prompt")), ("output", attrgetter("completion"))):
                yield Target(table.GEN_AI_TOKEN_USAGE, attributes | {"gen_ai.token.type": kind}, value)
        case facts.FirstByte(interrupted=False) if services.leg(fact.processor) is Leg.LLM:
            attributes = _gen_ai_attributes(fact, services)
            yield Target(table.GEN_AI_TIME_TO_FIRST_CHUNK, attributes, _seconds)
        case facts.Processing(interrupted=False) if services.leg(fact.processor) is Leg.LLM:
            attributes = _gen_ai_attributes(fact, services) | _error_attribute(fact.error_type)
            yield Target(table.GEN_AI_OPERATION_DURATION, attributes, _seconds)
        case facts.ChunksStreamed():
            attributes = _gen_ai_attributes(fact, services)
            yield Target(table.GEN_AI_TIME_PER_OUTPUT_CHUNK, attributes, _seconds)
        case facts.AgentInvoked():
            attributes = _gen_ai_attributes(fact, services, "invoke_agent")
            yield Target(table.GEN_AI_INVOKE_AGENT, attributes | _error_attribute(fact.error_type), _seconds)
        case facts.FunctionSettled():
            failure = None if fact.outcome is facts.FunctionOutcome.COMPLETED else fact.outcome.value
            tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": fact.function}
            yield Target(table.GEN_AI_EXECUTE_TOOL, tool | _error_attribute(failure), _seconds)


_seconds = attrgetter("seconds")


def _milliseconds(fact: Any) -> float | None:
    return None if fact.seconds is None else fact.seconds * 1000


def _one(fact: Fact) -> float:
    return 1


def _count_reader(field: str) -> Callable[[facts.TokensUsed], float | None]:
    return lambda used: getattr(used, field) or None


def _service_attributes(fact: Any, services: ServiceDirectory) -> dict[str, str]:
    return _processor_and_provider(fact, services) | {"model": fact.model or fact.processor}


def _processor_and_provider(fact: Any, services: ServiceDirectory) -> dict[str, str]:
    provider = services.provider(fact.processor, getattr(fact, "model", None), getattr(fact, "instance", None))
    return {"processor": fact.processor, "provider": provider_word(provider)}


def _latency_attributes(fact: Any, services: ServiceDirectory) -> dict[str, str]:
    return _service_attributes(fact, services) | {
        "service": services.leg(fact.processor).value,
        "interrupted": _word(fact.interrupted),
    }


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _no_attributes(fact: Fact, services: ServiceDirectory) -> dict[str, str]:
    return {}


def _attributes_from(*fields: str, beside: _AttributesOf = _no_attributes) -> _AttributesOf:
    return lambda fact, services: {**beside(fact, services), **{field: _word(getattr(fact, field)) for field in fields}}


def _service_attributes_and(name: str, value: str) -> _AttributesOf:
    return lambda fact, services: _service_attributes(fact, services) | {name: value}


# Fields for people, prices and the ledger, in no series.
_NO_ATTRIBUTES = {"answering", "detail", "option", "priced_on", "source"}
_NUMBERS = {"Decimal", "float", "float | None", "int", "int | None", "tuple[float, ...]"}


class _NamesReaders(dict[type[Fact], Callable[[Any], Hashable]]):
    """Readers of a fact's class and of its fields that are names: compared, and no number."""

    def __missing__(self, kind: type[Fact]) -> Callable[[Any], Hashable]:
        texts = [field for field in fields(kind) if field.compare and field.type not in _NUMBERS]
        found = [field.name for field in texts if field.name not in _NO_ATTRIBUTES]
        reader = self[kind] = attrgetter("__class__", *found)
        return reader


# By class of facts: class and names of one, without its numbers. Equal names have equal targets in one call.
NAMES = _NamesReaders()

_ROWS: dict[type[Fact], Iterable[_Row]] = {
    facts.FirstByte: [_Row(table.TTFB, _milliseconds, _latency_attributes)],
    facts.Processing: [_Row(table.PROCESSING, _milliseconds, _latency_attributes)],
    facts.FirstAudio: [_Row(table.TTFA, _milliseconds, _service_attributes)],
    facts.FirstAnswerToken: [_Row(table.TTFAT, _milliseconds, _service_attributes)],
    facts.TextAggregated: [_Row(table.TEXT_AGGREGATION, _milliseconds, _processor_and_provider)],
    facts.TurnDetected: [
        _Row(table.TURN_DETECTION, _milliseconds, _attributes_from("complete", beside=_processor_and_provider))
    ],
    facts.Responded: [_Row(table.RESPONSE, _milliseconds, _no_attributes)],
    facts.ResponsePart: [_Row(table.RESPONSE_PART, _milliseconds, _attributes_from("part"))],
    facts.TokensUsed: [
        _Row(table.LLM_TOKENS, attrgetter("prompt"), _service_attributes_and("token_type", "prompt")),
        _Row(table.LLM_TOKENS, attrgetter("completion"), _service_attributes_and("token_type", "completion")),
        *(
            _Row(table.LLM_TOKEN_DETAILS, _count_reader(detail), _service_attributes_and("detail", detail))
            for detail in ("cache_read", "cache_creation", "reasoning", "input_audio", "output_audio")
        ),
    ],
    facts.ChunksStreamed: [],
    facts.AgentInvoked: [],
    facts.ModelAnswered: [],  # it shows a service without usage
    facts.Generated: [_Row(table.LLM_THROUGHPUT, attrgetter("tokens_per_second"), _service_attributes)],
    facts.AudioTranscribed: [_Row(table.STT_AUDIO, attrgetter("seconds"), _service_attributes)],
    facts.CharactersSpoken: [_Row(table.TTS_CHARACTERS, attrgetter("characters"), _service_attributes)],
    facts.TurnEnded: [_Row(table.TURNS, _one, _attributes_from("outcome"))],
    facts.Unanswered: [_Row(table.TURNS_UNANSWERED, _one, _attributes_from("cause"))],
    facts.Greeted: [_Row(table.GREETING, _milliseconds, _no_attributes)],
    facts.FloorHeld: [_Row(table.FLOOR, attrgetter("seconds"), _attributes_from("holder"))],
    facts.Silence: [_Row(table.SILENCE, attrgetter("seconds"), _attributes_from("after"))],
    facts.Yielded: [_Row(table.INTERRUPTION_STOP, _milliseconds, _no_attributes)],
    facts.FalseInterruption: [_Row(table.FALSE_INTERRUPTIONS, _one, _no_attributes)],
    facts.BotGap: [_Row(table.BOT_GAP, attrgetter("seconds"), _attributes_from("cause"))],
    facts.Backchannel: [],
    facts.LoopHeld: [],  # its series is the process's, fed by every tick of the loop
    facts.Spoke: [],
    facts.SetUp: [],
    facts.Interrupted: [_Row(table.INTERRUPTIONS, _one, _no_attributes)],
    facts.FunctionSettled: [
        _Row(table.FUNCTION_CALLS, _one, _attributes_from("function", "outcome")),
        _Row(table.FUNCTION_CALL, _milliseconds, _attributes_from("function")),
    ],
    facts.Priced: [
        _Row(
            table.COST,
            lambda fact: float(fact.usd),
            lambda fact, services: {"cost_type": fact.leg.value} | _service_attributes(fact, services),
        )
    ],
    facts.Unpriced: [
        _Row(
            table.UNPRICED,
            _one,
            lambda fact, services: {"service": fact.leg.value, "model": fact.model or fact.processor},
        )
    ],
    facts.Failed: [
        _Row(table.ERRORS, _one, _attributes_from("category", "error_type", beside=_processor_and_provider))
    ],
    facts.Switched: [
        _Row(
            table.SWITCHES,
            _one,
            lambda fact, services: {"service": fact.leg.value, "from": fact.previous, "to": fact.now},
        )
    ],
    facts.Refused: [_Row(table.DROPPED, _one, _attributes_from("reason"))],
}


def _gen_ai_attributes(fact: Any, services: ServiceDirectory, operation: str = "chat") -> dict[str, str]:
    of = processor, model, _ = fact.processor, fact.model, fact.instance
    answering, host = services.response_model(*of), services.host(*of)
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": gen_ai_provider(services.provider(*of), processor),
        "gen_ai.request.model": model or processor,
        **({"gen_ai.response.model": answering} if answering else {}),
        **({"server.address": host} if host else {}),
    }


def _error_attribute(error_type: str | None) -> dict[str, str]:
    return {} if error_type is None else {"error.type": error_type}
