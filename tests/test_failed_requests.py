"""A request that failed has no first byte, although Pipecat goes on measuring it or ends the measurement at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pipecat.frames.frames import TTSSpeakFrame
from pipecat.pipeline.worker import PipelineWorker
from pipecat.services.cartesia.tts import CartesiaTTSService
from websockets.asyncio.server import ServerConnection, serve

from tests.local_providers import Answer, FakeOpenAI
from tests.test_services_of_a_call import PLACES, Measure, answered, ask, call, openai

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("place", PLACES)
async def test_a_refused_request_is_not_cut_by_the_next_interruption(place: str) -> None:
    measure = Measure(place)
    async with FakeOpenAI(Answer(status=429)) as server:
        llm = openai(server)
        over = answered(llm)

        async def drive(worker: PipelineWorker) -> None:
            await ask(worker, over)
            await llm.broadcast_interruption()

        await call(measure, [llm], drive)
    ttfb = measure.summary["ttfb"]["by_service"]["llm"]
    assert (ttfb["count"], ttfb["interrupted"]) == (0, 0)
    assert measure.attributes("voice.ttfb.milliseconds", "service") == []


@asynccontextmanager
async def refusing_voice() -> AsyncIterator[str]:
    """Cartesia's protocol, which answers each text with an error."""

    async def refuse(connection: ServerConnection) -> None:
        async for message in connection:
            context = json.loads(message)["context_id"]
            await asyncio.sleep(0.05)
            await connection.send(json.dumps({"type": "error", "context_id": context, "error": "quota", "done": True}))

    async with serve(refuse, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("place", PLACES)
async def test_a_voice_that_answers_with_an_error_has_no_first_byte(place: str) -> None:
    measure, failed = Measure(place), asyncio.Event()
    async with refusing_voice() as url:
        voice = CartesiaTTSService(
            api_key="x", url=url, settings=CartesiaTTSService.Settings(voice="v", model="sonic-3")
        )
        voice.add_event_handler("on_error", lambda service, frame: failed.set())

        async def drive(worker: PipelineWorker) -> None:
            await worker.queue_frame(TTSSpeakFrame("Hello."))
            await asyncio.wait_for(failed.wait(), 10)

        await call(measure, [voice], drive)
    ttfb = measure.summary["ttfb"]["by_service"]["tts"]
    assert (ttfb["count"], ttfb["interrupted"]) == (0, 0)
    assert measure.summary["errors"] >= 1
