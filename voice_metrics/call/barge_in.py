"""How fast the bot yields when the caller speaks, and whether there was anything to yield to."""

from __future__ import annotations

from collections.abc import Sequence

from voice_metrics.call.events import TurnHeard, UserStarted, VoiceStarted
from voice_metrics.call.facts import Fact, FalseInterruption, Yielded


class BargeIns:
    """The interruptions of one call."""

    def __init__(self) -> None:
        self._onset: float | None = None
        self._is_detected = False
        self._cut_the_bot_off = False

    def take(self, event: object, at: float) -> Sequence[Fact]:
        """Note an event.

        Args:
            event: What happened; events of other kinds are ignored.
            at: When, in monotonic seconds.

        Returns:
            The interruption that proved to be none, if the event proves it.
        """
        match event:
            case VoiceStarted(start_seconds):
                self._onset, self._is_detected = at - max(0.0, start_seconds), True
            case UserStarted():
                if not self._is_detected:
                    self._onset = at
            case TurnHeard(words):
                was_cut, self._cut_the_bot_off = self._cut_the_bot_off, False
                return (FalseInterruption(),) if was_cut and not words else ()
        return ()

    def interrupted(self, bot_since: float, at: float) -> Sequence[Fact]:
        """Note that the bot was cut off.

        Args:
            bot_since: When it began to speak.
            at: When it fell silent.

        Returns:
            How long it took to yield, where the onset of the caller's speech is known.
        """
        self._cut_the_bot_off = True
        return () if self._onset is None else (Yielded(max(0.0, at - max(self._onset, bot_since))),)
