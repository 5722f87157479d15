"""Pauses within an answer, and how long the bot is really heard.

A voice knows the length of its audio (`playout`), and the line the moment of its first sound; a gate between them may
hold audio back. A pause therefore counts from the end of the audio, from its first sound on.
"""

from __future__ import annotations

from collections.abc import Sequence

from voice_metrics.call.events import SentencesLost, SpeechEnded, SpeechLate, SpeechMade
from voice_metrics.call.facts import BotGap, GapCause
from voice_metrics.call.playout import GAP_SECONDS


class Gaps:
    """The pauses of one call."""

    def __init__(self) -> None:
        self._run_since: float | None = None
        self._run_seconds: float | None = None
        # Begin of the pause that the latest event ended, or `None`.
        self.silent_since: float | None = None

    @property
    def heard_until(self) -> float | None:
        """End of the finished audio, in monotonic seconds; `None` if more is being made, or unknown."""
        if self._run_since is None or self._run_seconds is None:
            return None
        return self._run_since + self._run_seconds

    def bot_started(self, at: float) -> None:
        """Record that the bot is heard from `at` on."""
        if self._run_since is None:
            self._run_since = at

    def wait_for_start(self) -> None:
        """Record that audio made since an interruption is not heard yet, because it did not stop what was heard."""
        self._run_since = None

    def dropped(self) -> None:
        """Drop the audio not heard yet."""
        self._run_since = self._run_seconds = None

    def observe(self, event: object, at: float, *, bot_speaking: bool) -> Sequence[BotGap]:
        """Record an event of the voice; return the pause that just ended, if any, and lost sentences.

        Args:
            event: The event; other kinds are ignored.
            at: The moment, in monotonic seconds.
            bot_speaking: True if the transport reports the bot as speaking.
        """
        self.silent_since = None
        match event:
            case SpeechMade(fresh):
                self._run_seconds = None
                if fresh:
                    self._run_since = at if bot_speaking else None
            case SpeechLate(run_seconds, lost, awaited=awaited):
                seconds = self._end_pause(run_seconds, at)
                cause = GapCause.MISSING if lost else GapCause.LATE
                return [BotGap(cause, seconds)] if seconds > GAP_SECONDS and not awaited else []
            case SpeechEnded(run_seconds, lost):
                self._run_seconds = run_seconds
                return _lost(lost)
            case SentencesLost(count):
                return _lost(count)
        return ()

    def _end_pause(self, run_seconds: float, at: float) -> float:
        self._run_seconds = None
        if self._run_since is None:
            return 0.0
        ended = self._run_since + run_seconds
        self._run_since = max(ended, at)
        if at - ended > GAP_SECONDS:
            self.silent_since = ended
        return at - ended


def _lost(sentences: int) -> Sequence[BotGap]:
    return [BotGap(GapCause.MISSING, 0.0)] * sentences
