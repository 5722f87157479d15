"""A model whose provider does not answer in time, of a service that reports that by an event and not as an error."""

from __future__ import annotations

import asyncio

import pytest
from pipecat.frames.frames import EndFrame
from pipecat.processors.aggregators.llm_context import LLMContext

from tests.every_place import PLACES, measured_everywhere
from tests.scripted import Script, ScriptedCall, Turn
from tests.scripted_providers import Mind
from voice_metrics.call.facts import Cause

SCRIPT = Script(turns=(Turn("what is free"),))


class Late(Mind):
    """Gives up after 5 s as Anthropic's and Bedrock's services do."""

    async def _answer(self, context: LLMContext) -> None:
        await self.start_ttfb_metrics()
        await asyncio.sleep(5.0)
        await self._call_event_handler("on_completion_timeout")


class LateWithAnError(Late):
    """Gives up as the other services do."""

    async def _answer(self, context: LLMContext) -> None:
        try:
            await super()._answer(context)
            raise TimeoutError
        except TimeoutError as fault:
            await self.push_error("LLM completion timeout", exception=fault)


async def _ask(call: ScriptedCall) -> None:
    await call.line.say(SCRIPT.turns[0])
    await asyncio.sleep(8.0)
    await call.worker.queue_frame(EndFrame())


@pytest.mark.parametrize("model", [Late, LateWithAnError], ids=["event-alone", "event-and-error"])
def test_timeout_is_one_error_and_leaves_its_turn_unanswered(model: type[Mind]) -> None:
    _, told = measured_everywhere(SCRIPT, _ask, around=lambda voice: [model(voice[0]._bench), voice[1]])  # type: ignore[attr-defined]

    for place in PLACES:
        summary = told[place]
        assert summary.errors == 1, place
        assert summary.line.unanswered == {Cause.ERROR: 1}, place
        assert summary.to_dict()["ttfb"]["by_service"]["llm"]["count"] == 0, place
        # A service that only failed reports no usage because there is none.
        assert summary.to_dict()["cost"]["unpriced"] == ["ear-1"], place
