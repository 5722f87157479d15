"""Audio that the application plays itself, such as a recorded greeting: no voice reports its end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from pipecat.frames.frames import EndFrame, OutputAudioRawFrame, TTSAudioRawFrame
from pipecat.transports import base_output

from tests.every_place import PLACES, stories
from tests.scripted import SHORT, ScriptedCall
from tests.scripted_providers import CHUNK, CHUNK_SECONDS, SAMPLE_RATE


async def _play(call: ScriptedCall) -> None:
    for kind in (OutputAudioRawFrame, TTSAudioRawFrame):
        for _ in range(round(2.0 / CHUNK_SECONDS)):
            await call.worker.queue_frame(kind(CHUNK, SAMPLE_RATE, 1))
    await call.bench.bot_speaks.wait()
    await asyncio.sleep(8.0)
    await call.worker.queue_frame(EndFrame())


def test_bot_has_the_floor_while_its_audio_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    def now() -> float:
        return asyncio.get_running_loop().time()

    monkeypatch.setattr(base_output, "time", SimpleNamespace(monotonic=now, time=now))
    told = stories(SHORT, _play)

    for place in PLACES:
        story = told[place]
        # Pipecat takes plain audio for no speech, and reports the end of the other 3 s late.
        assert story["floor"]["bot"] == pytest.approx(2.0, abs=0.25), place
        assert story["greeting_ms"] == pytest.approx(2000, abs=60), place
