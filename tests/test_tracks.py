"""An output with several tracks plays a voice on each, as a translator does for listeners of several languages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from pipecat.frames.frames import EndFrame, Frame, TTSAudioRawFrame
from pipecat.pipeline.parallel_pipeline import ParallelPipeline
from pipecat.processors.frame_processor import FrameProcessor

from tests.every_place import PLACES, stories
from tests.scripted import Script, ScriptedCall, Turn
from tests.scripted_providers import CHUNK, CHUNK_SECONDS, SAMPLE_RATE, Bench, Mouth

SCRIPT = Script(turns=(Turn("what is free"), Turn("and tomorrow"), Turn("no wait")), tracks=("es", "fr"))


class Translator(Mouth):
    """Speaks on a track of its own, for its own time."""

    def __init__(self, bench: Bench, language: str, seconds: float) -> None:
        super().__init__(bench)
        self._transport_destination = language
        self._seconds = seconds

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        await self.start_tts_usage_metrics(text)
        await asyncio.sleep(0.03)
        await self.stop_ttfb_metrics()
        for _ in range(round(self._seconds / CHUNK_SECONDS)):
            yield TTSAudioRawFrame(CHUNK, SAMPLE_RATE, 1, context_id=context_id)


async def _converse(call: ScriptedCall) -> None:
    for turn, seconds in zip(SCRIPT.turns, (6.0, 1.0, 8.0), strict=True):
        await call.line.say(turn)
        await asyncio.sleep(seconds)
    await call.worker.queue_frame(EndFrame())


def _translate(voice: list[FrameProcessor]) -> list[FrameProcessor]:
    mind, mouth = voice
    bench = mouth._bench  # type: ignore[attr-defined]
    return [mind, ParallelPipeline([Translator(bench, "es", 2.0)], [Translator(bench, "fr", 3.0)])]


def test_call_is_measured_on_the_track_of_the_first_voice() -> None:
    told = stories(SCRIPT, _converse, around=_translate)

    for place in PLACES:
        story = told[place]
        # No interruption stops a track of its own, so the third answer waits for the second one's end.
        assert story["turns"] == {"completed": 3, "interrupted": 0, "unanswered": 0}, place
        assert (story["interruptions"], story["bot_gaps"]["count"]) == (0, 0), place
        response = story["response"]
        assert (response["count"], response["min_ms"], response["max_ms"]) == (3, 120.0, 1000.0), place
        assert story["floor"]["bot"] == pytest.approx(6.0, abs=0.05), place
        # The provider is sent the text of both.
        assert story["tts"]["characters"] == 2 * 3 * len("All right, noted."), place
