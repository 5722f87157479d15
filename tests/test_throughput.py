"""Tokens per second of generation, put together from what one inference reports."""

import itertools

import pytest

from voice_metrics.facts import FirstByte, Generated, Processing, TokensUsed
from voice_metrics.throughput import Throughput

FIRST = FirstByte("LLM", "m", 0.5)
WHOLE = Processing("LLM", "m", 1.5)
USED = TokensUsed("LLM", "m", 100, 80)


@pytest.mark.parametrize("pieces", list(itertools.permutations([FIRST, WHOLE, USED])), ids=str)
def test_an_inference_is_joined_in_whatever_order_its_pieces_come(
    pieces: tuple[FirstByte | Processing | TokensUsed, ...],
) -> None:
    throughput = Throughput()
    assert [throughput.take(piece) for piece in pieces] == [None, None, Generated("LLM", "m", 80.0)]


def test_an_inference_that_was_cut_off_leaves_nothing_for_the_next() -> None:
    throughput = Throughput()
    cut = [FIRST, Processing("LLM", "m", 0.6, interrupted=True)]
    assert [throughput.take(piece) for piece in (*cut, USED, FIRST, WHOLE)][-1] == Generated("LLM", "m", 80.0)


def test_an_inference_without_usage_is_not_joined_with_the_next() -> None:
    throughput = Throughput()
    slower = Processing("LLM", "m", 2.5)
    told = [throughput.take(piece) for piece in (FIRST, WHOLE, FIRST, USED, slower)]
    assert told == [None, None, None, None, Generated("LLM", "m", 40.0)]


def test_two_models_are_kept_apart() -> None:
    throughput = Throughput()
    told = [throughput.take(piece) for piece in (FIRST, Processing("Other", "n", 9.0), USED, WHOLE)]
    assert told[-1] == Generated("LLM", "m", 80.0)


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param((FIRST, Processing("LLM", "m", 0.5), USED), id="no-time-of-generation"),
        pytest.param((FIRST, WHOLE, TokensUsed("LLM", "m", 100, 0)), id="no-completion"),
    ],
)
def test_a_speed_that_cannot_be_told_is_not_told(pieces: tuple[FirstByte | Processing | TokensUsed, ...]) -> None:
    throughput = Throughput()
    assert [throughput.take(piece) for piece in pieces] == [None, None, None]
