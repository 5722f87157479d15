"""Characters of a voice that asks for one text after another count once if the provider took them, and else never."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.worker import PipelineWorker
from pipecat.services.cartesia.tts import CartesiaHttpTTSService
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.services.tts_service import TTSService

from tests.local_providers import Provider
from tests.scripted_providers import take_sentences
from tests.test_services_of_a_call import PLACES, Measure, call
from tests.test_unreported_text import SILENT
from tests.waiting import until

pytestmark = pytest.mark.slow

RATE = 16000
TEXT, NEXT = "Nine is free, and so is ten.", "Goodbye."


class SlowProvider(Provider):
    """Answers with audio once it is let go."""

    def __init__(self) -> None:
        super().__init__("POST", "/{path:.*}", self._speak, "http://127.0.0.1:{port}")
        self.texts: list[str] = []
        self.goes_on = asyncio.Event()

    async def _speak(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.texts.append(body.get("transcript") or body["input"])
        await self.goes_on.wait()
        return web.Response(body=bytes(RATE // 25))


@asynccontextmanager
async def slow_provider() -> AsyncIterator[SlowProvider]:
    async with SlowProvider() as server:
        try:
            yield server
        finally:
            server.goes_on.set()


def cartesia(url: str) -> TTSService:
    return CartesiaHttpTTSService(
        api_key="x", base_url=url, settings=CartesiaHttpTTSService.Settings(voice="v", model="sonic-3")
    )


class Openai(OpenAITTSService):
    """Has one text, which it does not send."""

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame, None]:
        if text == NEXT:
            yield TTSAudioRawFrame(bytes(RATE // 25), RATE, 1, context_id=context_id)
            return
        async for frame in super().run_tts(text, context_id):
            yield frame


def openai(url: str) -> TTSService:
    return Openai(api_key="x", base_url=f"{url}/v1", settings=OpenAITTSService.Settings(voice="alloy", model="tts-1"))


@pytest.mark.parametrize(
    ("service", "place", "end"),
    [
        *((openai, place, "barge-in") for place in PLACES),
        (openai, "before_output", "cancel"),
        (cartesia, "before_output", "barge-in"),
    ],
)
async def test_text_whose_request_is_cut_off_counts_once(service: type[TTSService], place: str, end: str) -> None:
    measure = Measure(place)
    async with slow_provider() as server:

        async def drive(worker: PipelineWorker) -> None:
            await worker.queue_frame(TTSSpeakFrame(TEXT))
            await until(lambda: server.texts)
            await (worker.cancel() if end == "cancel" else worker.queue_frame(InterruptionFrame()))

        await call(measure, [service(server.url)], drive)

    assert server.texts == [TEXT]
    assert measure.summary["tts"]["characters"] == len(TEXT)
    assert measure.summary["cost"]["tts_usd"] > 0


@pytest.mark.parametrize("then", ["end", "barge-in"])
async def test_text_that_is_not_sent_costs_nothing(then: str) -> None:
    measure = Measure("before_output")
    async with slow_provider() as server:
        server.goes_on.set()
        voice, spoken = openai(server.url), asyncio.Event()

        def note(voice: TTSService, frame: Frame) -> None:
            if isinstance(frame, TTSAudioRawFrame):
                spoken.set()

        voice.add_event_handler("on_before_push_frame", note)

        async def drive(worker: PipelineWorker) -> None:
            await worker.queue_frame(TTSSpeakFrame(NEXT))
            await asyncio.wait_for(spoken.wait(), 10)
            await until(lambda: measure.summary["processing"]["count"])
            if then == "barge-in":
                await worker.queue_frame(InterruptionFrame())
            await worker.queue_frame(TTSSpeakFrame(TEXT))
            await until(lambda: server.texts)

        await call(measure, [voice], drive)

    assert measure.summary["tts"]["characters"] == len(TEXT)


class Hasty(OpenAITTSService):
    """Reports a text before it asks for it, as Google's and Hume's do; the provider does as it is told."""

    def __init__(self, *does: str) -> None:
        super().__init__(
            api_key="x", stop_frame_timeout_s=0.1, settings=OpenAITTSService.Settings(voice="alloy", model="tts-1")
        )
        self._does = iter(does)
        self.texts: list[str] = []

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame, None]:
        await self.start_tts_usage_metrics(text)
        self.texts.append(text)
        match next(self._does):
            case "refuses":
                yield ErrorFrame("no: 429")
            case "speaks":
                yield TTSAudioRawFrame(bytes(RATE // 25), RATE, 1, context_id=context_id)
            case "waits":
                await asyncio.Event().wait()


@pytest.mark.parametrize("place", PLACES)
async def test_text_that_a_provider_refuses_costs_nothing(place: str) -> None:
    measure, voice = Measure(place), Hasty("refuses", "speaks")

    async def drive(worker: PipelineWorker) -> None:
        await worker.queue_frame(TTSSpeakFrame(TEXT))
        await until(lambda: measure.summary["errors"])
        await worker.queue_frame(TTSSpeakFrame(NEXT))
        await until(lambda: len(voice.texts) == 2)

    await call(measure, [voice], drive)

    assert measure.summary["tts"]["characters"] == len(NEXT)
    assert measure.store.total("voice.tts.characters.total") == len(NEXT)


async def test_text_that_was_reported_counts_once_if_it_is_cut_off() -> None:
    measure, voice = Measure("before_output"), Hasty("waits", "speaks")

    async def drive(worker: PipelineWorker) -> None:
        await worker.queue_frame(TTSSpeakFrame(TEXT))
        await until(lambda: voice.texts)
        await worker.queue_frame(InterruptionFrame())
        await worker.queue_frame(TTSSpeakFrame(NEXT))
        await until(lambda: len(voice.texts) == 2)

    await call(measure, [voice], drive)

    assert measure.summary["tts"]["characters"] == len(TEXT + NEXT)


@SILENT
async def test_text_that_a_provider_took_and_never_spoke_counts() -> None:
    measure, voice = Measure("before_output"), Hasty("is silent")

    async def drive(worker: PipelineWorker) -> None:
        await worker.queue_frame(TTSSpeakFrame(TEXT))
        await until(lambda: measure.summary["errors"])

    await call(measure, [voice], drive)

    assert measure.summary["tts"]["characters"] == len(TEXT)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("end", ["whole", "barge-in"])
async def test_text_that_is_cut_off_while_it_is_collected_has_no_time(place: str, end: str) -> None:
    measure, voice, collecting = Measure(place), Hasty("speaks"), asyncio.Event()
    voice.add_event_handler(
        "on_after_process_frame",
        lambda voice, frame: collecting.set() if isinstance(frame, LLMTextFrame) else None,
    )
    take_sentences(voice)

    async def drive(worker: PipelineWorker) -> None:
        await worker.queue_frames([LLMFullResponseStartFrame(), LLMTextFrame("Nine is ")])
        await asyncio.wait_for(collecting.wait(), 10)
        await worker.queue_frame(InterruptionFrame() if end == "barge-in" else LLMFullResponseEndFrame())

    await call(measure, [voice], drive)

    assert sum(point.count for point in measure.store.of("voice.text_aggregation.milliseconds")) == (end == "whole")
