"""Speech recognition."""

from typing import Protocol

import numpy as np
import soxr  # type: ignore[import-untyped]

_SAMPLE_RATE = 16_000
_TAIL_SECONDS = 0.25


class Ears(Protocol):
    """Turns one utterance into text."""

    def hear(self, pcm: bytes, sample_rate: int) -> str:
        """Transcribe one utterance.

        Args:
            pcm: One utterance, 16-bit mono.
            sample_rate: Samples per second.

        Returns:
            The words; empty if it recognised none.
        """
        ...


class Moonshine:
    """The `tiny-en` model; its weights are in the wheel of moonshine-voice 0.1.0."""

    def __init__(self) -> None:
        from moonshine_voice import ModelArch, Transcriber, get_model_path  # type: ignore[import-untyped]

        self._transcriber = Transcriber(str(get_model_path("tiny-en")), ModelArch.TINY)

    def hear(self, pcm: bytes, sample_rate: int) -> str:
        """Transcribe one utterance."""
        audio = np.frombuffer(pcm, dtype=np.int16).astype(np.float32) / 32768
        if sample_rate != _SAMPLE_RATE:
            audio = soxr.resample(audio, sample_rate, _SAMPLE_RATE)
        # Moonshine loses the last word if the audio ends with it, so add silence.
        audio = np.concatenate([audio, np.zeros(int(_TAIL_SECONDS * _SAMPLE_RATE), np.float32)])
        transcript = self._transcriber.transcribe_without_streaming(audio.tolist(), _SAMPLE_RATE)
        return " ".join(line.text for line in transcript.lines).strip()


class Canned:
    """No model: every utterance is the caller's next line.

    Args:
        lines: The caller's lines, in order.
    """

    def __init__(self, lines: list[str]) -> None:
        self._lines = list(lines)

    def hear(self, pcm: bytes, sample_rate: int) -> str:
        """Return the next line."""
        return self._lines.pop(0) if self._lines else ""
