"""A recogniser of segments: what its provider refuses is not billed, and no work lasts until the next interruption."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
import pytest
from aiohttp import web
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.metrics import metrics as pipecat_metrics
from pipecat.pipeline.worker import PipelineWorker
from pipecat.services.elevenlabs.stt import ElevenLabsSTTService
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.services.stt_service import STTService

from tests.local_providers import Provider
from tests.test_services_of_a_call import PLACES, Measure, call
from tests.waiting import until

pytestmark = pytest.mark.slow

REPORTS_AUDIO = pytest.mark.skipif(
    not hasattr(pipecat_metrics, "STTUsageMetricsData"), reason="this Pipecat reports no audio"
)
SECONDS, RATE = 0.2, 16000


class FakeEar(Provider):
    """Transcribes each segment as its script says: the words, or the status with which it refuses."""

    def __init__(self, *does: str | int) -> None:
        super().__init__("POST", "/{path:.*}", self._hear, "http://127.0.0.1:{port}")
        self._does = iter(does)
        self.answers = 0

    async def _hear(self, request: web.Request) -> web.Response:
        await request.read()
        self.answers += 1
        does = next(self._does)
        if isinstance(does, int):
            return web.json_response({"error": "no"}, status=does, headers={"x-should-retry": "false"})
        return web.json_response({"text": does, "language_code": "eng"})


async def speak(worker: PipelineWorker) -> None:
    await worker.queue_frame(VADUserStartedSpeakingFrame())
    for _ in range(round(SECONDS / 0.02)):
        await worker.queue_frame(InputAudioRawFrame(bytes(RATE // 50 * 2), RATE, 1))
    await worker.queue_frame(VADUserStoppedSpeakingFrame(stop_secs=0.2))


def openai(url: str, session: aiohttp.ClientSession) -> STTService:
    return OpenAISTTService(api_key="x", base_url=f"{url}/v1", settings=OpenAISTTService.Settings(model="whisper-1"))


def elevenlabs(url: str, session: aiohttp.ClientSession) -> STTService:
    return ElevenLabsSTTService(api_key="x", base_url=url, aiohttp_session=session)


async def heard(
    place: str, service: Callable[[str, aiohttp.ClientSession], STTService], *does: str | int, interrupt: bool = False
) -> Measure:
    """Measure a call in which the caller speaks a segment for each thing that the provider does."""
    measure, pushed = Measure(place), list[type[Frame]]()
    async with FakeEar(*does) as server, aiohttp.ClientSession() as session:
        ear = service(server.url, session)
        ear.add_event_handler("on_before_push_frame", lambda ear, frame: pushed.append(type(frame)))

        async def drive(worker: PipelineWorker) -> None:
            for number, what in enumerate(does, 1):
                await speak(worker)
                await until(lambda number=number: server.answers == number)
                if what:
                    await until(lambda: {TranscriptionFrame, ErrorFrame} & {*pushed})
                pushed.clear()
                if interrupt:
                    await worker.queue_frame(InterruptionFrame())

        await call(measure, [ear], drive)
    return measure


@REPORTS_AUDIO
@pytest.mark.parametrize("place", PLACES)
async def test_segment_that_a_provider_refuses_costs_nothing(place: str) -> None:
    (alone, both, refused) = [await heard(place, openai, *does) for does in (["hi"], ["hi", 429], [429])]

    assert alone.summary["stt"]["audio_seconds"] == both.summary["stt"]["audio_seconds"] > SECONDS
    assert alone.summary["cost"]["stt_usd"] == both.summary["cost"]["stt_usd"] > 0
    assert refused.summary["stt"]["audio_seconds"] is None
    assert refused.store.of("voice.stt.audio.seconds") == []


@REPORTS_AUDIO
async def test_segment_without_words_is_billed() -> None:
    words, none = [await heard("before_output", elevenlabs, *does) for does in (["hi", "hi"], ["", "hi"])]

    assert none.summary["stt"]["audio_seconds"] == words.summary["stt"]["audio_seconds"]


@pytest.mark.parametrize("place", PLACES)
async def test_segment_without_words_does_not_last_until_the_next_interruption(place: str) -> None:
    measure = await heard(place, elevenlabs, "", interrupt=True)

    processing = measure.summary["processing"]["by_service"]["stt"]
    assert (processing["count"], processing["interrupted"]) == (0, 1)


async def test_segment_with_words_counts_beside_the_interruption_that_they_cause() -> None:
    measure = await heard("before_output", openai, "hi", interrupt=True)

    processing = measure.summary["processing"]["by_service"]["stt"]
    assert (processing["count"], processing["interrupted"]) == (1, 0)
