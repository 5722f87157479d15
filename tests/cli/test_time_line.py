"""A call's time line in the terminal: what belongs together is one line."""

from __future__ import annotations

from rich.table import Table

from tests.page.known_calls import eventful
from tests.page.test_story import detail
from voice_metrics.cli.slowest_answer import slowest_answer
from voice_metrics.cli.time_line import table
from voice_metrics.ledger import Row


def lines(shown: Table) -> list[tuple[str, ...]]:
    return list(zip(*(tuple(map(str, column.cells)) for column in shown.columns), strict=True))


def test_the_parts_of_a_response_are_its_detail_whatever_comes_between() -> None:
    rows = [
        Row(108.0, "response", 2.0),
        Row(108.0, "silence", 2.0, outcome="caller"),
        Row(108.1, "response_part", 0.25, name="endpointing_wait"),
        Row(108.1, "response_part", 1.5, name="llm_inference"),
        Row(109.0, "speech", 1.0, name="bot"),
    ]

    assert lines(table(rows, 100.0)) == [
        ("8.00 s", "response", "2000 ms", "", "", "endpointing wait 250, llm inference 1500 ms"),
        ("8.00 s", "silence", "2.0 s", "", "", "after caller"),
    ]


def test_the_tokens_of_a_request_are_one_line() -> None:
    rows = [
        Row(101.0, "prompt_tokens", 300, "llm", "OpenAILLMService", "gpt-4.1"),
        Row(101.0, "completion_tokens", 20, "llm", "OpenAILLMService", "gpt-4.1"),
        Row(101.0, "prompt_tokens", 100, "llm", "OpenAILLMService", "gpt-4.1"),
    ]

    assert [(what, value) for _, what, value, *_ in lines(table(rows, 100.0))] == [("tokens", "320"), ("tokens", "100")]


def test_the_slowest_answer_is_said_with_its_cause() -> None:
    assert slowest_answer(detail(eventful(1000.0))) == (
        "answer 3 at 0:25, 3400 ms; llm inference (gpt-4.1) took 2700 ms of it, usually 400 ms; "
        "the event loop was held for 900 ms by look_up"
    )
    assert slowest_answer(detail([Row(1002.0, "response", 0.9)])) is None
