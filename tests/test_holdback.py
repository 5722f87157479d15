"""Latencies that an interruption cut are marked, true ones are not."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from voice_metrics.call.facts import FirstByte, Processing, TokensUsed
from voice_metrics.call.holdback import Held, HoldBack, Latency

TRUE, CUT = FirstByte("Mind", None, 0.5), FirstByte("Mind", None, 0.5, interrupted=True)


def facts(released: Iterable[Held]) -> list[Latency | TokensUsed]:
    return [one.fact for one in released]


def test_a_latency_is_released_after_its_time() -> None:
    held = HoldBack(0.02)
    held.put(TRUE, 1.0)

    assert held.next_due == pytest.approx(1.02)
    assert facts(held.due(1.01)) == []
    assert facts(held.due(1.02)) == [TRUE]
    assert held.next_due is None


def test_an_interruption_on_its_heels_marks_it() -> None:
    held = HoldBack(0.02)
    held.put(TRUE, 1.0)
    held.put(Processing("Mind", None, 0.6), 1.001)

    assert facts(held.interrupted(1.002)) == [CUT, Processing("Mind", None, 0.6, interrupted=True)]
    assert facts(held.due(2.0)) == []


def test_an_older_one_that_was_not_released_yet_is_true() -> None:
    held = HoldBack(0.02)
    held.put(TRUE, 1.0)
    held.put(TRUE, 1.5)

    assert facts(held.interrupted(1.51)) == [TRUE, CUT]


def test_what_comes_right_after_an_interruption_that_was_seen_at_its_origin_is_marked() -> None:
    held = HoldBack(0.02)
    held.interrupted(1.0)
    held.put(TRUE, 1.01)
    held.put(FirstByte("Mind", None, 0.001), 1.015)

    assert facts(held.due(1.05)) == [CUT, FirstByte("Mind", None, 0.001, interrupted=True)]


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

    assert facts(held.flush()) == [Processing("Mind", None, seconds, interrupted=interrupted)]


def test_request_that_follows_the_interruption_at_its_service_is_true() -> None:
    held = HoldBack(0.02)
    held.passed("Mind#1", 1.0, 7)
    held.interrupted(1.1, 7)  # which came late
    held.put(FirstByte("Mind", None, 0.008, instance="Mind#1"), 1.11)  # of a fast model
    held.put(FirstByte("Mind", None, 0.1, instance="Mind#1"), 1.2)
    held.put(FirstByte("Mouth", None, 0.1, instance="Mouth#1"), 1.2)

    assert [one.fact.interrupted for one in held.flush() if isinstance(one.fact, FirstByte)] == [False, False, True]


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

    assert facts(held.interrupted(1.2)) == [FirstByte("Mind", None, seconds, interrupted=interrupted)]


def test_a_turn_that_cuts_no_request_marks_nothing() -> None:
    held = HoldBack(0.02)
    held.turn_started(1.0)
    held.put(Processing("Mind", None, 5.0), 1.125)
    held.put(FirstByte("Mouth", None, 0.01), 1.15)

    assert facts(held.due(1.2)) == []
    assert held.next_due == pytest.approx(1.25)
    assert facts(held.due(1.25)) == [Processing("Mind", None, 5.0), FirstByte("Mouth", None, 0.01)]


def test_at_the_end_everything_is_released() -> None:
    held = HoldBack(0.02)
    held.put(TRUE, 1.0)

    assert facts(held.flush()) == [TRUE]
    assert facts(held.flush()) == []


def test_the_time_itself_is_inside() -> None:
    held = HoldBack(0.5)
    held.put(TRUE, 1.0)
    assert facts(held.due(1.5)) == [TRUE]

    held.put(TRUE, 2.0)
    assert facts(held.interrupted(2.5)) == [CUT]

    held.put(TRUE, 3.0)
    assert facts(held.flush()) == [CUT]


def test_it_holds_for_20_ms_by_default() -> None:
    held = HoldBack()
    held.put(TRUE, 1.0)
    assert held.next_due == 1.02


def test_order_stays_though_one_waits_longer_than_what_came_behind_it() -> None:
    held, tokens = HoldBack(0.02), TokensUsed("Mind", None, 9, 9)
    held.turn_started(0.9)
    held.put(TRUE, 1.0)  # was under way as the caller's turn began, and so waits for an interruption
    held.put_companion(tokens, 1.001)
    held.put(FirstByte("Mind", None, 0.01), 1.05)

    assert facts(held.due(1.1)) == []
    assert facts(held.due(1.15)) == [TRUE, tokens, FirstByte("Mind", None, 0.01)]


def test_tokens_are_true_whatever_cuts_their_request() -> None:
    held, tokens = HoldBack(0.02), TokensUsed("Mind", None, 9, 9)
    held.put(TRUE, 1.0)
    held.put_companion(tokens, 1.001)
    assert facts(held.interrupted(1.005)) == [CUT, tokens]


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


def test_latencies_leave_in_the_order_of_their_arrival() -> None:
    held = HoldBack(0.02)
    held.interrupted(1.0)
    held.put(FirstByte("Mind", None, 0.01), 1.1)  # may have been under way if the event loop stood still
    held.put(TRUE, 1.11)

    assert facts(held.due(1.13)) == []
    assert facts(held.due(1.25)) == [FirstByte("Mind", None, 0.01), CUT]


@pytest.mark.parametrize(
    ("number", "interrupted"),
    [
        pytest.param(5, True, id="made-before-the-latency"),
        pytest.param(9, False, id="made-after-the-latency"),
        pytest.param(None, False, id="order-unknown"),
    ],
)
def test_a_late_interruption_cut_what_was_made_after_it(number: int | None, interrupted: bool) -> None:
    held = HoldBack(0.02)
    held.put(TRUE, 1.0, 7)

    assert facts(held.interrupted(1.2, number)) == [CUT if interrupted else TRUE]


MIND, MOUTH = FirstByte("Mind", None, 0.01, instance="Mind#0"), FirstByte("Mouth", None, 0.01, instance="Mouth#0")


def test_an_interruption_that_passes_a_service_cut_the_latencies_of_that_service() -> None:
    held = HoldBack(0.02)
    held.interrupted(1.0, 5)
    held.put(MIND, 1.1, 7)
    held.put(MOUTH, 1.1, 8)
    held.passed("Mind#0", 1.2, 5)

    assert facts(held.due(1.25)) == [FirstByte("Mind", None, 0.01, interrupted=True), MOUTH]


def test_an_interruption_cut_the_latencies_that_its_own_service_reported_before() -> None:
    held = HoldBack(0.02)
    held.put(MIND, 1.0, 7)
    held.put(MIND, 1.1, 8)
    held.passed("Mind#0", 1.101, 9)

    assert facts(held.flush()) == [MIND, FirstByte("Mind", None, 0.01, interrupted=True)]


def test_a_latency_leaves_with_its_span() -> None:
    held = HoldBack(0.02)
    held.put(TRUE, 1.0, span=(1, 2))

    assert [(one.fact, one.span) for one in held.interrupted(1.01)] == [(CUT, (1, 2))]


@pytest.mark.parametrize(
    ("number", "at", "interrupted"),
    [
        pytest.param(8, 1.0, True, id="it-was-made-behind-the-interruption"),
        pytest.param(6, 1.0, False, id="it-was-made-before-the-interruption"),
        pytest.param(0, 1.0, False, id="its-place-in-the-order-is-unknown"),
    ],
)
@pytest.mark.parametrize("interrupted_at", [1.001, 0.999])
def test_the_order_alone_decides_of_recognisers(
    number: int, at: float, interrupted: bool, interrupted_at: float
) -> None:
    held = HoldBack()
    if interrupted_at < at:
        held.interrupted(interrupted_at, 7)
    held.put(TRUE, at, number, by_order=True)
    released = held.interrupted(interrupted_at, 7) if interrupted_at > at else held.flush()

    assert facts(released) == [CUT if interrupted else TRUE]
