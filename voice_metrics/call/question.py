"""One turn of the caller, and the work on its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from voice_metrics.call.facts import Cause, Fact, Unanswered
from voice_metrics.call.functions import FunctionAnswered, FunctionDropped, FunctionRaised, FunctionRunning

# Wait for an unseen step of an answer, or for a text's audio: longer than any working service takes. A model, function
# or voice that is seen working is awaited without limit.
PATIENCE_SECONDS = 10.0
# Wait for audio of a voice that seemed to have none: Pipecat gives a piece of speech up after 3 s without audio, and
# plays what a slow voice still brings (1.14.0, tts_service.py).
LATE_VOICE_SECONDS = 3.0
# Wait for the next step after one without a result: a function call behind the end of the model's text, a second model
# after an error. Later speech without such a step is no answer.
NEXT_STEP_SECONDS = 1.0
# A caller who hears nothing for so long says "hello?" or hangs up because no answer came.
DEAD_AIR_SECONDS = 3.0
# A caller who goes on ends the model's work, whose end may be seen first; so may that of one that fails at once.
_AT_ONCE_SECONDS = 0.05


@dataclass(slots=True)
class Question:
    """A turn of the caller, and the work on its answer.

    Parameters:
        announced: True if the pipeline announced it; if not, a pause in the caller's speech may be none.
        since: Moment at which the caller fell silent, or `None` while the turn is open.
        silence_is_due: True if the detector still heard the caller when the turn ended.
        detected: True if `since` is the detector's.
        is_written: True if a text that is not spoken, or a key, answers it.
        is_waited_for: True if the model judged it unfinished, and the caller was not heard since.
        is_heard_again: True if the caller was heard since the model began its latest answer.
        began_at: Moment at which the turn began.
        is_dropped: True if the application dropped what was made of its answer, and nothing was made since.
        is_spoken_over: True if the bot began to speak while it was open.
        spoken_over_at: Moment of that, if a model that hears the caller may have answered, or `None`.
        model_began_at: Moment at which a model began to work on it last.
        expected_until: Moment until which audio counts without visible work.
        lapses_at: Moment at which it lapses without a next step, or `None` if it is under way.
        voice_until: Moment until which audio of a voice that seemed to have none may still come.
        is_being_spoken: True while a voice works on a reply to it, so that audio may come after any time.
        words_until: Moment until which the application's own words, behind a function or a failed model, may begin.
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
    is_written: bool = False
    is_waited_for: bool = False
    is_heard_again: bool = False
    is_dropped: bool = False
    is_spoken_over: bool = False
    spoken_over_at: float | None = None
    model_began_at: float = 0.0
    began_at: float = 0.0
    expected_until: float = 0.0
    lapses_at: float | None = None
    voice_until: float = 0.0
    is_being_spoken: bool = False
    words_until: float = 0.0
    cause: Cause = Cause.NO_ANSWER

    @property
    def is_worked_on(self) -> bool:
        """True if a model or a function works on it."""
        return bool(self.models or self.functions)

    @property
    def is_under_way(self) -> bool:
        """True if its answer is being made, and no audio of it was."""
        is_made = (self.is_worked_on or self.speech_is_due) and not self.audio_came
        return is_made and self.lapses_at is None and not self.is_dropped

    @property
    def is_queued(self) -> bool:
        """True if audio of its answer was made, which plays once the bot has said what it says before."""
        return self.speech_is_due and self.audio_came and self.lapses_at is None

    @property
    def _waits_for_slow_voice(self) -> bool:
        """True if a voice that seemed to have no audio still works on the reply.

        Pipecat gives a piece of speech up after 3 s without audio, and plays what the voice brings later in the reply.
        """
        return self.is_being_spoken and self.voice_until > 0

    def step(self, at: float) -> None:
        """Record a step toward its answer."""
        self.lapses_at = None
        self.expected_until = at + PATIENCE_SECONDS

    def await_audio(self, at: float) -> None:
        """Expect its audio, whose making is seen no longer, but for the model's work."""
        self.functions.clear()
        if self.lapses_at is None:
            self.speech_is_due = self.speech_is_due or not self.models
            self.step(at)

    def close(self, at: float) -> None:
        """Expect an answer to the turn that ended, unless its transcript, before or after, has no words."""
        # Behind the output the turn's end passes after a model that fails at once has ended.
        is_over = self.failed and self._ended_at_once(at)
        self.step(at)
        if self.is_wordless:
            self.came_to_nothing(at, Cause.NO_TRANSCRIPT)
        elif is_over:
            self.words_until = at + NEXT_STEP_SECONDS
            self.came_to_nothing(at, Cause.ERROR)

    def came_to_nothing(self, at: float, cause: Cause) -> None:
        """Record a step without a result; the question lapses unless another one follows."""
        if not self.is_worked_on:
            self.cause = Cause.ERROR if self.failed else cause
            self.expected_until, self.lapses_at = at, at + NEXT_STEP_SECONDS
            self.speech_is_due = False

    def answer_dropped(self, at: float) -> None:
        """Record that the application drops what was made of its answer; what it says in its place answers, too."""
        self.is_being_spoken = False
        if self.since is not None:
            self.speech_is_due, self.is_dropped = False, True
            if self.lapses_at is None:
                self.step(at)

    def is_answered_by_speech(self, at: float) -> bool:
        """True if the bot's audio at `at` is its answer."""
        return self.since is not None and self.lapses_at is None and (self.is_worked_on or at <= self.expected_until)

    def awaits_speech(self, at: float) -> bool:
        """True if a piece of speech that begins at `at` belongs to it."""
        if self.is_worked_on or self.is_answered_by_speech(at) or at <= self.words_until:
            return True
        # A voice may be silent in one piece of an answer and continue with the next.
        return self.cause is Cause.NO_AUDIO and (
            self.lapses_at is None or at <= self.lapses_at or self._waits_for_slow_voice
        )

    def voice_was_silent(self, at: float) -> None:
        """Record a piece of speech without audio."""
        self.came_to_nothing(at, Cause.NO_AUDIO)
        self.voice_until = at + LATE_VOICE_SECONDS

    def voice_gave_audio(self, at: float) -> None:
        """Record audio of its answer."""
        self.audio_came = True
        if self.lapses_at is not None and (at <= self.voice_until or self._waits_for_slow_voice):
            self.speech_is_due = True
            self.step(at)

    def speech_began(self, at: float) -> None:
        """Record the start of speech, which is no part of its answer once it has lapsed."""
        if self.lapses_at is not None and at > self.lapses_at and not self._waits_for_slow_voice:
            self.voice_until = 0.0

    def has_lapsed(self, at: float) -> bool:
        """True if no answer can follow any more."""
        if self.since is None or self.is_worked_on or self._waits_for_slow_voice:
            return False
        return at > (self.expected_until if self.lapses_at is None else max(self.lapses_at, self.voice_until))

    def ran(self, event: FunctionRunning | FunctionAnswered | FunctionDropped | FunctionRaised, at: float) -> None:
        """Record an event of a function."""
        if isinstance(event, FunctionRunning):
            self.functions[event.call_id] = event.function
            self.step(at)
        elif self._settle_function(event):
            if _asks_model(event):
                self.step(at)
            elif not self.speech_is_due:
                # Its own sentence (a TTSSpeakFrame) begins when the voice comes to it, often after the result.
                self.words_until = at + NEXT_STEP_SECONDS if isinstance(event, FunctionAnswered) else 0.0
                self.came_to_nothing(at, Cause.NO_ANSWER)

    def _settle_function(self, event: FunctionAnswered | FunctionDropped | FunctionRaised) -> bool:
        if isinstance(event, FunctionRaised):
            call = next((id for id, function in self.functions.items() if function == event.function), None)
        else:
            call = event.call_id
        return call is not None and self.functions.pop(call, None) is not None

    def spoken_after(self, silent_since: float) -> float | None:
        """Return the moment of an answer before its announced end, if a model began with it in the caller's silence."""
        spoken_at = self.spoken_over_at
        return None if spoken_at is None or silent_since > min(spoken_at, self.model_began_at) else spoken_at

    def is_behind(self, speech_began_at: float | None) -> bool:
        """True if speech that a voice began at a moment was queued before the turn, so that it is no answer."""
        return speech_began_at is not None and speech_began_at < self.began_at

    def left_behind(self, at: float | None = None, is_overdue: bool = False) -> Sequence[Fact]:
        """Return the unanswered turn, if a further turn of the caller leaves it without its answer.

        Args:
            at: Moment at which that turn began, or `None` if unknown.
            is_overdue: True if it began because no answer came.
        """
        is_due = is_overdue or (self.lapses_at is not None and not self._was_cut_off(at))
        return self.unanswered(self.reason() if is_due else Cause.CALLER_RESUMED)

    def is_overdue(self, at: float, bot_silent_since: float) -> bool:
        """True if the caller has waited in silence for so long that an answer was due; a function may end the call."""
        if self.since is None or self.functions or self.is_waited_for:
            return False
        return at - max(self.since, bot_silent_since) >= DEAD_AIR_SECONDS

    def _was_cut_off(self, at: float | None) -> bool:
        """True if a model ended without a result in the moment in which the caller went on."""
        return at is not None and self.cause is Cause.NO_ANSWER and self._ended_at_once(at)

    def _ended_at_once(self, at: float) -> bool:
        """True if a step without a result was in the moment before `at`."""
        return self.lapses_at is not None and at - (self.lapses_at - NEXT_STEP_SECONDS) <= _AT_ONCE_SECONDS

    def unanswered(self, cause: Cause) -> Sequence[Fact]:
        """Return it as unanswered, unless a text or a key answers it."""
        return () if self.is_written else (Unanswered(cause),)

    def reason(self) -> Cause:
        """Why it stays unanswered, as known so far."""
        if self.failed:
            return Cause.ERROR
        return Cause.NO_AUDIO if self.speech_is_due else self.cause


def _asks_model(event: FunctionAnswered | FunctionDropped | FunctionRaised) -> bool:
    match event:
        case FunctionAnswered():
            return event.asks_model
        case FunctionDropped():
            return event.timed_out
        case FunctionRaised():
            return False
