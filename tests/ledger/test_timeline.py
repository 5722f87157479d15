"""Facts become rows of a time line."""

from __future__ import annotations

from decimal import Decimal

import pytest

from voice_metrics.call.facts import (
    AudioTranscribed,
    CharactersSpoken,
    Fact,
    Failed,
    FirstAnswerToken,
    FirstAudio,
    FirstByte,
    FunctionOutcome,
    FunctionSettled,
    Interrupted,
    Leg,
    LoopHeld,
    Priced,
    Processing,
    Refused,
    Responded,
    ResponsePart,
    TextAggregated,
    TokensUsed,
    TurnDetected,
    TurnEnded,
    TurnOutcome,
    Unpriced,
)
from voice_metrics.ledger import Row, rows


@pytest.mark.parametrize(
    ("fact", "leg", "expected"),
    [
        (FirstByte("S", "m", 0.3), Leg.LLM, [Row(9.0, "ttfb", 0.3, "llm", "S", "m")]),
        (FirstByte("S", "m", 0.3, True), Leg.LLM, [Row(9.0, "ttfb", 0.3, "llm", "S", "m", "interrupted")]),
        (Processing("S", None, 0.3), Leg.TTS, [Row(9.0, "processing", 0.3, "tts", "S")]),
        (FirstAudio("S", "m", 0.3), Leg.TTS, [Row(9.0, "ttfa", 0.3, "tts", "S", "m")]),
        (FirstAnswerToken("S", "m", 0.3), Leg.LLM, [Row(9.0, "ttfat", 0.3, "llm", "S", "m")]),
        (TextAggregated("S", 0.3), Leg.TTS, [Row(9.0, "text_aggregation", 0.3, "tts", "S")]),
        (TurnDetected("S", 0.3, True), None, [Row(9.0, "turn_detection", 0.3, None, "S", None, "complete")]),
        (TurnDetected("S", 0.3, False), None, [Row(9.0, "turn_detection", 0.3, None, "S", None, "incomplete")]),
        (
            TokensUsed("S", "m", 400, 20, cache_read=0),
            Leg.LLM,
            [
                Row(9.0, "prompt_tokens", 400, "llm", "S", "m"),
                Row(9.0, "completion_tokens", 20, "llm", "S", "m"),
                Row(9.0, "cache_read_tokens", 0, "llm", "S", "m"),
            ],
        ),
        (AudioTranscribed("S", "m", 2.5), Leg.STT, [Row(9.0, "audio_seconds", 2.5, "stt", "S", "m")]),
        (CharactersSpoken("S", "m", 40), Leg.TTS, [Row(9.0, "characters", 40, "tts", "S", "m")]),
        (
            Priced(Leg.TTS, "S", "m", Decimal("0.0012"), "own", None),
            None,
            [Row(9.0, "cost_usd", 0.0012, "tts", "S", "m")],
        ),
        (Unpriced(Leg.TTS, "S", "m", "unknown"), None, [Row(9.0, "unpriced", None, "tts", "S", "m")]),
        (Responded(0.8), None, [Row(9.0, "response", 0.8)]),
        (ResponsePart("llm", 0.4), None, [Row(9.0, "response_part", 0.4, None, "llm")]),
        (TurnEnded(TurnOutcome.INTERRUPTED, 2.0), None, [Row(9.0, "turn", 2.0, outcome="interrupted")]),
        (Interrupted(), None, [Row(9.0, "interruption")]),
        (
            FunctionSettled("weather", FunctionOutcome.TIMED_OUT, 5.0),
            None,
            [Row(9.0, "function_call", 5.0, None, "weather", None, "timed_out")],
        ),
        (Failed("S", "network"), None, [Row(9.0, "error", None, None, "S", None, "network")]),
        (LoopHeld(0.7, "book (bot.py:9)"), None, [Row(9.0, "loop_stall", 0.7, name="book (bot.py:9)")]),
        (LoopHeld(0.7, None), None, [Row(9.0, "loop_stall", 0.7)]),
        (Refused("bad_value", "nan"), None, []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_rows(fact: Fact, leg: Leg | None, expected: list[Row]) -> None:
    assert list(rows(fact, 9.0, leg)) == expected
