"""Tokens per second of generation, put together from what one inference reports."""

import itertools
from collections.abc import Iterable
from dataclasses import replace

import pytest

from voice_metrics.call.facts import FirstAnswerToken, FirstByte, Generated, Processing, TokensUsed
from voice_metrics.call.throughput import Piece, Throughput

FIRST = FirstByte("LLM", "m", 0.5)
WHOLE = Processing("LLM", "m", 1.5)
USED = TokensUsed("LLM", "m", 100, 80)


def take_all(pieces: Iterable[Piece]) -> list[Generated | None]:
    """What each piece gives."""
    throughput = Throughput()
    return [throughput.add(piece) for piece in pieces]


@pytest.mark.parametrize("pieces", list(itertools.permutations([FIRST, WHOLE, USED])), ids=str)
def test_an_inference_is_joined_in_whatever_order_its_pieces_come(
    pieces: tuple[FirstByte | Processing | TokensUsed, ...],
) -> None:
    assert take_all(pieces) == [None, None, Generated("LLM", "m", 80.0)]


def test_an_inference_that_was_cut_off_leaves_nothing_for_the_next() -> None:
    cut = [replace(FIRST, interrupted=True), Processing("LLM", "m", 0.6, interrupted=True)]
    late_tokens = TokensUsed("LLM", "m", 100, 7)
    told = take_all([*cut, late_tokens, FIRST, USED, WHOLE, FIRST, USED, WHOLE])
    assert [one for one in told if one] == [Generated("LLM", "m", 80.0), Generated("LLM", "m", 80.0)]


def test_an_inference_without_usage_is_not_joined_with_the_next() -> None:
    slower = Processing("LLM", "m", 2.5)
    told = take_all([FIRST, WHOLE, FIRST, USED, slower])
    assert told == [None, None, None, None, Generated("LLM", "m", 40.0)]


def test_two_models_are_kept_apart() -> None:
    told = take_all([FIRST, Processing("Other", "n", 9.0), USED, WHOLE])
    assert told[-1] == Generated("LLM", "m", 80.0)


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param((FIRST, Processing("LLM", "m", 0.5), USED), id="no-time-of-generation"),
        pytest.param((FIRST, WHOLE, TokensUsed("LLM", "m", 100, 0)), id="no-completion"),
    ],
)
def test_an_unknowable_speed_is_not_reported(pieces: tuple[FirstByte | Processing | TokensUsed, ...]) -> None:
    assert take_all(pieces) == [None, None, None]


def test_tokens_that_came_before_their_inference_was_cut_are_not_the_next_ones() -> None:
    cut = [TokensUsed("LLM", "m", 100, 7), replace(FIRST, interrupted=True)]
    told = take_all([*cut, FIRST, WHOLE, USED])
    assert [one for one in told if one] == [Generated("LLM", "m", 80.0)]


def test_a_first_byte_that_was_held_back_is_joined_with_what_came_meanwhile() -> None:
    throughput = Throughput()
    assert [throughput.add(WHOLE), throughput.add(USED)] == [None, None]
    assert throughput.add(FIRST) == Generated("LLM", "m", 80.0)


def test_a_single_token_has_a_speed() -> None:
    assert take_all([FIRST, WHOLE, TokensUsed("LLM", "m", 100, 1)])[-1] == Generated("LLM", "m", 1.0)


NAMED = [replace(piece, instance="LLM#0") for piece in (FIRST, WHOLE, USED)]
OTHERS = [
    FirstByte("LLM", "m", 0.25, instance="LLM#1"),
    Processing("LLM", "m", 1.25, instance="LLM#1"),
    TokensUsed("LLM", "m", 50, 20, instance="LLM#1"),
]
OWN = [Generated("LLM", "m", 80.0), Generated("LLM", "m", 20.0)]


@pytest.mark.parametrize(
    "first_three", list(itertools.combinations(range(6), 3)), ids=lambda places: "".join(map(str, places))
)
def test_two_services_of_one_class_and_model_are_kept_apart(first_three: tuple[int, ...]) -> None:
    named, others = iter(NAMED), iter(OTHERS)
    told = take_all([next(named) if place in first_three else next(others) for place in range(6)])
    assert sorted((one for one in told if one), key=lambda one: -one.tokens_per_second) == OWN


def test_one_service_cut_off_leaves_the_other_one_its_pieces() -> None:
    told = take_all([*NAMED[:2], replace(OTHERS[0], interrupted=True), NAMED[2], *OTHERS[:2]])
    assert [one for one in told if one] == OWN[:1]


@pytest.mark.parametrize("unnamed", range(3), ids=["first-byte", "processing", "tokens"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_a_speed_has_the_model_that_any_piece_of_it_names(unnamed: int, order: tuple[int, ...]) -> None:
    pieces = [replace(piece, model=None) if at == unnamed else piece for at, piece in enumerate(NAMED)]
    assert take_all([pieces[at] for at in order]) == [None, None, OWN[0]]


def test_a_speed_has_the_model_of_its_own_inference() -> None:
    switched = [replace(piece, model="n") for piece in NAMED]
    told = take_all([*NAMED, *switched])
    assert [one.model for one in told if one] == ["m", "n"]


def test_tokens_after_a_cut_are_left_out() -> None:
    cut = replace(NAMED[0], interrupted=True)
    assert take_all([cut, NAMED[2], *NAMED]) == [None, None, None, None, OWN[0]]


def test_inference_that_failed_leaves_nothing_for_the_next() -> None:
    told = take_all([Processing("LLM", "m", 0.1, error_type="429"), FIRST, USED, WHOLE])
    assert told == [None, None, None, Generated("LLM", "m", 80.0)]


REASONED = TokensUsed("LLM", "m", 100, 680, reasoning=600)
SLOW = Processing("LLM", "m", 4.0)


@pytest.mark.parametrize(
    "first",
    [pytest.param(FIRST, id="streamed-reasoning"), pytest.param(FirstByte("LLM", "m", 3.0), id="hidden-reasoning")],
)
def test_a_model_that_reasons_has_the_speed_of_its_answer(first: FirstByte) -> None:
    answer = FirstAnswerToken("LLM", "m", 3.0)
    assert take_all([first, answer, REASONED, SLOW]) == [None, None, None, Generated("LLM", "m", 80.0)]


def test_without_the_start_of_its_answer_all_tokens_of_a_model_that_reasons_count() -> None:
    assert take_all([FIRST, REASONED, SLOW]) == [None, None, Generated("LLM", "m", 680 / 3.5)]


def test_the_first_token_of_an_answer_is_not_that_of_the_next() -> None:
    answers = [FirstAnswerToken("LLM", "m", seconds) for seconds in (1.0, 3.0)]
    told = take_all([FIRST, answers[0], USED, WHOLE, FIRST, answers[1], REASONED, SLOW])
    assert [one.tokens_per_second for one in told if one] == [80.0, 80.0]


def test_the_first_token_of_an_answer_that_was_cut_is_left_out() -> None:
    cut = replace(FIRST, interrupted=True)
    told = take_all([cut, FirstAnswerToken("LLM", "m", 3.0), FIRST, REASONED, SLOW])
    assert told == [None, None, None, None, Generated("LLM", "m", 680 / 3.5)]
