"""The record adds facts up; the summary has the totals, and `None` for absent numbers."""

import json
import random
import re
import statistics
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_metrics.call.facts import (
    AudioTranscribed,
    BotGap,
    Cause,
    CharactersSpoken,
    EndReason,
    Failed,
    FalseInterruption,
    FirstByte,
    FunctionOutcome,
    FunctionSettled,
    GapCause,
    Greeted,
    Interrupted,
    Leg,
    Priced,
    Processing,
    Refused,
    Responded,
    ResponsePart,
    TokensUsed,
    TurnEnded,
    TurnOutcome,
    Unanswered,
    Unpriced,
    Yielded,
)
from voice_metrics.call.latency import latency
from voice_metrics.call.record import Record
from voice_metrics.call.summary import CallSummary
from voice_metrics.pipecat.services import leg_of_name


def record(*facts: object) -> Record:
    kept = Record(leg_of_name)
    for fact in facts:
        kept.add(fact)  # type: ignore[arg-type]
    return kept


def summary_of(kept: Record, *, duration_seconds: float = 60.0, exported: bool | None = None) -> CallSummary:
    return CallSummary(
        call_id="c1",
        started_at=datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC),
        duration_seconds=duration_seconds,
        end_reason=EndReason.COMPLETED,
        models={Leg.LLM: "gpt-4.1", Leg.STT: None, Leg.TTS: "sonic"},
        attributes={"tenant": "acme"},
        llm=kept.tokens.summary(),
        characters=kept.characters,
        audio_seconds=kept.audio_seconds,
        ttfb=kept.service_latency(FirstByte),
        processing=kept.service_latency(Processing),
        response=kept.response.summary(),
        turns=dict(kept.turns),
        interruptions=kept.interruptions,
        function_calls=dict(kept.functions),
        errors=kept.errors,
        cost=kept.costs.summary(duration_seconds),
        dropped=kept.dropped,
        line=kept.line.summary(),
        exported=exported,
        destination="otlp.example:4318",
        kept_in="calls.db",
    )


def test_what_was_not_reported_is_null_and_not_zero() -> None:
    told = summary_of(record()).to_dict()
    assert told["llm"] == {
        "requests": 0,
        "prompt_tokens": None,
        "completion_tokens": None,
        "total_tokens": None,
        "cache_read_tokens": None,
        "cache_creation_tokens": None,
        "reasoning_tokens": None,
    }
    assert told["tts"] == {"characters": None}
    assert told["stt"] == {"audio_seconds": None}
    assert told["ttfb"]["average_ms"] is None
    assert told["cost"]["total_usd"] is None
    assert told["exported"] is None


def test_tokens_add_up_and_details_stay_absent_until_reported() -> None:
    kept = record(
        TokensUsed("OpenAILLMService", "m", 100, 10),
        TokensUsed("OpenAILLMService", "m", 200, 20, cache_read=64),
    )
    llm = kept.tokens.summary()
    assert (llm.requests, llm.prompt_tokens, llm.completion_tokens, llm.total_tokens) == (2, 300, 30, 330)
    assert (llm.cache_read_tokens, llm.reasoning_tokens) == (64, None)


def test_details_of_tokens_add_up_each_for_itself() -> None:
    used = TokensUsed("L", "m", 100, 10, cache_read=5, cache_creation=7, reasoning=3)
    llm = record(used, used).tokens.summary()
    assert (llm.cache_read_tokens, llm.cache_creation_tokens, llm.reasoning_tokens) == (10, 14, 6)


@pytest.mark.parametrize(("prompt", "completion"), [(0, 10), (10, 0)])
def test_a_total_without_prompt_or_completion_is_the_other(prompt: int, completion: int) -> None:
    assert record(TokensUsed("L", "m", prompt, completion)).tokens.summary().total_tokens == 10


def test_characters_audio_turns_functions_errors_and_drops_are_counted() -> None:
    told = summary_of(
        record(
            CharactersSpoken("T", "m", 40),
            CharactersSpoken("T", "m", 36),
            AudioTranscribed("S", "m", 0.1),
            AudioTranscribed("S", "m", 0.2),
            TurnEnded(TurnOutcome.COMPLETED, 1.0),
            TurnEnded(TurnOutcome.INTERRUPTED, None),
            Interrupted(),
            Unanswered(Cause.NO_TRANSCRIPT),
            FunctionSettled("book", FunctionOutcome.COMPLETED, 0.1),
            FunctionSettled("book", FunctionOutcome.TIMED_OUT, 10.0),
            Failed("OpenAILLMService", "timeout"),
            Refused("bad_value", "x"),
        )
    ).to_dict()
    assert told["tts"] == {"characters": 76}
    assert told["stt"] == {"audio_seconds": 0.3}
    assert told["turns"] == {"completed": 1, "interrupted": 1, "unanswered": 1}
    assert told["interruptions"] == 1
    assert told["function_calls"] == {"completed": 1, "failed": 0, "timed_out": 1, "cancelled": 0}
    assert (told["errors"], told["dropped"]) == (1, 1)


