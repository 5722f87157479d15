"""Turns that a speech-to-speech service ends by its own detector, whose silence it waits for is no part of the speech.

The services tell the end of a turn once the caller was silent for a time that their settings name. A semantic detector,
which waits for as long as the words suggest, names none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pipecat.frames import frames
from pipecat.frames.frames import Frame

from voice_metrics.call.events import UserStopped
from voice_metrics.pipecat.pushes import Pushes
from voice_metrics.pipecat.workers import is_a

# Pushed by the service; later versions propose the end to the user aggregator.
_END: type[Frame] = getattr(frames, "ProposedUserStoppedSpeakingFrame", frames.UserStoppedSpeakingFrame)
# Unless set (OpenAI's API reference, `turn_detection` of a realtime session, 2026-12-01).
_OPENAI_SECONDS = 0.5
# An end that comes later has another cause.
_LATE_SECONDS = 5.0


class OwnDetectors:
    """The detectors of a pipeline's speech-to-speech services.

    Args:
        pushes: Listens to what the services push.
        clock: Monotonic seconds.
    """

    def __init__(self, pushes: Pushes, clock: Callable[[], float]) -> None:
        self._pushes = pushes
        self._clock = clock
        self._known: set[int] = set()
        self._silent_since: float | None = None

    def listen(self, processors: Iterable[Any]) -> None:
        """Listen to the services that are new."""
        for processor in processors:
            if processor.id not in self._known and hasattr(getattr(processor, "_settings", None), "session_properties"):
                self._known.add(processor.id)
                self._pushes.listen(processor, self._note_end, lambda kind: issubclass(kind, _END))

    def _note_end(self, service: Any, frame: Frame) -> None:
        seconds = silence_seconds(service)
        self._silent_since = None if seconds is None else self._clock() - seconds

    def end(self, stopped: UserStopped, at: float) -> UserStopped:
        """Return the end of a turn that comes at `at`, in monotonic seconds, with the silence before it."""
        since, self._silent_since = self._silent_since, None
        return UserStopped(at - since) if since is not None and at - since <= _LATE_SECONDS else stopped


def silence_seconds(service: Any) -> float | None:
    """Return the silence after which a service's own detector ends a turn, or `None` if it has none or it varies."""
    properties = service._settings.session_properties
    detection = getattr(properties, "turn_detection", None)
    if (audio := getattr(properties, "audio", None)) is not None and detection is None:
        detection = getattr(getattr(audio, "input", None), "turn_detection", None)
    if detection is None:
        return _OPENAI_SECONDS if is_a(service, "OpenAIRealtimeLLMService") else None
    milliseconds = getattr(detection, "silence_duration_ms", None)
    return milliseconds / 1000 if getattr(detection, "type", None) == "server_vad" and milliseconds else None
