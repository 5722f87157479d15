"""Interruptions by the caller: how fast the bot falls silent, and false ones.

An application interrupts the bot too, by a key or a button, and so do words without a voice: typed ones, and the late
transcript of what the caller said before the bot spoke. Such an interruption has no onset.
"""

from __future__ import annotations

from collections.abc import Sequence

from voice_metrics.call.events import CallerMuted, TurnHeard, UserStarted, UserStopped, VoiceStarted, VoiceStopped
from voice_metrics.call.facts import Fact, FalseInterruption, Yielded


class BargeIns:
    """The interruptions of one call."""

    def __init__(self) -> None:
        self._onset: float | None = None
        self._is_detected = False
        self._voice_is_heard = self._turn_is_open = False
        self._began_at = self._heard_until = 0.0
        self._cut_the_bot_off = False

    def observe(self, event: object, at: float) -> Sequence[Fact]:
        """Record an event at a monotonic second, other kinds ignored; return the interruption that proved false."""
        match event:
            case VoiceStarted(start_seconds):
                self._onset, self._is_detected = at - max(0.0, start_seconds), True
                self._voice_is_heard, self._began_at = True, at
            case VoiceStopped(stop_seconds):
                self._voice_is_heard, self._heard_until = False, at - max(0.0, stop_seconds)
            case CallerMuted():
                self._voice_is_heard, self._heard_until = False, at
            case UserStarted():
                if not self._is_detected:
                    self._onset = at
                self._turn_is_open, self._began_at = True, at
            case UserStopped():
                self._turn_is_open = False
            case TurnHeard(words):
                was_cut, self._cut_the_bot_off = self._cut_the_bot_off, False
                return (FalseInterruption(),) if was_cut and not words else ()
        return ()

    def interrupted(self, bot_since: float, at: float) -> Sequence[Fact]:
        """Record that the bot, speaking since `bot_since`, fell silent; return its delay after a caller's onset."""
        self._cut_the_bot_off = self._voice_is_heard or self._turn_is_open or self._began_at >= bot_since
        is_voiceless = self._is_detected and not self._voice_is_heard and self._heard_until <= bot_since
        if self._onset is None or is_voiceless or not self._cut_the_bot_off:
            return ()
        return (Yielded(max(0.0, at - max(self._onset, bot_since))),)
