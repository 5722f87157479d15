"""Callers whose audio stops coming while they speak: a push-to-talk button, a muted microphone."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from pipecat.audio.vad import vad_controller
from pipecat.frames.frames import EndFrame, InputAudioRawFrame
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies

from tests.audible_caller import Loudness
from tests.every_place import PLACES, stories
from tests.scripted import Script, ScriptedCall, Turn
from tests.scripted_providers import CHUNK, CHUNK_SECONDS, SAMPLE_RATE
from voice_metrics.call.events import VoiceStopped
from voice_metrics.pipecat.microphones import Microphones

SCRIPT = Script(turns=(Turn("what is free tonight"),))


async def _push_to_talk(call: ScriptedCall) -> None:
    bench = call.bench
    bench.says = SCRIPT.turns[0].says
    for _ in range(round(1.0 / CHUNK_SECONDS)):
        await call.worker.queue_frame(InputAudioRawFrame(CHUNK, SAMPLE_RATE, 1))
        await asyncio.sleep(CHUNK_SECONDS)
    await bench.bot_speaks.wait()
    await bench.bot_is_quiet.wait()
    await call.worker.queue_frame(EndFrame())


def test_speech_ends_with_its_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    def now() -> float:
        return asyncio.get_running_loop().time()

    monkeypatch.setattr(vad_controller, "time", SimpleNamespace(monotonic=now, time=now))
    turns = UserTurnStrategies(
        start=[VADUserTurnStartStrategy()], stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.2)]
    )
    told = stories(SCRIPT, _push_to_talk, user_params={"vad_analyzer": Loudness(), "user_turn_strategies": turns})

    for place in PLACES:
        assert told[place]["floor"]["caller"] == pytest.approx(1.0, abs=0.05), place
        # 1 s until Pipecat ends the speech, 0.2 s until it ends the turn, and 0.07 s of model and voice.
        assert told[place]["response"]["average_ms"] == pytest.approx(1270, abs=60), place


@pytest.mark.parametrize(
    ("last_audio_at", "stop_seconds"),
    [
        pytest.param(99.99, 0.2, id="audio-goes-on"),
        pytest.param(99.0, 1.0, id="audio-stopped"),
        pytest.param(40.0, 0.2, id="another-detector-reports"),
    ],
)
def test_end_of_speech_is_not_later_than_its_audio(last_audio_at: float, stop_seconds: float) -> None:
    detector = VADProcessor(vad_analyzer=Loudness())
    detector._vad_controller._last_audio_time = last_audio_at

    assert Microphones([detector]).end(VoiceStopped(0.2), 100.0).stop_seconds == pytest.approx(stop_seconds)
    assert Microphones().end(VoiceStopped(0.2), 100.0) == VoiceStopped(0.2)