def test_latency_figures_are_milliseconds_by_leg_without_the_interrupted() -> None:
    kept = record(
        FirstByte("GladiaSTTService", "g", 0.4),
        FirstByte("OpenAILLMService", "m", 0.2),
        FirstByte("OpenAILLMService", "m", 0.3),
        FirstByte("OpenAILLMService", "m", 0.01, interrupted=True),
        FirstByte("Mystery", None, 1.0),
    )
    told = kept.service_latency(FirstByte).to_dict()
    assert (told["count"], told["average_ms"], told["min_ms"], told["max_ms"]) == (4, 475.0, 200.0, 1000.0)
    assert (told["p50_ms"], told["p95_ms"], told["interrupted"]) == (350.0, 910.0, 1)
    llm = told["by_service"]["llm"]
    assert (llm["count"], llm["average_ms"], llm["p50_ms"], llm["interrupted"]) == (2, 250.0, 250.0, 1)
    assert told["by_service"]["other"]["count"] == 1
    assert told["by_service"]["tts"]["average_ms"] is None


@given(st.lists(st.floats(0.001, 100), min_size=1, max_size=300))
def test_percentiles_are_those_of_the_samples(seconds: list[float]) -> None:
    told = record(*(Responded(value) for value in seconds)).response.summary()
    assert told.count == len(seconds)
    assert told.p50_ms == pytest.approx(statistics.median(seconds) * 1000, abs=0.001)
    assert told.min_ms is not None
    assert told.max_ms is not None
    assert told.p95_ms is not None
    assert told.min_ms - 0.001 <= told.p95_ms <= told.max_ms + 0.001


def test_a_very_long_call_keeps_bounded_memory_and_exact_counts() -> None:
    kept = Record(leg_of_name)
    dice = random.Random(7)
    seconds = [dice.choice((0.5, dice.uniform(0.1, 2.0))) for _ in range(25_000)]
    for one in seconds:
        kept.add(Responded(one))
    assert len(kept.response.latest) == 10_000
    told = kept.response.summary()
    assert told == latency(25_000, sum(seconds), min(seconds), max(seconds), seconds[-10_000:])


def test_cost_adds_up_to_the_last_digit_and_names_what_has_no_price() -> None:
    kept = record(
        Priced(Leg.LLM, "OpenAILLMService", "gpt-4.1", Decimal("0.0000001"), "genai-prices 0.2.3", "2026-11-01"),
        Priced(Leg.LLM, "OpenAILLMService", "gpt-4.1", Decimal("0.02"), "genai-prices 0.2.3", "2026-11-01"),
        Priced(Leg.TTS, "CartesiaTTSService", "sonic", Decimal("0.01"), "voice-prices 0.11.0", None),
        Unpriced(Leg.STT, "GladiaSTTService", "solaria", "no source has a price"),
        Unpriced(Leg.STT, "GladiaSTTService", "solaria", "no source has a price"),
    )
    cost = kept.costs.summary(30.0)
    assert cost.llm_usd == Decimal("0.0200001")
    assert cost.total_usd == Decimal("0.0300001")
    assert cost.per_minute_usd == Decimal("0.0600002")
    assert cost.stt_usd is None
    assert cost.unpriced == ("solaria",)
    assert [(used.model, used.priced_on) for used in cost.prices] == [("gpt-4.1", "2026-11-01"), ("sonic", None)]


def test_the_dictionary_is_json_with_the_documented_keys() -> None:
    told = json.loads(json.dumps(summary_of(record(Responded(0.7)), exported=True).to_dict()))
    assert list(told) == [
        "call_id", "started_at", "duration_seconds", "end_reason", "models", "attributes", "llm", "tts", "stt",
        "ttfb", "processing", "response", "response_parts", "greeting_ms", "turns", "interruptions",
        "false_interruptions", "interruption_stop", "floor", "bot_gaps", "outcome", "success", "ended_by",
        "switches", "loop_lag", "trace_id", "function_calls", "errors", "cost", "dropped", "exported",
    ]  # fmt: skip
    assert told["started_at"] == "2026-11-22T01:02:03.000Z"
    assert told["models"] == {"llm": "gpt-4.1", "stt": None, "tts": "sonic"}


def test_the_page_of_the_summary_names_every_key_and_no_other() -> None:
    priced = Priced(Leg.LLM, "L", "gpt-4.1", Decimal("0.1"), "test", None)
    told = summary_of(record(Responded(0.7), priced)).to_dict()
    page = (Path(__file__).parent.parent / "docs" / "summary.md").read_text()
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    named = {key: set(re.findall(r"`(\w+)`", row[1])) for row in rows for key in re.findall(r"`(\w+)`", row[0])}
    assert list(named) == list(told)
    for key, value in told.items():
        if isinstance(value, dict) and key not in ("attributes", "response_parts"):
            assert set(value) | set(value.get("by_service", ())) == named[key]


