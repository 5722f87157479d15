"""The bot's answers that are not yet heard to their end.

A voice makes an answer in pieces, faster than they play, and after each piece and pause the output transport reports
that the bot stopped. Only the last of these stops ends the answer.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from voice_metrics.call.events import ReplyEnded, ReplyStarted, SpeechEnded, SpeechLate, SpeechMade, SpeechStarted

# Bound for a voice that never reports the end of an answer.
MOST_ANSWERS = 100


@dataclass(slots=True)
class _Answer:
    """One answer.

    Parameters:
        began_at: Moment at which the voice began with it, in monotonic seconds.
        is_backchannel: True if it only acknowledges what the caller says.
        is_open: True if more of it may be made.
        due: Pieces with audio that are not heard to their end.
    """

    began_at: float
    is_backchannel: bool = False
    is_open: bool = True
    due: int = 0

    @property
    def is_over(self) -> bool:
        return not self.is_open and self.due == 0


class Pieces:
    """The answers of a call that a voice has begun and that are not over."""

    def __init__(self) -> None:
        self._answers: deque[_Answer] = deque(maxlen=MOST_ANSWERS)
        self._heard: _Answer | None = None
        self._in_reply = False

    def observe(self, event: object, at: float) -> None:
        """Record an event of the voice, at a monotonic second."""
        match event:
            case ReplyStarted():
                self._in_reply = True
                self._answers.append(_Answer(at))
            case SpeechStarted(is_backchannel) if not self._in_reply:
                self._answers.append(_Answer(at, is_backchannel))
            case SpeechMade() | SpeechLate(first=True) if self._answers:
                self._answers[-1].due += 1
            case SpeechEnded() if not self._in_reply:
                self._close_answer()
            case ReplyEnded():
                self._in_reply = False
                self._close_answer()

    def started(self) -> None:
        """Record that the bot is heard."""
        while self._answers and self._answers[0].is_over:
            self._answers.popleft()
        self._heard = self._answers[0] if self._answers else None

    def stopped(self) -> None:
        """Record that the bot is no longer heard."""
        if self._heard is not None:
            self._heard.due = max(0, self._heard.due - 1)

    def dropped(self) -> None:
        """Drop the audio not heard yet."""
        self._answers.clear()
        self._heard, self._in_reply = None, False

    @property
    def heard_answer_began_at(self) -> float | None:
        """Moment at which the voice began with the answer heard last, or `None` if unknown."""
        return None if self._heard is None else self._heard.began_at

    @property
    def is_backchannel(self) -> bool:
        """True if what is heard only acknowledges what the caller says."""
        return self._heard is not None and self._heard.is_backchannel

    @property
    def is_heard_to_its_end(self) -> bool:
        """True if the answer heard last has no further audio."""
        return self._heard is None or self._heard.is_over

    def _close_answer(self) -> None:
        if self._answers:
            self._answers[-1].is_open = False
