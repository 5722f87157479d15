"""Turns that a realtime service ends by its own detector: the silence that it waits for is no speech."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import pytest
from pipecat.frames.frames import (
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.worker import PipelineWorker
from pipecat.services.azure.realtime.llm import AzureRealtimeLLMService
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService

from tests.scripted_providers import CHUNK, SAMPLE_RATE
from tests.test_services_of_a_call import PLACES, Measure, call
from tests.virtual_time import in_virtual_time, measure_in_virtual_time
from voice_metrics.pipecat.own_detectors import silence_seconds


class Realtime(OpenAIRealtimeLLMService):
    """Pipecat's service, which is not connected."""

    async def _connect(self) -> None:
        pass

    async def hear(self, *, detected: bool) -> None:
        """Hear the caller for a second, and half a second of silence."""
        await self._handle_evt_speech_started(None)
        if detected:
            await self.broadcast_frame(VADUserStartedSpeakingFrame)
        await asyncio.sleep(1.2)
        if detected:
            await self.broadcast_frame(VADUserStoppedSpeakingFrame, stop_secs=0.2)
        await asyncio.sleep(0.3)
        await self._handle_evt_speech_stopped(None)

    async def answer(self) -> None:
        """Speak for half a second."""
        frames = [LLMFullResponseStartFrame(), TTSStartedFrame(), *(TTSAudioRawFrame(CHUNK, SAMPLE_RATE, 1),) * 25]
        for frame in (*frames, TTSStoppedFrame(), LLMFullResponseEndFrame()):
            await self.push_frame(frame)
        await asyncio.sleep(2.0)


@in_virtual_time
async def _summary(place: str, *, detected: bool) -> dict[str, Any]:
    measure, model = Measure(place), Realtime(api_key="x")
    measure_in_virtual_time(measure.it)

    async def talk(worker: PipelineWorker) -> None:
        await model.hear(detected=detected)
        await asyncio.sleep(0.4)
        await model.answer()

    await call(measure, [model], talk)
    return measure.summary


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("detected", [False, True])
def test_the_caller_waits_from_the_begin_of_the_silence(place: str, detected: bool) -> None:
    summary = _summary(place, detected=detected)
    assert summary["response"]["count"] == 1
    assert summary["response"]["average_ms"] == pytest.approx(900, abs=25)
    assert summary["floor"]["caller"] == pytest.approx(1.0, abs=0.025)
    assert summary["turns"]["unanswered"] == 0


def _hearing(detection: Any) -> Any:
    settings = OpenAIRealtimeLLMService.Settings
    heard = events.AudioConfiguration(input=events.AudioInput(turn_detection=detection))
    return settings(session_properties=events.SessionProperties(audio=heard))


@pytest.mark.parametrize(
    ("detection", "seconds"),
    [
        pytest.param(None, 0.5, id="default"),
        pytest.param(events.TurnDetection(silence_duration_ms=700), 0.7, id="set"),
        pytest.param(events.SemanticTurnDetection(), None, id="semantic"),
        pytest.param(False, None, id="off"),
    ],
)
def test_silence_before_the_end_of_a_turn_is_that_of_the_settings(detection: Any, seconds: float | None) -> None:
    assert silence_seconds(OpenAIRealtimeLLMService(api_key="x", settings=_hearing(detection))) == seconds
    assert silence_seconds(OpenAIRealtimeLLMService(api_key="x")) == 0.5
    url = "wss://a.openai.azure.com/openai/realtime?deployment=gpt-realtime"
    assert silence_seconds(AzureRealtimeLLMService(api_key="x", base_url=url)) == 0.5


def test_silence_of_a_service_that_names_none_is_unknown() -> None:
    xai = pytest.importorskip("pipecat.services.xai.realtime.llm", reason="this Pipecat has no such service")
    grok = importlib.import_module("pipecat.services.xai.realtime.events")
    if "silence_duration_ms" not in grok.TurnDetection.model_fields:
        pytest.skip("this Pipecat's service names no silence")
    make, settings = xai.GrokRealtimeLLMService, xai.GrokRealtimeLLMService.Settings

    def silence(milliseconds: int | None) -> float | None:
        detection = grok.TurnDetection(silence_duration_ms=milliseconds)
        properties = grok.SessionProperties(turn_detection=detection)
        return silence_seconds(make(api_key="x", settings=settings(session_properties=properties)))

    assert silence(300) == 0.3
    assert silence(None) is None
