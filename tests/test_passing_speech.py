"""Where a voice's frames are read as they pass, and where the voice itself is listened to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from pipecat.pipeline.parallel_pipeline import ParallelPipeline
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.service_switcher import ServiceSwitcher, ServiceSwitcherStrategyManual
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.ai_service import AIService
from pipecat.services.llm_service import LLMService
from pipecat.services.tts_service import TTSService

from tests.scripted import SHORT, run_call
from tests.scripted_providers import Bench, Mouth, Speaker
from tests.virtual_time import in_virtual_time, measure_in_virtual_time
from voice_metrics.pipecat.passing_speech import passing_speech
from voice_metrics.pipecat.workers import processors_of
from voice_metrics.processor import VoiceMetricsProcessor

Arrange = Callable[[FrameProcessor], list[FrameProcessor]]


def mouth() -> Mouth:
    return Mouth(Bench(SHORT))


def speaker() -> Speaker:
    return Speaker(Bench(SHORT))


def switcher() -> ServiceSwitcher:
    return ServiceSwitcher([mouth(), mouth()], ServiceSwitcherStrategyManual)


@pytest.mark.parametrize(
    ("arrange", "expected"),
    [
        pytest.param(lambda meter: [mouth(), meter, speaker()], True, id="before-the-output"),
        pytest.param(lambda meter: [Pipeline([mouth(), meter]), speaker()], True, id="in-a-pipeline-of-its-own"),
        pytest.param(lambda meter: [switcher(), meter, speaker()], True, id="behind-a-voice-and-its-spare"),
        pytest.param(lambda meter: [mouth(), speaker(), meter], False, id="behind-the-output"),
        pytest.param(lambda meter: [meter, mouth(), speaker()], False, id="in-front-of-the-voice"),
        pytest.param(lambda meter: [meter, speaker()], False, id="without-a-voice"),
        pytest.param(lambda meter: [mouth(), AIService(), meter, speaker()], False, id="behind-an-avatar"),
        pytest.param(lambda meter: [AIService(), mouth(), meter, speaker()], True, id="behind-a-memory-and-a-voice"),
        pytest.param(
            lambda meter: [ParallelPipeline([mouth()], [mouth()]), meter, speaker()], False, id="behind-two-voices"
        ),
        pytest.param(
            lambda meter: [ParallelPipeline([mouth()], [meter]), speaker()], False, id="beside-the-voices-branch"
        ),
        pytest.param(
            lambda meter: [ParallelPipeline([mouth(), meter], [switcher()]), speaker()], False, id="a-voice-elsewhere"
        ),
    ],
)
def test_speech_passes_in_time_behind_the_one_voice_and_before_the_output(arrange: Arrange, expected: bool) -> None:
    async def passes() -> bool:
        meter = VoiceMetricsProcessor()
        root = Pipeline(arrange(meter))
        processors = list(processors_of(root))
        speech = passing_speech(root, processors, meter, lambda event, source: None, lambda: 0.0)
        return speech is not None

    assert asyncio.run(passes()) is expected


@pytest.mark.parametrize(("place", "of_voice"), [("before_output", 0), ("after_output", 1), ("at_end", 1)])
@in_virtual_time
async def test_one_listener_at_the_model_and_none_at_a_voice_that_passes_in_time(place: str, of_voice: int) -> None:
    makers: list[FrameProcessor] = []

    def remember(processors: list[FrameProcessor]) -> list[FrameProcessor]:
        makers.extend(processors)
        return processors

    metrics = VoiceMetricsProcessor()
    measure_in_virtual_time(metrics)
    await run_call(SHORT, around=remember, **{place: [metrics]})

    listeners = {
        type(maker).__name__: len(maker._event_handlers["on_before_push_frame"].handlers)
        for maker in makers
        if isinstance(maker, LLMService | TTSService)
    }
    assert listeners == {"Mind": 1, "Mouth": of_voice}
