"""Sentences that no interruption stops (`interruptible=False`), behind, before and beside what one does stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pipecat.frames.frames import EndFrame, Frame, TTSSpeakFrame

from tests.every_place import PLACES, stories
from tests.scripted import Script, ScriptedCall, Turn

pytestmark = pytest.mark.skipif(
    "interruptible" not in Frame.__dataclass_fields__, reason="this Pipecat cuts every sentence off"
)

ASKED = Turn("what is free", reply=("Nine is free.", "Ten is free.", "Eleven is free."))
# Its answer comes 1.58 s after it, if nothing is said before.
BARGED_IN = Turn("no wait", think_seconds=1.5)
SLOW = "This one takes long."
SCRIPT = Script(turns=(ASKED, BARGED_IN), sentence_seconds=1.0, late={SLOW: 0.45})


def _kept(text: str = "This call is recorded.") -> TTSSpeakFrame:
    sentence = TTSSpeakFrame(text)
    sentence.interruptible = False
    return sentence


async def _behind_an_answer(call: ScriptedCall, *sentences: str) -> None:
    await call.line.say(ASKED)
    await call.bench.bot_speaks.wait()
    await asyncio.sleep(0.4)
    await call.worker.queue_frames([_kept(sentence) for sentence in sentences])
    await asyncio.sleep(0.1)


async def _one_behind_an_answer(call: ScriptedCall) -> None:
    await _behind_an_answer(call, "This call is recorded.")


async def _two_behind_an_answer(call: ScriptedCall) -> None:
    await _behind_an_answer(call, "This call is recorded.", "Ask for the terms.")


async def _one_that_is_not_made_yet(call: ScriptedCall) -> None:
    await _behind_an_answer(call, SLOW)


async def _in_front_of_one_that_may_be_cut(call: ScriptedCall) -> None:
    await call.worker.queue_frames([_kept(), TTSSpeakFrame("And more to say.")])
    await call.bench.bot_speaks.wait()
    await asyncio.sleep(0.4)


async def _before_the_caller_speaks(call: ScriptedCall) -> None:
    await call.worker.queue_frame(_kept(SLOW))
    await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    ("speak", "turns", "interruptions", "response_ms", "bot_seconds"),
    [
        # What is cut off has 0.54 s, with the chunk in hand.
        pytest.param(_one_behind_an_answer, (2, 1), 1, 1580, 2.54, id="behind-an-answer"),
        pytest.param(_two_behind_an_answer, (3, 1), 1, 1980, 3.54, id="two-behind-an-answer"),
        pytest.param(_one_that_is_not_made_yet, (2, 1), 1, 1580, 2.54, id="not-made-yet"),
        pytest.param(_in_front_of_one_that_may_be_cut, (2, 0), 0, 1580, 2.0, id="in-front-of-another"),
        pytest.param(_before_the_caller_speaks, (2, 0), 0, 1580, 2.0, id="not-heard-before-the-caller-speaks"),
    ],
)
def test_interruption_cuts_off_what_it_can_and_the_answer_to_it_is_the_response(
    speak: Callable[[ScriptedCall], Awaitable[None]],
    turns: tuple[int, int],
    interruptions: int,
    response_ms: float,
    bot_seconds: float,
) -> None:
    async def converse(call: ScriptedCall) -> None:
        await speak(call)
        await call.line.say(BARGED_IN)
        await asyncio.sleep(10.0)
        await call.worker.queue_frame(EndFrame())

    told = stories(SCRIPT, converse)

    for place in PLACES:
        story = told[place]
        completed, interrupted = turns
        assert story["turns"] == {"completed": completed, "interrupted": interrupted, "unanswered": 0}, place
        assert story["interruptions"] == story["interruption_stop"]["count"] == interruptions, place
        assert story["interruption_stop"]["max_ms"] in (None, pytest.approx(0.0, abs=50)), place
        assert story["response"]["max_ms"] == pytest.approx(response_ms, abs=60), place
        assert story["floor"]["bot"] + story["floor"]["both"] == pytest.approx(bot_seconds, abs=0.1), place
