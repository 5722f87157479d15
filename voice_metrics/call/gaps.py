"""Pauses within an answer, and how long the bot is really heard.

A voice knows how much audio it made (`playout`), and the line when the bot began to be heard; a gate between the two
may hold audio back. So a pause is measured from the moment at which the audio, from where it began to be heard, ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from voice_metrics.call.events import SpeechEnded, SpeechLate, SpeechMade
from voice_metrics.call.facts import BotGap, GapCause
from voice_metrics.call.playout import GAP_SECONDS


class Gaps:
    """The pauses of one call."""

    def __init__(self) -> None:
        self._run_since: float | None = None
        self._run_seconds: float | None = None

    @property
    def heard_until(self) -> float | None:
        """When the audio that is done ends, in monotonic seconds; `None` if more is being made, or it is not known."""
        if self._run_since is None or self._run_seconds is None:
            return None
        return self._run_since + self._run_seconds

    def bot_started(self, at: float) -> None:
        """Note that the bot is heard from now on."""
        if self._run_since is None:
            self._run_since = at

    def dropped(self) -> None:
        """Note that what is not heard yet never will be."""
        self._run_since = self._run_seconds = None

    def take(self, event: object, at: float, *, bot_speaking: bool) -> Sequence[BotGap]:
        """Note what the voice does.

        Args:
            event: What happened; events of other kinds are ignored.
            at: When, in monotonic seconds.
            bot_speaking: Whether the transport takes the bot for speaking.

        Returns:
            The pause that just ended, if one did, and sentences that were never heard.
        """
        match event:
            case SpeechMade(fresh):
                self._run_seconds = None
                if fresh:
                    self._run_since = at if bot_speaking else None
            case SpeechLate(run_seconds, lost):
                return self._late(run_seconds, GapCause.MISSING if lost else GapCause.LATE, at)
            case SpeechEnded(run_seconds, lost):
                self._run_seconds = run_seconds
                return [BotGap(GapCause.MISSING, 0.0)] * lost
        return ()

    def _late(self, run_seconds: float, cause: GapCause, at: float) -> Sequence[BotGap]:
        self._run_seconds = None
        if self._run_since is None:
            return ()
        ended = self._run_since + run_seconds
        self._run_since = max(ended, at)
        return (BotGap(cause, at - ended),) if at - ended > GAP_SECONDS else ()
