"""Facts of a call: immutable measurements and events, the vocabulary of every other module.

A fact states a measurement and no policy. Durations and latencies are seconds; milliseconds exist on output only.
Absent is `None`, never 0. `processor` is a service's class name without Pipecat's instance number, `model` is `None` if
the service names none, and `instance` is Pipecat's name of the service, `None` if unknown.
"""

from __future__ import annotations

from dataclasses import field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from dataclasses import dataclass as _dataclass

    def dataclass(*, frozen: bool, slots: bool) -> Any:
        """Make a dataclass that only type checkers freeze: a check at run time triples the time to make a fact."""
        return _dataclass(unsafe_hash=frozen, slots=slots)


class Leg(StrEnum):
    """A service's part of a voice bot."""

    STT = "stt"
    LLM = "llm"
    TTS = "tts"
    OTHER = "other"


class EndReason(StrEnum):
    """Reason of a call's end."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    ERROR = "error"
    UNKNOWN = "unknown"


class TurnOutcome(StrEnum):
    """How a bot turn ended."""

    COMPLETED = "completed"
    INTERRUPTED = "interrupted"


class Cause(StrEnum):
    """Why a caller's turn got no answer of the bot."""

    NO_TRANSCRIPT = "no_transcript"
    NO_ANSWER = "no_answer"
    NO_AUDIO = "no_audio"
    ERROR = "error"
    CALLER_RESUMED = "caller_resumed"
    CALL_ENDED = "call_ended"


class Holder(StrEnum):
    """The side or sides that speak."""

    CALLER = "caller"
    BOT = "bot"
    BOTH = "both"
    NONE = "none"


class SilenceAfter(StrEnum):
    """The speaker, or the call's start, before a silence."""

    CALLER = "caller"
    BOT = "bot"
    START = "start"


class GapCause(StrEnum):
    """Why the bot paused within an answer."""

    LATE = "late"
    MISSING = "missing"


class FunctionOutcome(StrEnum):
    """How a function call was settled."""

    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class FirstByte:
    """A service's wait before its first output (TTFB).

    Parameters:
        processor: Class name of the service.
        model: Its model.
        seconds: Request to first output; positive.
        interrupted: True if an interruption cut the request, so that `seconds` is only the time until then.
        instance: Pipecat's name of the service.
    """

    processor: str
    model: str | None
    seconds: float
    interrupted: bool = False
    instance: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Processing:
    """A service's time for one whole request.

    Parameters:
        processor: Class name of the service.
        model: Its model.
        seconds: Start to end of the request; positive.
        interrupted: True if an interruption cut the request.
        error_type: Why it failed, as in `Failed`, or `None` if it did not.
        instance: Pipecat's name of the service.
    """

    processor: str
    model: str | None
    seconds: float
    interrupted: bool = False
    error_type: str | None = None
    instance: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class FirstAudio:
    """A speech service's wait before its first audible audio (TTFA).

    Parameters:
        processor: Class name of the service.
        model: Its model.
        seconds: Request to first audible sample; positive.
        instance: Pipecat's name of the service.
    """

    processor: str
    model: str | None
    seconds: float
    instance: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class FirstAnswerToken:
    """A model's wait before the first token of its answer, thinking included (TTFAT).

    Parameters:
        processor: Class name of the service.
        model: Its model.
        seconds: Request to first token of the answer; positive.
        instance: Pipecat's name of the service.
    """

    processor: str
    model: str | None
    seconds: float
    instance: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class TextAggregated:
    """The time to collect a speakable piece of text for speech synthesis.

    Parameters:
        processor: Class name of the voice.
        seconds: From its first token; positive.
        interrupted: True if the time so far ends with an interruption, and so was none.
        instance: Pipecat's name of the voice, or `None` if unknown.
    """

    processor: str
    seconds: float
    interrupted: bool = False
    instance: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class TurnDetected:
    """One decision of a turn detector.

    Parameters:
        processor: Class name of the detector.
        seconds: Time of the decision, end to end; positive.
        complete: True if it considered the user's turn finished.
    """

    processor: str
    seconds: float
    complete: bool


