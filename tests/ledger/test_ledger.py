"""What is written of a call is what is read of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.summaries import NOON, summary
from tests.waiting import blocked_until, flush
from voice_metrics.call.text import clean
from voice_metrics.ledger import (
    CallFilter,
    CallRow,
    CallState,
    LatencyPoint,
    Ledger,
    LedgerReader,
    LedgerUnreadable,
    NoSuchCall,
    Row,
    Trouble,
    UsagePoint,
)
from voice_metrics.ledger.writing import Session, start_call


def only(path: Path) -> CallRow:
    with LedgerReader(path) as reader:
        (row,) = reader.calls()
    return row


def test_a_call_is_live_until_it_ends(ledger: Ledger, path: Path) -> None:
    ledger.call_started("a", NOON, summary("a", end_reason=None, duration_seconds=0.0))
    flush(ledger)
    assert (only(path).state, only(path).end_reason) == (CallState.LIVE, None)
    ledger.call_updated("a", summary("a", end_reason=None, duration_seconds=10.0))
    flush(ledger)
    assert (only(path).state, only(path).duration_seconds) == (CallState.LIVE, 10.0)
    ledger.call_ended("a", summary("a"), "pending")
    flush(ledger)
    assert only(path).state is CallState.PENDING
    ledger.call_ended("a", summary("a"), "delivered")
    flush(ledger)
    assert only(path).state is CallState.DELIVERED


def test_the_row_of_a_call_holds_its_numbers(ledger: Ledger, path: Path) -> None:
    ledger.call_started("a", NOON, {})
    ledger.call_ended("a", summary("a", outcome="booked", success=False), CallState.DELIVERED)
    before = time.time()
    flush(ledger)
    row = only(path)
    assert before - 5 < row.updated_at <= time.time()
    assert row == CallRow(
        call_id="a",
        state=CallState.DELIVERED,
        started_at=NOON.timestamp(),
        updated_at=row.updated_at,
        duration_seconds=60.0,
        end_reason="completed",
        llm_model="gpt-4.1",
        stt_model="nova-3",
        tts_model="sonic-2",
        worst_response_ms=900.0,
        turns=4,
        interruptions=1,
        errors=0,
        prompt_tokens=1200,
        completion_tokens=80,
        characters=300,
        audio_seconds=58.5,
        cost_usd=0.016,
        exported=True,
        outcome="booked",
        success=False,
    )


@pytest.mark.parametrize(
    "strange",
    [
        pytest.param({}, id="nothing-in-it"),
        pytest.param({"response": None, "models": None, "turns": None, "cost": "?"}, id="parts-missing"),
        pytest.param({"duration_seconds": math.nan, "errors": "many", "interruptions": True}, id="not-numbers"),
    ],
)
def test_a_number_that_does_not_exist_is_none(ledger: Ledger, path: Path, strange: dict[str, Any]) -> None:
    ledger.call_started("a", NOON, strange)
    flush(ledger)
    row = only(path)
    assert (row.duration_seconds, row.cost_usd, row.worst_response_ms, row.turns, row.errors, row.interruptions) == (
        (None,) * 6
    )


def test_a_number_beyond_64_bits_does_not_cost_the_call(ledger: Ledger, path: Path) -> None:
    ledger.call_started("a", NOON, summary("a", tts={"characters": 2**70}))
    flush(ledger)
    assert only(path).characters == 2**70
    assert ledger.dropped == 0


def test_an_update_moves_the_start_of_a_call_only_if_it_gives_one(ledger: Ledger, path: Path) -> None:
    ledger.call_started("a", NOON, summary("a", end_reason=None))
    ledger.call_updated("a", summary("a", end_reason=None), NOON + timedelta(seconds=2))
    flush(ledger)
    assert only(path).started_at == NOON.timestamp() + 2
    ledger.call_ended("a", summary("a"))
    flush(ledger)
    assert only(path).started_at == NOON.timestamp() + 2


def test_a_call_that_was_never_started_is_added_from_its_summary(ledger: Ledger, path: Path) -> None:
    ledger.add("a", [Row(NOON.timestamp() + 5, "response", 0.7)])
    ledger.call_ended("a", summary("a"), "ended")
    flush(ledger)
    with LedgerReader(path) as reader:
        (row,) = reader.calls()
        assert (row.call_id, row.state) == ("a", CallState.ENDED)
        assert reader.call("a").timeline == (Row(NOON.timestamp() + 5, "response", 0.7),)


def test_an_id_that_is_used_again_is_a_second_call(ledger: Ledger, path: Path) -> None:
    for minutes in (0, 5):
        key = f"key-{minutes}"
        ledger.call_started(key, NOON + timedelta(minutes=minutes), summary("room"))
        ledger.add(key, [Row(NOON.timestamp() + 60 * minutes, "response", 0.5 + minutes)])
        ledger.call_ended(key, summary("room", errors=minutes), "ended")
    flush(ledger)
    with LedgerReader(path) as reader:
        assert [call.errors for call in reader.calls()] == [5, 0]
        assert reader.call("room").timeline == (Row(NOON.timestamp() + 300, "response", 5.5),)


def test_begin_and_end_of_a_call_are_written_at_once(path: Path) -> None:
    # A quarter of an hour: whatever waits for more is not written in this test.
    ledger = Ledger(path, linger_seconds=900.0)
    ledger.call_started("a", NOON, summary("a", end_reason=None))
    blocked_until(lambda: _state(path) is CallState.LIVE)
    ledger.call_ended("a", summary("a"), "ended")
    blocked_until(lambda: _state(path) is CallState.ENDED)
    ledger.close()


def _state(path: Path) -> CallState | None:
    """The state of the only call; `None` while there is none to read."""
    with suppress(LedgerUnreadable, ValueError):
        return only(path).state
    return None


def test_two_calls_of_one_id_at_the_same_time_are_two_calls(ledger: Ledger, path: Path) -> None:
    for key, minutes in (("first", 0), ("second", 1)):
        ledger.call_started(key, NOON + timedelta(minutes=minutes), summary("sip-1", end_reason=None))
    ledger.add("first", [Row(NOON.timestamp() + 70, "response", 0.1)])
    ledger.add("second", [Row(NOON.timestamp() + 80, "response", 0.2)])
    ledger.call_ended("first", summary("sip-1", errors=1), "ended")
    flush(ledger)
    with LedgerReader(path) as reader:
        second, first = reader.calls()
        assert [(call.call_id, call.state) for call in (first, second)] == [("sip-1", "ended"), ("sip-1", "live")]
        found = [reader.call_of(call.key) for call in (first, second)]
        assert [[row.value for row in call.timeline] for call in found] == [[0.1], [0.2]]
        assert [call.summary["errors"] for call in found] == [1, 0]
        with pytest.raises(NoSuchCall, match="no call has the key 'third'"):
            reader.call_of("third")


def test_a_time_line_comes_back_in_the_order_of_time(ledger: Ledger, path: Path) -> None:
    rows = [
        Row(12.0, "turn", 3.5, outcome="completed"),
        Row(10.0, "ttfb", 0.3, "llm", "OpenAILLMService", "gpt-4.1"),
        Row(11.0, "error", None, None, "CartesiaTTSService", None, "network"),
        Row(10.0, "prompt_tokens", 400, "llm", "OpenAILLMService", "gpt-4.1"),
    ]
    ledger.call_started("a", NOON, summary("a"))
    ledger.add("a", rows)
    flush(ledger)
    with LedgerReader(path) as reader:
        assert reader.call("a").timeline == (rows[1], rows[3], rows[2], rows[0])


def three(ledger: Ledger) -> None:
    ledger.call_started("fast", NOON, {})
    ledger.call_ended("fast", summary("fast"), "delivered")
    ledger.call_started("slow", NOON + timedelta(hours=1), {})
    slow = summary("slow", errors=2, response={"max_ms": 4000.0}, end_reason="error", cost={"total_usd": None})
    ledger.call_ended("slow", slow, "pending")
    ledger.call_started("now", NOON + timedelta(hours=2), summary("now", end_reason=None, models={"llm": "qwen3_8b"}))
    ledger.add("fast", [Row(NOON.timestamp() + 9, "unanswered", outcome="call_ended")])
    ledger.add("now", [Row(NOON.timestamp() + 7209, "unanswered", outcome="no_answer")])
    flush(ledger)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(CallFilter(), ["now", "slow", "fast"], id="all-of-them-newest-first"),
        pytest.param(CallFilter(since=NOON.timestamp() + 3600), ["now", "slow"], id="since-includes-its-moment"),
        pytest.param(CallFilter(until=NOON.timestamp() + 3600), ["fast"], id="until-excludes-its-moment"),
        pytest.param(CallFilter(model="NOVA"), ["slow", "fast"], id="any-model-in-any-case"),
        pytest.param(CallFilter(model="3_8"), ["now"], id="an-underscore-is-an-underscore"),
        pytest.param(CallFilter(model="%"), [], id="a-percent-sign-is-a-percent-sign"),
        pytest.param(CallFilter(end_reason="error"), ["slow"], id="end-reason"),
        pytest.param(CallFilter(slower_than_ms=900.0), ["slow"], id="slower-than-excludes-the-limit"),
        pytest.param(CallFilter(cost_over_usd=0.01), ["now", "fast"], id="unpriced-is-not-free-and-not-dear"),
        pytest.param(CallFilter(state=CallState.PENDING), ["slow"], id="state"),
        pytest.param(CallFilter(trouble=Trouble.ERRORS), ["slow"], id="with-errors"),
        pytest.param(CallFilter(trouble=Trouble.UNANSWERED), ["now"], id="with-a-turn-to-which-an-answer-was-due"),
        pytest.param(CallFilter(model="nova", end_reason="completed"), ["fast"], id="two-at-once"),
    ],
)
def test_filters(ledger: Ledger, path: Path, wanted: CallFilter, expected: list[str]) -> None:
    three(ledger)
    with LedgerReader(path) as reader:
        assert [call.call_id for call in reader.calls(wanted)] == expected
        assert reader.count(wanted) == len(expected)


def test_an_order_puts_what_has_no_number_last_both_ways(ledger: Ledger, path: Path) -> None:
    three(ledger)
    ledger.call_ended("now", summary("now", cost={"total_usd": 0.5}), "ended")
    flush(ledger)
    with LedgerReader(path) as reader:
        assert [call.call_id for call in reader.calls(order="cost_usd")] == ["now", "fast", "slow"]
        assert [call.call_id for call in reader.calls(order="cost_usd", descending=False)] == ["fast", "now", "slow"]
        assert [call.call_id for call in reader.calls(limit=1, offset=1)] == ["slow"]
        with pytest.raises(ValueError, match="expected one of"):
            reader.calls(order="summary; DROP TABLE call")  # type: ignore[arg-type]


def test_a_prefix_that_fits_one_call_finds_it(ledger: Ledger, path: Path) -> None:
    for call_id in ("abc-1", "abc-2", "abd", "ab%", "x_y-1", "xzy-2"):
        ledger.call_started(call_id, NOON, summary(call_id))
    flush(ledger)
    with LedgerReader(path) as reader:
        assert reader.call("abd").row.call_id == "abd"
        assert reader.call("abc-1").row.call_id == "abc-1"
        assert reader.call("ab%").row.call_id == "ab%"
        assert reader.call("x_y").row.call_id == "x_y-1"
        with pytest.raises(NoSuchCall, match=r"^several calls' ids begin with 'abc': abc-1, abc-2$"):
            reader.call("abc")
        for unknown in ("y", "", "ab_"):
            with pytest.raises(NoSuchCall, match="no call's id begins with"):
                reader.call(unknown)


def test_call_of_another_origin_is_found_by_an_id_that_is_not_safe(ledger: Ledger, path: Path) -> None:
    ledger.call_started("\u202ekey", NOON, summary("\u202egnp.exe"))
    flush(ledger)
    with LedgerReader(path) as reader:
        assert reader.call("\u202egnp.exe").row.key == "\u202ekey"
        assert reader.call("\u202egn").row.key == "\u202ekey"
        assert reader.call_of("\u202ekey").row.call_id == "\u202egnp.exe"


@pytest.mark.parametrize("call_id", ["a\nb", "x" * 100_000, "\ud800"], ids=["line break", "long", "surrogate"])
def test_call_is_found_by_its_id_as_the_bot_was_given_it(call_id: str, ledger: Ledger, path: Path) -> None:
    ledger.call_started("key", NOON, summary(clean(call_id)))
    flush(ledger)
    with LedgerReader(path) as reader:
        assert reader.call(call_id).row.key == "key"


def test_only_live_calls_are_live(ledger: Ledger, path: Path) -> None:
    three(ledger)
    with LedgerReader(path) as reader:
        (live,) = reader.live()
    assert (live.row.call_id, live.summary["models"], live.timeline) == ("now", {"llm": "qwen3_8b"}, ())


def test_percentiles_by_bucket_kind_and_service(ledger: Ledger, path: Path) -> None:
    ledger.call_started("a", NOON, summary("a"))
    ledger.add("a", [Row(100 + n, "ttfb", n / 10, "llm", "L", "m") for n in (3, 1, 2)])
    ledger.add("a", [Row(101, "ttfb", 0.05, "tts", "T", "v"), Row(161, "response", 0.8)])
    ledger.add("a", [Row(102, "ttfb", 9.0, "llm", "L", "m", "interrupted"), Row(999, "response", 9.0)])
    flush(ledger)
    with LedgerReader(path) as reader:
        assert reader.latency(100, 220, 60) == [
            LatencyPoint(100, "ttfb", "llm", 3, 200.0, 290.0),
            LatencyPoint(100, "ttfb", "tts", 1, 50.0, 50.0),
            LatencyPoint(160, "response", None, 1, 800.0, 800.0),
        ]
        assert reader.latency(100, 220, 60, kinds=["response"], model="m") == []


def test_usage_is_summed_over_the_calls_of_a_bucket(ledger: Ledger, path: Path) -> None:
    three(ledger)
    start = NOON.timestamp()
    with LedgerReader(path) as reader:
        day = reader.usage(start, start + 86_400, 7200)
    assert day == [
        UsagePoint(start, 2, 2400, 160, 600, 117.0, 0.004, 0.003, 0.009, 0.016),
        UsagePoint(start + 7200, 1, 1200, 80, 300, 58.5, 0.004, 0.003, 0.009, 0.016),
    ]


def test_work_that_fails_leaves_nothing_behind(ledger: Ledger, path: Path) -> None:
    def half(session: Session) -> None:
        start_call(session, "half", NOON.timestamp(), summary("half"))
        raise ValueError("the other half")

    ledger.call_started("before", NOON, summary("before"))
    with pytest.raises(ValueError, match="the other half"):
        ledger.ask(half)
    assert only(path).call_id == "before"


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda ledger: ledger.add("a", [Row(math.nan, "ttfb", 1.0)]), id="a-row-without-a-moment"),
        pytest.param(lambda ledger: ledger.add("\udcff", [Row(1.0, "ttfb", 1.0)]), id="a-name-that-is-no-text"),
    ],
)
def test_what_cannot_be_written_costs_itself_only(
    ledger: Ledger, path: Path, said: list[str], work: Callable[[Ledger], None]
) -> None:
    ledger.call_started("a", NOON, summary("a"))
    work(ledger)
    work(ledger)
    ledger.add("a", [Row(2.0, "response", 0.4)])
    flush(ledger)
    with LedgerReader(path) as reader:
        assert reader.call("a").timeline == (Row(2.0, "response", 0.4),)
    assert ledger.dropped == 2
    assert len(said) == 1
    assert "rows are dropped" in said[0]
