"""A service that works and reports no usage is named as unpriced."""

from __future__ import annotations

import pytest

from voice_metrics.call.facts import (
    AudioTranscribed,
    CharactersSpoken,
    Fact,
    FirstByte,
    Leg,
    ModelAnswered,
    Processing,
    TokensUsed,
    Unpriced,
)
from voice_metrics.call.unreported import REASON, UnreportedUsage
from voice_metrics.pipecat.services import leg_of_name

LLM, STT, TTS = "UltravoxRealtimeLLMService", "EarSTTService", "MouthTTSService"


@pytest.mark.parametrize(
    ("facts", "unpriced"),
    [
        pytest.param([FirstByte(LLM, None, 0.2)], [Unpriced(Leg.LLM, LLM, None, REASON)], id="latency-alone"),
        pytest.param([Processing(STT, "m", 0.2)], [Unpriced(Leg.STT, STT, "m", REASON)], id="processing-alone"),
        pytest.param([FirstByte(LLM, "m", 0.2), TokensUsed(LLM, "m", 1, 1)], [], id="tokens"),
        pytest.param([AudioTranscribed(STT, "m", 1.0), FirstByte(STT, "m", 0.2)], [], id="audio"),
        pytest.param([FirstByte(TTS, "m", 0.2), CharactersSpoken(TTS, "m", 5)], [], id="characters"),
        pytest.param([FirstByte(LLM, "m", 0.2, interrupted=True)], [], id="nothing-but-a-request-that-was-cut-off"),
        pytest.param([Processing(TTS, "m", 0.2)], [], id="a-voice-without-audio"),
        pytest.param([FirstByte(TTS, "m", 0.2)], [Unpriced(Leg.TTS, TTS, "m", REASON)], id="a-voice-with-audio"),
        pytest.param([Processing(LLM, "m", 0.2, error_type="401")], [], id="nothing-but-a-refused-request"),
        pytest.param(
            [FirstByte(LLM, "m", 0.2), Processing(LLM, "m", 0.3, error_type="APIError")],
            [Unpriced(Leg.LLM, LLM, "m", REASON)],
            id="an-answer-that-broke-off",
        ),
        pytest.param([ModelAnswered(LLM, "m")], [Unpriced(Leg.LLM, LLM, "m", REASON)], id="an-answer-alone"),
        pytest.param([ModelAnswered(LLM, "m"), TokensUsed(LLM, "m", 1, 1)], [], id="an-answer-with-its-tokens"),
        pytest.param(
            [FirstByte(LLM, "m", 0.2), TokensUsed(LLM, "m", 1, 1, out_of_band=True)],
            [Unpriced(Leg.LLM, LLM, "m", REASON)],
            id="an-answer-with-the-tokens-of-a-request-beside-it",
        ),
        pytest.param([FirstByte("RAG", None, 0.2)], [], id="a-processor-that-nothing-is-paid-for"),
        pytest.param(
            [FirstByte("HeyGenVideoService", "HeyGenVideoService", 0.4)],
            [Unpriced(Leg.OTHER, "HeyGenVideoService", "HeyGenVideoService", "HeyGenVideoService reported no usage")],
            id="an-avatar",
        ),
        pytest.param(
            [Processing("LLMClassifier", "gpt-4.1-nano", 0.4)],
            [],
            id="a-classifier-whose-model-has-its-own-usage",
        ),
        pytest.param(
            [Processing("OpenAIDecisionsClassifier", "m", 0.4), TokensUsed("OpenAIDecisionsClassifier", "m", 9, 0)],
            [],
            id="a-classifier-with-its-tokens",
        ),
        pytest.param([Processing("IntentClassifier", None, 0.4)], [], id="a-classifier-of-ones-own"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_service_that_answers_and_reports_nothing_is_unpriced(facts: list[Fact], unpriced: list[Fact]) -> None:
    usage = UnreportedUsage(leg_of_name)
    for fact in facts:
        usage.add(fact)
    assert list(usage.end()) == unpriced


def test_service_of_the_same_class_does_not_report_for_its_neighbour() -> None:
    usage = UnreportedUsage(leg_of_name)
    for number in (0, 1):
        usage.add(FirstByte(LLM, f"m{number}", 0.2, instance=f"{LLM}#{number}"))
    usage.add(TokensUsed(LLM, "m0", 1, 1, instance=f"{LLM}#0"))
    assert [fact.model for fact in usage.end()] == ["m1"]
