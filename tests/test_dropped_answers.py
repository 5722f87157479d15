"""Answers that the application drops: with a button or a typed message, or because a machine picked up the phone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pipecat.frames.frames import EndFrame, LLMMessagesAppendFrame, TTSSpeakFrame

from tests.every_place import PLACES, stories
from tests.scripted import Script, ScriptedCall, Turn

GREETED, ASKED = Turn("please leave a message"), Turn("what is free", think_seconds=2.0)
TYPED = Turn("tonight", reply=("Nine.",), think_seconds=0.5)
# A voice that is slow, so that nothing was heard of what is dropped.
SCRIPT = Script(turns=(GREETED, ASKED, TYPED), synthesis_seconds=0.5)


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What was measured of one call in each place."""
    return stories(SCRIPT, _converse)


async def _converse(call: ScriptedCall) -> None:
    bench, line = call.bench, call.line
    await line.say(GREETED)
    await asyncio.sleep(0.3)  # the voice is at work
    await line.broadcast_interruption()
    await asyncio.sleep(2.0)
    await call.worker.queue_frame(TTSSpeakFrame("Please call us back."))
    await bench.bot_speaks.wait()
    await bench.bot_is_quiet.wait()
    await line.say(ASKED)
    await asyncio.sleep(1.0)  # the model is at work
    await line.broadcast_interruption()
    await call.worker.queue_frame(LLMMessagesAppendFrame([{"role": "user", "content": TYPED.says}], run_llm=True))
    await bench.bot_speaks.wait()
    await bench.bot_is_quiet.wait()
    await call.worker.queue_frame(EndFrame())


@pytest.mark.parametrize("place", PLACES)
def test_sentence_in_place_of_a_dropped_answer_is_the_response(told: dict[str, Any], place: str) -> None:
    story = told[place]

    assert story["turns"] == {"completed": 2, "interrupted": 0, "unanswered": 0}
    assert story["response"]["count"] == 2
    # 0.08 s until the turn ends, 0.3 s until the interruption, 2 s until the sentence, 0.5 s of the voice.
    assert story["response"]["max_ms"] == pytest.approx(2880, abs=60)


@pytest.mark.parametrize("place", PLACES)
def test_answer_to_a_typed_message_ends_the_wait_of_a_caller_too(told: dict[str, Any], place: str) -> None:
    # 0.08 s until the detector and the turn's end, 1 s until the message, 0.5 s each of the model and the voice.
    assert told[place]["response"]["min_ms"] == pytest.approx(2080, abs=60)
