from __future__ import annotations

import json
from typing import Any

import pytest

from demo.cloud.scripted_model import PrefixCache, Reply, prompt, reply, tokens

TOOLS = [{"type": "function", "function": {"name": "book_table"}}]


GREETING = Reply("Hello, Harbour Pizza. How can I help?")
HOURS = Reply("On Saturday we are open from noon until eleven.")
GOODBYE = Reply("You are welcome. See you on Friday!")
TAKEN = Reply("I am sorry, that time is taken. Would half past eight suit you?")
AT_A_LOSS = Reply("I can tell you our opening hours or book a table. Which would you like?")


def booking(people: int, *, late_seconds: float = 0.0) -> Reply:
    arguments = {"day": "Friday", "time": "seven", "people": people}
    return Reply(function="book_table", arguments=json.dumps(arguments), late_seconds=late_seconds)


@pytest.mark.parametrize(
    ("role", "content", "expected"),
    [
        pytest.param("system", "Be brief.", GREETING, id="greets-first"),
        pytest.param("developer", "Introduce yourself.", GREETING, id="introduces-itself"),
        pytest.param("user", "What are your opening hours on Saturday?", HOURS, id="hours"),
        pytest.param("user", [{"type": "text", "text": "When do you open?"}], HOURS, id="content-in-parts"),
        pytest.param("user", "Can you book a table for four people on Friday at seven?", booking(4), id="books"),
        pytest.param("user", "Please make that five people.", booking(5, late_seconds=2.0), id="changes-the-booking"),
        pytest.param("user", "A table for 3", booking(3), id="digits-are-numbers"),
        pytest.param("user", "A table please", booking(2), id="a-table-is-for-two"),
        pytest.param("user", "Thank you very much, and good-bye.", GOODBYE, id="goodbye"),
        pytest.param("user", "How tall is the Eiffel tower?", AT_A_LOSS, id="knows-nothing-else"),
        pytest.param("tool", "{}", TAKEN, id="no-table"),
    ],
)
def test_the_script_answers(role: str, content: Any, expected: Reply) -> None:
    assert reply([{"role": "system", "content": "Be brief."}, {"role": role, "content": content}], TOOLS) == expected


def test_a_booking_is_confirmed_with_what_the_function_returned() -> None:
    result = {"booked": True, "day": "Friday", "time": "seven", "people": 5}
    assert reply([{"role": "tool", "content": json.dumps(result)}], TOOLS).text == (
        "Done, a table for 5 on Friday at seven."
    )


def test_without_functions_nothing_is_called() -> None:
    assert reply([{"role": "user", "content": "Can you book a table?"}], []).function is None


def test_tokens_are_words_and_marks_and_lose_nothing() -> None:
    text = "Hello, Harbour Pizza. How can I help?"
    assert tokens(text) == ["Hello", ",", " Harbour", " Pizza", ".", " How", " can", " I", " help", "?"]
    assert "".join(tokens(text)) == text


def test_a_prompt_holds_roles_words_calls_and_functions() -> None:
    call = {"function": {"name": "f", "arguments": "{}"}}
    messages = [{"role": "user", "content": "Hi."}, {"role": "assistant", "tool_calls": [call]}]
    assert prompt(messages, []) == ["<user>", "Hi", ".", "<assistant>", "f", "{", "}"]
    assert prompt(messages, [{"x": 1}])[:4] == ["[", "{", '"', "x"]


def test_the_cache_counts_whole_blocks_of_a_common_beginning() -> None:
    cache, words = PrefixCache(), [str(number) for number in range(200)]
    assert cache.cached_tokens(words) == 0
    assert cache.cached_tokens([*words, "more"]) == 192
    assert cache.cached_tokens([*words[:70], "other"]) == 64
    assert cache.cached_tokens(["other", *words]) == 0
