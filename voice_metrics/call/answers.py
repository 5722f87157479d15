"""Which speech of the bot answers which turn of the caller.

A turn that ended is a question. It stays open while something works on its answer: a language model, a function, a
voice. The bot's first audio in that time is the response, whatever is said then; audio after it answers nothing. A
question on which nothing works any more lapses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from voice_metrics.call.errors import ErrorRaised
from voice_metrics.call.events import (
    CallerIdle,
    ModelEnded,
    ModelSpoke,
    ModelStarted,
    SpeechEnded,
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
from voice_metrics.call.seen import Seen

# A turn that starts from a transcript alone belongs to speech that ended at most this long ago.
LATE_TRANSCRIPT_SECONDS = 5.0
# A step of an answer that is not seen to begin, or audio for a text, is expected for this long: longer than any
# service that works takes, since a model, a function or a voice at work is seen and is waited for without limit.
PATIENCE_SECONDS = 10.0
# After a step that led to nothing, the next one may follow within this time: a function call behind the end of the
# model's text, a second model after an error. Speech alone, without such a step, is no answer any more.
NEXT_STEP_SECONDS = 1.0
# A voice that failed may still give audio: Pipecat closes a silent context after 3 s (1.14.0, tts_service.py).
FAILED_VOICE_SECONDS = 3.0
_FUNCTIONS = (FunctionRunning, FunctionAnswered, FunctionDropped, FunctionRaised)


@dataclass(slots=True)
class _Question:
    """A turn of the caller, and what works on its answer.

    Parameters:
        announced: Whether the pipeline announced it; if not, a pause in the caller's speech may be none.
        since: When the caller fell silent, or `None` while the turn is open.
        silence_is_due: Whether the detector still heard the caller when the turn ended.
        detected: Whether `since` is the detector's.
        expected_until: Until when audio counts although nothing is seen to work on it.
        lapses_at: When it lapses unless a step follows, or `None` if it is under way.
        cause: Why it stays unanswered, if it does.
    """

    announced: bool
    since: float | None = None
    silence_is_due: bool = False
    detected: bool = False
    models: int = 0
    functions: dict[str, str] = field(default_factory=dict)
    speech_is_due: bool = False
    audio_came: bool = False
    is_wordless: bool = False
    failed: bool = False
    expected_until: float = 0.0
    lapses_at: float | None = None
    cause: Cause = Cause.NO_ANSWER

    @property
    def is_worked_on(self) -> bool:
        return bool(self.models or self.functions)

    def step(self, at: float) -> None:
        self.lapses_at = None
        self.expected_until = at + PATIENCE_SECONDS

    def close(self, at: float) -> None:
        # What was heard of a turn is known shortly before its end passes here, or shortly after.
        self.step(at)
        if self.is_wordless:
            self.came_to_nothing(at, Cause.NO_TRANSCRIPT)

    def came_to_nothing(self, at: float, cause: Cause) -> None:
        if not self.is_worked_on:
            self.cause = Cause.ERROR if self.failed else cause
            self.expected_until, self.lapses_at = at, at + NEXT_STEP_SECONDS
            self.speech_is_due = False

    def is_answered_by_speech(self, at: float) -> bool:
        return self.since is not None and self.lapses_at is None and (self.is_worked_on or at <= self.expected_until)

    def awaits_speech(self, at: float) -> bool:
        # A voice may be silent in one piece of an answer and go on with the next.
        return self.is_worked_on or self.is_answered_by_speech(at) or self.cause is Cause.NO_AUDIO

    def has_lapsed(self, at: float) -> bool:
        if self.since is None or self.is_worked_on:
            return False
        return at > (self.expected_until if self.lapses_at is None else self.lapses_at)

    def reason(self) -> Cause:
        if self.failed:
            return Cause.ERROR
        return Cause.NO_AUDIO if self.speech_is_due else self.cause


class Answers:
    """The questions of one call, one at a time.

    Args:
        leg: Tells the part that a processor plays, by its class name.
    """

    def __init__(self, leg: Callable[[str], Leg] = lambda processor: Leg.OTHER) -> None:
        self._leg = leg
        self._functions_seen = Seen()
        self._turns_are_announced = False
        self._voice_is_heard = False
        self._silent_since: float | None = None
        self._question: _Question | None = None

    @property
    def turn_is_open(self) -> bool:
        """Whether the caller's turn is under way."""
        return self._question is not None and self._question.since is None

    def bot_started(self, at: float) -> Sequence[Fact]:
        """Note the bot's first audio after a silence of its own.

        Args:
            at: When, in monotonic seconds.

        Returns:
            The response, if it answers a turn; the turn that stays unanswered, if it answers none.
        """
        lapsed = self._lapsed(at)
        if not self.turn_is_open:
            self._silent_since = None
        question = self._question
        if question is None or question.since is None or not question.is_answered_by_speech(at):
            return lapsed
        self._question = None
        return (Responded(at - question.since),) if at >= question.since else ()

    def take(self, event: object, at: float) -> Sequence[Fact]:
        """Note an event.

        Args:
            event: What happened; events of other kinds are ignored.
            at: When, in monotonic seconds.

        Returns:
            The turn that stays unanswered, if that is now certain.
        """
        lapsed = self._lapsed(at)
        match event:
            case TurnsAnnounced():
                self._turns_are_announced = True
            case UserStarted():
                return (*lapsed, *self._turn_started(at))
            case UserStopped():
                self._turn_stopped(at)
            case VoiceStarted():
                self._voice_started()
            case VoiceStopped(stop_seconds):
                self._voice_stopped(at, stop_seconds)
            case _ if isinstance(event, _FUNCTIONS) and not self._functions_seen.first(event.frame_id):
                pass  # the same call, seen where it arose and where it passes
            case _ if self._question is not None:
                self._worked(self._question, event, at)
        return lapsed

    def end(self, at: float) -> Sequence[Fact]:
        """Note the end of the call.

        Args:
            at: When, in monotonic seconds.

        Returns:
            The turn that stays unanswered, if one does.
        """
        if lapsed := self._lapsed(at):
            return lapsed
        question, self._question = self._question, None
        if question is None or question.since is None or not question.announced:
            return ()
        # A function that hangs up gives its result, asks for no words more, and the call is over.
        hung_up = question.cause is Cause.NO_ANSWER and not question.failed
        return (Unanswered(Cause.CALL_ENDED if hung_up else question.reason()),)

    def _lapsed(self, at: float) -> Sequence[Fact]:
        question = self._question
        if question is None or not question.has_lapsed(at):
            return ()
        self._question = None
        if question.cause is Cause.NO_TRANSCRIPT and question.detected and not self._voice_is_heard:
            self._silent_since = question.since  # its transcript may come late, as a turn of its own
        return (Unanswered(question.reason()),) if question.announced else ()

    def _turn_started(self, at: float) -> Sequence[Fact]:
        self._turns_are_announced = True
        if self._silent_since is not None and at - self._silent_since > LATE_TRANSCRIPT_SECONDS:
            self._silent_since = None
        if self.turn_is_open:
            return ()  # the same start, seen in the other direction
        resumed, self._question = self._question, _Question(announced=True)
        if resumed is None or not resumed.announced:
            return ()
        if resumed.lapses_at is not None:
            return (Unanswered(resumed.reason()),)
        return (Unanswered(Cause.CALLER_RESUMED),)

    def _turn_stopped(self, at: float) -> None:
        self._turns_are_announced = True
        question = self._question
        if question is not None and question.since is not None and question.announced:
            return  # the same end, seen in the other direction
        if question is None or not question.announced:
            question = self._question = _Question(announced=True)
        question.silence_is_due = self._voice_is_heard
        question.detected = self._silent_since is not None and not self._voice_is_heard
        question.since = at if self._voice_is_heard or self._silent_since is None else self._silent_since
        self._silent_since = None
        question.close(at)

    def _voice_started(self) -> None:
        self._voice_is_heard = True
        self._silent_since = None
        if not self._turns_are_announced:
            self._question = None

    def _voice_stopped(self, at: float, stop_seconds: float) -> None:
        self._voice_is_heard = False
        silent_since = at - max(0.0, stop_seconds)
        question = self._question
        if not self._turns_are_announced:
            self._question = _Question(
                announced=False, since=silent_since, detected=True, expected_until=at + PATIENCE_SECONDS
            )
        elif question is not None and question.silence_is_due:
            question.since, question.silence_is_due, question.detected = silent_since, False, True
            return
        self._silent_since = silent_since

    def _worked(self, question: _Question, event: object, at: float) -> None:
        match event:
            case TurnHeard(words):
                question.is_wordless = not words
                if question.since is not None:
                    question.close(at)
            case CallerIdle() if question.since is not None and not question.speech_is_due:
                question.came_to_nothing(at, question.cause)
            case ModelStarted():
                question.models += 1
                question.cause = Cause.NO_ANSWER
                question.step(at)
            case ModelSpoke() | SpeechStarted() if question.awaits_speech(at):
                question.speech_is_due = True
                question.audio_came = False
                question.step(at)
            case ModelEnded() if question.models:
                question.models -= 1
                question.expected_until = at + PATIENCE_SECONDS
                if not question.speech_is_due:
                    question.came_to_nothing(at, Cause.NO_ANSWER)
            case SpeechMade():
                question.audio_came = True
            case SpeechEnded() if question.speech_is_due and not question.audio_came:
                question.came_to_nothing(at, Cause.NO_AUDIO)
            case ErrorRaised():
                self._failed(question, self._leg(event.processor), at)
            case FunctionRunning() | FunctionAnswered() | FunctionDropped() | FunctionRaised():
                _ran(question, event, at)

    def _failed(self, question: _Question, leg: Leg, at: float) -> None:
        if leg is Leg.OTHER:
            return
        question.failed = True
        if leg is Leg.TTS and question.speech_is_due:
            question.expected_until = at + FAILED_VOICE_SECONDS
        elif leg is Leg.LLM and question.since is not None and not question.speech_is_due:
            question.came_to_nothing(at, Cause.ERROR)


def _ran(
    question: _Question, event: FunctionRunning | FunctionAnswered | FunctionDropped | FunctionRaised, at: float
) -> None:
    if isinstance(event, FunctionRunning):
        question.functions[event.call_id] = event.function
        question.step(at)
        return
    if isinstance(event, FunctionRaised):
        named = [id for id, function in question.functions.items() if function == event.function]
        known = question.functions.pop(named[0], None) if named else None
    else:
        known = question.functions.pop(event.call_id, None)
    if known is None:
        return
    if _asks_model(event):
        question.step(at)
    elif not question.speech_is_due:
        question.came_to_nothing(at, Cause.NO_ANSWER)


def _asks_model(event: FunctionAnswered | FunctionDropped | FunctionRaised) -> bool:
    match event:
        case FunctionAnswered():
            return event.asks_model
        case FunctionDropped():
            return event.timed_out
        case FunctionRaised():
            return False
