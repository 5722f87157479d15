"""A response that is cut off, by a hang-up or because its turn goes on, has no duration."""

from __future__ import annotations

import asyncio
import time

import pytest
from pipecat.frames import frames
from pipecat.frames.frames import Frame, LLMContextFrame, LLMRunFrame, LLMTextFrame
from pipecat.metrics.metrics import TTFBMetricsData
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.llm import OpenAILLMService

from tests.local_providers import Answer, FakeOpenAI
from tests.test_services_of_a_call import PLACES, USAGE, Measure, call

pytestmark = pytest.mark.slow

LONG = Answer(words=("word ",) * 1000, usage=USAGE)


class Text(FrameProcessor):
    """Notices that a model writes."""

    def __init__(self) -> None:
        super().__init__()
        self.begins = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMTextFrame):
            self.begins.set()
        await self.push_frame(frame, direction)


@pytest.mark.parametrize("place", PLACES)
async def test_a_response_that_the_hang_up_cuts_off_has_no_duration(place: str) -> None:
    measure, text = Measure(place), Text()

    async def hang_up(worker: PipelineWorker) -> None:
        await worker.queue_frame(LLMRunFrame())
        await text.begins.wait()
        await asyncio.sleep(0.1)  # longer than latencies are held back
        await worker.cancel()

    async with FakeOpenAI(LONG) as provider:
        llm = OpenAILLMService(api_key="-", base_url=provider.url, model="gpt-4.1")
        await call(measure, [llm, text], hang_up)
    summary = measure.summary
    ttfb, processing = summary["ttfb"]["by_service"]["llm"], summary["processing"]["by_service"]["llm"]
    assert (ttfb["count"], ttfb["interrupted"]) == (1, 0)
    assert (processing["count"], processing["interrupted"]) == (0, 1)
    assert summary["end_reason"] == "cancelled"
    assert measure.attributes("gen_ai.invoke_agent.duration") == []


@pytest.mark.skipif(not hasattr(frames, "EagerEndOfTurnCancelFrame"), reason="this Pipecat answers no open turn")
@pytest.mark.parametrize("held_seconds", [pytest.param(0.0, id="free-loop"), pytest.param(0.1, id="loop-is-held")])
@pytest.mark.parametrize("place", PLACES)
async def test_an_answer_that_is_withdrawn_has_no_duration(place: str, held_seconds: float) -> None:
    measure, answered = Measure(place), asyncio.Event()
    context = LLMContext([{"role": "user", "content": "what is"}])

    async def resume(worker: PipelineWorker) -> None:
        await worker.queue_frame(LLMContextFrame(context, speculation=True))
        await asyncio.wait_for(answered.wait(), 60)
        await asyncio.sleep(0.1)  # longer than latencies are held back
        await worker.queue_frame(frames.EagerEndOfTurnCancelFrame())
        await asyncio.sleep(0.1)

    async with FakeOpenAI(LONG) as provider:
        llm = OpenAILLMService(api_key="-", base_url=provider.url, settings=OpenAILLMService.Settings(model="gpt-4.1"))
        llm.add_event_handler("on_before_push_frame", lambda llm, frame: _note(frame, answered))
        llm.add_event_handler("on_after_push_frame", lambda llm, frame: _hold_loop(frame, held_seconds))
        await call(measure, [llm], resume)
    summary = measure.summary
    ttfb, processing = summary["ttfb"]["by_service"]["llm"], summary["processing"]["by_service"]["llm"]
    assert (ttfb["count"], ttfb["interrupted"]) == (1, 0)
    assert (processing["count"], processing["interrupted"]) == (0, 1)
    assert summary["interruptions"] == 0
    assert measure.attributes("gen_ai.invoke_agent.duration") == []


def _note(frame: Frame, answered: asyncio.Event) -> None:
    # Pipecat's first MetricsFrame, of zeros, passes the service too.
    if isinstance(frame, frames.MetricsFrame) and any(
        isinstance(item, TTFBMetricsData) and item.value for item in frame.data
    ):
        answered.set()


def _hold_loop(frame: Frame, seconds: float) -> None:
    """Hold the event loop behind a measurement, for longer than latencies are held back."""
    if isinstance(frame, frames.MetricsFrame):
        time.sleep(seconds)
