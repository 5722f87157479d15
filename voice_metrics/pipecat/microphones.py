"""The end of speech whose audio stops coming, as with a push-to-talk button or a muted microphone.

Pipecat's detector ends such speech after a second without audio, as if it had heard the caller until shortly before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from voice_metrics.call.events import VoiceStopped

# A detector without audio for longer is not the one that reports.
MOST_IDLE_SECONDS = 5.0


class Microphones:
    """The audio that the detectors of a pipeline receive.

    Args:
        processors: All processors of the pipeline, nested ones included.
    """

    def __init__(self, processors: Iterable[Any] = ()) -> None:
        held = (getattr(processor, "_vad_controller", None) for processor in processors)
        self._detectors = [detector for detector in held if detector is not None]

    def end(self, stopped: VoiceStopped, at: float) -> VoiceStopped:
        """Return the end of speech that is reported at `at`, in monotonic seconds: not later than the last audio."""
        # Kept by Pipecat 1.3.0 to 1.14.0 (vad_controller.py).
        arrivals = (getattr(detector, "_last_audio_time", at) for detector in self._detectors)
        idle = min((at - arrival for arrival in arrivals), default=0.0)
        return VoiceStopped(max(stopped.stop_seconds, idle)) if idle <= MOST_IDLE_SECONDS else stopped
