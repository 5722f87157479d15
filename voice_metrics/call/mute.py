"""Speech of a caller whom the pipeline does not hear.

A user aggregator that is muted drops the detector's frames: a processor behind it sees speech that never ends, and one
in front of it speech that the bot does not take for any.
"""

from __future__ import annotations

from voice_metrics.call.events import CallerMuted, CallerUnmuted, UserStarted, UserStopped, VoiceStarted, VoiceStopped


class Mute:
    """The mute of one call.

    Parameters:
        is_on: True while the pipeline does not hear the caller.
    """

    def __init__(self) -> None:
        self.is_on = False

    def observe(self, event: object) -> None:
        """Record an event; other kinds are ignored."""
        match event:
            case CallerMuted():
                self.is_on = True
            case CallerUnmuted():
                self.is_on = False

    def hides(self, event: object, *, turn_is_open: bool) -> bool:
        """True if an event is speech that the pipeline does not hear; `turn_is_open` during the caller's turn."""
        match event:
            case VoiceStarted() | VoiceStopped() | UserStarted():
                return self.is_on
            case UserStopped():
                # The aggregator ends a turn that was open before.
                return self.is_on and not turn_is_open
            case _:
                return False
