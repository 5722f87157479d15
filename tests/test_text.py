"""Text from outside is made safe once: replaced characters, kept ones, length and number of words."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_metrics.call.functions import FunctionAnswered, FunctionCalls
from voice_metrics.call.text import MOST_CHARACTERS, OTHER, Vocabulary, clean, one_line
from voice_metrics.pipecat.options import MOST_ATTRIBUTES, Options

ANYTHING = st.text(st.characters(), max_size=600)  # surrogates included


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Zoë-7 / приём 接待", "Zoë-7 / приём 接待", id="letters-stay"),
        pytest.param("🏴‍☠️", "🏴‍☠️", id="joined-emoji-stays"),
        pytest.param("a\u00a0b", "a b", id="no-break-space-is-a-blank"),
        pytest.param(json.loads('"Bob \\ud83d"'), "Bob □", id="half-an-emoji"),
        pytest.param("id\nINFO forged", "id□INFO forged", id="line-break"),
        pytest.param("\x1b[31mred\x9b0m\x07", "□[31mred□0m□", id="escape-sequences"),
        pytest.param("a\x00b\x7f\x85", "a□b□□", id="control-characters"),
        pytest.param("\u202egpj.exe\u2066\u200f", "□gpj.exe□□", id="bidirectional-controls"),
        pytest.param("a\u2028b\u2029", "a□b□", id="line-and-paragraph-separators"),
        pytest.param("a\ufeff\U000e0041", "a□□", id="invisible"),
        pytest.param("a\ufffdb", "a□b", id="character-that-no-query-can-hold"),
        pytest.param("x" * MOST_CHARACTERS, "x" * MOST_CHARACTERS, id="as-long-as-may-be"),
    ],
)
def test_text_from_outside_is_safe_and_says_what_it_said(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_long_text_is_cut_and_two_long_texts_stay_two() -> None:
    first, second = "x" * 1_000_000 + "1", "x" * 1_000_000 + "2"
    assert clean(first) == "x" * (MOST_CHARACTERS - 9) + "…" + hashlib.sha256(first.encode()).hexdigest()[:8]
    assert clean(first) != clean(second)


@given(ANYTHING)
def test_clean_text_can_be_encoded_is_bounded_on_one_line_and_stays_as_it_is(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert len(cleaned) <= MOST_CHARACTERS
    assert cleaned.isprintable() or set("\u200c\u200d") & set(cleaned)
    assert len(cleaned.splitlines()) <= 1
    assert clean(cleaned) == cleaned


@given(ANYTHING)
def test_a_message_is_one_printable_line(text: str) -> None:
    line = one_line(text, 40)
    assert line.isprintable()
    assert len(line) <= 41


def test_words_beyond_the_bound_are_other_and_the_known_ones_stay() -> None:
    words = Vocabulary(2, idle_seconds=60.0)
    assert [words.word(word, 0.0) for word in ("a", "b", "c", "a", "\x1b")] == ["a", "b", OTHER, "a", OTHER]


def test_a_word_that_was_not_used_for_long_gives_up_its_place() -> None:
    words = Vocabulary(2, idle_seconds=60.0)
    told = [words.word(word, at) for word, at in (("a", 0), ("b", 10), ("a", 50), ("c", 69), ("c", 70), ("b", 71))]
    assert told == ["a", "b", "a", OTHER, "c", OTHER]


def test_invented_function_names_of_many_calls_are_bounded_together() -> None:
    names, shared = set(), Vocabulary(200)
    for call in range(100):
        functions = FunctionCalls(shared)
        for number in range(10):
            answered = FunctionAnswered(number, str(number), f"invented_{call}_{number}")
            names |= {fact.function for fact in functions.observe(answered, 1.0)}  # type: ignore[union-attr]
    assert len(names) == 201
    assert OTHER in names


def test_options_hold_safe_text_of_a_bounded_number() -> None:
    attributes = {f"x{number}": "a\nb" for number in range(1000)}
    options = Options.checked({}, "sip\r\n1", attributes)
    assert (options.call_id, len(options.attributes), options.attributes["x0"]) == ("sip□□1", MOST_ATTRIBUTES, "a□b")
