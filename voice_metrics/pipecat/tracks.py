"""The track of an output that a call is measured on: some bots speak on several at once, as in several languages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pipecat.frames.frames import BotSpeakingFrame, BotStartedSpeakingFrame, BotStoppedSpeakingFrame, Frame

from voice_metrics.call.facts import Leg
from voice_metrics.pipecat.answer_frames import leg_of

_OF_A_TRACK = (BotStartedSpeakingFrame, BotStoppedSpeakingFrame)


class Tracks:
    """The tracks of one pipeline's voices. If there are several, the first voice's is measured.

    Args:
        processors: The processors that talk.
    """

    def __init__(self, processors: Iterable[Any] = ()) -> None:
        voices = [processor for processor in processors if leg_of(processor) is Leg.TTS]
        self._measured = _track_of(voices[0]) if voices else None
        self._elsewhere = {voice.id for voice in voices if _track_of(voice) != self._measured}

    def measured(self, processors: Iterable[Any]) -> Sequence[Any]:
        """Return the processors without the voices of other tracks."""
        return [processor for processor in processors if processor.id not in self._elsewhere]

    def hides(self, frame: Frame) -> bool:
        """True if a frame says of another track, or does not say of which, that the bot is heard."""
        if not self._elsewhere:
            return False
        if isinstance(frame, _OF_A_TRACK):
            return frame.transport_destination != self._measured
        return isinstance(frame, BotSpeakingFrame)


def _track_of(voice: Any) -> Any:
    return getattr(voice, "_transport_destination", None)
