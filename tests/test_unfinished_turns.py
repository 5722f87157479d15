"""Turns that the model judges unfinished: the bot waits for the caller, and reminds one who stays silent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pipecat.frames.frames import EndFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_completion_mixin import USER_TURN_COMPLETE_MARKER
from pipecat.turns.user_turn_strategies import FilterIncompleteUserTurnStrategies

from tests.every_place import PLACES, stories
from tests.scripted import Script, ScriptedCall, Turn
from tests.scripted_providers import Bench, Mind

SCRIPT = Script(turns=(Turn("my number is"), Turn("wait"), Turn("one two three")), synthesis_seconds=0.3)
ANSWERS = ("○", f"{USER_TURN_COMPLETE_MARKER} Take your time.", "○", f"{USER_TURN_COMPLETE_MARKER} Thank you.")


class Judging(Mind):
    """Judges each turn before it answers, half a second after it is asked."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self._answers = list(ANSWERS)

    async def _answer(self, context: LLMContext) -> None:
        await asyncio.sleep(0.5)
        await self._push_llm_text(self._answers.pop(0))


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What was measured of one call in each place."""
    turns = FilterIncompleteUserTurnStrategies(
        start=[VADUserTurnStartStrategy()], stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.3)]
    )
    return stories(SCRIPT, _converse, around=_judging, user_params={"user_turn_strategies": turns})


def _judging(voice: list[FrameProcessor]) -> list[FrameProcessor]:
    return [Judging(one._bench) if isinstance(one, Mind) else one for one in voice]


async def _converse(call: ScriptedCall) -> None:
    bench, line = call.bench, call.line
    await line.say(SCRIPT.turns[0])
    await bench.bot_speaks.wait()  # the reminder
    await bench.bot_is_quiet.wait()
    await asyncio.sleep(3.0)
    await line.say(SCRIPT.turns[1])
    await asyncio.sleep(3.0)  # sooner than a reminder
    await line.say(SCRIPT.turns[2])
    await bench.bot_speaks.wait()
    await bench.bot_is_quiet.wait()
    await call.worker.queue_frame(EndFrame())


@pytest.mark.parametrize("place", PLACES)
def test_reminder_is_no_response_and_the_answer_to_the_whole_turn_is(told: dict[str, Any], place: str) -> None:
    story = told[place]

    assert story["turns"] == {"completed": 2, "interrupted": 0, "unanswered": 0}
    assert story["response"]["count"] == 1
    # 0.35 s until the turn may end, 0.5 s of the model, 0.3 s of the voice, from the last word on.
    assert story["response"]["max_ms"] == pytest.approx(1150, abs=60)