@pytest.mark.parametrize(
    ("exported", "line"),
    [
        pytest.param(True, "exported to otlp.example:4318", id="acknowledged"),
        pytest.param(False, "not acknowledged, kept in calls.db", id="not-acknowledged"),
        pytest.param(None, "local only", id="no-endpoint"),
    ],
)
def test_the_text_claims_no_export_that_did_not_happen(exported: bool | None, line: str) -> None:
    text = summary_of(record(), exported=exported).render()
    assert text.splitlines()[-1].split(maxsplit=1)[1] == line


def test_the_text_of_a_whole_call_is_readable() -> None:
    text = summary_of(
        record(
            TokensUsed("OpenAILLMService", "gpt-4.1", 1000, 80, cache_read=160),
            CharactersSpoken("CartesiaTTSService", "sonic", 76),
            FirstByte("OpenAILLMService", "gpt-4.1", 0.2),
            FirstByte("OpenAILLMService", "gpt-4.1", 0.1, interrupted=True),
            Responded(0.75),
            TurnEnded(TurnOutcome.COMPLETED, 2.0),
            Priced(Leg.LLM, "OpenAILLMService", "gpt-4.1", Decimal("0.0025"), "genai-prices 0.2.3", "2026-11-01"),
            Unpriced(Leg.TTS, "CartesiaTTSService", "sonic", "no list has it"),
        ),
        exported=True,
    ).render()
    assert text.splitlines() == [
        "Call c1: 60.0 s, completed",
        "  started        2026-11-22 01:02:03 UTC",
        "  models         LLM gpt-4.1, TTS sonic",
        "  attributes     tenant=acme",
        "  LLM tokens     1080 = 1000 prompt + 80 completion, 160 of the prompt cached",
        "  TTS characters 76",
        "  STT audio      not reported",
        "  TTFB           avg 200 ms, min 200, p50 200, p95 200, max 200 (1x, 1 interrupted left out)",
        "    LLM          avg 200 ms, min 200, p50 200, p95 200, max 200 (1x, 1 interrupted left out)",
        "  processing     none measured",
        "  response       avg 750 ms, min 750, p50 750, p95 750, max 750 (1x)",
        "  turns          1 completed, 0 interrupted; 0 interruptions",
        "  function calls none",
        "  errors         0",
        "  cost           $0.0025 (LLM $0.0025), $0.0025 a minute; gpt-4.1: genai-prices 0.2.3 of 2026-11-01;"
        " no price for sonic: no list has it",
        "  export         exported to otlp.example:4318",
    ]


def test_what_happens_twice_counts_twice() -> None:
    cut = FirstByte("OpenAILLMService", "m", 0.1, interrupted=True)
    once = (
        TurnEnded(TurnOutcome.COMPLETED, 1.0),
        Interrupted(),
        FunctionSettled("book", FunctionOutcome.FAILED, 0.1),
        Failed("OpenAILLMService", "timeout"),
        Refused("bad_value", "x"),
        cut,
    )
    told = summary_of(record(*once, *once)).to_dict()
    assert told["turns"]["completed"] == told["interruptions"] == told["function_calls"]["failed"] == 2
    assert told["errors"] == told["dropped"] == told["ttfb"]["interrupted"] == 2


def test_cost_is_summed_for_each_leg() -> None:
    prices = [Priced(leg, "P", "m", Decimal(usd), "s", None) for leg, usd in
              ((Leg.LLM, "0.4"), (Leg.STT, "0.2"), (Leg.TTS, "0.1"))]  # fmt: skip
    cost = record(*prices).costs.summary(60.0)
    assert (cost.llm_usd, cost.stt_usd, cost.tts_usd, cost.total_usd) == tuple(
        map(Decimal, ("0.4", "0.2", "0.1", "0.7"))
    )


def test_what_the_caller_felt_is_summed_up() -> None:
    kept = record(
        Greeted(0.4),
        Yielded(0.2),
        Yielded(0.4),
        FalseInterruption(),
        BotGap(GapCause.LATE, 0.8),
        BotGap(GapCause.MISSING, 0.0),
        ResponsePart("llm", 0.2),
        ResponsePart("llm", 0.4),
        Unanswered(Cause.ERROR),
    )
    told = summary_of(kept)
    story = told.to_dict()

    assert (story["greeting_ms"], story["false_interruptions"]) == (400.0, 1)
    assert (story["interruption_stop"]["count"], story["interruption_stop"]["average_ms"]) == (2, 300.0)
    assert story["bot_gaps"] == {"count": 2, "seconds": 0.8}
    assert story["response_parts"] == {"llm": 300.0}
    assert "1 of the caller unanswered (1 failed)" in told.render()
    assert "  greeting       400 ms" in told.render()
    assert "  barge-in       avg 300 ms, min 200, p50 300, p95 390, max 400 (2x), 1 without words" in told.render()


def test_a_false_interruption_without_a_stop_time_has_its_line() -> None:
    assert "  barge-in       none measured, 1 without words" in summary_of(record(FalseInterruption())).render()


def test_nothing_felt_is_null_and_not_zero() -> None:
    story = summary_of(record()).to_dict()

    assert story["greeting_ms"] is None
    assert set(story["floor"].values()) == {None}
    assert story["interruption_stop"]["average_ms"] is None
