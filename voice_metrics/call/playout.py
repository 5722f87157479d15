"""The moment at which a voice's audio runs dry: length of its audio against the time since it began to play.

Later audio leaves a pause.
"""

from __future__ import annotations

from voice_metrics.call.events import SpeechEnded, SpeechLate, SpeechMade

# Shorter pauses sound like the speaker's own.
GAP_SECONDS = 0.25


class Playout:
    """The audio of one voice; durations and moments are seconds."""

    def __init__(self) -> None:
        self._answer = 0
        self._in_reply = False
        self._heard_answer = -1
        self._ends_at: float | None = None
        self._run_seconds = 0.0
        self._piece_seconds = 0.0
        self._sentence: int | None = None
        self._sentence_has_audio = False
        self._sentences = 0
        self._lost = 0

    def reply_started(self) -> None:
        """Begin an answer of several pieces."""
        self._answer += 1
        self._in_reply = True

    def reply_ended(self) -> None:
        """End the answer."""
        self._in_reply = False

    def piece_started(self) -> None:
        """Begin a piece of speech; outside a reply it is an answer of its own."""
        if not self._in_reply:
            self._answer += 1
        self._piece_seconds = 0.0

    def sentence_started(self, key: int) -> None:
        """Record a sentence to be spoken; `key` stands for its text."""
        self._sentence, self._sentence_has_audio = key, False
        self._sentences += 1

    def sentence_ended(self, key: int) -> None:
        """Record that a sentence is considered spoken; without audio it is lost."""
        if key == self._sentence:
            self._lost += not self._sentence_has_audio
            self._sentence = None
            self._sentences -= 1

    def made(self, seconds: float, at: float) -> SpeechMade | SpeechLate | None:
        """Record `seconds` of audio made at `at`; return an event for the first of a piece, or for a late one."""
        if self._piece_seconds and self._ends_at is not None and at <= self._ends_at:
            # In time, as most is.
            self._sentence_has_audio = True
            self._run_seconds += seconds
            self._piece_seconds += seconds
            self._ends_at += seconds
            return None
        dry = None if self._ends_at is None else at - self._ends_at
        is_same = self._heard_answer == self._answer
        event: SpeechMade | SpeechLate | None = None
        if not self._piece_seconds:
            event = SpeechMade(fresh=dry is None or dry > 0)
        if dry is None or dry > 0:
            if is_same and dry is not None and dry > GAP_SECONDS:
                event = SpeechLate(self._run_seconds, self._take_lost_sentences() > 0, first=not self._piece_seconds)
            if event is not None:
                self._run_seconds = 0.0
            elif dry is not None:
                self._run_seconds += dry
            self._ends_at = at
        self._heard_answer = self._answer
        self._sentence_has_audio = True
        self._run_seconds += seconds
        self._piece_seconds += seconds
        self._ends_at = (self._ends_at or at) + seconds
        return event

    def piece_ended(self) -> SpeechEnded:
        """End a piece of speech; return the length of its continuous audio, and the lost sentences."""
        lost = self._take_lost_sentences()
        if not self._piece_seconds:
            lost += self._sentences
        self._sentences, self._sentence = 0, None
        ended = SpeechEnded(self._run_seconds if self._piece_seconds else None, lost)
        self._piece_seconds = 0.0
        return ended

    def interrupted(self) -> None:
        """Drop all audio not heard yet."""
        self.__init__()  # type: ignore[misc]

    def _take_lost_sentences(self) -> int:
        lost, self._lost = self._lost, 0
        return lost
