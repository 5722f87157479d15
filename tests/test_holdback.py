"""Latencies that an interruption cut are marked, true ones are not."""

from __future__ import annotations

import pytest

from voice_metrics.call.facts import FirstByte, Processing, TokensUsed
from voice_metrics.call.holdback import HoldBack

TRUE, CUT = FirstByte("Mind", None, 0.5), FirstByte("Mind", None, 0.5, interrupted=True)


def test_a_latency_is_released_after_its_time() -> None:
    held = HoldBack(0.02)
    held.put(TRUE, 1.0)

    assert held.next_due == pytest.approx(1.02)
    assert held.due(1.01) == []
    assert held.due(1.02) == [TRUE]
    assert held.next_due is None


def test_an_interruption_on_its_heels_marks_it() -> None:
    held = HoldBack(0.02)
    held.put(TRUE, 1.0)
    held.put(Processing("Mind", None, 0.6), 1.001)

    assert held.interrupted(1.002) == [CUT, Processing("Mind", None, 0.6, interrupted=True)]
    assert held.due(2.0) == []


def test_an_older_one_that_was_not_released_yet_is_true() -> None:
    held = HoldBack(0.02)
    held.put(TRUE, 1.0)
    held.put(TRUE, 1.5)

    assert held.interrupted(1.51) == [TRUE, CUT]


def test_what_comes_right_after_an_interruption_that_was_seen_at_its_origin_is_marked() -> None:
    held = HoldBack(0.02)
    held.interrupted(1.0)
    held.put(TRUE, 1.01)
    held.put(FirstByte("Mind", None, 0.001), 1.015)

    assert held.due(1.05) == [CUT, FirstByte("Mind", None, 0.001, interrupted=True)]


@pytest.mark.parametrize(
    ("seconds", "at", "interrupted"),
    [
        pytest.param(0.2, 0.15, True, id="its-service-was-late-to-hear"),
        pytest.param(0.2, 0.2, True, id="it-began-with-the-interruption"),
        pytest.param(0.1, 0.15, False, id="it-began-after-the-interruption"),
        pytest.param(5.0, 0.25, True, id="as-late-as-one-may-be"),
        pytest.param(5.0, 0.3, False, id="no-interruption-stopped-it"),
    ],
)
def test_what_was_under_way_at_an_interruption_is_marked(seconds: float, at: float, interrupted: bool) -> None:
    held = HoldBack(0.02)
    held.interrupted(0.0)
    held.put(Processing("Mind", None, seconds), at)

    assert held.flush() == [Processing("Mind", None, seconds, interrupted=interrupted)]


@pytest.mark.parametrize(
    ("seconds", "interrupted"),
    [
        pytest.param(0.15, True, id="it-was-under-way-at-the-turn's-start"),
        pytest.param(0.05, False, id="it-began-after-the-turn's-start"),
    ],
)
def test_a_turn_is_the_herald_of_an_interruption_that_comes_late(seconds: float, interrupted: bool) -> None:
    held = HoldBack(0.02)
    held.turn_started(1.0)
    held.put(FirstByte("Mind", None, seconds), 1.125)

    assert held.interrupted(1.2) == [FirstByte("Mind", None, seconds, interrupted=interrupted)]


def test_a_turn_that_cuts_no_request_marks_nothing() -> None:
    held = HoldBack(0.02)
    held.turn_started(1.0)
    held.put(Processing("Mind", None, 5.0), 1.125)
    held.put(FirstByte("Mouth", None, 0.01), 1.15)

    assert held.next_due == pytest.approx(1.17)
    assert held.due(1.2) == [FirstByte("Mouth", None, 0.01)]
    assert held.next_due == pytest.approx(1.25)
    assert held.due(1.25) == [Processing("Mind", None, 5.0)]


def test_at_the_end_everything_is_released() -> None:
    held = HoldBack(0.02)
    held.put(TRUE, 1.0)

    assert held.flush() == [TRUE]
    assert held.flush() == []


def test_the_time_itself_is_inside() -> None:
    held = HoldBack(0.5)
    held.put(TRUE, 1.0)
    assert held.due(1.5) == [TRUE]

    held.put(TRUE, 2.0)
    assert held.interrupted(2.5) == [CUT]

    held.put(TRUE, 3.0)
    assert held.flush() == [CUT]


def test_it_holds_for_20_ms_by_default() -> None:
    held = HoldBack()
    held.put(TRUE, 1.0)
    assert held.next_due == 1.02


def test_order_stays_though_one_waits_longer_than_what_came_behind_it() -> None:
    held, tokens = HoldBack(0.02), TokensUsed("Mind", None, 9, 9)
    held.turn_started(0.9)
    held.put(TRUE, 1.0)  # was under way as the caller's turn began, and so waits for an interruption
    held.put_tokens(tokens, 1.001)
    held.put(FirstByte("Mind", None, 0.01), 1.05)

    assert held.due(1.1) == []
    assert held.due(1.15) == [TRUE, tokens, FirstByte("Mind", None, 0.01)]


def test_tokens_are_true_whatever_cuts_their_request() -> None:
    held, tokens = HoldBack(0.02), TokensUsed("Mind", None, 9, 9)
    held.put(TRUE, 1.0)
    held.put_tokens(tokens, 1.001)
    assert held.interrupted(1.005) == [CUT, tokens]


@pytest.mark.parametrize(
    ("turn_at", "interrupted_at", "read_at", "settled"),
    [
        pytest.param(None, None, 1.01, False, id="read-at-once"),
        pytest.param(None, None, 1.02, True, id="read-after-its-time"),
        pytest.param(0.8, None, 1.3, False, id="soon-after-a-turn-began"),
        pytest.param(1.1, None, 1.3, False, id="a-turn-began-before-it-was-read"),
        pytest.param(0.7, None, 1.3, True, id="long-after-a-turn-began"),
        pytest.param(None, 0.8, 1.3, False, id="soon-after-an-interruption"),
        pytest.param(None, 0.7, 1.3, True, id="long-after-an-interruption"),
    ],
)
def test_a_latency_is_settled_where_nothing_can_cut_it(
    turn_at: float | None, interrupted_at: float | None, read_at: float, settled: bool
) -> None:
    held = HoldBack(0.02)
    if turn_at is not None:
        held.turn_started(turn_at)
    if interrupted_at is not None:
        held.interrupted(interrupted_at)
    assert held.is_settled(1.0, read_at) is settled


def test_a_latency_behind_a_held_one_is_not_settled() -> None:
    held = HoldBack(0.02)
    held.put(TRUE, 1.0)
    assert not held.is_settled(1.0, 2.0)
    held.due(2.0)
    assert held.is_settled(1.0, 2.0)


def test_latencies_of_one_origin_leave_in_order_and_others_do_not_wait_for_them() -> None:
    held = HoldBack(0.02)
    held.turn_started(0.9)
    late, soon, other = FirstByte("Mind", None, 0.5), FirstByte("Mind", None, 0.01), FirstByte("Ear", None, 0.01)
    for fact in (late, soon, other):
        held.put(fact, 1.0)

    assert held.next_due == pytest.approx(1.02)
    assert held.due(1.02) == [other]
    assert held.next_due is not None
    assert held.next_due > 1.02
    assert held.due(9.0) == [late, soon]
    assert held.next_due is None
