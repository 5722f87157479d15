"""One call with much in it: words while a function runs, services that are switched in mid-answer, an idle prompt."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pipecat.frames.frames import EndFrame, LLMMessagesAppendFrame, ManuallySwitchServiceFrame, TTSSpeakFrame
from pipecat.pipeline.llm_switcher import LLMSwitcher
from pipecat.pipeline.service_switcher import ServiceSwitcher
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.llm_service import FunctionCallParams

from tests.every_place import PLACES, measured_everywhere
from tests.scripted import Script, ScriptedCall, Tool, Truth, Turn
from tests.scripted_providers import Bench, Mind, Mouth
from tests.test_placements import happened, told
from voice_metrics.call.summary import CallSummary

ASKED = Turn("what is free tonight", tools=(Tool("find_table", seconds=3.0),), reply=("Nine.", "By the door.", "Good?"))
IDLE, THANKED = Turn("(the caller is silent)", reply=("Are you there?",)), Turn("thank you")
SCRIPT = Script(turns=(ASKED, IDLE, THANKED), sentence_seconds=1.0)
MOMENT = "One moment, please."


class SpareMind(Mind):
    """The model that takes over."""


class SpareMouth(Mouth):
    """The voice that takes over."""


class Soothing(Mind):
    """Has its function say something before it works."""

    def _runner(self, tool: Tool) -> Any:
        find = super()._runner(tool)

        async def run(params: FunctionCallParams) -> None:
            await params.llm.push_frame(TTSSpeakFrame(MOMENT))
            await find(params)

        return run


class Services:
    """Two models and two voices behind switchers."""

    def __init__(self) -> None:
        self.spare: list[FrameProcessor] = []

    def behind_switchers(self, voice: list[FrameProcessor]) -> list[FrameProcessor]:
        bench: Bench = next(one._bench for one in voice if isinstance(one, Mind))
        mind, mouth = SpareMind(bench), SpareMouth(bench)
        self.spare = [mind, mouth]
        return [LLMSwitcher([Soothing(bench), mind]), ServiceSwitcher([voice[1], mouth])]


@pytest.fixture(scope="module")
def measured() -> tuple[Truth, dict[str, CallSummary]]:
    """What happened in the call, and what was measured of it in each place."""
    services = Services()
    return measured_everywhere(SCRIPT, lambda call: _converse(call, services), around=services.behind_switchers)


async def _converse(call: ScriptedCall, services: Services) -> None:
    await call.line.say(ASKED)
    await _hear(call)
    await call.bench.bot_speaks.wait()
    await asyncio.sleep(0.5)
    for spare in services.spare:
        await call.worker.queue_frame(ManuallySwitchServiceFrame(service=spare))
    await call.bench.bot_is_quiet.wait()
    await asyncio.sleep(5.0)
    await call.worker.queue_frame(LLMMessagesAppendFrame([{"role": "user", "content": IDLE.says}], run_llm=True))
    await _hear(call)
    await call.line.say(THANKED)
    await _hear(call)
    await call.worker.queue_frame(EndFrame())


async def _hear(call: ScriptedCall) -> None:
    await call.bench.bot_speaks.wait()
    await call.bench.bot_is_quiet.wait()


@pytest.mark.parametrize("place", PLACES)
def test_every_number_of_a_busy_call_is_true(measured: tuple[Truth, dict[str, CallSummary]], place: str) -> None:
    truth, summaries = measured

    assert told(summaries[place]) == happened(truth, "completed")
    story = summaries[place].to_dict()
    assert (story["response"]["count"], story["turns"]["unanswered"], story["switches"]) == (2, 0, 2)
    assert story["response"]["max_ms"] < 500
    assert story["bot_gaps"]["count"] == 0
