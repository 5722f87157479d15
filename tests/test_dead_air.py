"""A bot that stays silent: how long the caller waits decides whether an answer was due."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameProcessor

from tests.every_place import PLACES, measured_everywhere
from tests.scripted import Script, ScriptedCall, Turn
from tests.scripted_providers import Mind
from voice_metrics.call.facts import Cause

SCRIPT = Script(turns=(Turn("a table for two"), Turn("hello"), Turn("hello")))
IMPATIENT, PATIENT = 1.0, 4.0


class Hanging(Mind):
    """Gets no answer from its provider, and no error."""

    async def _answer(self, context: LLMContext) -> None:
        await asyncio.Event().wait()


def _hanging(voice: list[FrameProcessor]) -> list[FrameProcessor]:
    return [Hanging(one._bench) if isinstance(one, Mind) else one for one in voice]


@pytest.mark.parametrize(
    ("waits", "causes"),
    [
        pytest.param(IMPATIENT, {Cause.CALLER_RESUMED: 2, Cause.CALL_ENDED: 1}, id="impatient"),
        pytest.param(PATIENT, {Cause.NO_ANSWER: 3}, id="patient"),
    ],
)
def test_caller_who_goes_on_or_hangs_up_after_a_long_silence_got_no_answer(
    waits: float, causes: dict[Cause, int]
) -> None:
    async def converse(call: ScriptedCall) -> None:
        for turn in SCRIPT.turns:
            await call.line.say(turn)
            await asyncio.sleep(waits)
        await call.worker.cancel()

    _, told = measured_everywhere(SCRIPT, converse, around=_hanging)

    assert {place: Counter(summary.line.unanswered) for place, summary in told.items()} == dict.fromkeys(PLACES, causes)