@dataclass(frozen=True, slots=True)
class TokensUsed:
    """The usage of one inference; `None` for a detail that is not reported.

    Parameters:
        processor: Class name of the service.
        model: Its model.
        prompt: Tokens of the prompt, gross: cached ones included, whatever the provider reports.
        completion: Tokens of the completion, reasoning included.
        cache_read: Prompt tokens served from the provider's cache.
        cache_creation: Prompt tokens written to the provider's cache.
        reasoning: Completion tokens spent on reasoning.
        input_audio: Prompt tokens that are audio.
        output_audio: Completion tokens that are audio.
        cache_read_input_audio: Cached prompt tokens that are audio.
        may_have_audio: True if the prompt may have audio beyond `input_audio`.
        may_have_images: True if the prompt may have images or video, which no service reports apart.
        option: Option of the service that its provider bills at rates of its own, such as "service_tier=priority".
        answering: Model that its provider reports and bills in place of `model`, as behind a deployment; `None` if
            unknown or `model` itself.
        out_of_band: True if it was no inference of the conversation: Pipecat or the application asked beside it.
        instance: Pipecat's name of the service.
    """

    processor: str
    model: str | None
    prompt: int
    completion: int
    cache_read: int | None = None
    cache_creation: int | None = None
    reasoning: int | None = None
    input_audio: int | None = None
    output_audio: int | None = None
    cache_read_input_audio: int | None = None
    may_have_audio: bool = False
    may_have_images: bool = False
    option: str | None = None
    answering: str | None = None
    out_of_band: bool = False
    instance: str | None = field(default=None, compare=False)

    @property
    def total(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt + self.completion


@dataclass(frozen=True, slots=True)
class AudioTranscribed:
    """Audio sent to speech recognition.

    Parameters:
        processor: Class name of the service.
        model: Its model.
        seconds: Length, positive; streaming services count silence too.
        option: Option of the service that its provider bills at rates of its own, such as "language=multi".
        instance: Pipecat's name of the service.
    """

    processor: str
    model: str | None
    seconds: float
    option: str | None = None
    instance: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class CharactersSpoken:
    """Text sent to speech synthesis.

    Parameters:
        processor: Class name of the service.
        model: Its model.
        characters: Length, counted when sent, not when heard; positive.
        option: Option of the service that its provider bills at rates of its own, such as "engine=neural".
        markup: Length of the markup around it that is billed too.
        instance: Pipecat's name of the service.
    """

    processor: str
    model: str | None
    characters: int
    option: str | None = None
    markup: int = 0
    instance: str | None = field(default=None, compare=False)


Usage = TokensUsed | AudioTranscribed | CharactersSpoken


@dataclass(frozen=True, slots=True)
class Generated:
    """The speed of one completion: its tokens over the time from first output to end; positive."""

    processor: str
    model: str | None
    tokens_per_second: float


@dataclass(frozen=True, slots=True)
class ChunksStreamed:
    """The chunks of one response of a language model: `seconds` between neighbours, not negative.

    Parameters:
        processor: Class name of the service.
        model: Its model.
        seconds: The waits.
        instance: Pipecat's name of the service.
    """

    processor: str
    model: str | None
    seconds: tuple[float, ...]
    instance: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class AgentInvoked:
    """A language model's whole request, its function calls included.

    Parameters:
        processor: Class name of the service.
        model: Its last model.
        seconds: Start of the first response to the end of the last; positive.
        error_type: Why it failed, as in `Failed`, or `None` if it did not.
        instance: Pipecat's name of the service.
    """

    processor: str
    model: str | None
    seconds: float
    error_type: str | None = None
    instance: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ModelAnswered:
    """A model that hears and speaks finished an answer; it may report neither latency nor usage.

    Parameters:
        processor: Class name of the service.
        model: Its model.
        instance: Pipecat's name of the service.
    """

    processor: str
    model: str | None
    instance: str | None = None


@dataclass(frozen=True, slots=True)
class Responded:
    """The bot answered the caller: `seconds` from user stopped to bot started speaking; not negative."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A turn of the caller got no answer, because of `cause`."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class Greeted:
    """The bot spoke first: `seconds` from caller connected, else the call's start, to its first audio; not negative."""

    seconds: float


@dataclass(frozen=True, slots=True)
class FloorHeld:
    """One side, both or neither (`holder`) spoke for `seconds` since the last such fact; positive."""

    holder: Holder
    seconds: float


@dataclass(frozen=True, slots=True)
class Spoke:
    """One side spoke without a pause.

    Parameters:
        holder: Caller or bot.
        seconds: Length; positive.
        ended_ago: Seconds between its end and this fact.
    """

    holder: Holder
    seconds: float
    ended_ago: float


@dataclass(frozen=True, slots=True)
class SetUp:
    """A service was set up, connected for instance, before the pipeline started: `seconds`, positive."""

    processor: str
    model: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Silence:
    """Neither side spoke for a second or more.

    Parameters:
        after: The speaker, or the call's start, before it.
        seconds: Length.
        ended_ago: Seconds between its end and this fact.
    """

    after: SilenceAfter
    seconds: float
    ended_ago: float = 0.0


@dataclass(frozen=True, slots=True)
class Yielded:
    """The bot fell silent because the caller spoke: `seconds` from the onset of the caller's speech; not negative."""

    seconds: float


@dataclass(frozen=True, slots=True)
class FalseInterruption:
    """Noise without words cut the bot off."""


@dataclass(frozen=True, slots=True)
class Backchannel:
    """The caller acknowledged the bot's words, and the bot continued."""


@dataclass(frozen=True, slots=True)
class BotGap:
    """The bot paused within one answer.

    Parameters:
        cause: Late audio, or a sentence's audio that never came.
        seconds: Audible pause; 0 for a lost sentence that left none.
    """

    cause: GapCause
    seconds: float


@dataclass(frozen=True, slots=True)
class LoopHeld:
    """The event loop was blocked for half a second or more, and every call of the process waited.

    Parameters:
        seconds: Its lag; it was blocked for up to a tenth of a second longer.
        function: The blocking function with its place; `None` if not seen.
    """

    seconds: float
    function: str | None


@dataclass(frozen=True, slots=True)
class ResponsePart:
    """One named part of a response's wait; the parts of a response add up to it.

    Parameters:
        part: Pipecat's stable key of the part.
        seconds: Its share of the wait; not negative.
    """

    part: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """A bot turn ended after `seconds`, `None` if its start was not seen."""

    outcome: TurnOutcome
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller cut the bot off while it was speaking."""


@dataclass(frozen=True, slots=True)
class FunctionSettled:
    """A function call of the language model ended.

    Parameters:
        function: Name of the function; "unknown" if not registered, "other" beyond the bound of names.
        outcome: How it ended.
        seconds: Its running time, or `None` if its start was not seen.
    """

    function: str
    outcome: FunctionOutcome
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Failed:
    """A processor reported an error.

    Parameters:
        processor: Class name of the processor that raised it.
        category: Pipecat's category of the error, or "unknown"; never the error's text.
        error_type: The provider's status, else the exception's class, else "unknown".
        instance: Pipecat's name of the processor, or `None` if the error is not its own.
    """

    processor: str
    category: str
    error_type: str = "unknown"
    instance: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Switched:
    """A switcher changed the service in use.

    Parameters:
        leg: The services' part of the bot.
        previous: Class name of the former service, or its model, provider or host, the first that differs.
        now: The same of the current one.
    """

    leg: Leg
    previous: str
    now: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An impossible measurement, or one of an unknown kind.

    Parameters:
        reason: One of a closed set: "bad_value", "unknown_kind", "fault", and "own_metric" for the application's own.
            Export counts its "late" and "export_rejected" in the same series without a fact.
        detail: Explanation for a log line; never an attribute of a series.
    """

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Priced:
    """The cost of one usage.

    Parameters:
        leg: The service's part of the bot.
        processor: Class name of the service.
        model: Its model.
        usd: US dollars; 0 only if the price is truly 0.
        source: Source of the price, such as "genai-prices 0.2.3".
        priced_on: ISO date at which the source last checked it, or `None` if unknown.
        instance: Pipecat's name of the service.
    """

    leg: Leg
    processor: str
    model: str | None
    usd: Decimal
    source: str
    priced_on: str | None
    instance: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Unpriced:
    """Usage without a known price.

    Parameters:
        leg: The service's part of the bot.
        processor: Class name of the service.
        model: Its model.
        reason: The reason in a few words, for a person.
    """

    leg: Leg
    processor: str
    model: str | None
    reason: str


Fact = (
    FirstByte
    | Processing
    | FirstAudio
    | FirstAnswerToken
    | TextAggregated
    | TurnDetected
    | TokensUsed
    | AudioTranscribed
    | CharactersSpoken
    | Generated
    | ChunksStreamed
    | AgentInvoked
    | ModelAnswered
    | Responded
    | Unanswered
    | Greeted
    | FloorHeld
    | Spoke
    | SetUp
    | Silence
    | Yielded
    | FalseInterruption
    | Backchannel
    | BotGap
    | LoopHeld
    | ResponsePart
    | TurnEnded
    | Interrupted
    | FunctionSettled
    | Failed
    | Switched
    | Refused
    | Priced
    | Unpriced
)
