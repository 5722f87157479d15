"""Start and end of a model's responses tell what no MetricsFrame does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from voice_metrics.call.facts import AgentInvoked, ChunksStreamed, Fact, ModelAnswered, Processing
from voice_metrics.call.inferences import Inferences

Step = Callable[[Inferences], "Sequence[Fact] | bool | None"]


def told(*steps: Step, duplex: bool = False) -> list[Fact]:
    inferences = Inferences("LLM", "LLM#0", duplex=duplex)
    inferences.model = "m"
    facts: list[Fact] = []
    for step in steps:
        new = step(inferences)
        facts += new if isinstance(new, Sequence) else ()
    return facts


def began(at: float) -> Step:
    return lambda it: it.began(at)


def ended(at: float) -> Step:
    return lambda it: it.ended(at)


def chunk(at: float) -> Step:
    return lambda it: it.chunk(at)


def called(call_id: str = "c") -> Step:
    return lambda it: it.called(call_id)


def returned(at: float, call_id: str = "c", *, answers: bool = True) -> Step:
    return lambda it: it.returned(call_id, at, answers=answers)


PROCESSED: Step = lambda it: it.processed()  # noqa: E731
CANCELLED: Step = lambda it: it.cancelled("c")  # noqa: E731
INTERRUPTED: Step = lambda it: it.interrupted()  # noqa: E731


@pytest.mark.parametrize(
    ("steps", "facts"),
    [
        pytest.param(
            (began(1.0), ended(2.5)), [Processing("LLM", "m", 1.5), AgentInvoked("LLM", "m", 1.5)], id="no-metrics"
        ),
        pytest.param((began(1.0), PROCESSED, ended(2.5)), [AgentInvoked("LLM", "m", 1.5)], id="processing-is-reported"),
        pytest.param(
            (began(1.0), PROCESSED, chunk(1.25), chunk(1.5), chunk(2.0), ended(2.5)),
            [ChunksStreamed("LLM", "m", (0.25, 0.5)), AgentInvoked("LLM", "m", 1.5)],
            id="chunks",
        ),
        pytest.param((began(1.0), PROCESSED, chunk(2.0), ended(2.0)), [AgentInvoked("LLM", "m", 1.0)], id="one-chunk"),
        pytest.param((ended(2.0), chunk(2.0)), [], id="an-end-without-a-start"),
        pytest.param(
            (began(1.0), PROCESSED, called(), ended(2.0), returned(3.0), began(3.5), PROCESSED, ended(4.0)),
            [AgentInvoked("LLM", "m", 3.0)],
            id="a-function-and-the-answer-with-its-result",
        ),
        pytest.param(
            (began(1.0), PROCESSED, called(), returned(1.5), ended(2.0), began(3.5), PROCESSED, ended(4.0)),
            [AgentInvoked("LLM", "m", 3.0)],
            id="a-function-that-is-faster-than-its-response",
        ),
        pytest.param(
            (began(1.0), PROCESSED, called(), ended(2.0), returned(3.0, answers=False)),
            [AgentInvoked("LLM", "m", 2.0)],
            id="a-function-whose-result-is-not-answered",
        ),
        pytest.param(
            (
                *(began(1.0), PROCESSED, called("a"), called("b"), ended(2.0)),
                *(returned(2.5, "a"), returned(3.0, "b"), began(3.0), PROCESSED, ended(5.0)),
            ),
            [AgentInvoked("LLM", "m", 4.0)],
            id="two-functions",
        ),
        pytest.param((began(1.0), PROCESSED, INTERRUPTED, ended(2.0)), [], id="cut-off"),
        pytest.param(
            (began(1.0), PROCESSED, INTERRUPTED, ended(2.0), began(3.0), PROCESSED, ended(4.0)),
            [AgentInvoked("LLM", "m", 1.0)],
            id="the-next-after-a-cut",
        ),
        pytest.param(
            (began(1.0), lambda it: it.failed("429"), PROCESSED, ended(1.5), began(2.0), PROCESSED, ended(3.0)),
            [AgentInvoked("LLM", "m", 0.5, "429"), AgentInvoked("LLM", "m", 1.0)],
            id="a-failure-is-of-its-own-request",
        ),
        pytest.param(
            (began(1.0), lambda it: it.first_byte(0.9, 1.0), ended(3.0)), [], id="a-request-from-before-its-response"
        ),
        pytest.param(
            (began(1.0), lambda it: it.first_byte(0.5, 1.5), PROCESSED, ended(3.0)),
            [AgentInvoked("LLM", "m", 2.0)],
            id="a-first-byte-within-its-response",
        ),
        pytest.param(
            (began(1.0), PROCESSED, called(), ended(2.0), CANCELLED, INTERRUPTED, began(3.0), PROCESSED, ended(4.0)),
            [AgentInvoked("LLM", "m", 1.0)],
            id="a-cut-while-its-function-runs",
        ),
        pytest.param(
            (began(1.0), PROCESSED, called(), called("d"), ended(2.0), CANCELLED, returned(3.0, "d", answers=False)),
            [AgentInvoked("LLM", "m", 2.0)],
            id="one-function-of-two-is-cancelled",
        ),
        pytest.param((returned(1.0, "unknown"),), [], id="a-result-of-nothing"),
    ],
)
def test_frames_tell_processing_chunks_and_whole_requests(steps: tuple[Step, ...], facts: list[Fact]) -> None:
    assert told(*steps) == facts


def test_service_that_hears_and_speaks_gives_no_durations() -> None:
    answered = ModelAnswered("LLM", "m", "LLM#0")
    assert told(began(1.0), chunk(1.5), chunk(2.0), ended(9.0), duplex=True) == [answered]
    assert told(began(1.0), chunk(1.5), INTERRUPTED, ended(2.0), duplex=True) == []


def test_error_outside_a_response_is_none_of_a_response() -> None:
    inferences = Inferences("LLM", "LLM#0", duplex=False)
    assert not inferences.failed("401")
    inferences.began(1.0)
    assert inferences.failed("429")
