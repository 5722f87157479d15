"""The speech of a pipeline's only voice, read where its frames pass, without a listener on the voice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pipecat.frames.frames import Frame, LLMFullResponseEndFrame, LLMFullResponseStartFrame, TTSAudioRawFrame

from voice_metrics.call.facts import Leg
from voice_metrics.call.incoming import Event
from voice_metrics.pipecat.answer_frames import bears_on_speech, has_model, leg_of, speech_reader
from voice_metrics.pipecat.placement import in_front
from voice_metrics.pipecat.switches import resting_in
from voice_metrics.pipecat.workers import is_a, is_output

_REPLY = (LLMFullResponseStartFrame, LLMFullResponseEndFrame)


class PassingSpeech:
    """Reads a voice's frames where they pass.

    Args:
        voice: The voice.
        happened: Receives each event and `None`, synchronously.
        clock: Monotonic seconds.
        modelless: True if the pipeline has no service for the model.
    """

    def __init__(
        self, voice: Any, happened: Callable[[Event, Any], None], clock: Callable[[], float], *, modelless: bool = False
    ) -> None:
        self._reader = speech_reader(voice, happened, clock, modelless=modelless)
        self._replies: dict[type, int] = {}

    def reader(self, kind: type[Frame]) -> Callable[[Frame], None] | None:
        """Return the reader of a class of frames, or `None` if it says nothing about speech."""
        if issubclass(kind, TTSAudioRawFrame):
            return self._reader.read_audio
        return self._read_once if bears_on_speech(kind) else None

    def _read_once(self, frame: Frame) -> None:
        # The start and end of a reply pass twice behind joined branches.
        if type(frame) not in _REPLY or self._is_first_pass(frame):
            self._reader.read(None, frame)

    def _is_first_pass(self, frame: Frame) -> bool:
        if self._replies.get(type(frame)) == frame.id:
            return False
        self._replies[type(frame)] = frame.id
        return True


def passing_speech(
    root: Any,
    processors: Sequence[Any],
    meter: Any | None,
    happened: Callable[[Event, Any], None],
    clock: Callable[[], float],
) -> PassingSpeech | None:
    """Return the reader of a pipeline's speech where it passes.

    Args:
        root: The pipeline.
        processors: All of its processors.
        meter: The measuring processor, or `None` for an observer, which sees a reply's end at the model, not at the
            voice.
        happened: Receives each event and `None`, synchronously.
        clock: Monotonic seconds.

    Returns:
        The reader, or `None` if speech must be read at its origin: several voices speak, none does, or their frames
        do not pass in time. An output transport passes them on when they are heard, the assistant's aggregator keeps
        them, and an avatar (HeyGen, Tavus) replaces the audio.
    """
    front = None if meter is None else in_front(root, meter)
    if front is None or any(map(is_output, front)):
        return None
    voices = [processor for processor in processors if leg_of(processor) is Leg.TTS]
    resting = set(resting_in(processors))
    speaking = [voice for voice in voices if voice.name not in resting]
    if len(speaking) != 1:
        return None
    if not all(voice in front for voice in voices) or any(map(_may_replace_audio, _behind(voices, front))):
        return None
    return PassingSpeech(speaking[0], happened, clock, modelless=not has_model(processors))


def _behind(voices: Sequence[Any], front: Sequence[Any]) -> Sequence[Any]:
    return front[1 + min(front.index(voice) for voice in voices) :]


def _may_replace_audio(processor: Any) -> bool:
    return is_a(processor, "AIService") and leg_of(processor) in (None, Leg.OTHER)
