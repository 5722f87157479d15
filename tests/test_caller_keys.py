"""Turns that a caller makes with the telephone's keys, as Pipecat's `DTMFAggregator` passes them on."""

from __future__ import annotations

import asyncio

import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import EndFrame, InputDTMFFrame, TranscriptionFrame, TTSSpeakFrame
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.utils.time import time_now_iso8601

from tests.every_place import PLACES, stories
from tests.scripted import Script, ScriptedCall, Turn

SCRIPT = Script(turns=(Turn("DTMF: 12", reply=("Thanks.",)), Turn("and now")), sentence_seconds=4.0)
TURNS = UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.3)])


async def _press_and_ask(call: ScriptedCall) -> None:
    bench, line = call.bench, call.line
    await call.worker.queue_frame(TTSSpeakFrame("Your number, please."))
    await bench.bot_speaks.wait()
    await asyncio.sleep(2.0)
    bench.bot_speaks.clear()
    await line.broadcast_interruption()
    for key in (KeypadEntry.ONE, KeypadEntry.TWO):
        await line.push_frame(InputDTMFFrame(key))
        await asyncio.sleep(0.5)
    await asyncio.sleep(1.5)  # 2 s without a key
    await line.push_frame(TranscriptionFrame("DTMF: 12", "", time_now_iso8601()))
    await bench.bot_speaks.wait()
    await bench.bot_is_quiet.wait()
    await line.say(SCRIPT.turns[1])
    await bench.bot_speaks.wait()
    await bench.bot_is_quiet.wait()
    await call.worker.queue_frame(EndFrame())


def test_wait_for_an_answer_to_keys_begins_with_the_last_one() -> None:
    told = stories(SCRIPT, _press_and_ask, user_params={"user_turn_strategies": TURNS})

    for place in PLACES:
        story = told[place]
        assert (story["turns"]["unanswered"], story["interruption_stop"]["count"]) == (0, 0), place
        assert story["response"]["count"] == 2, place
        # 2 s, 0.3 s until the turn ends, and 0.07 s of model and voice; the next turn is spoken.
        assert story["response"]["max_ms"] == pytest.approx(2370, abs=60), place
        assert story["response"]["min_ms"] == pytest.approx(420, abs=60), place
