"""The beginnings of a voice's speeches, and whether it works on another one then.

A speech is an answer or a sentence of its own (`TTSSpeakFrame`), for which Pipecat has an audio context.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from pipecat.utils.utils import obj_id

from voice_metrics.call.facts import Leg
from voice_metrics.pipecat.answer_frames import leg_of
from voice_metrics.pipecat.workers import has_event

_EVENT = "on_tts_request"
# Speeches that one voice works on at once; it goes back to an answer after a sentence of its own.
_MOST = 20


class Speeches:
    """Listens to voices, once each, for as long as they live.

    Args:
        began: Receives Pipecat's name of a voice that begins a speech, the number of the moment in the order in which
            frames are made, and whether the voice works on no other speech; on the event loop.
        faulted: Receives where a fault arose, and the fault.
    """

    def __init__(self, began: Callable[[str, int, bool], None], faulted: Callable[[str, Exception], None]) -> None:
        self._began = began
        self._faulted = faulted
        self._latest: dict[int, deque[str]] = {}

    def listen(self, processors: Iterable[Any]) -> None:
        """Listen to the voices among the processors that are new."""
        for processor in processors:
            if processor.id not in self._latest and leg_of(processor) is Leg.TTS and has_event(processor, _EVENT):
                self._latest[processor.id] = deque(maxlen=_MOST)
                processor.add_event_handler(_EVENT, self._read)

    def _read(self, voice: Any, context_id: str, text: str) -> None:
        try:
            latest = self._latest[voice.id]
            if context_id not in latest:
                latest.append(context_id)
                others = [each for each in voice.get_audio_contexts() if each != context_id]
                self._began(voice.name, obj_id(), not others or _makes_audio_at_once(voice))
        except Exception as fault:
            self._faulted(_EVENT, fault)


def _makes_audio_at_once(voice: Any) -> bool:
    """True for a voice that has made all audio of a text before it takes the next one, as those over HTTP."""
    # Since 1.8; before, the latest text shows it.
    return bool(getattr(voice, "supports_processing_metrics", False) or voice._is_yielding_frames_synchronously)
