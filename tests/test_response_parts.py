"""The named parts of a response add up to it, whatever Pipecat counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_metrics.call.facts import Responded, ResponsePart
from voice_metrics.call.response_parts import Breakdown, ResponseParts, Span, parts

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        pytest.param(
            [Span("transcription", 10.0, 0.25), Span("llm_inference", 10.25, 0.5), Span("pipeline", 10.0, 0.25)],
            {"transcription": 0.25, "llm_inference": 0.5, "pipeline": 0.25},
            id="as-pipecat-counts-them",
        ),
        pytest.param(
            [
                Span("llm_inference", 10.0, 0.25),
                Span("function_handler", 10.25, 0.5),
                Span("llm_inference", 10.75, 0.25),
            ],
            {"llm_inference": 0.5, "function_handler": 0.5},
            id="a-name-that-comes-twice-is-one-part",
        ),
        pytest.param(
            [Span("first_request", 3.0, 7.5), Span("llm_inference", 10.5, 0.5)],
            {"first_request": 0.5, "llm_inference": 0.5},
            id="counted-from-before-the-caller-fell-silent",
        ),
        pytest.param(
            [Span("llm_inference", 10.0, 0.25), Span("output_transport", 10.25, 5.0)],
            {"llm_inference": 0.25, "output_transport": 0.75},
            id="counted-beyond-the-first-audio",
        ),
        pytest.param([Span("pipeline", 10.0, 1.0)], {}, id="nothing-is-named"),
        pytest.param([], {}, id="nothing-is-counted"),
        pytest.param([Span("transcription", 10.5, 0.0)], {}, id="a-stretch-of-no-length-is-no-part"),
    ],
)
def test_parts_of_one_second(spans: list[Span], expected: dict[str, float]) -> None:
    assert {fact.part: fact.seconds for fact in parts(spans, 10.0, 11.0)} == pytest.approx(expected)


SPANS = st.lists(
    st.builds(Span, st.sampled_from(["a", "b", "pipeline"]), st.floats(0, 20), st.floats(0, 10)), max_size=8
)


@given(SPANS, st.floats(0, 20), st.floats(0, 5))
def test_parts_add_up_and_are_never_negative(spans: list[Span], since: float, seconds: float) -> None:
    told = parts(spans, since, since + seconds)

    assert all(part.seconds >= 0 for part in told)
    if told:
        assert sum(part.seconds for part in told) == pytest.approx(seconds, abs=1e-9)


SPAN = Breakdown((Span("llm_inference", 10.0, 1.0),))
PART = [ResponsePart("llm_inference", 1.0)]


def test_a_breakdown_finds_its_response_in_either_order() -> None:
    first, second = ResponseParts(), ResponseParts()

    assert first.responded(Responded(1.0), 11.0) == ()
    assert first.explained(SPAN, 11.01) == PART
    assert second.explained(SPAN, 11.0) == ()
    assert [part.part for part in second.responded(Responded(1.0), 11.0)] == ["llm_inference"]


def test_a_breakdown_of_a_greeting_explains_no_response() -> None:
    joined = ResponseParts()
    joined.explained(Breakdown((Span("first_request", 1.0, 1.0),)), 2.0)

    assert joined.responded(Responded(1.0), 11.0) == ()
    assert joined.explained(SPAN, 11.0) == PART
    assert joined.explained(SPAN, 11.1) == ()


def test_half_a_second_apart_is_still_the_same_frame() -> None:
    joined = ResponseParts()
    joined.responded(Responded(1.0), 11.0)
    assert list(joined.explained(Breakdown((Span("llm_inference", 10.0, 1.0),)), 11.5)) == [
        ResponsePart("llm_inference", 1.0)
    ]
