"""Answers of an agent that is no service of Pipecat's: a processor between the aggregator and the voice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TextFrame,
    TTSSpeakFrame,
)
from pipecat.metrics.metrics import LLMTokenUsage
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from tests.every_place import PLACES, stories
from tests.scripted import Script, ScriptedCall, Turn

SCRIPT = Script(turns=(Turn("what is free"),), sentence_seconds=1.0)
# Longer than a step of an answer that nobody sees is waited for.
WORK_SECONDS = 12.0


class Agent(FrameProcessor):
    """Works for long, as one does that uses tools, and then answers as `LangchainProcessor` does."""

    words = "Nine o'clock is."
    frames_of_words: type[TextFrame] = TextFrame

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        try:
            await asyncio.sleep(WORK_SECONDS)
            await self.push_frame(self.frames_of_words(self.words))
        finally:
            await self.push_frame(LLMFullResponseEndFrame())


class Speechless(Agent):
    """Has nothing to say in the end."""

    words = ""


class StrandsAgentsProcessor(Agent):
    """Measures itself, as Pipecat's processor of this name does, which needs an extra."""

    frames_of_words = LLMTextFrame

    def can_generate_metrics(self) -> bool:
        return True

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        if isinstance(frame, LLMFullResponseStartFrame):
            await self.start_ttfb_metrics()
        elif isinstance(frame, TextFrame):
            await self.stop_ttfb_metrics()
            await self.start_llm_usage_metrics(LLMTokenUsage(prompt_tokens=50, completion_tokens=5, total_tokens=55))
        await super().push_frame(frame, direction)


async def _wait(call: ScriptedCall) -> None:
    await asyncio.sleep(WORK_SECONDS + 4.0)


async def _prompt(call: ScriptedCall) -> None:
    await asyncio.sleep(WORK_SECONDS + 2.0)
    await call.worker.queue_frame(TTSSpeakFrame("Are you still there?"))


async def _interrupt(call: ScriptedCall) -> None:
    await asyncio.sleep(1.0)
    await call.worker.queue_frame(InterruptionFrame())
    await _prompt(call)


def _told(agent: type[Agent], then: Callable[[ScriptedCall], Awaitable[None]]) -> dict[str, dict[str, Any]]:
    async def converse(call: ScriptedCall) -> None:
        await call.line.say(SCRIPT.turns[0])
        await then(call)
        await asyncio.sleep(2.0)
        await call.worker.queue_frame(EndFrame())

    return stories(SCRIPT, converse, around=lambda voice: [agent(), voice[1]])


@pytest.mark.parametrize(
    ("agent", "then", "responses", "unanswered"),
    [
        pytest.param(Agent, _wait, 1, 0, id="that-works-for-long"),
        pytest.param(StrandsAgentsProcessor, _wait, 1, 0, id="that-measures-itself"),
        pytest.param(Speechless, _prompt, 0, 1, id="that-has-nothing-to-say"),
        pytest.param(Agent, _interrupt, 0, 1, id="that-is-interrupted"),
    ],
)
def test_answer_of_an_agent(
    agent: type[Agent], then: Callable[[ScriptedCall], Awaitable[None]], responses: int, unanswered: int
) -> None:
    told = _told(agent, then)

    for place in PLACES:
        story = told[place]
        assert (story["response"]["count"], story["turns"]["unanswered"]) == (responses, unanswered), place
        if responses:
            # Beside 0.05 s of the detector and 0.03 s of the voice.
            assert story["response"]["max_ms"] == pytest.approx(1000 * WORK_SECONDS + 80, abs=20), place


def test_agent_that_measures_itself_is_the_calls_model() -> None:
    told = _told(StrandsAgentsProcessor, _wait)

    for place in PLACES:
        story = told[place]
        assert story["models"]["llm"] == "StrandsAgentsProcessor", place
        assert (story["llm"]["total_tokens"], story["ttfb"]["by_service"]["llm"]["count"]) == (55, 1), place
