"""Readers of frames by class: each frame of a call costs one look-up, and most cost no more."""

from __future__ import annotations

from collections.abc import Callable

from pipecat.frames.frames import Frame, MetricsFrame, StartFrame

from voice_metrics.pipecat import conversation_frames, endings
from voice_metrics.pipecat.passing_speech import PassingSpeech

Reader = Callable[[Frame], None]
_LIFE = (StartFrame, *endings.ENDS, MetricsFrame)


class _Watched(dict[type, bool]):
    """True for classes of frames that are read in every place."""

    def __missing__(self, kind: type[Frame]) -> bool:
        watched = self[kind] = issubclass(kind, _LIFE) or conversation_frames.reads(kind) or endings.reads(kind)
        return watched


WATCHED = _Watched()


class Readers(dict[type, Reader | None]):
    """Readers of the frames that pass a processor; `None` for classes that are not read.

    Args:
        read_watched: Reads a frame of a class in `WATCHED`. It must not raise; a reader of speech may.
    """

    def __init__(self, read_watched: Reader) -> None:
        super().__init__()
        self._read_watched = read_watched
        self._speech: PassingSpeech | None = None

    def read_speech(self, speech: PassingSpeech | None) -> None:
        """Read the voice's frames as well, from now on; `None` if they do not pass."""
        self._speech = speech
        self.clear()

    def __missing__(self, kind: type[Frame]) -> Reader | None:
        watched = self._read_watched if WATCHED[kind] else None
        speech = self._speech.reader(kind) if self._speech is not None else None
        reader = self[kind] = _both(watched, speech) if watched and speech else watched or speech
        return reader


def _both(first: Reader, second: Reader) -> Reader:
    def read(frame: Frame) -> None:
        first(frame)
        second(frame)

    return read
