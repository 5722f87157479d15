"""The moment at which a voice's audio runs dry: length of its audio against the time since it began to play.

Later audio leaves a pause.
"""

from __future__ import annotations

from voice_metrics.call.events import SpeechEnded, SpeechLate, SpeechMade

# Shorter pauses sound like the speaker's own.
GAP_SECONDS = 0.25


class Playout:
    """The audio of one voice; durations and moments are seconds.

    Attributes:
        text_follows: True if a sentence is considered spoken only when its audio was made, as with most voices over
            HTTP; those over a WebSocket give the audio later.
    """

    def __init__(self, *, text_follows: bool = False) -> None:
        self.text_follows = text_follows
        self._answers = 0
        self._answer = self._heard_answer = 0
        self._reply: int | None = None
        self._ends_at: float | None = None
        self._run_seconds = 0.0
        self._piece_seconds = 0.0
        self._sentence: int | None = None
        self._sentence_has_audio = False
        self._sentences = 0
        self._lost = 0
        # Sentences of silent pieces of the reply under way, which a slow voice may still speak.
        self._silent_sentences = 0
        # A model that speaks called a function since its last audio.
        self._awaits_function = False
        # Audio that no interruption stops, as moments of its begin and end.
        self._kept: list[tuple[float, float]] = []
        self._piece_is_kept = False

    def reply_started(self) -> None:
        """Begin an answer of several pieces."""
        self._answers += 1
        self._reply = self._answers

    def reply_ended(self) -> int:
        """End the answer; return the number of its sentences whose audio can come no more, and did not."""
        self._reply = None
        silent, self._silent_sentences = self._silent_sentences, 0
        return silent

    def piece_started(self, *, is_apart: bool = False, is_kept: bool = False) -> None:
        """Begin a piece of speech.

        Args:
            is_apart: True if it is an answer of its own within a reply, as it is outside one.
            is_kept: True if no interruption stops it.
        """
        if self._reply is None or is_apart:
            self._answers += 1
            self._answer = self._answers
        else:
            self._answer = self._reply
        self._piece_seconds = 0.0
        self._piece_is_kept = is_kept

    def sentence_started(self, key: int) -> None:
        """Record a sentence to be spoken; `key` stands for its text."""
        self._sentence, self._sentence_has_audio = key, False
        self._sentences += 1

    def sentence_ended(self, key: int) -> None:
        """Record that a sentence is considered spoken; without audio it is lost."""
        if key == self._sentence:
            self._lost += not self._sentence_has_audio
            self._sentence = None

    def function_called(self) -> None:
        """Record that the model, whose own voice this is, called a function."""
        self._awaits_function = True

    def made(self, seconds: float, at: float) -> SpeechMade | SpeechLate | None:
        """Record `seconds` of audio made at `at`; return an event for the first of a piece, or for a late one."""
        if self._piece_seconds and self._ends_at is not None and at <= self._ends_at and not self._piece_is_kept:
            # In time, as most is.
            self._sentence_has_audio, self._awaits_function = True, False
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
                lost, first = self._take_lost_sentences() > 0, not self._piece_seconds
                event = SpeechLate(self._run_seconds, lost, first, awaited=self._awaits_function)
            if event is not None:
                self._run_seconds = 0.0
            elif dry is not None:
                self._run_seconds += dry
            self._ends_at = at
        self._heard_answer = self._answer
        self._silent_sentences = 0
        self._sentence_has_audio, self._awaits_function = True, False
        self._run_seconds += seconds
        self._piece_seconds += seconds
        self._extend(seconds, self._ends_at or at, at)
        return event

    def piece_ended(self) -> SpeechEnded:
        """End a piece of speech; return the length of its continuous audio, and the lost sentences.

        Pipecat gives a piece up after 3 s without audio, and plays what the voice still brings while it works on the
        reply.
        """
        surely = self._take_lost_sentences()
        lost = surely if self._piece_seconds else self._sentences
        if not self._piece_seconds and self._reply is not None:
            self._silent_sentences, lost = self._silent_sentences + lost - surely, surely
        self._sentences, self._sentence, self._lost = 0, None, 0
        ended = SpeechEnded(self._run_seconds if self._piece_seconds else None, lost)
        self._piece_seconds = 0.0
        return ended

    def interrupted(self, at: float) -> int:
        """Drop all audio not heard at `at`, but for what no interruption stops, which plays on.

        Returns:
            Number of the sentences that were given up before, because their audio did not come.
        """
        silent = self._silent_sentences
        kept = [(max(begin, at), end) for begin, end in self._kept if end > at]
        piece_is_kept, is_heard = self._piece_is_kept, bool(kept) and kept[0][0] == at
        answer, piece_seconds, run_seconds, ends_at = (
            self._answer,
            self._piece_seconds,
            self._run_seconds,
            self._ends_at,
        )
        self.__init__(text_follows=self.text_follows)  # type: ignore[misc]
        if piece_is_kept:
            self._answers = self._answer = self._heard_answer = answer
            self._piece_seconds, self._piece_is_kept = piece_seconds, True
        if kept and ends_at is not None:
            seconds = sum(end - begin for begin, end in kept)
            self._run_seconds = run_seconds - (ends_at - at - seconds) if is_heard else seconds
            self._ends_at = at + seconds
            self._kept = [(at, self._ends_at)]
        return silent

    def _extend(self, seconds: float, ends_at: float, at: float) -> None:
        self._ends_at = ends_at + seconds
        if not self._piece_is_kept:
            return
        if self._kept and self._kept[-1][1] == ends_at:
            self._kept[-1] = (self._kept[-1][0], self._ends_at)
        else:
            unheard = (span for span in self._kept if span[1] > at)
            self._kept = [*unheard, (ends_at, self._ends_at)]

    def _take_lost_sentences(self) -> int:
        lost, self._lost = self._lost, 0
        return lost if self.text_follows else 0
