"""Facts become points with the names, units and attributes that dashboards rely on."""

import weakref
from collections.abc import Iterator
from dataclasses import fields, replace
from decimal import Decimal
from enum import Enum
from typing import get_args

import pytest

from voice_metrics.call.facts import (
    AgentInvoked,
    AudioTranscribed,
    Backchannel,
    BotGap,
    Cause,
    CharactersSpoken,
    ChunksStreamed,
    Fact,
    Failed,
    FalseInterruption,
    FirstAnswerToken,
    FirstAudio,
    FirstByte,
    FloorHeld,
    FunctionOutcome,
    FunctionSettled,
    GapCause,
    Generated,
    Greeted,
    Holder,
    Interrupted,
    Leg,
    LoopHeld,
    ModelAnswered,
    Priced,
    Processing,
    Refused,
    Responded,
    ResponsePart,
    SetUp,
    Silence,
    SilenceAfter,
    Spoke,
    Switched,
    TextAggregated,
    TokensUsed,
    TurnDetected,
    TurnEnded,
    TurnOutcome,
    Unanswered,
    Unpriced,
    Yielded,
)
from voice_metrics.pipecat.services import Service, Services
from voice_metrics.series import table
from voice_metrics.series.points import NAMES, gen_ai_targets, targets

LINEUP = Services([Service("OpenAILLMService#0", "OpenAILLMService", Leg.LLM, "openai", "gpt-4.1")])
LLM = {"processor": "OpenAILLMService", "provider": "openai", "model": "gpt-4.1"}
TOLD = {"service": "llm", "interrupted": "false"}

Points = list[tuple[str, float, dict[str, str]]]


def points(fact: Fact) -> Points:
    """Name, value and attributes of every point of the call's own series."""
    told = [(target, target.value(fact)) for target in targets(fact, LINEUP)]
    return [(target.series.name, value, dict(target.attributes)) for target, value in told if value is not None]


def names(fact: Fact) -> object:
    """Class and names of a fact."""
    return NAMES[type(fact)](fact)


