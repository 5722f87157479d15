"""What the bot says to show that it listens, while the caller talks, is neither a turn nor a response."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from pipecat.frames import frames
from pipecat.frames.frames import EndFrame, VADUserStartedSpeakingFrame, VADUserStoppedSpeakingFrame
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies

from tests.every_place import PLACES, stories
from tests.scripted import Script, ScriptedCall, Turn
from tests.scripted_providers import Mouth
from voice_metrics.pipecat.workers import processors_of

pytestmark = pytest.mark.skipif(
    not hasattr(frames, "BotBackchannelFrame"), reason="this Pipecat's bots acknowledge nothing"
)

THINKS = Script(turns=(Turn("hello", think_seconds=2.0),), sentence_seconds=0.5)
SCRIPT = Script(turns=(Turn("it is about a table"),), sentence_seconds=0.5)
# The bot waits so long for more, and then 0.07 s of the model and the voice.
WAIT_SECONDS = 1.0


async def _acknowledge(call: ScriptedCall) -> None:
    await call.worker.queue_frame(frames.BotBackchannelFrame("Mm-hmm."))


async def _while_the_caller_speaks(call: ScriptedCall) -> None:
    for _ in range(2):
        await _acknowledge(call)
        await asyncio.sleep(1.0)
    await _fall_silent(call)


async def _while_the_bot_waits_for_more(call: ScriptedCall) -> None:
    await _fall_silent(call)
    await asyncio.sleep(0.3)
    await _acknowledge(call)


async def _as_the_turn_ends(call: ScriptedCall) -> None:
    await _fall_silent(call)
    await asyncio.sleep(WAIT_SECONDS - 0.01)
    await _acknowledge(call)


async def _fall_silent(call: ScriptedCall) -> None:
    call.bench.turn_is_complete = True
    await call.line.broadcast_frame(VADUserStoppedSpeakingFrame, stop_secs=0.0, timestamp=time.time())


@pytest.mark.parametrize(
    ("speak", "times", "response_ms"),
    [
        pytest.param(_while_the_caller_speaks, 2, 1070, id="while-the-caller-speaks"),
        pytest.param(_while_the_bot_waits_for_more, 1, 1070, id="in-a-pause"),
        # The answer waits for the acknowledgement's end.
        pytest.param(_as_the_turn_ends, 1, 1520, id="as-the-turn-ends"),
    ],
)
def test_acknowledgement_is_no_turn_and_no_response(
    speak: Callable[[ScriptedCall], Awaitable[None]], times: int, response_ms: float
) -> None:
    async def converse(call: ScriptedCall) -> None:
        call.bench.says, call.bench.turn_is_complete = SCRIPT.turns[0].says, False
        await call.line.broadcast_frame(VADUserStartedSpeakingFrame, start_secs=0.0, timestamp=time.time())
        await asyncio.sleep(0.5)
        await speak(call)
        await asyncio.sleep(4.0)
        await call.worker.queue_frame(EndFrame())

    turns = UserTurnStrategies(
        start=[VADUserTurnStartStrategy()], stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=WAIT_SECONDS)]
    )
    told = stories(SCRIPT, converse, user_params={"user_turn_strategies": turns})

    for place in PLACES:
        story = told[place]
        assert story["turns"] == {"completed": 1, "interrupted": 0, "unanswered": 0}, place
        assert story["response"]["count"] == 1, place
        assert story["response"]["max_ms"] == pytest.approx(response_ms, abs=30), place
        assert story["floor"]["bot"] + story["floor"]["both"] == pytest.approx(0.5 * (times + 1), abs=0.05), place


def test_acknowledgement_while_the_model_thinks_is_no_part_of_its_reply() -> None:
    async def converse(call: ScriptedCall) -> None:
        await call.line.say(THINKS.turns[0])
        await asyncio.sleep(0.6)
        # The model keeps what comes to it while it answers.
        voice = next(one for one in processors_of(call.worker.pipeline) if isinstance(one, Mouth))
        await voice.queue_frame(frames.BotBackchannelFrame("Mm-hmm."))
        await asyncio.sleep(5.0)
        await call.worker.queue_frame(EndFrame())

    told = stories(THINKS, converse)

    for place in PLACES:
        story = told[place]
        assert story["turns"] == {"completed": 1, "interrupted": 0, "unanswered": 0}, place
        # 0.05 s of the detector, 0.03 s of the voice.
        assert story["response"]["max_ms"] == pytest.approx(2080, abs=30), place
        assert story["bot_gaps"]["count"] == 0, place
        assert story["floor"]["bot"] == pytest.approx(1.0, abs=0.05), place
