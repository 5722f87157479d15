"""A call that the bot ends lasts until its last words, or until its end reaches the output, in every place."""

from __future__ import annotations

import pytest
from pipecat.frames.frames import EndFrame, TTSSpeakFrame

from tests.every_place import PLACES, stories
from tests.scripted import SHORT, ScriptedCall
from tests.scripted_providers import CHUNK_SECONDS


@pytest.mark.parametrize("farewell", [[TTSSpeakFrame("Goodbye.")], []], ids=["with-last-words", "in-silence"])
def test_silence_that_the_output_adds_is_no_part_of_the_call(farewell: list[TTSSpeakFrame]) -> None:
    async def end(call: ScriptedCall) -> None:
        await call.line.say(SHORT.turns[0])
        await call.bench.bot_speaks.wait()
        await call.bench.bot_is_quiet.wait()
        await call.worker.queue_frames([*farewell, EndFrame()])

    told = stories(SHORT, end)

    assert set(told) == set(PLACES)
    lengths = [story["duration_seconds"] for story in told.values()]
    assert max(lengths) - min(lengths) < CHUNK_SECONDS
    assert len({story["floor"]["longest_silence_seconds"] for story in told.values()}) == 1
