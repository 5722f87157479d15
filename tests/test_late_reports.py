"""Characters of a voice that reports them behind its audio count once, however the text ends."""

from __future__ import annotations

import aiohttp
import pytest
from pipecat.frames.frames import ErrorFrame, InterruptionFrame, TTSSpeakFrame
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.inworld.tts import InworldHttpTTSService

from tests.local_providers import FakeInworld
from tests.test_services_of_a_call import PLACES, Measure, call
from tests.waiting import until

pytestmark = pytest.mark.slow

WHOLE, ENDLESS = "Nine is free.", "Or ten, or eleven, or…"


async def measured(place: str, server: FakeInworld, ends: tuple[str, ...]) -> Measure:
    measure = Measure(place)
    async with aiohttp.ClientSession() as session:
        voice = InworldHttpTTSService(
            api_key="x", aiohttp_session=session, settings=InworldHttpTTSService.Settings(model="inworld-tts-2")
        )
        voice._base_url = server.url

        async def drive(worker: PipelineWorker) -> None:
            for end in ends:
                sent = len(server.texts)
                await worker.queue_frame(TTSSpeakFrame(WHOLE if end == "whole" else ENDLESS))
                await until(lambda sent=sent: len(server.texts) > sent)
                match end:
                    case "barge-in":
                        await worker.queue_frame(InterruptionFrame())
                    case "cancel":
                        await worker.cancel()

        await call(measure, [voice], drive)
    return measure


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("end", ["whole", "barge-in", "cancel"])
async def test_characters_reported_behind_their_audio_count_once(place: str, end: str) -> None:
    async with FakeInworld() as server:
        measure = await measured(place, server, (end,))

    assert measure.summary["tts"]["characters"] == server.characters > 0
    assert measure.summary["cost"]["unpriced"] == []


async def test_characters_of_whole_and_cut_texts_add_up() -> None:
    async with FakeInworld() as server:
        measure = await measured("before_output", server, ("barge-in", "whole", "barge-in", "whole"))

    assert measure.summary["tts"]["characters"] == server.characters == 2 * len(WHOLE + ENDLESS)


async def test_text_that_the_voice_refuses_costs_nothing() -> None:
    measure = Measure("before_output")
    async with FakeInworld() as server, aiohttp.ClientSession() as session:
        voice = InworldHttpTTSService(api_key="x", aiohttp_session=session)
        voice._base_url = server.url + "s"

        async def drive(worker: PipelineWorker) -> None:
            await worker.queue_frame(TTSSpeakFrame(WHOLE))
            await until(lambda: measure.summary["errors"] > 0)

        await call(measure, [voice], drive)

    assert measure.summary["tts"]["characters"] is None


async def test_error_of_another_processor_leaves_the_text() -> None:
    measure = Measure("before_output")
    async with FakeInworld() as server, aiohttp.ClientSession() as session:
        voice = InworldHttpTTSService(api_key="x", aiohttp_session=session)
        voice._base_url = server.url

        async def drive(worker: PipelineWorker) -> None:
            await worker.queue_frame(TTSSpeakFrame(ENDLESS))
            await until(lambda: server.texts)
            error = ErrorFrame("the line is bad", processor=measure.at("before_output")[0])
            await voice.queue_frame(error, FrameDirection.UPSTREAM)
            await until(lambda: measure.summary["errors"] > 0)
            await worker.queue_frame(InterruptionFrame())

        await call(measure, [voice], drive)

    assert measure.summary["tts"]["characters"] == len(ENDLESS)
