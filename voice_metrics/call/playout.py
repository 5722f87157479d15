"""When the audio that a voice made runs dry: made audio against the time that it takes to be heard.

A voice's audio is heard from its first piece on, in one stretch, for as long as there is some left. What comes later
than that leaves a pause.
"""

from __future__ import annotations

from voice_metrics.call.events import SpeechEnded, SpeechLate, SpeechMade

# Shorter pauses are heard as the speaker's own.
GAP_SECONDS = 0.25


class Playout:
    """The audio of one voice. Durations and moments are seconds."""

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
        """Note that the pieces that follow are one answer."""
        self._answer += 1
        self._in_reply = True

    def reply_ended(self) -> None:
        """Note that the answer has no more pieces."""
        self._in_reply = False

    def piece_started(self) -> None:
        """Note that a piece of speech begins; outside of a reply it is an answer of its own."""
        if not self._in_reply:
            self._answer += 1
        self._piece_seconds = 0.0

    def sentence_started(self, key: int) -> None:
        """Note that a sentence is to be spoken.

        Args:
            key: Stands for its text.
        """
        self._sentence, self._sentence_has_audio = key, False
        self._sentences += 1

    def sentence_ended(self, key: int) -> None:
        """Note that a text is taken for spoken; a sentence without audio is lost."""
        if key == self._sentence:
            self._lost += not self._sentence_has_audio
            self._sentence = None
            self._sentences -= 1

    def made(self, seconds: float, at: float) -> SpeechMade | SpeechLate | None:
        """Note audio.

        Args:
            seconds: Its length.
            at: When it was made.

        Returns:
            What is to be known of it: the first of a piece, or late within an answer.
        """
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
                event = SpeechLate(self._run_seconds, self._take_lost() > 0, first=not self._piece_seconds)
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
        """Note that a piece of speech is done.

        Returns:
            How long what is heard in one stretch lasts, and the sentences that were never heard.
        """
        lost = self._take_lost()
        if not self._piece_seconds:
            lost += self._sentences
        self._sentences, self._sentence = 0, None
        ended = SpeechEnded(self._run_seconds if self._piece_seconds else None, lost)
        self._piece_seconds = 0.0
        return ended

    def interrupted(self) -> None:
        """Note that all audio that is not heard yet is dropped."""
        self.__init__()  # type: ignore[misc]

    def _take_lost(self) -> int:
        lost, self._lost = self._lost, 0
        return lost
