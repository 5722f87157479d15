"""A voice that begins a speech while it works on another one has no first byte of it: Pipecat's is that of either."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from pipecat.frames.frames import Frame, MetricsFrame, TTSSpeakFrame
from pipecat.metrics import metrics as pipecat_metrics
from pipecat.pipeline.worker import PipelineWorker
from pipecat.services.cartesia.tts import CartesiaTTSService
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.services.soniox.tts import SonioxTTSService
from pipecat.services.tts_service import TTSService
from websockets.asyncio.server import ServerConnection, serve

from tests.local_providers import Provider
from tests.test_services_of_a_call import PLACES, Measure, call
from tests.waiting import until

pytestmark = pytest.mark.slow

MEASURES_AUDIO = hasattr(pipecat_metrics, "TTFAMetricsData")  # since 1.5
# A tenth of a second of noise.
AUDIO = bytes([0, 32, 0, 224] * 1200)
LONG, SHORT, LAST = "Nine, ten and eleven are free.", "Are you there?", "Goodbye."


def cartesia_text(message: dict[str, Any]) -> tuple[str, str]:
    return message["context_id"], message.get("transcript", "")


def cartesia_audio(speech: str) -> dict[str, Any]:
    return {"type": "chunk", "context_id": speech, "data": base64.b64encode(AUDIO).decode()}


def cartesia_end(speech: str) -> dict[str, Any]:
    return {"type": "done", "context_id": speech}


def cartesia(url: str) -> TTSService:
    return CartesiaTTSService(api_key="x", url=url, settings=CartesiaTTSService.Settings(voice="v", model="sonic-3"))


def soniox_text(message: dict[str, Any]) -> tuple[str, str]:
    return message.get("stream_id", ""), message.get("text", "")


def soniox_audio(speech: str) -> dict[str, Any]:
    return {"stream_id": speech, "audio": base64.b64encode(AUDIO).decode()}


def soniox_end(speech: str) -> dict[str, Any]:
    return {"stream_id": speech, "terminated": True}


def soniox(url: str) -> TTSService:
    return SonioxTTSService(api_key="x", url=url, settings=SonioxTTSService.Settings(voice="v", model="tts-rt"))


CARTESIA = (cartesia, cartesia_text, cartesia_audio, cartesia_end)
SONIOX = (soniox, soniox_text, soniox_audio, soniox_end)


@asynccontextmanager
async def slow_voice(
    text_of: Callable[[dict[str, Any]], tuple[str, str]],
    audio_of: Callable[[str], dict[str, Any]],
    end_of: Callable[[str], dict[str, Any]],
) -> AsyncIterator[str]:
    """A provider that goes on with its first text until it is sent another one, and begins that one behind it."""

    async def speak(connection: ServerConnection) -> None:
        first = ""
        async for message in connection:
            speech, text = text_of(json.loads(message))
            answers = {LONG: (audio_of(speech),), SHORT: (audio_of(first), end_of(first)), LAST: ()}.get(text.strip())
            if answers is not None:
                first = first or speech
                ends = () if speech == first else (audio_of(speech), end_of(speech))
                for answer in (*answers, *ends):
                    await connection.send(json.dumps(answer))

    async with serve(speak, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


def reports(voice: TTSService) -> list[str]:
    """Class names of the measurements that a voice reports, without the zeros at the start."""
    reported: list[str] = []

    def note(voice: TTSService, frame: Frame) -> None:
        if isinstance(frame, MetricsFrame):
            reported.extend(type(item).__name__ for item in frame.data if getattr(item, "value", 1))

    voice.add_event_handler("on_before_push_frame", note)
    return reported


@pytest.mark.parametrize(
    ("protocol", "place"),
    [*((CARTESIA, place) for place in PLACES), (SONIOX, "before_output")],
    ids=[*(f"cartesia-{place}" for place in PLACES), "soniox"],
)
async def test_speech_beside_another_one_has_no_first_byte(protocol: Any, place: str) -> None:
    measure, (service, *answers) = Measure(place), protocol
    async with slow_voice(*answers) as url:
        voice = service(url)
        reported = reports(voice)

        async def drive(worker: PipelineWorker) -> None:
            await worker.queue_frame(TTSSpeakFrame(LONG))
            await until(lambda: "TTFBMetricsData" in reported)
            await asyncio.sleep(0.05)
            await worker.queue_frame(TTSSpeakFrame(SHORT))
            await until(lambda: reported.count("TTFBMetricsData") == 2)
            await until(lambda: not voice.get_audio_contexts())
            await worker.queue_frame(TTSSpeakFrame(LAST))
            await until(lambda: reported.count("TTFBMetricsData") == 3)

        await call(measure, [voice], drive)

    assert measure.summary["ttfb"]["by_service"]["tts"]["count"] == 2
    if MEASURES_AUDIO:
        assert reported.count("TTFAMetricsData") == 3
        assert sum(point.count for point in measure.store.of("voice.ttfa.milliseconds")) == 2


class FakeVoice(Provider):
    """Speaks OpenAI's HTTP protocol of a voice."""

    def __init__(self) -> None:
        super().__init__("POST", "/v1/audio/speech", self._speak, "http://127.0.0.1:{port}/v1")

    async def _speak(self, request: web.Request) -> web.Response:
        return web.Response(body=AUDIO)


async def test_speeches_over_http_have_a_first_byte_each() -> None:
    measure = Measure("before_output")
    async with FakeVoice() as server:
        voice = OpenAITTSService(api_key="x", base_url=server.url)
        reported = reports(voice)

        async def drive(worker: PipelineWorker) -> None:
            for _ in range(5):
                await worker.queue_frame(TTSSpeakFrame(SHORT))
            await until(lambda: reported.count("TTSUsageMetricsData") == 5)

        await call(measure, [voice], drive)

    assert measure.summary["ttfb"]["by_service"]["tts"]["count"] == reported.count("TTFBMetricsData") == 5
