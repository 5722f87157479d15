"""Which measurements of a service that failed are true."""

from __future__ import annotations

from typing import Any, cast

import pytest

from voice_metrics.call.fact_outputs import FactOutputs
from voice_metrics.call.facts import Fact, FirstByte, TextAggregated
from voice_metrics.call.holdback import Cut
from voice_metrics.call.measurements import Measurements
from voice_metrics.call.proofs import Proof
from voice_metrics.pipecat.services import leg_of_name

MODEL, VOICE, EAR = "OpenAILLMService", "CartesiaTTSService", "DeepgramSTTService"


class Recorded:
    """What is recorded."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def record(self, fact: Fact, at: float, span: Any = None) -> None:
        self.facts.append(fact)


def first_byte(processor: str, seconds: float) -> FirstByte:
    return FirstByte(processor, None, seconds, instance=f"{processor}#0")


def recorded(processor: str, *, measured_at: float, failed_at: float, interrupted_at: float | None) -> list[Fact]:
    """A request that began at 1.0, its measurement, and an error of its service."""
    outputs = Recorded()
    measurements = Measurements(cast(FactOutputs, outputs), leg_of_name)
    moments = {"measured": measured_at, "failed": failed_at, "interrupted": interrupted_at or 9.0}
    for what, at in sorted(moments.items(), key=lambda moment: moment[1]):
        if what == "measured":
            measurements.add(first_byte(processor, at - 1.0), at, None, None, 0)
        elif what == "failed":
            measurements.broke_off(processor, f"{processor}#0", at)
        elif interrupted_at is not None:
            measurements.interrupted(at, None)
    measurements.flush(10.0)
    return outputs.facts


@pytest.mark.parametrize(
    ("processor", "measured_at", "failed_at", "interrupted_at"),
    [
        pytest.param(MODEL, 3.0, 1.5, 3.001, id="model-measured-until-the-interruption"),
        pytest.param(VOICE, 3.0, 1.5, 3.001, id="voice-measured-until-the-interruption"),
        pytest.param(VOICE, 1.5, 1.501, None, id="voice-measured-until-just-before-its-error"),
        pytest.param(VOICE, 1.501, 1.5, None, id="voice-measured-until-just-after-its-error"),
        pytest.param(EAR, 1.501, 1.5, None, id="recogniser-measured-until-just-after-its-error"),
    ],
)
def test_a_failed_request_has_no_first_byte(
    processor: str, measured_at: float, failed_at: float, interrupted_at: float | None
) -> None:
    assert recorded(processor, measured_at=measured_at, failed_at=failed_at, interrupted_at=interrupted_at) == []


@pytest.mark.parametrize(
    ("processor", "measured_at", "failed_at"),
    [
        pytest.param(MODEL, 2.0, 1.5, id="model-while-it-failed-to-sum-a-context-up"),
        pytest.param(MODEL, 1.5, 1.501, id="model-that-failed-right-behind-it"),
        pytest.param(VOICE, 2.0, 1.5, id="voice-while-an-earlier-sentence-failed"),
        pytest.param(VOICE, 1.5, 0.9, id="voice-that-failed-before"),
    ],
)
def test_a_first_byte_in_its_time_is_true(processor: str, measured_at: float, failed_at: float) -> None:
    (fact,) = recorded(processor, measured_at=measured_at, failed_at=failed_at, interrupted_at=None)
    assert fact == first_byte(processor, measured_at - 1.0)


@pytest.mark.parametrize(
    ("processor", "number", "cut", "is_cut"),
    [
        pytest.param(MODEL, 7, Cut(5), True, id="made-behind-it"),
        pytest.param(MODEL, 4, Cut(5), False, id="made-before-it"),
        pytest.param(MODEL, 7, Cut(5, f"{MODEL}#0"), True, id="its-service-passes-it-on"),
        pytest.param(MODEL, 7, Cut(5, f"{VOICE}#0"), False, id="another-service-passes-it-on"),
        pytest.param("GladiaSTTService", 7, Cut(5), False, id="recognition-is-never-cut"),
        pytest.param(MODEL, 7, None, False, id="no-interruption"),
    ],
)
def test_latency_that_is_read_late_is_marked_by_the_interruption_behind_it(
    processor: str, number: int, cut: Cut | None, is_cut: bool
) -> None:
    outputs = Recorded()
    measurements = Measurements(cast(FactOutputs, outputs), leg_of_name)
    measurements.add(first_byte(processor, 0.5), 1.0, None, 1.2, number, cut)
    assert [fact.interrupted for fact in outputs.facts if isinstance(fact, FirstByte)] == [is_cut]


def test_a_failed_request_whose_latency_is_disproved_late_has_no_first_byte() -> None:
    outputs = Recorded()
    measurements = Measurements(cast(FactOutputs, outputs), leg_of_name)
    measurements.broke_off(MODEL, f"{MODEL}#0", 1.5)
    measurements.proved(7, Proof.OPEN, 3.0)
    measurements.add(first_byte(MODEL, 2.0), 3.0, None, 3.0, 7)
    measurements.proved(7, Proof.FALSE, 3.3)
    measurements.flush(10.0)
    assert outputs.facts == []


@pytest.mark.parametrize("read_late", [False, True])
@pytest.mark.parametrize(("number", "count"), [(4, 1), (7, 0)])
def test_text_that_was_collected_until_an_interruption_has_no_time(number: int, count: int, read_late: bool) -> None:
    outputs = Recorded()
    measurements = Measurements(cast(FactOutputs, outputs), leg_of_name)
    fact = TextAggregated(VOICE, 0.5, instance=f"{VOICE}#0")
    if read_late:
        measurements.add(fact, 1.0, None, 1.2, number, Cut(5))
    else:
        measurements.add(fact, 1.0, None, 1.0, number)
        measurements.interrupted(1.001, 5)
    assert outputs.facts == [fact] * count


@pytest.mark.parametrize(
    ("audio_at", "count"),
    [pytest.param(None, 0, id="without-audio"), pytest.param(3.001, 1, id="slower-than-pipecat-awaits")],
)
def test_a_failed_voice_has_a_first_byte_at_the_end_if_audio_follows(audio_at: float | None, count: int) -> None:
    outputs = Recorded()
    measurements = Measurements(cast(FactOutputs, outputs), leg_of_name)
    measurements.broke_off(VOICE, f"{VOICE}#0", 1.5)
    measurements.line_closed(cut_off=False)
    measurements.add(first_byte(VOICE, 2.0), 3.0, None, 3.0, 0)
    if audio_at is not None:
        measurements.voice_made_audio(audio_at)
    measurements.flush(10.0)
    assert len(outputs.facts) == count
