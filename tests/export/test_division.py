"""Parts that a server does not take whole reach it divided, with few requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from voice_metrics.export.answers import Outcome, Verdict
from voice_metrics.export.division import deliver

TAKEN = Outcome(Verdict.ACKNOWLEDGED)
BAD = Outcome(Verdict.REFUSED, "400")
LARGE = Outcome(Verdict.TOO_LARGE, "413")
RESET = Outcome(Verdict.RETRYABLE, "reset")
DOWN = Outcome(Verdict.RETRYABLE, "503")

Server = Callable[[Sequence[int]], Outcome]


def refusing(*bad: int) -> Server:
    return lambda part: BAD if set(bad) & set(part) else TAKEN


def small(most: int) -> Server:
    return lambda part: LARGE if len(part) > most else TAKEN


def delivered(server: Server, parts: Sequence[Sequence[int]], spare: int = 8) -> tuple[list[int], list[int], int]:
    """What a server takes, what it does not, and the number of requests."""
    sent: list[Sequence[int]] = []

    def send(part: Sequence[int]) -> Outcome:
        sent.append(part)
        return server(part)

    taken: list[int] = []
    left: list[int] = []
    for part, outcome in deliver(parts, send, spare=spare):
        (taken if outcome.acknowledged else left).extend(part)
    return sorted(taken), sorted(left), len(sent)


@pytest.mark.parametrize("bad", [(0,), (63,), (7, 8), (0, 20, 40, 60), tuple(range(16))], ids=str)
def test_items_that_a_server_refuses_keep_no_other_from_it(bad: tuple[int, ...]) -> None:
    taken, left, _ = delivered(refusing(*bad), [range(64)], spare=30)
    assert (taken, left) == ([item for item in range(64) if item not in bad], list(bad))


def test_one_bad_item_costs_two_requests_for_each_halving() -> None:
    assert delivered(refusing(5), [range(64)])[2] == 1 + 2 * 6


def test_server_that_refuses_all_is_asked_within_the_spare_divisions() -> None:
    assert delivered(refusing(*range(64)), [range(64)]) == ([], list(range(64)), 1 + 2 * 8)


def test_part_of_a_size_that_was_too_large_is_not_sent() -> None:
    # 64, 32 and 16 are too large once each; the other 32 is divided at once.
    assert delivered(small(8), [range(64), range(64, 128)]) == (list(range(128)), [], 3 + 16)


@pytest.mark.parametrize("items", [2, 3, 64, 65])
def test_server_that_resets_large_requests_gets_small_ones(items: int) -> None:
    taken, left, requests = delivered(lambda part: RESET if len(part) > 8 else TAKEN, [range(items)])
    assert (taken, left) == (list(range(items)), [])
    assert requests <= items / 2


def test_server_that_is_down_is_asked_once() -> None:
    assert delivered(lambda part: DOWN, [range(4), range(4, 8)]) == ([], list(range(8)), 1)


def test_server_that_resets_everything_is_asked_once_more_with_one_item() -> None:
    assert delivered(lambda part: RESET, [range(4), range(4, 8)]) == ([], list(range(8)), 2)


def test_server_to_which_one_item_is_too_large_is_asked_no_more() -> None:
    assert delivered(small(0), [range(4), range(4, 8)]) == ([], list(range(8)), 3)
