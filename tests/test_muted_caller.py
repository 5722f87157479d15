"""Speech of a caller whom the user aggregator mutes: the detector's frames reach it, and nothing behind it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pipecat.frames.frames import EndFrame, TTSSpeakFrame, VADUserStartedSpeakingFrame, VADUserStoppedSpeakingFrame
from pipecat.turns.user_mute import AlwaysUserMuteStrategy
from pipecat.turns.user_start import TranscriptionUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies

from tests.every_place import PLACES, stories
from tests.scripted import Script, ScriptedCall, Turn

SCRIPT = Script(turns=(Turn("what is free tonight"), Turn("goodbye")), sentence_seconds=1.0)


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What was measured of one call in each place."""
    return stories(SCRIPT, _converse, user_params={"user_mute_strategies": [AlwaysUserMuteStrategy()]})


async def _converse(call: ScriptedCall) -> None:
    bench, line = call.bench, call.line
    await line.say(SCRIPT.turns[0])
    await bench.bot_speaks.wait()
    await line.broadcast_frame(VADUserStartedSpeakingFrame)  # for 0.5 s, while the bot speaks
    await asyncio.sleep(0.5)
    await line.broadcast_frame(VADUserStoppedSpeakingFrame)
    await bench.bot_is_quiet.wait()
    await asyncio.sleep(2.0)
    await line.broadcast_frame(VADUserStartedSpeakingFrame)  # until after the bot begins
    await asyncio.sleep(0.3)
    await call.worker.queue_frame(TTSSpeakFrame("Are you still there?"))
    await bench.bot_speaks.wait()
    await asyncio.sleep(0.3)
    await line.broadcast_frame(VADUserStoppedSpeakingFrame)
    await bench.bot_is_quiet.wait()
    await asyncio.sleep(10.0)
    await line.say(SCRIPT.turns[1])
    await bench.bot_speaks.wait()
    await bench.bot_is_quiet.wait()
    await call.worker.queue_frame(EndFrame())


@pytest.mark.parametrize("place", PLACES)
def test_caller_is_heard_until_the_mute_and_not_during_it(told: dict[str, Any], place: str) -> None:
    story = told[place]

    # Two turns of 0.04 s, and 0.3 s before the bot's question; Pipecat needs a moment to be muted.
    assert story["floor"]["caller"] == pytest.approx(0.42, abs=0.1)
    assert story["floor"]["both"] == pytest.approx(0.0, abs=0.05)
    assert (story["response"]["count"], story["turns"]["completed"]) == (2, 3)


async def _speak_across_the_unmute(call: ScriptedCall) -> None:
    bench, line = call.bench, call.line
    await line.say(SCRIPT.turns[0])
    await bench.bot_speaks.wait()
    await asyncio.sleep(0.7)  # of 1 s
    bench.says = SCRIPT.turns[1].says
    await line.broadcast_frame(VADUserStartedSpeakingFrame)
    await bench.bot_is_quiet.wait()
    await asyncio.sleep(2.0)
    await line.broadcast_frame(VADUserStoppedSpeakingFrame)
    await bench.bot_speaks.wait()
    await bench.bot_is_quiet.wait()
    await call.worker.queue_frame(EndFrame())


def test_caller_who_speaks_as_the_mute_ends_is_heard_from_there_on() -> None:
    turns = UserTurnStrategies(
        start=[TranscriptionUserTurnStartStrategy()], stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.2)]
    )
    muted = {"user_mute_strategies": [AlwaysUserMuteStrategy()], "user_turn_strategies": turns}
    told = stories(SCRIPT, _speak_across_the_unmute, user_params=muted)

    for place in PLACES:
        assert told[place]["floor"]["caller"] == pytest.approx(2.04, abs=0.05), place
        assert told[place]["response"]["count"] == 2, place
