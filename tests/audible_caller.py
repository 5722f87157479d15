"""A caller whose voice is audio: Pipecat's own voice-activity state machine hears it, in real time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from itertools import pairwise

from pipecat.audio.vad.vad_analyzer import VADAnalyzer, VADParams
from pipecat.frames.frames import InputAudioRawFrame
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_response_universal import LLMUserAggregatorParams

from tests.scripted_providers import CHUNK, CHUNK_SECONDS, SAMPLE_RATE

HUSH = bytes(len(CHUNK))
Span = tuple[float, float]
# Pipecat 1.14 has the model answer what was no words; here nothing answers a cough.
SILENT = {"empty_user_turn": None} if "empty_user_turn" in {f.name for f in fields(LLMUserAggregatorParams)} else {}


class Loudness(VADAnalyzer):
    """Takes all sound for a voice; when that begins and ends a turn is decided by Pipecat's class."""

    def __init__(self) -> None:
        super().__init__(params=VADParams(start_secs=0.1, stop_secs=0.2, min_volume=0.0, confidence=0.5))

    def num_frames_required(self) -> int:
        return round(self.sample_rate * CHUNK_SECONDS)

    def voice_confidence(self, buffer: bytes) -> float:
        return 1.0 if any(buffer) else 0.0


class Microphone:
    """Sends silence, unless the caller speaks.

    Parameters:
        spoken: When the caller really spoke, in monotonic seconds.
    """

    def __init__(self, worker: PipelineWorker) -> None:
        self.spoken: list[tuple[float, float]] = []
        self._worker = worker
        self._is_loud = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Send audio while this is open."""
        sending = asyncio.create_task(self._send())
        try:
            yield
        finally:
            sending.cancel()

    async def speak(self, seconds: float) -> None:
        """Speak for so long."""
        self._is_loud, begun = True, _now()
        await asyncio.sleep(seconds)
        self._is_loud = False
        self.spoken.append((begun, _now()))

    async def _send(self) -> None:
        due = _now()
        while True:
            await self._worker.queue_frame(InputAudioRawFrame(CHUNK if self._is_loud else HUSH, SAMPLE_RATE, 1))
            due += CHUNK_SECONDS
            await asyncio.sleep(max(0.0, due - _now()))


def _now() -> float:
    return asyncio.get_running_loop().time()


def merged(spans: Sequence[Span], within: float) -> list[Span]:
    """Stretches of one side in their order; pauses of so many seconds are none."""
    merged: list[Span] = []
    for begun, ended in sorted(spans):
        if merged and begun - merged[-1][1] <= within:
            merged[-1] = (merged[-1][0], max(ended, merged[-1][1]))
        else:
            merged.append((begun, ended))
    return merged


def shares(caller: Sequence[Span], bot: Sequence[Span], since: float, until: float) -> dict[str, float]:
    """Who spoke for how long."""
    shares = dict.fromkeys(("caller", "bot", "both", "none"), 0.0)
    changes = {at for span in (*caller, *bot) for at in span if since < at < until}
    for at, then in pairwise(sorted({since, *changes, until})):
        speaks = [any(a <= at < b for a, b in side) for side in (caller, bot)]
        shares[{(1, 1): "both", (1, 0): "caller", (0, 1): "bot", (0, 0): "none"}[speaks[0], speaks[1]]] += then - at
    return shares
