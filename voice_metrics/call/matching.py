"""Matching of the bot's speech with the caller's turns.

A finished turn is a question. It stays open while a language model, a function or a voice works on its answer. The
bot's first audio in that time is the response; audio after it answers nothing. A question without further work lapses.
One whose answer is made or waits to be heard stays open when the caller goes on, unless that interrupts the bot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from voice_metrics.call.errors import ErrorRaised
from voice_metrics.call.events import (
    BotStopped,
    CallerIdle,
    CallerKeyed,
    CallerMuted,
    Interruption,
    KeyPressed,
    ModelEnded,
    ModelSpoke,
    ModelStarted,
    ModelWaits,
    ModelWrote,
    ReplyEnded,
    ReplyStarted,
    SpeechEnded,
    SpeechLate,
    SpeechMade,
    SpeechStarted,
    TurnHeard,
    TurnsAnnounced,
    UserStarted,
    UserStopped,
    VoiceStarted,
    VoiceStopped,
)
from voice_metrics.call.facts import Cause, Fact, Leg, Responded, Unanswered
from voice_metrics.call.functions import FunctionAnswered, FunctionDropped, FunctionRaised, FunctionRunning
from voice_metrics.call.question import NEXT_STEP_SECONDS, PATIENCE_SECONDS, Question
from voice_metrics.call.question_queue import QuestionQueue
from voice_metrics.call.seen import Seen

# A turn that starts from a transcript alone belongs to speech that ended at most this long ago.
LATE_TRANSCRIPT_SECONDS = 5.0
# Keys make a turn that ends at once: a longer one is speech, where nothing detects the voice.
KEYED_TURN_SECONDS = 1.0
# A voice that failed may still give audio: Pipecat closes a silent context after 3 s (1.14.0, tts_service.py).
FAILED_VOICE_SECONDS = 3.0
# Seen where they arise, and where they pass.
_SEEN_TWICE = (FunctionRunning, FunctionAnswered, FunctionDropped, FunctionRaised, ErrorRaised)


class Answers:
    """The questions of one call; `leg` maps a processor's class name to its part of the bot."""

    def __init__(self, leg: Callable[[str], Leg] = lambda processor: Leg.OTHER) -> None:
        self._leg = leg
        self._seen = Seen()
        self._turns_are_announced = False
        self._has_detector = self._voice_is_heard = False
        self._silent_since: float | None = None
        self._keyed_at: float | None = None
        self._turn_began_at = 0.0
        # A turn lapsed without words, which may still come.
        self._words_are_late = False
        # The bot spoke before the announced end of the turn that it answers, or waits for a caller who has more to say.
        self._needs_no_answer = False
        self._bot_is_heard, self._bot_stopped_at = False, 0.0
        self._question: Question | None = None
        self._queue = QuestionQueue(leg)
        # The question whose late words seem to have started the open turn.
        self._continued: Question | None = None

    @property
    def turn_is_open(self) -> bool:
        """True during the caller's turn."""
        return self._question is not None and self._question.since is None

    def bot_started(self, at: float, began_at: float | None = None) -> Sequence[Fact]:
        """Record the bot's first audio; return the response, or the unanswered turn.

        Args:
            at: The moment, in monotonic seconds.
            began_at: Moment at which a voice began with what is heard, or `None` if unknown.
        """
        if self._question is not None:
            self._question.speech_began(at)
        lapsed = self._lapse_if_due(at)
        self._bot_is_heard = True
        question = self._question
        lapsed = (*lapsed, *self._queue.left_behind(began_at))
        if (silent_since := self._queue.answered(began_at)) is not None:
            return (*lapsed, Responded(at - silent_since))
        if question is not None and question.is_behind(began_at):
            return lapsed
        if question is not None and question.since is None:
            return (*lapsed, *self._answered_ahead(question, at))
        lapsed = (*lapsed, *self._give_up_late_words())
        self._silent_since = self._keyed_at = None
        if question is None or question.since is None or not question.is_answered_by_speech(at):
            return lapsed
        self._question = None
        return (*lapsed, Responded(at - question.since)) if at >= question.since else lapsed

    def bot_resumed(self) -> None:
        """Record that the bot is heard again after a pause within an answer."""
        self._bot_is_heard = True

    def observe(self, event: object, at: float) -> Sequence[Fact]:
        """Record an event at a monotonic second, other kinds ignored; return the unanswered turn, if now certain."""
        if isinstance(event, SpeechStarted) and self._question is not None:
            self._question.speech_began(at)
        lapsed = self._lapse_if_due(at)
        if isinstance(event, Interruption):
            lapsed = (*lapsed, *self._queue.dropped(Cause.CALLER_RESUMED))
        match event:
            case TurnsAnnounced():
                self._turns_are_announced = True
            case UserStarted():
                return (*lapsed, *self._turn_started(at))
            case UserStopped(silence_seconds):
                self._turn_stopped(at, silence_seconds)
            case VoiceStarted():
                return (*lapsed, *self._voice_started())
            case VoiceStopped(stop_seconds):
                return (*lapsed, *self._voice_stopped(at, stop_seconds))
            case CallerMuted():
                self._voice_is_heard = False
            case CallerKeyed():
                self._keyed_at = at
            case BotStopped():
                self._bot_stopped(at)
            case SpeechStarted(is_backchannel=True):
                pass
            case _ if isinstance(event, _SEEN_TWICE) and not self._seen.first((type(event), event.frame_id)):
                pass
            case _ if self._question is not None:
                self._record_work(self._queue.worked_on(event, self._question), event, at)
        return lapsed

    def end(self, at: float) -> Sequence[Fact]:
        """End the call; return the unanswered turn, if there is one."""
        queued = self._queue.dropped(Cause.CALL_ENDED)
        if lapsed := (*self._lapse_if_due(at), *self._give_up_late_words()):
            return (*queued, *lapsed)
        question, self._question = self._question, None
        if question is None or question.since is None or not question.announced:
            return queued
        # A function that hangs up returns a result without asking the model for more words.
        hung_up = question.cause is Cause.NO_ANSWER and not question.failed and not self._is_overdue(question, at)
        return (*queued, *question.unanswered(Cause.CALL_ENDED if hung_up else question.reason()))

    def _is_overdue(self, question: Question, at: float) -> bool:
        return not self._bot_is_heard and question.is_overdue(at, self._bot_stopped_at)

    def _bot_stopped(self, at: float) -> None:
        self._bot_is_heard, self._bot_stopped_at = False, at
        self._queue.step(at)
        if self._question is not None and self._question.is_queued:
            self._question.step(at)

    def _lapse_if_due(self, at: float) -> Sequence[Fact]:
        lapsed = () if self._bot_is_heard else self._queue.lapsed(at)
        return (*lapsed, *self._lapse_question_if_due(at))

    def _lapse_question_if_due(self, at: float) -> Sequence[Fact]:
        question = self._question
        is_queued = question is not None and question.is_queued and self._bot_is_heard
        if question is None or is_queued or not question.has_lapsed(at):
            is_over = self._silent_since is None or at - self._silent_since > LATE_TRANSCRIPT_SECONDS
            return self._give_up_late_words() if is_over else ()
        self._question = None
        if question.reason() is Cause.NO_TRANSCRIPT and question.detected and not self._voice_is_heard:
            # Its transcript may come late, as a turn of its own.
            self._silent_since, self._words_are_late = question.since, question.announced
            return ()
        return question.unanswered(question.reason()) if question.announced else ()

    def _give_up_late_words(self) -> Sequence[Fact]:
        """Expect no more late words; return the unanswered turn that waited for them, if there is one."""
        was_late, self._words_are_late = self._words_are_late, False
        return (Unanswered(Cause.NO_TRANSCRIPT),) if was_late else ()

    def _answered_ahead(self, question: Question, at: float) -> Sequence[Fact]:
        """Return the response to a turn whose end is not announced yet, if a model that hears the caller gave it."""
        question.is_spoken_over = True
        if not (question.is_worked_on or question.speech_is_due):
            return ()
        if self._silent_since is None:
            # A detector tells the caller's silence late.
            question.spoken_over_at = at
            return ()
        return self._answer_ahead(at, self._silent_since)

    def _answer_ahead(self, at: float, silent_since: float) -> Sequence[Fact]:
        self._silent_since, self._needs_no_answer = None, True
        return (Responded(at - silent_since),)

    def _turn_started(self, at: float) -> Sequence[Fact]:
        self._turns_are_announced = True
        given_up: Sequence[Fact] = ()
        if self._silent_since is not None and at - self._silent_since > LATE_TRANSCRIPT_SECONDS:
            self._silent_since, given_up = None, self._give_up_late_words()
        if self.turn_is_open:
            return ()  # the same start, seen in the other direction
        self._turn_began_at = at
        if self._keyed_at is not None and at - self._keyed_at > LATE_TRANSCRIPT_SECONDS:
            self._keyed_at = None
        self._words_are_late = self._needs_no_answer = False
        resumed, self._question = self._question, Question(announced=True, began_at=at)
        if resumed is None or not resumed.announced:
            return given_up
        if self._continues(resumed, at):
            self._silent_since, self._continued = resumed.since, resumed
            return given_up
        if resumed.is_queued and self._bot_is_heard and resumed.since is not None:
            self._queue.put(resumed, resumed.since, at)
            return given_up
        if resumed.since is not None and (resumed.is_under_way or (self._queue and resumed.lapses_at is None)):
            self._queue.put(resumed, resumed.since, is_overdue=self._is_overdue(resumed, at))
            return given_up
        return resumed.left_behind(at, self._is_overdue(resumed, at))

    def _continues(self, question: Question, at: float) -> bool:
        """True if a turn that starts at `at` only brings late words of a question: the caller was not heard since."""
        if self._voice_is_heard or self._silent_since is not None or question.since is None:
            return False
        if self._keyed_at is not None:
            return False
        return question.detected and at - question.since <= LATE_TRANSCRIPT_SECONDS

    def _turn_stopped(self, at: float, silence_seconds: float) -> None:
        self._turns_are_announced, self._continued = True, None
        question = self._question
        if question is not None and question.is_spoken_over and not self._has_detector:
            # A model that hears the caller may answer before the turn's end; without a detector the wait is unknown.
            self._needs_no_answer |= question.is_worked_on or question.speech_is_due
        if question is not None and question.is_waited_for and self._has_detector:
            # The bot reminds the caller after some seconds: Pipecat ends the unfinished turn with that.
            self._needs_no_answer = True
        if self._needs_no_answer:
            self._question = None
            return
        if question is not None and question.since is not None and question.announced:
            return  # the same end, seen in the other direction
        if question is None or not question.announced:
            question = self._question = Question(announced=True)
        if self._keyed_at is not None and (self._has_detector or at - self._turn_began_at <= KEYED_TURN_SECONDS):
            self._silent_since = self._keyed_at
        self._keyed_at = None
        question.silence_is_due = self._voice_is_heard
        question.detected = self._silent_since is not None and not self._voice_is_heard
        spoken_until = at if self._has_detector else max(self._turn_began_at, at - silence_seconds)
        question.since = spoken_until if self._voice_is_heard or self._silent_since is None else self._silent_since
        self._silent_since = None
        question.close(at)
        self._queue.await_audio(at)

    def _voice_started(self) -> Sequence[Fact]:
        self._has_detector = self._voice_is_heard = True
        self._silent_since = self._keyed_at = None
        self._needs_no_answer = False
        if self._question is not None:
            self._question.is_waited_for, self._question.is_heard_again = False, True
        if not self._turns_are_announced:
            self._question = None
        # Some recognisers announce a turn before the detector hears the caller.
        continued, self._continued = self._continued, None
        return (*self._give_up_late_words(), *(continued.left_behind() if continued is not None else ()))

    def _voice_stopped(self, at: float, stop_seconds: float) -> Sequence[Fact]:
        self._voice_is_heard = False
        silent_since = at - max(0.0, stop_seconds)
        question = self._question
        if not self._turns_are_announced:
            self._question = Question(
                announced=False, since=silent_since, detected=True, expected_until=at + PATIENCE_SECONDS
            )
        elif question is not None and question.silence_is_due:
            question.since, question.silence_is_due, question.detected = silent_since, False, True
            return ()
        elif self._needs_no_answer:
            return ()  # the same end, seen in the other direction
        elif question is not None and (spoken_at := question.spoken_after(silent_since)) is not None:
            return self._answer_ahead(spoken_at, silent_since)
        self._silent_since = silent_since
        return ()

    def _record_work(self, question: Question, event: object, at: float) -> None:
        match event:
            case TurnHeard(words):
                question.is_wordless = not words
                if question.since is not None:
                    question.close(at)
            case CallerIdle() if question.since is not None and not question.speech_is_due:
                question.came_to_nothing(at, question.cause)
            case ModelStarted():
                question.models += 1
                question.model_began_at = at
                question.is_heard_again = question.is_dropped = question.audio_came = False
                question.cause = Cause.NO_ANSWER
                question.step(at)
            case ModelSpoke() | SpeechStarted() if question.awaits_speech(at):
                question.speech_is_due = True
                question.audio_came = question.is_written = False
                question.step(at)
            case ModelWrote() | KeyPressed():
                question.is_written = True
            case ModelWaits():
                question.is_waited_for = not question.is_heard_again
            case Interruption():
                question.answer_dropped(at)
            case ModelEnded() if question.models:
                question.models -= 1
                question.expected_until = at + PATIENCE_SECONDS
                if not (question.speech_is_due or question.is_dropped):
                    question.came_to_nothing(at, Cause.NO_ANSWER)
            case SpeechMade() | SpeechLate():
                question.voice_gave_audio(at)
            case SpeechEnded(run_seconds=None) if question.speech_is_due and not question.audio_came:
                question.voice_was_silent(at)
            case ReplyStarted():
                question.is_being_spoken = True
            case ReplyEnded(is_empty):
                question.is_being_spoken = False
                if is_empty and question.speech_is_due and not question.audio_came:
                    question.came_to_nothing(at, Cause.NO_AUDIO)
            case ErrorRaised():
                self._service_failed(question, self._leg(event.processor), at)
            case FunctionRunning() | FunctionAnswered() | FunctionDropped() | FunctionRaised():
                question.ran(event, at)

    def _service_failed(self, question: Question, leg: Leg, at: float) -> None:
        if leg is Leg.OTHER:
            return
        question.failed = True
        if leg is Leg.TTS and question.speech_is_due:
            question.expected_until = at + FAILED_VOICE_SECONDS
        elif leg is Leg.LLM and question.since is not None and not question.speech_is_due:
            # The application may answer with words of its own.
            question.words_until = at + NEXT_STEP_SECONDS
            question.came_to_nothing(at, Cause.ERROR)
