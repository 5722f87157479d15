"""Splits a stream of audio into utterances by loudness."""

import numpy as np

_LOUD_RMS = 300.0
_LEAD_SECONDS = 0.3
_SHORTEST_SECONDS = 0.35


class Utterances:
    """Finds the beginning and end of speech.

    Args:
        sample_rate: Samples per second of the stream, 16-bit mono.
        endpointing_seconds: Silence that ends an utterance, in seconds.
    """

    def __init__(self, sample_rate: int, endpointing_seconds: float) -> None:
        self._bytes_per_second = sample_rate * 2
        self._endpointing_seconds = endpointing_seconds
        self._lead = bytearray()
        self._speech = bytearray()
        self._loud_seconds = 0.0
        self._quiet_seconds = 0.0

    def add(self, pcm: bytes) -> bytes | None:
        """Add the next piece of the stream.

        Args:
            pcm: Audio of any length.

        Returns:
            The utterance that ended in this piece, or `None`.
        """
        seconds = len(pcm) / self._bytes_per_second
        loud = _rms(pcm) > _LOUD_RMS
        if not self._speech and not loud:
            self._lead = (self._lead + pcm)[-int(_LEAD_SECONDS * self._bytes_per_second) // 2 * 2 :]
            return None
        if not self._speech:
            self._speech, self._lead = self._lead, bytearray()
        self._speech += pcm
        self._loud_seconds += seconds if loud else 0.0
        self._quiet_seconds = 0.0 if loud else self._quiet_seconds + seconds
        return self._finish() if self._quiet_seconds >= self._endpointing_seconds else None

    def _finish(self) -> bytes | None:
        utterance = bytes(self._speech) if self._loud_seconds >= _SHORTEST_SECONDS else None
        self._speech, self._loud_seconds, self._quiet_seconds = bytearray(), 0.0, 0.0
        return utterance


def _rms(pcm: bytes) -> float:
    return float(np.sqrt(np.mean(np.frombuffer(pcm, dtype=np.int16).astype(np.float32) ** 2)))
