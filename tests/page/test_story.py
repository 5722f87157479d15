"""How rows become bars."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import pytest

from tests.page.known_calls import conversation
from voice_metrics.ledger import CallDetail, CallRow, CallState, Row
from voice_metrics.page.story import story

_ROW = CallRow(
    call_id="a", state=CallState.ENDED, started_at=1000.0, updated_at=1014.0, duration_seconds=14.0,
    end_reason="completed", llm_model=None, stt_model=None, tts_model=None, worst_response_ms=None, turns=None,
    interruptions=None, errors=None, prompt_tokens=None, completion_tokens=None, characters=None,
    audio_seconds=None, cost_usd=None,
)  # fmt: skip


def built(rows: list[Row], *, state: CallState = CallState.ENDED, now: float = 9999.0) -> dict[str, Any]:
    return story(detail(rows, state), now)


def detail(rows: list[Row], state: CallState = CallState.ENDED) -> CallDetail:
    return CallDetail(dataclasses.replace(_ROW, state=state), {}, tuple(rows))


def lane(found: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return next(each["bars"] for each in found["lanes"] if each["name"] == name)


def test_the_strip_shows_the_speaker() -> None:
    strip = built(conversation(1000.0))["strip"]

    assert [(each["kind"], each["from"], each["to"], each["outcome"]) for each in strip] == [
        ("bot", 1.0, 3.0, "completed"),
        ("caller", 3.0, 5.0, None),
        ("wait", 5.0, 6.0, None),
        ("bot", 6.0, 8.0, "interrupted"),
        ("caller", 8.0, 9.2, None),
        ("wait", 9.2, 10.0, None),
        ("bot", 10.0, 12.0, "completed"),
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([], [], id="no-rows"),
        pytest.param([Row(1004.0, "turn", None)], [], id="a-turn-without-a-start-has-no-bar"),
        pytest.param(
            [Row(1002.0, "turn", 1.0), Row(1004.0, "unanswered", None), Row(1006.0, "turn", 1.0)],
            [("bot", 1.0, 2.0), ("caller", 2.0, 4.0), ("bot", 5.0, 6.0)],
            id="a-turn-without-an-answer-is-the-callers",
        ),
        pytest.param(
            [Row(1002.0, "unanswered", None), Row(1004.0, "turn", 3.0)],
            [("bot", 1.0, 4.0)],
            id="a-turn-without-an-answer-while-the-bot-speaks-has-no-bar",
        ),
        pytest.param(
            [Row(1002.0, "turn", 1.0), Row(1004.0, "turn", 1.0)],
            [("bot", 1.0, 2.0), ("bot", 3.0, 4.0)],
            id="a-pause-of-the-bot-is-not-the-callers",
        ),
        pytest.param(
            [Row(1004.0, "response", 2.0), Row(1005.0, "turn", 2.0)],
            [("caller", 0.0, 2.0), ("wait", 2.0, 4.0), ("bot", 4.0, 5.0)],
            id="stretches-do-not-overlap",
        ),
        pytest.param(
            [Row(1003.0, "turn", 2.0, outcome="interrupted")],
            [("bot", 1.0, 3.0), ("caller", 3.0, 14.0)],
            id="after-a-cut-the-caller-has-the-word-to-the-end",
        ),
    ],
)
def test_stretches(rows: list[Row], expected: list[tuple[str, float, float]]) -> None:
    assert [(each["kind"], each["from"], each["to"]) for each in built(rows)["strip"]] == expected


def test_a_live_calls_last_stretch_is_open() -> None:
    found = built([Row(1003.0, "turn", 2.0, outcome="interrupted")], state=CallState.LIVE, now=1050.0)

    assert [each["kind"] for each in found["strip"]] == ["bot"]
    assert found["seconds"] == 50.0


def test_a_request_is_one_bar_with_its_first_byte() -> None:
    greeting, answer = lane(built(conversation(1000.0)), "llm")

    assert (greeting["from"], greeting["to"], greeting["first_byte_seconds"]) == (0.1, 0.6, 0.4)
    assert (answer["from"], answer["to"], answer["kind"]) == (5.5, 5.9, "ttfb")


def test_speech_recognition_begins_where_the_callers_speech_ended() -> None:
    (bar,) = lane(built(conversation(1000.0)), "stt")

    assert (bar["from"], bar["to"]) == (5.0, 5.5)


def test_parts_of_an_answer_follow_each_other_and_the_rest_is_counted_until_the_next() -> None:
    first, second = built(conversation(1000.0))["answers"]

    assert [(part["part"], part["from"], part["seconds"]) for part in first["parts"]] == [
        ("endpointing_wait", 0.0, 0.2),
        ("transcription", 0.2, 0.3),
        ("llm_inference", 0.5, 0.4),
        ("speech_synthesis", 0.9, 0.1),
    ]
    assert first["named"]
    assert first["interrupted"]
    assert first["used"] == {
        "prompt_tokens": 300,
        "completion_tokens": 20,
        "characters": None,
        "cost_usd": 0.0012,
    }
    assert (second["number"], second["at"], second["interrupted"]) == (2, 9.2, False)
    assert second["used"]["prompt_tokens"] is None


def test_an_answer_without_named_parts_shows_what_was_measured_in_it() -> None:
    _, second = built(conversation(1000.0))["answers"]

    assert not second["named"]
    assert second["parts"] == [{"part": "function_handler", "from": 0.0, "seconds": 0.3}]


def test_averages_are_of_the_answers_that_have_parts() -> None:
    assert built(conversation(1000.0))["averages"] == [
        {"part": "endpointing_wait", "seconds": 0.2},
        {"part": "transcription", "seconds": 0.3},
        {"part": "llm_inference", "seconds": 0.4},
        {"part": "speech_synthesis", "seconds": 0.1},
    ]


def test_marks_are_interruptions_errors_and_functions_that_failed() -> None:
    assert built(conversation(1000.0))["marks"] == [
        {"at": 8.0, "kind": "interruption", "name": None, "outcome": None},
        {"at": 9.5, "kind": "function_call", "name": "book_table", "outcome": "timed_out"},
        {"at": 12.5, "kind": "error", "name": "CartesiaTTSService", "outcome": "network"},
    ]


def _long_call(answers: int) -> list[Row]:
    rows = []
    for at in (1000.0 + 6 * number for number in range(answers)):
        rows.append(Row(at, "response", 1.2))
        for service, name in (("stt", "Ear"), ("llm", "Mind"), ("tts", "Mouth")):
            rows += [Row(at, "ttfb", 0.3, service, name), Row(at + 0.3, "processing", 0.5, service, name)]
        rows += [Row(at + 0.4, "ttfb", 0.2, "stt", "Second"), Row(at + 4, "turn", 3.0, outcome="completed")]
    return rows


def _steps(answers: int) -> int:
    """Lines of Python that the story of a call takes."""
    lines = 0

    def trace(frame: Any, event: str, _: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    rows = _long_call(answers)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        built(rows)
    finally:
        sys.settrace(before)
    return lines


def test_the_work_for_a_call_grows_with_its_length_and_no_faster() -> None:
    assert _steps(800) / _steps(200) == pytest.approx(4.0, rel=0.15)
