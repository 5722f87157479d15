"""The bot's answers that are not yet heard to their end.

A voice makes an answer in pieces, faster than they play, and after each piece and pause the output transport reports
that the bot stopped. Only the last of these stops ends the answer. An acknowledgement within a reply is no part of it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from voice_metrics.call.events import ReplyEnded, ReplyStarted, SpeechEnded, SpeechLate, SpeechMade, SpeechStarted

# Bound for a voice whose pieces are never heard.
MOST_PIECES = 100


@dataclass(slots=True, eq=False)
class _Answer:
    """One answer.

    Parameters:
        began_at: Moment at which the voice began with it, in monotonic seconds.
        is_backchannel: True if it only acknowledges what the caller says, or is the rest of an answer that was cut off.
        is_kept: True if no interruption stops it.
        is_open: True if more of it may be made.
    """

    began_at: float
    is_backchannel: bool = False
    is_kept: bool = False
    is_open: bool = True


class Pieces:
    """The answers of a call that a voice has begun and that are not over."""

    def __init__(self) -> None:
        # The answer of each piece with audio that is not heard to its end, in the order in which they play.
        self._due: deque[_Answer] = deque(maxlen=MOST_PIECES)
        self._reply: _Answer | None = None
        # The answer of the piece that is being made, or was made last.
        self._making: _Answer | None = None
        self._has_audio = False
        self._heard: _Answer | None = None
        # The answer that an acknowledgement is heard in the middle of.
        self._paused: _Answer | None = None

    def observe(self, event: object, at: float) -> None:
        """Record an event of the voice, at a monotonic second."""
        match event:
            case ReplyStarted():
                self._reply = self._making = _Answer(at)
            case SpeechStarted(is_backchannel, is_kept):
                # A voice whose connection broke may not tell a piece's end.
                self._close_piece()
                is_part = self._reply is not None and not is_backchannel
                self._making = self._reply if is_part else _Answer(at, is_backchannel, is_kept)
                self._has_audio = False
            case SpeechMade() | SpeechLate(first=True) if self._making is not None and not self._has_audio:
                self._has_audio = True
                self._due.append(self._making)
            case SpeechLate() if self._making is not None and self._making not in self._due:
                # The transport reported a stop in the pause before it, and may report the start after the piece's end.
                self._due.append(self._making)
            case SpeechEnded():
                self._close_piece()
                self._has_audio = False
            case ReplyEnded() if self._reply is not None:
                self._reply.is_open = False
                self._reply = None

    def _close_piece(self) -> None:
        if self._making is not None:
            self._making.is_open = self._making is self._reply

    def started(self) -> None:
        """Record that the bot is heard."""
        before = self._heard
        making = self._making if self._making is not None and self._making.is_open else self._reply
        self._heard = self._due[0] if self._due else making
        if self._is_unfinished(before) and before is not self._heard:
            self._paused = before

    def stopped(self) -> None:
        """Record that the bot is no longer heard."""
        if self._heard is not None and self._due and self._due[0] is self._heard:
            self._due.popleft()

    def dropped(self) -> None:
        """Drop the audio not heard yet, but for that of answers that no interruption stops."""
        kept = [answer for answer in self._due if answer.is_kept]
        self._due.clear()
        self._due.extend(kept)
        self._reply = self._paused = None
        if not self.is_kept:
            self._heard = None
        if self._making is not None and not self._making.is_kept:
            self._making = None

    @property
    def heard_answer_began_at(self) -> float | None:
        """Moment at which the voice began with the answer heard last, or `None` if unknown."""
        return None if self._heard is None else self._heard.began_at

    @property
    def is_backchannel(self) -> bool:
        """True if what is heard only acknowledges what the caller says."""
        return self._heard is not None and self._heard.is_backchannel

    @property
    def is_kept(self) -> bool:
        """True if no interruption stops what is heard."""
        return self._heard is not None and self._heard.is_kept

    @property
    def kept_follows(self) -> bool:
        """True if audio that no interruption stops waits behind what is heard, which one does."""
        return self._heard is not None and not self._heard.is_kept and any(answer.is_kept for answer in self._due)

    @property
    def is_reply(self) -> bool:
        """True if what was heard last belongs to a model's reply, of which more may come after any time."""
        return self._heard is not None and self._heard is self._reply

    @property
    def is_heard_to_its_end(self) -> bool:
        """True if the answer heard last, and one that it was heard in the middle of, have no further audio."""
        return not (self._is_unfinished(self._heard) or self._is_unfinished(self._paused))

    def _is_unfinished(self, answer: _Answer | None) -> bool:
        return answer is not None and (answer.is_open or answer in self._due)