CASES = [
    pytest.param(
        FirstByte("OpenAILLMService", "gpt-4.1", 0.25), [("voice.ttfb.milliseconds", 250.0, LLM | TOLD)], id="ttfb"
    ),
    pytest.param(
        Processing("OpenAILLMService", "gpt-4.1", 0.5, interrupted=True),
        [("voice.processing.milliseconds", 500.0, LLM | TOLD | {"interrupted": "true"})],
        id="interrupted-processing",
    ),
    pytest.param(
        FirstAudio("T", "m", 0.5),
        [("voice.ttfa.milliseconds", 500.0, {"processor": "T", "provider": "other", "model": "m"})],
    ),
    pytest.param(
        FirstAnswerToken("L", None, 0.5),
        [("voice.ttfat.milliseconds", 500.0, {"processor": "L", "provider": "other", "model": "L"})],
    ),
    pytest.param(
        TextAggregated("T", 0.0625),
        [("voice.text_aggregation.milliseconds", 62.5, {"processor": "T", "provider": "other"})],
    ),
    pytest.param(
        TurnDetected("BaseSmartTurn", 0.125, complete=False),
        [
            (
                "voice.turn_detection.milliseconds",
                125.0,
                {"processor": "BaseSmartTurn", "provider": "other", "complete": "false"},
            )
        ],
        id="turn-detection",
    ),
    pytest.param(Responded(0.75), [("voice.response.milliseconds", 750.0, {})]),
    pytest.param(ResponsePart("llm", 0.5), [("voice.response.part.milliseconds", 500.0, {"part": "llm"})]),
    pytest.param(Generated("OpenAILLMService", "gpt-4.1", 80.0), [("voice.llm.throughput", 80.0, LLM)]),
    pytest.param(
        TokensUsed("OpenAILLMService", "gpt-4.1", 1000, 80, cache_read=160, cache_creation=0, reasoning=7),
        [
            ("voice.llm.tokens.total", 1000, LLM | {"token_type": "prompt"}),
            ("voice.llm.tokens.total", 80, LLM | {"token_type": "completion"}),
            ("voice.llm.token_details.total", 160, LLM | {"detail": "cache_read"}),
            ("voice.llm.token_details.total", 7, LLM | {"detail": "reasoning"}),
        ],
        id="tokens",
    ),
    pytest.param(
        TokensUsed("L", None, 9, 8, cache_creation=3, input_audio=2, output_audio=1, cache_read_input_audio=0),
        [
            (
                "voice.llm.tokens.total",
                9,
                {"processor": "L", "provider": "other", "model": "L", "token_type": "prompt"},
            ),
            (
                "voice.llm.tokens.total",
                8,
                {"processor": "L", "provider": "other", "model": "L", "token_type": "completion"},
            ),
            (
                "voice.llm.token_details.total",
                3,
                {"processor": "L", "provider": "other", "model": "L", "detail": "cache_creation"},
            ),
            (
                "voice.llm.token_details.total",
                2,
                {"processor": "L", "provider": "other", "model": "L", "detail": "input_audio"},
            ),
            (
                "voice.llm.token_details.total",
                1,
                {"processor": "L", "provider": "other", "model": "L", "detail": "output_audio"},
            ),
        ],
        id="details-of-tokens",
    ),
    pytest.param(
        AudioTranscribed("S", "m", 6.1),
        [("voice.stt.audio.seconds", 6.1, {"processor": "S", "provider": "other", "model": "m"})],
    ),
    pytest.param(
        CharactersSpoken("T", "m", 76),
        [("voice.tts.characters.total", 76, {"processor": "T", "provider": "other", "model": "m"})],
    ),
    pytest.param(
        Priced(Leg.LLM, "OpenAILLMService", "gpt-4.1", Decimal("0.0025"), "s", None),
        [("voice.cost.usd", 0.0025, LLM | {"cost_type": "llm"})],
        id="cost",
    ),
    pytest.param(
        Unpriced(Leg.STT, "S", "m", "unknown"),
        [("voice.usage.unpriced.total", 1, {"service": "stt", "model": "m"})],
    ),
    pytest.param(TurnEnded(TurnOutcome.INTERRUPTED, 1.0), [("voice.turns.total", 1, {"outcome": "interrupted"})]),
    pytest.param(Unanswered(Cause.NO_AUDIO), [("voice.turns.unanswered.total", 1, {"cause": "no_audio"})]),
    pytest.param(SetUp("OpenAILLMService", "gpt-4.1", 0.3), []),
    pytest.param(Greeted(0.4), [("voice.greeting.milliseconds", 400.0, {})]),
    pytest.param(FloorHeld(Holder.BOTH, 1.5), [("voice.floor.seconds", 1.5, {"holder": "both"})]),
    pytest.param(Silence(SilenceAfter.BOT, 3.5), [("voice.silence.seconds", 3.5, {"after": "bot"})]),
    pytest.param(Yielded(0.25), [("voice.interruption.stop.milliseconds", 250.0, {})]),
    pytest.param(FalseInterruption(), [("voice.interruptions.false.total", 1, {})]),
    pytest.param(BotGap(GapCause.LATE, 0.5), [("voice.bot.gap.seconds", 0.5, {"cause": "late"})]),
    pytest.param(Backchannel(), []),
    pytest.param(ModelAnswered("OpenAILiveLLMService", "gpt-live-1"), []),
    pytest.param(LoopHeld(0.7, "book (bot.py:9)"), []),
    pytest.param(Spoke(Holder.BOT, 1.0, 0.0), []),
    pytest.param(Interrupted(), [("voice.interruptions.total", 1, {})]),
    pytest.param(
        FunctionSettled("book", FunctionOutcome.TIMED_OUT, 10.0),
        [
            ("voice.function_calls.total", 1, {"function": "book", "outcome": "timed_out"}),
            ("voice.function_call.milliseconds", 10000.0, {"function": "book"}),
        ],
        id="function",
    ),
    pytest.param(
        FunctionSettled("book", FunctionOutcome.CANCELLED, None),
        [("voice.function_calls.total", 1, {"function": "book", "outcome": "cancelled"})],
        id="function-whose-start-was-not-seen",
    ),
    pytest.param(
        Failed("GroqLLMService", "rate_limit", "429"),
        [
            (
                "voice.errors.total",
                1,
                {
                    "processor": "GroqLLMService",
                    "provider": "groq",
                    "category": "rate_limit",
                    "error_type": "429",
                },
            )
        ],
        id="error-of-a-service-that-was-never-seen",
    ),
    pytest.param(
        Switched(Leg.TTS, "CartesiaTTSService", "DeepgramTTSService"),
        [
            (
                "voice.service.switches.total",
                1,
                {"service": "tts", "from": "CartesiaTTSService", "to": "DeepgramTTSService"},
            )
        ],
        id="switch",
    ),
    pytest.param(ChunksStreamed("L", "m", (0.1,)), [], id="chunks-are-the-conventions-alone"),
    pytest.param(AgentInvoked("L", "m", 1.0, "429"), [], id="requests-are-the-conventions-alone"),
    pytest.param(Refused("bad_value", "secret"), [("voice.telemetry.dropped.total", 1, {"reason": "bad_value"})]),
]


