"""Answers that are not spoken: without a voice, with it turned off, a key for a machine's menu, nothing to say."""

from __future__ import annotations

import asyncio

import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.extensions.ivr.ivr_navigator import IVRNavigator
from pipecat.frames.frames import EndFrame, LLMConfigureOutputFrame, OutputDTMFUrgentFrame, TTSSpeakFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.utils.text.base_text_filter import BaseTextFilter

from tests.every_place import stories
from tests.scripted import Script, ScriptedCall, Turn, scripted_call
from tests.scripted_providers import Mind, Mouth
from tests.virtual_time import in_virtual_time, meter_at
from tests.waiting import until

pytestmark = pytest.mark.slow

PLACES = ("before_output", "after_output", "at_end", "observers")
SCRIPT = Script(turns=(Turn("what is free tonight"), Turn("goodbye")))


def silent(voice: list[FrameProcessor]) -> list[FrameProcessor]:
    return voice[:1]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("has_voice", [pytest.param(False, id="no-voice"), pytest.param(True, id="voice-off")])
@in_virtual_time
async def test_written_answer_leaves_no_turn_unanswered(place: str, has_voice: bool) -> None:
    metrics = meter_at(place)
    call = scripted_call(SCRIPT, around=None if has_voice else silent, **{place: [metrics]})

    async def drive() -> None:
        await call.worker.queue_frame(LLMConfigureOutputFrame(skip_tts=has_voice))
        for number, turn in enumerate(SCRIPT.turns):
            await call.line.say(turn)
            await until(lambda answers=number + 1: call.bench.truth.inferences == answers)
            await asyncio.sleep(0.2)
        await call.worker.queue_frame(EndFrame())

    await call.run(drive)

    summary = metrics.summary()
    assert summary is not None
    story = summary.to_dict()
    assert story["llm"]["requests"] == 2
    assert story["turns"] == {"completed": 0, "interrupted": 0, "unanswered": 0}
    assert story["response"]["count"] == 0


class Pressing(Mind):
    """Answers with a key."""

    async def _answer(self, context: LLMContext) -> None:
        await self.push_frame(OutputDTMFUrgentFrame(button=KeypadEntry.ONE))
        await self._use(SCRIPT.turns[0])


def pressing(voice: list[FrameProcessor]) -> list[FrameProcessor]:
    return [Pressing(one._bench) if isinstance(one, Mind) else one for one in voice]


@pytest.mark.parametrize("place", PLACES)
@in_virtual_time
async def test_key_leaves_no_turn_unanswered(place: str) -> None:
    metrics = meter_at(place)
    call = scripted_call(SCRIPT, around=pressing, **{place: [metrics]})

    async def drive() -> None:
        await call.line.say(SCRIPT.turns[0])
        await until(lambda: call.bench.truth.inferences == 1)
        await call.worker.queue_frame(EndFrame())

    await call.run(drive)

    summary = metrics.summary()
    assert summary is not None
    story = summary.to_dict()
    assert (story["llm"]["requests"], story["turns"]["unanswered"]) == (1, 0)


MENU = Script(
    turns=(
        Turn("for sales press one", reply=("<ivr>wait</ivr>",)),
        Turn("for support press two", reply=("<dtmf>2</dtmf>",)),
        Turn("say your name", reply=("John Smith.",)),
        Turn("please hold", reply=("<ivr>completed</ivr>",)),
    )
)


def test_step_of_a_menus_navigator_leaves_no_turn_unanswered() -> None:
    def navigate(voice: list[FrameProcessor]) -> list[FrameProcessor]:
        mind, mouth = voice
        assert isinstance(mind, Mind)
        return [IVRNavigator(llm=mind, ivr_prompt="Reach the support."), mouth]

    async def hear_the_menu(call: ScriptedCall) -> None:
        for turn in MENU.turns:
            await call.line.say(turn)
            await asyncio.sleep(4.0)
        await call.worker.queue_frame(EndFrame())

    for place, story in stories(MENU, hear_the_menu, around=navigate).items():
        assert story["turns"] == {"completed": 1, "interrupted": 0, "unanswered": 0}, place
        assert story["response"]["count"] == 1, place


class Discreet(BaseTextFilter):
    """Leaves nothing of what the model says."""

    async def filter(self, text: str) -> str:
        return text.replace("All right, noted.", "")


def test_sentence_after_a_reply_without_anything_to_say_is_no_response() -> None:
    def hush(voice: list[FrameProcessor]) -> list[FrameProcessor]:
        mouth = voice[1]
        assert isinstance(mouth, Mouth)
        mouth._text_filters = [Discreet()]
        return voice

    async def converse(call: ScriptedCall) -> None:
        await call.line.say(SCRIPT.turns[0])
        await asyncio.sleep(5.0)
        await call.worker.queue_frame(TTSSpeakFrame("Are you still there?"))
        await asyncio.sleep(2.0)
        await call.worker.queue_frame(EndFrame())

    for place, story in stories(SCRIPT, converse, around=hush).items():
        assert story["turns"] == {"completed": 1, "interrupted": 0, "unanswered": 1}, place
        assert story["response"]["count"] == 0, place
