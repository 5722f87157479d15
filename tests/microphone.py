"""A caller whose voice is audio: Pipecat's own voice-activity state machine hears it, in real time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pipecat.audio.vad.vad_analyzer import VADAnalyzer, VADParams
from pipecat.frames.frames import InputAudioRawFrame
from pipecat.pipeline.worker import PipelineWorker

from tests.providers import CHUNK, CHUNK_SECONDS, SAMPLE_RATE

HUSH = bytes(len(CHUNK))


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