@pytest.mark.parametrize(("fact", "expected"), CASES)
def test_a_fact_becomes_its_points(fact: Fact, expected: Points) -> None:
    assert points(fact) == expected


@pytest.mark.parametrize(
    "fact", [FirstByte("L", None, 0.1), TokensUsed("L", "m", 1, 1), FunctionSettled("f", FunctionOutcome.FAILED, 0.1)]
)
def test_points_carry_exactly_the_attributes_of_the_table(fact: Fact) -> None:
    for target in targets(fact, LINEUP):
        assert set(target.attributes) == set(target.series.attributes)


@pytest.mark.parametrize("fact", [case.values[0] for case in CASES])
def test_facts_of_the_same_names_go_to_the_same_series(fact: Fact) -> None:
    for other in _others(fact):
        both = [[(target.series, target.attributes) for target in targets(one, LINEUP)] for one in (fact, other)]
        conventions = [list(gen_ai_targets(one, LINEUP)) for one in (fact, other)]
        where = [(own, [target[:2] for target in theirs]) for own, theirs in zip(both, conventions, strict=True)]
        assert where[0] == where[1] or names(fact) != names(other)


def test_conventions_name_the_host_and_the_model_that_answered_where_they_are_known() -> None:
    class Answering:
        _full_model_name = "gpt-4.1-2025-04-14"

    itself = Answering()
    service = Service(
        "LLM#0", "LLM", Leg.LLM, "openai", "gpt-4.1", host="eu.api.openai.com", source=weakref.ref(itself)
    )
    (target,) = gen_ai_targets(FirstByte("LLM", "gpt-4.1", 0.25), Services([service]))
    assert target.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4.1",
        "gen_ai.response.model": "gpt-4.1-2025-04-14",
        "server.address": "eu.api.openai.com",
    }


def test_numbers_are_no_part_of_a_facts_names() -> None:
    used = TokensUsed("L", "m", 400, 20, cache_read=7)
    assert names(used) == names(TokensUsed("L", "m", 500, 30, reasoning=9))
    assert names(FirstByte("L", "m", 0.25)) == names(FirstByte("L", "m", 0.5))
    assert names(Refused("bad_value", "one")) == names(Refused("bad_value", "another"))
    assert names(FirstByte("L", "m", 0.25)) != names(Processing("L", "m", 0.25))


def _others(fact: Fact) -> Iterator[Fact]:
    """The fact with one field changed, for each of its fields."""
    for field in fields(fact):
        match getattr(fact, field.name):
            case bool() as value:
                yield replace(fact, **{field.name: not value})
            case Enum() as value:
                yield from (replace(fact, **{field.name: other}) for other in type(value) if other is not value)
            case str() | None:
                yield replace(fact, **{field.name: "another"})
            case tuple() as values:
                yield replace(fact, **{field.name: (*values, 0.5)})
            case value:
                yield replace(fact, **{field.name: value + 1})


