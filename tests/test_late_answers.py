"""Answers that come late for a reason: a flow between two nodes, a bot that finishes first, a model that failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pipecat.frames.frames import EndFrame, Frame, FunctionCallResultProperties, LLMRunFrame, TTSSpeakFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.llm_service import FunctionCallParams
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies

from tests.every_place import PLACES, stories
from tests.scripted import Script, ScriptedCall, Tool, Turn
from tests.scripted_providers import Mind

FLOW = Script(turns=(Turn("book it", tools=(Tool("next_node"),), reply=("Booked.",)),))
NOTICE = Script(
    turns=(Turn("the terms", reply=("They are long.",)), Turn("hello", reply=("Yes?",))), sentence_seconds=16
)
NOTICES = Script(turns=(Turn("hello"),), sentence_seconds=3.0)
TRANSLATED = Script(
    turns=(
        Turn("good day", reply=("Buenos días.",)),
        Turn("a room", reply=("Un cuarto.",)),
        Turn("bye", reply=("Adiós.",)),
    ),
    sentence_seconds=6.0,
)
SILENT_FIRST = Script(
    turns=(
        Turn("good day", reply=(), think_seconds=2.0),
        *(Turn(f"question {number}", reply=("All day.",)) for number in range(4)),
    ),
)
IN_A_ROW = Script(
    turns=(
        Turn("what is free", think_seconds=3.0),
        Turn("and tomorrow", reply=("All day.",)),
        Turn("for two", reply=("Noted.",)),
    ),
    sentence_seconds=1.0,
)
FAILS = Script(turns=(Turn("what is free"),))
SLOW_REPLY = ("Nine is free.", "Ten is free.")
SLOW = Turn("what is free", reply=SLOW_REPLY)
HEARD = Turn("hello", reply=("Hello.",))


class Flow(Mind):
    """Moves to another node of a flow, whose actions take 2.5 s, as Pipecat Flows does."""

    def _runner(self, tool: Tool) -> Callable[[FunctionCallParams], Any]:
        async def move() -> None:
            await asyncio.sleep(2.5)
            await self.pipeline_worker.queue_frame(LLMRunFrame())

        async def run(params: FunctionCallParams) -> None:
            properties = FunctionCallResultProperties(run_llm=False, on_context_updated=move)
            await params.result_callback({"status": "acknowledged"}, properties=properties)

        return run


class Failing(Mind):
    """Fails after 2 s, and has words for that."""

    async def _answer(self, context: LLMContext) -> None:
        await asyncio.sleep(2.0)
        await self.push_error("no completion in time")
        await self.push_frame(TTSSpeakFrame("Sorry, say that again."))


def _with(model: type[Mind]) -> dict[str, Any]:
    def replace(voice: list[FrameProcessor]) -> list[FrameProcessor]:
        return [model(one._bench) if isinstance(one, Mind) else one for one in voice]

    return {"around": replace}


def _without_interruptions() -> dict[str, Any]:
    turns = UserTurnStrategies(
        start=[VADUserTurnStartStrategy(enable_interruptions=False)],
        stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.2)],
    )
    return {"user_params": {"user_turn_strategies": turns}}


async def _ask_once(call: ScriptedCall) -> None:
    await call.line.say(call.bench.script.turns[0])
    await call.bench.bot_speaks.wait()
    await call.bench.bot_is_quiet.wait()
    await call.worker.queue_frame(EndFrame())


async def _ask_during_the_answer(call: ScriptedCall) -> None:
    await call.line.say(NOTICE.turns[0])
    await call.bench.bot_speaks.wait()
    await asyncio.sleep(1.0)
    await call.line.say(NOTICE.turns[1])
    await asyncio.sleep(35.0)
    await call.worker.queue_frame(EndFrame())


async def _speak_during_the_translation(call: ScriptedCall) -> None:
    await call.line.say(TRANSLATED.turns[0])
    await call.bench.bot_speaks.wait()
    await asyncio.sleep(1.0)
    await call.line.say(TRANSLATED.turns[1])
    await asyncio.sleep(1.5)
    await call.line.say(TRANSLATED.turns[2])
    await asyncio.sleep(20.0)
    await call.worker.queue_frame(EndFrame())


async def _ask_on(call: ScriptedCall) -> None:
    first, *others = SILENT_FIRST.turns
    await call.line.say(first)
    await asyncio.sleep(0.5)
    for turn in others:
        await call.line.say(turn)
        await asyncio.sleep(4.0)
    await call.worker.queue_frame(EndFrame())


async def _ask_while_the_model_thinks(call: ScriptedCall) -> None:
    for turn in IN_A_ROW.turns:
        await call.line.say(turn)
        await asyncio.sleep(0.5)
    await asyncio.sleep(10.0)
    await call.worker.queue_frame(EndFrame())


async def _ask_during_a_disclosure(call: ScriptedCall) -> None:
    disclosure = TTSSpeakFrame("This call is recorded.")
    disclosure.interruptible = False
    await call.worker.queue_frame(disclosure)
    await call.bench.bot_speaks.wait()
    await asyncio.sleep(2.7)  # of 3 s
    await call.line.say(NOTICES.turns[0])
    await asyncio.sleep(10.0)
    await call.worker.queue_frame(EndFrame())


async def _ask_during_notices(call: ScriptedCall) -> None:
    await call.worker.queue_frames([TTSSpeakFrame(f"Notice {number}.") for number in range(4)])
    await call.bench.bot_speaks.wait()
    await asyncio.sleep(1.0)
    await call.line.say(NOTICES.turns[0])
    await asyncio.sleep(20.0)
    await call.worker.queue_frame(EndFrame())


@pytest.mark.parametrize(
    ("script", "converse", "arrangement", "responses_ms"),
    [
        # Beside 0.04 s of each model and 0.03 s of the voice.
        pytest.param(FLOW, _ask_once, _with(Flow), [2660], id="behind-the-actions-of-a-flows-node"),
        pytest.param(
            NOTICE, _ask_during_the_answer, _without_interruptions(), [320, 14960], id="behind-what-the-bot-says-first"
        ),
        pytest.param(
            NOTICES, _ask_during_notices, _without_interruptions(), [10960], id="behind-sentences-that-wait-already"
        ),
        pytest.param(
            TRANSLATED,
            _speak_during_the_translation,
            _without_interruptions(),
            [320, 4960, 9340],
            id="behind-answers-that-no-turn-interrupts",
        ),
        pytest.param(
            IN_A_ROW,
            _ask_while_the_model_thinks,
            _without_interruptions(),
            [3280, 3660, 4040],
            id="behind-answers-to-earlier-questions",
        ),
        pytest.param(FAILS, _ask_once, _with(Failing), [2080], id="words-for-a-model-that-failed"),
    ],
)
def test_late_answer_is_the_response(
    script: Script, converse: Any, arrangement: dict[str, Any], responses_ms: list[float]
) -> None:
    told = stories(script, converse, **arrangement)

    for place in PLACES:
        story = told[place]
        assert (story["turns"]["unanswered"], story["response"]["count"]) == (0, len(responses_ms)), place
        assert story["response"]["max_ms"] == pytest.approx(max(responses_ms), abs=60), place


def test_turn_without_an_answer_shifts_no_answer_to_a_later_turn() -> None:
    told = stories(SILENT_FIRST, _ask_on, **_without_interruptions())

    for place in PLACES:
        story = told[place]
        assert (story["turns"]["unanswered"], story["response"]["count"]) == (1, 4), place
        assert story["response"]["min_ms"] == pytest.approx(320, abs=60), place
        assert story["response"]["max_ms"] == pytest.approx(1700, abs=60), place


@pytest.mark.skipif("interruptible" not in Frame.__dataclass_fields__, reason="this Pipecat cuts every sentence off")
def test_sentence_that_no_interruption_stops_is_whole_and_so_is_the_answer_behind_it() -> None:
    told = stories(NOTICES, _ask_during_a_disclosure)

    for place in PLACES:
        story = told[place]
        assert story["turns"] == {"completed": 2, "interrupted": 0, "unanswered": 0}, place
        assert story["response"]["max_ms"] == pytest.approx(260, abs=60), place
        assert story["floor"]["bot"] + story["floor"]["both"] == pytest.approx(6.0, abs=0.1), place


@pytest.mark.parametrize(
    ("late", "waited", "gaps"),
    [
        pytest.param({SLOW_REPLY[0]: 9.0}, 9.0, (0, 0.0), id="the-first-sentence"),
        pytest.param(dict.fromkeys(SLOW_REPLY, 9.0), 9.0, (1, 8.0), id="each-sentence"),
        pytest.param({SLOW_REPLY[1]: 9.0}, 0.0, (1, 8.0), id="the-second-sentence"),
    ],
)
def test_voice_that_pipecat_gave_up_answers_while_it_works_on_the_reply(
    late: dict[str, float], waited: float, gaps: tuple[int, float]
) -> None:
    async def converse(call: ScriptedCall) -> None:
        await call.line.say(SLOW)
        await asyncio.sleep(25.0)
        await call.worker.queue_frame(EndFrame())

    quick = stories(Script(turns=(SLOW,), sentence_seconds=1.0), converse)
    told = stories(Script(turns=(SLOW,), sentence_seconds=1.0, late=late), converse)

    for place in PLACES:
        story, wait = told[place], quick[place]["response"]["average_ms"]
        assert story["turns"] == {"completed": 1, "interrupted": 0, "unanswered": 0}, place
        assert story["response"]["average_ms"] == pytest.approx(wait + waited * 1000, abs=60), place
        assert story["bot_gaps"] == {"count": gaps[0], "seconds": pytest.approx(gaps[1], abs=0.06)}, place
        assert story["floor"]["bot"] == pytest.approx(2.0, abs=0.05), place


def test_silent_voice_is_unanswered_when_the_caller_goes_on_before_it_is_done() -> None:
    async def converse(call: ScriptedCall) -> None:
        await call.line.say(SLOW)
        await asyncio.sleep(5.0)
        await call.line.say(SLOW)
        await asyncio.sleep(25.0)
        await call.worker.queue_frame(EndFrame())

    told = stories(Script(turns=(SLOW, SLOW), sentence_seconds=1.0, late={SLOW_REPLY[0]: 9.0}), converse)

    for place in PLACES:
        story = told[place]
        assert story["turns"] == {"completed": 1, "interrupted": 0, "unanswered": 1}, place
        assert story["response"]["count"] == 1, place
        assert story["bot_gaps"] == {"count": 1, "seconds": 0.0}, place


def test_sentence_whose_audio_never_comes_is_missing_beside_one_of_a_slow_voice() -> None:
    async def converse(call: ScriptedCall) -> None:
        for turn in (HEARD, SLOW):
            await call.line.say(turn)
            await asyncio.sleep(25.0)
        await call.worker.queue_frame(EndFrame())

    slow = Script(turns=(HEARD, SLOW), late={SLOW_REPLY[1]: 9.0}, lost=frozenset(SLOW_REPLY[:1]))
    told = stories(slow, converse)

    for place in PLACES:
        story = told[place]
        assert story["turns"] == {"completed": 2, "interrupted": 0, "unanswered": 0}, place
        assert story["bot_gaps"] == {"count": 1, "seconds": 0.0}, place
