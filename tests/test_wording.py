"""Numbers of a call have one wording in every place."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from voice_metrics.call.wording import cost, length, summary_lines, usd


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        pytest.param(None, "–", id="no-price"),
        pytest.param(0, "$0.0000", id="free"),
        pytest.param(Decimal("0.00004"), "<$0.0001", id="less-than-can-be-said"),
        pytest.param(0.00005, "$0.0001", id="hardly-anything"),
        pytest.param(0.0079, "$0.0079", id="a-call"),
        pytest.param(0.99994, "$0.9999", id="almost-a-dollar"),
        pytest.param(Decimal("1.005"), "$1.00", id="a-dollar"),
        pytest.param(12345.678, "$12,345.68", id="a-month"),
    ],
)
def test_money_has_one_form(amount: float | Decimal | None, words: str) -> None:
    assert usd(amount) == words


@pytest.mark.parametrize(("part", "words"), [(0.9704, "$0.97"), (0.001, "<$0.01"), (0, "$0.00"), (None, "–")])
def test_a_part_has_the_digits_of_its_sum(part: float | None, words: str) -> None:
    assert usd(part, beside=13.14) == words


def test_a_cost_names_its_parts_and_what_has_no_price() -> None:
    costs = {
        "llm_usd": 1.16, "stt_usd": 0.9704, "tts_usd": None, "total_usd": 2.1304,
        "unpriced": ["kokoro", "whisper", "x"], "unpriced_reasons": ["runs here", "runs here", ""],
    }  # fmt: skip
    assert cost(costs) == "$2.13 (LLM $1.16, STT $0.97); no price for kokoro, whisper: runs here; no price for x"
    assert cost({}) == "–"


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "–"), (0.0, "0.0 s"), (59.94, "59.9 s"), (119.6, "2 min 00 s"), (7384, "2 h 03 min")]
)
def test_a_length_is_said_in_its_unit(seconds: float | None, words: str) -> None:
    assert length(seconds) == words


OLD: dict[str, Any] = {"turns": {"completed": 2, "interrupted": 0}, "interruptions": 0, "errors": 0}
NEW = OLD | {
    "greeting_ms": 812.4,
    "floor": {"caller": 4.9, "bot": None, "both": 0.0, "none": 8.6, "longest_silence_seconds": 8.5},
    "interruption_stop": {"count": 2, "average_ms": 310.0},
    "false_interruptions": 1,
    "bot_gaps": {"count": 1, "seconds": 0.4},
    "loop_lag": {"max_ms": 902.0, "p99_ms": 12.0},
    "switches": 1,
}


def test_an_older_summary_has_fewer_lines_and_none_of_them_is_made_up() -> None:
    assert [name for name, _ in summary_lines(OLD)] == [
        "LLM tokens", "TTS characters", "STT audio", "turns", "function calls", "errors", "cost",
    ]  # fmt: skip
    assert [text for name, text in summary_lines(dict.fromkeys(NEW)) if name in ("floor", "greeting")] == []


def test_what_the_caller_felt_has_its_lines() -> None:
    assert {name: text for name, text in summary_lines(NEW) if name not in dict(summary_lines(OLD))} == {
        "greeting": "812 ms",
        "floor": "caller 4.9 s, both 0.0 s, neither 8.6 s",
        "longest silence": "8.5 s",
        "barge-in": "avg 310 ms (2x)",
        "false interruptions": "1",
        "gaps": "1, 0.4 s in all",
        "event loop": "late by up to 902 ms",
        "switches": "1 to another service",
    }


def test_each_source_of_prices_is_said_once_with_its_models() -> None:
    prices = [
        {"model": "gpt-4.1", "source": "genai-prices", "priced_on": "2026-11-01"},
        {"model": "nova-3", "source": "your price file"},
        {"model": "gpt-4.1-mini", "source": "genai-prices", "priced_on": "2026-11-01"},
    ]
    lines = dict(summary_lines({"cost": {"total_usd": 0.1, "prices": prices}}))

    assert lines["prices"] == "gpt-4.1, gpt-4.1-mini: genai-prices of 2026-11-01; nova-3: your price file"
