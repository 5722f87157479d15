"""How function calls are settled, whatever reports them and however often."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_metrics.call.facts import Fact, FunctionOutcome, FunctionSettled
from voice_metrics.call.functions import (
    MOST_NAMES,
    Event,
    FunctionAnswered,
    FunctionCalls,
    FunctionDropped,
    FunctionRaised,
    FunctionRunning,
)

COMPLETED, FAILED = FunctionOutcome.COMPLETED, FunctionOutcome.FAILED
TIMED_OUT, CANCELLED = FunctionOutcome.TIMED_OUT, FunctionOutcome.CANCELLED
FRAMES = itertools.count(1)


def _settled(events: list[tuple[float, Event]]) -> list[Fact]:
    calls = FunctionCalls()
    return [fact for at, event in events for fact in calls.observe(event, at)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [(1.0, FunctionRunning(1, "a", "book")), (1.5, FunctionAnswered(2, "a", "book"))],
            [FunctionSettled("book", COMPLETED, 0.5)],
            id="answered",
        ),
        pytest.param(
            [(1.0, FunctionRunning(1, "a", "book")), (1.5, FunctionAnswered(2, "a", "book", failed=True))],
            [FunctionSettled("book", FAILED, 0.5)],
            id="raised",
        ),
        pytest.param(
            [(1.0, FunctionRunning(1, "a", "book")), (1.5, FunctionRaised(2, "book"))],
            [FunctionSettled("book", FAILED, 0.5)],
            id="raised-and-reported-by-the-error-alone",
        ),
        pytest.param([(1.5, FunctionRaised(2, "book"))], [], id="error-of-a-function-that-does-not-run"),
        pytest.param(
            [(1.0, FunctionRunning(1, "a", "book")), (3.0, FunctionDropped(2, "a", "book", timed_out=True))],
            [FunctionSettled("book", TIMED_OUT, 2.0)],
            id="ran-out-of-time",
        ),
        pytest.param(
            [(1.0, FunctionRunning(1, "a", "book")), (3.0, FunctionDropped(2, "a", "book"))],
            [FunctionSettled("book", CANCELLED, 2.0)],
            id="cancelled-by-an-interruption",
        ),
        pytest.param(
            [(1.0, FunctionRunning(1, "a", "book", 0.5)), (1.5, FunctionAnswered(2, "a", "book", empty=True))],
            [FunctionSettled("book", TIMED_OUT, 0.5)],
            id="nothing-at-its-deadline-is-a-timeout",
        ),
        pytest.param(
            [(1.0, FunctionRunning(1, "a", "book", 0.5)), (1.25, FunctionAnswered(2, "a", "book", empty=True))],
            [FunctionSettled("book", COMPLETED, 0.25)],
            id="nothing-in-time-is-an-answer",
        ),
        pytest.param(
            [
                (1.0, FunctionRunning(1, "a", "book", 0.5)),
                (1.5, FunctionAnswered(2, "a", "book", empty=True)),
                (2.0, FunctionAnswered(3, "a", "book")),
            ],
            [FunctionSettled("book", TIMED_OUT, 0.5)],
            id="result-after-its-deadline-settles-nothing",
        ),
        pytest.param(
            [
                (1.0, FunctionRunning(1, "a", "book")),
                (1.1, FunctionRunning(1, "a", "book")),
                (1.5, FunctionAnswered(2, "a", "book")),
                (1.6, FunctionRunning(1, "a", "book")),
                (1.7, FunctionAnswered(2, "a", "book")),
            ],
            [FunctionSettled("book", COMPLETED, 0.5)],
            id="seen-at-its-origin-and-again-where-it-passes",
        ),
        pytest.param(
            [
                (1.0, FunctionRunning(1, "call_0", "book")),
                (1.5, FunctionAnswered(2, "call_0", "book")),
                (2.0, FunctionRunning(3, "call_0", "cancel")),
                (2.25, FunctionAnswered(4, "call_0", "cancel")),
            ],
            [FunctionSettled("book", COMPLETED, 0.5), FunctionSettled("cancel", COMPLETED, 0.25)],
            id="a-model-that-numbers-from-zero-each-time",
        ),
        pytest.param(
            [(1.5, FunctionAnswered(2, "a", "book"))],
            [FunctionSettled("book", COMPLETED, None)],
            id="its-start-was-not-seen",
        ),
        pytest.param(
            [
                (1.0, FunctionRunning(1, "a", "make_up", registered=False)),
                (1.5, FunctionAnswered(2, "a", "make_up")),
                (2.0, FunctionRunning(3, "b", "dream", registered=False)),
                (2.25, FunctionDropped(4, "b", "dream")),
            ],
            [FunctionSettled("unknown", FAILED, 0.5), FunctionSettled("unknown", CANCELLED, 0.25)],
            id="names-that-are-not-registered",
        ),
    ],
)
def test_what_settles_a_call(events: list[tuple[float, Event]], expected: list[Fact]) -> None:
    assert _settled(events) == expected


def test_what_still_runs_at_the_end_is_cancelled_once() -> None:
    calls = FunctionCalls()
    calls.observe(FunctionRunning(1, "a", "book"), 1.0)
    calls.observe(FunctionRunning(2, "b", "pay"), 2.0)

    assert calls.end(3.0) == [FunctionSettled("book", CANCELLED, 2.0), FunctionSettled("pay", CANCELLED, 1.0)]
    assert calls.end(4.0) == []
    assert calls.observe(FunctionAnswered(3, "a", "book"), 4.0) == ()


@pytest.mark.parametrize(
    ("registered", "told"),
    [
        pytest.param(True, {f"f{number}" for number in range(MOST_NAMES + 9)}, id="registered-names-are-all-kept"),
        pytest.param(None, {*(f"f{number}" for number in range(MOST_NAMES)), "other"}, id="others-up-to-a-limit"),
        pytest.param(False, {"unknown"}, id="names-that-are-not-registered-are-one"),
    ],
)
def test_how_many_names_a_call_has(registered: bool | None, told: set[str]) -> None:
    calls, settled = FunctionCalls(), list[Fact]()
    for number in (*range(MOST_NAMES + 9), 0):
        calls.observe(FunctionRunning(next(FRAMES), "a", f"f{number}", registered=registered), 1.0)
        settled.extend(calls.observe(FunctionAnswered(next(FRAMES), "a", f"f{number}"), 2.0))

    names = [fact.function for fact in settled if isinstance(fact, FunctionSettled)]
    assert set(names) == told
    assert len(names) == MOST_NAMES + 10
    assert names[-1] == names[0]


def test_an_exception_settles_its_call_under_any_reported_name() -> None:
    calls = FunctionCalls()
    for number in range(MOST_NAMES):
        calls.observe(FunctionAnswered(next(FRAMES), f"{number}", f"f{number}"), 1.0)
    calls.observe(FunctionRunning(next(FRAMES), "a", "one_more"), 1.0)

    assert calls.observe(FunctionRaised(next(FRAMES), "one_more"), 1.5) == (FunctionSettled("other", FAILED, 0.5),)


IDS = st.sampled_from(["a", "b", "c"])
EVENTS = st.one_of(
    st.builds(FunctionRunning, st.integers(1, 30), IDS, st.just("book"), st.none() | st.floats(0.1, 2)),
    st.builds(FunctionAnswered, st.integers(1, 30), IDS, st.just("book"), st.booleans(), st.booleans()),
    st.builds(FunctionDropped, st.integers(1, 30), IDS, st.just("book"), st.booleans()),
    st.builds(FunctionRaised, st.integers(1, 30), st.just("book")),
)


@given(st.lists(st.tuples(st.floats(0, 2), EVENTS), max_size=60))
def test_no_interleaving_settles_more_calls_than_there_are_frames_or_takes_negative_time(
    steps: list[tuple[float, Event]],
) -> None:
    calls, at, settled = FunctionCalls(), 0.0, list[Fact]()
    for seconds, event in steps:
        at += seconds
        settled.extend(calls.observe(event, at))
    settled.extend(calls.end(at))

    assert all(fact.seconds is None or fact.seconds >= 0 for fact in settled if isinstance(fact, FunctionSettled))
    assert len(settled) <= len({event.frame_id for _, event in steps})
