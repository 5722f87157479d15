"""The caller's microphone: recordings when there is something to say, silence otherwise."""

import asyncio
import fractions
import math
import time
import wave
from pathlib import Path

import numpy as np
from aiortc import MediaStreamTrack
from av import AudioFrame

_SAMPLE_RATE = 16_000
_FRAME_SAMPLES = 320


class Microphone(MediaStreamTrack):
    """An audio track that plays WAVs in real time, with silence between them unless it rests."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._unsaid = np.zeros(0, np.int16)
        self._sent = 0
        self._started_at: float | None = None
        self._goal: float = math.inf
        self._is_at_goal = asyncio.Event()
        self._rests_since = 0.0
        self._is_on = asyncio.Event()
        self._is_on.set()

    @property
    def unsaid_seconds(self) -> float:
        """Sound of recordings that is still to go out."""
        return len(self._unsaid) / _SAMPLE_RATE

    async def reach(self, seconds: float) -> None:
        """Wait until `seconds` of sound went out since the call began, silence included."""
        self._goal = int(seconds * _SAMPLE_RATE)
        self._go_on()
        await self._is_at_goal.wait()

    def rest(self) -> None:
        """Send nothing, not even silence, until the next recording."""
        if self._is_on.is_set():
            self._rests_since = time.monotonic()
            self._is_on.clear()

    def play(self, recording: Path) -> None:
        """Play a recording after those that were asked for before."""
        self._go_on()
        with wave.open(str(recording)) as wav:
            assert wav.getframerate() == _SAMPLE_RATE
            samples = np.frombuffer(wav.readframes(wav.getnframes()), np.int16)
        self._unsaid = np.concatenate([self._unsaid, samples])

    async def recv(self) -> AudioFrame:
        """Wait until the next 20 ms are due and return them."""
        if self._started_at is None:
            self._started_at = time.monotonic()
        await self._is_on.wait()
        due_at = self._started_at + self._sent / _SAMPLE_RATE
        await asyncio.sleep(max(0.0, due_at - time.monotonic()))
        samples, self._unsaid = self._unsaid[:_FRAME_SAMPLES], self._unsaid[_FRAME_SAMPLES:]
        samples = np.pad(samples, (0, _FRAME_SAMPLES - len(samples)))
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = _SAMPLE_RATE, self._sent, fractions.Fraction(1, _SAMPLE_RATE)
        self._sent += _FRAME_SAMPLES
        if self._sent >= self._goal:
            self._is_at_goal.set()
        return frame

    def _go_on(self) -> None:
        if not self._is_on.is_set():
            if self._started_at is not None:
                self._started_at += time.monotonic() - self._rests_since
            self._is_on.set()
