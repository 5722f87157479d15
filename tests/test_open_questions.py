"""A speech-to-speech service whose connection ends while a question is open has not answered it."""

from __future__ import annotations

import asyncio
import base64

import pytest
from pipecat.frames.frames import LLMRunFrame, TTSStartedFrame
from pipecat.pipeline.worker import PipelineWorker
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService

from tests.local_providers import RealtimeProvider
from tests.test_services_of_a_call import PLACES, Measure, call, pushed

pytestmark = pytest.mark.slow

AUDIO = base64.b64encode(b"\x00\x40" * 240).decode()
DETAILS = {"cached_tokens": 0, "text_tokens": 5, "audio_tokens": 5}
USAGE = {
    "total_tokens": 20,
    "input_tokens": 10,
    "output_tokens": 10,
    "input_token_details": DETAILS,
    "output_token_details": DETAILS,
}
# Of one question, from its response's start.
UNANSWERED, FIRST_AUDIO, WHOLE = 0, 1, 2


class FakeRealtime(RealtimeProvider):
    """OpenAI's realtime interface, which answers one question after another so far.

    Args:
        answers: Its progress with each question; the last one is for all later ones.
    """

    def __init__(self, *answers: int) -> None:
        super().__init__()
        self.asked = asyncio.Semaphore(0)
        self._answers = list(answers)

    async def hears_a_question(self) -> None:
        """Detect a turn of the caller in the latest connection, and answer it."""
        await self.tell("input_audio_buffer.speech_started", audio_start_ms=0, item_id="u")
        await asyncio.sleep(0.5)  # longer than an interruption marks what follows
        await self.tell("input_audio_buffer.speech_stopped", audio_end_ms=500, item_id="u")
        await self._respond()

    async def connected(self) -> None:
        await self.tell("session.created", session={})

    async def heard(self, kind: str) -> None:
        match kind:
            case "session.update":
                await self.tell("session.updated", session={})
            case "response.create":
                await self._respond()

    async def _respond(self) -> None:
        progress = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        self.asked.release()
        if progress >= FIRST_AUDIO:
            await asyncio.sleep(0.05)
            place = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
            await self.tell("response.output_audio.delta", delta=AUDIO, **place)
        if progress >= WHOLE:
            response = {"id": "r", "object": "realtime.response", "status": "completed", "status_details": None}
            await self.tell("response.done", response={**response, "output": [], "usage": USAGE})


def realtime(provider: FakeRealtime) -> OpenAIRealtimeLLMService:
    return OpenAIRealtimeLLMService(api_key="x", base_url=provider.url)


def voiced(llm: OpenAIRealtimeLLMService) -> asyncio.Event:
    """Set when the service begins to speak."""
    return pushed(llm, TTSStartedFrame)


def counts(measure: Measure, kind: str) -> tuple[int, int]:
    """The model's true latencies of a kind, and its interrupted ones."""
    found = measure.summary[kind]["by_service"]["llm"]
    return found["count"], found["interrupted"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("progress", "ttfb", "processing"),
    [
        pytest.param(UNANSWERED, (0, 1), (0, 1), id="unanswered"),
        pytest.param(FIRST_AUDIO, (1, 0), (0, 1), id="half-answered"),
        pytest.param(WHOLE, (1, 0), (1, 0), id="answered"),
    ],
)
async def test_end_of_a_call_is_no_first_byte(
    place: str, progress: int, ttfb: tuple[int, int], processing: tuple[int, int]
) -> None:
    measure = Measure(place)

    async def ask(worker: PipelineWorker) -> None:
        await worker.queue_frame(LLMRunFrame())
        await asyncio.wait_for(provider.asked.acquire(), 60)
        if progress:
            await asyncio.wait_for(begun.wait(), 60)
        await asyncio.sleep(0.3)  # longer than latencies are held back

    async with FakeRealtime(progress) as provider:
        llm = realtime(provider)
        begun = voiced(llm)
        await call(measure, [llm], ask)
    assert (counts(measure, "ttfb"), counts(measure, "processing")) == (ttfb, processing)
    assert measure.summary["end_reason"] == "completed"


@pytest.mark.parametrize("place", PLACES)
async def test_new_connection_is_no_first_byte(place: str) -> None:
    measure = Measure(place)

    async def ask(worker: PipelineWorker) -> None:
        await worker.queue_frame(LLMRunFrame())
        await asyncio.wait_for(provider.asked.acquire(), 60)
        await asyncio.sleep(1.0)
        await llm.reset_conversation()
        await provider.hears_a_question()
        await asyncio.wait_for(begun.wait(), 60)
        await asyncio.sleep(0.3)

    async with FakeRealtime(UNANSWERED, WHOLE) as provider:
        llm = realtime(provider)
        begun = voiced(llm)
        await call(measure, [llm], ask)
    assert counts(measure, "ttfb") == (1, 1)
    assert measure.summary["ttfb"]["by_service"]["llm"]["max_ms"] < 1000