def test_the_language_model_also_makes_the_conventions_series() -> None:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4.1",
    }
    agent = attributes | {"gen_ai.operation.name": "invoke_agent"}
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "book"}
    facts: list[Fact] = [
        FirstByte("OpenAILLMService", "gpt-4.1", 0.25),
        FirstByte("OpenAILLMService", "gpt-4.1", 0.01, interrupted=True),
        ChunksStreamed("OpenAILLMService", "gpt-4.1", (0.125, 0.25)),
        AgentInvoked("OpenAILLMService", "gpt-4.1", 2.5),
        AgentInvoked("OpenAILLMService", "gpt-4.1", 0.5, "429"),
        FunctionSettled("book", FunctionOutcome.COMPLETED, 0.5),
        FunctionSettled("book", FunctionOutcome.TIMED_OUT, 10.0),
        Processing("OpenAILLMService", "gpt-4.1", 0.25, error_type="429"),
        FirstByte("CartesiaTTSService", "sonic", 0.25),
        Processing("OpenAILLMService", "gpt-4.1", 0.5),
        TokensUsed("OpenAILLMService", "gpt-4.1", 1000, 80),
    ]
    assert [
        (target.series.name, target.value(fact), target.attributes)
        for fact in facts
        for target in gen_ai_targets(fact, LINEUP)
    ] == [
        ("gen_ai.client.operation.time_to_first_chunk", 0.25, attributes),
        ("gen_ai.client.operation.time_per_output_chunk", (0.125, 0.25), attributes),
        ("gen_ai.invoke_agent.duration", 2.5, agent),
        ("gen_ai.invoke_agent.duration", 0.5, agent | {"error.type": "429"}),
        ("gen_ai.execute_tool.duration", 0.5, tool),
        ("gen_ai.execute_tool.duration", 10.0, tool | {"error.type": "timed_out"}),
        ("gen_ai.client.operation.duration", 0.25, attributes | {"error.type": "429"}),
        ("gen_ai.client.operation.duration", 0.5, attributes),
        ("gen_ai.client.token.usage", 1000, attributes | {"gen_ai.token.type": "input"}),
        ("gen_ai.client.token.usage", 80, attributes | {"gen_ai.token.type": "output"}),
    ]


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        ("google", "gcp.gemini"),
        ("aws", "aws.bedrock"),
        ("azure", "azure.ai.openai"),
        ("groq", "groq"),
        (None, "MyLLMService"),
    ],
)
def test_providers_have_the_names_of_the_conventions(provider: str | None, name: str) -> None:
    services = Services([Service("MyLLMService#0", "MyLLMService", Leg.LLM, provider, None)])
    (target,) = gen_ai_targets(FirstByte("MyLLMService", None, 0.1), services)
    assert target.attributes["gen_ai.provider.name"] == name


def test_every_series_has_a_description_a_unit_and_rising_buckets() -> None:
    for row in (*table.VOICE, *table.GEN_AI):
        assert row.description.endswith(".")
        assert row.unit
        assert list(row.buckets) == sorted(set(row.buckets))
        assert bool(row.buckets) == (row.kind is table.Kind.HISTOGRAM)


def test_latencies_have_boundaries_that_are_chosen_for_voice() -> None:
    chosen = (50, 100, 150, 200, 300, 400, 500, 650, 800, 1000, 1500, 2000, 3000, 5000, 10000)
    latencies = [row for row in table.VOICE if row.kind is table.Kind.HISTOGRAM and row.unit == "ms"]
    assert {row.name: row.buckets for row in latencies} == {row.name: chosen for row in latencies}
    assert len(latencies) == 11


def test_googles_models_on_vertex_have_another_provider() -> None:
    services = Services([Service("G#0", "GoogleVertexLLMService", Leg.LLM, "google", None)])
    (target,) = gen_ai_targets(FirstByte("GoogleVertexLLMService", None, 0.1), services)
    assert target.attributes["gen_ai.provider.name"] == "gcp.vertex_ai"


def test_every_fact_has_a_case_here() -> None:
    assert {type(case.values[0]) for case in CASES} == set(get_args(Fact))


def test_every_series_of_a_call_has_values_from_a_fact_or_from_its_life() -> None:
    of_its_life = {table.CALLS.name, table.CALLS_ACTIVE.name, table.CALLS_ENDED.name, table.SESSION_DURATION.name}
    of_facts = {name for case in CASES for name, *_ in case.values[1]}
    assert of_facts | of_its_life == {row.name for row in table.VOICE}


def test_every_series_of_the_table_is_published() -> None:
    assert {row.name for row in vars(table).values() if isinstance(row, table.Series)} == {
        row.name for row in (*table.VOICE, *table.PROCESS, *table.GEN_AI)
    }
