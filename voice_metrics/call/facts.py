"""What happened in a call: measurements and events, as immutable facts.

Owns the vocabulary that every other module speaks. Refuses policy: a fact says what was measured,
not what to do with it. Durations are seconds, latencies included; milliseconds are
made only on the way out. Absent is `None`, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class Leg(StrEnum):
    """The part of a voice bot that a service plays."""

    STT = "stt"
    LLM = "llm"
    TTS = "tts"
    OTHER = "other"


class EndReason(StrEnum):
    """How a call came to its end."""

    COMPLETED = "completed"
    CANCELLED = "cancelled"
    ERROR = "error"
    UNKNOWN = "unknown"


class TurnOutcome(StrEnum):
    """How a bot turn ended."""

    COMPLETED = "completed"
    INTERRUPTED = "interrupted"


class Cause(StrEnum):
    """Why a turn of the caller stays without an answer of the bot."""

    NO_TRANSCRIPT = "no_transcript"
    NO_ANSWER = "no_answer"
    NO_AUDIO = "no_audio"
    ERROR = "error"
    CALLER_RESUMED = "caller_resumed"
    CALL_ENDED = "call_ended"


class Holder(StrEnum):
    """Who speaks."""

    CALLER = "caller"
    BOT = "bot"
    BOTH = "both"
    NONE = "none"


class SilenceAfter(StrEnum):
    """What came before a silence."""

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
        processor: Class name of the processor, without Pipecat's instance number.
        model: Model it ran, or `None` if the service names none.
        seconds: Request to first output; positive.
        interrupted: Whether an interruption cut the request, so that `seconds` is only the time until then.
        instance: Pipecat's name of the service, which tells two of one class apart; `None` if not known.
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
        processor: Class name of the processor.
        model: Model it ran, or `None` if the service names none.
        seconds: Start to end of the request; positive.
        interrupted: Whether an interruption cut the request.
        error_type: Why it failed, as `Failed` has it, or `None` if it did not.
        instance: Pipecat's name of the service, which tells two of one class apart; `None` if not known.
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
        processor: Class name of the processor.
        model: Model it ran, or `None` if the service names none.
        seconds: Request to first audible sample; positive.
    """

    processor: str
    model: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class FirstAnswerToken:
    """A language model's wait before the first token of its answer, thinking included (TTFAT).

    Parameters:
        processor: Class name of the processor.
        model: Model it ran, or `None` if the service names none.
        seconds: Request to first answer token; positive.
    """

    processor: str
    model: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class TextAggregated:
    """The time to collect a speakable piece of text before it went to speech synthesis.

    Parameters:
        processor: Class name of the processor.
        seconds: First token to complete piece; positive.
    """

    processor: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TurnDetected:
    """One decision of a turn detector.

    Parameters:
        processor: Class name of the detector.
        seconds: What the decision took, end to end; positive.
        complete: Whether it took the user's turn for finished.
    """

    processor: str
    seconds: float
    complete: bool


@dataclass(frozen=True, slots=True)
class TokensUsed:
    """What one inference consumed.

    Parameters:
        processor: Class name of the processor.
        model: Model it ran, or `None` if the service names none.
        prompt: Tokens of the prompt, gross: cached ones are inside, whatever the provider reports.
        completion: Tokens of the completion; reasoning is inside.
        cache_read: Prompt tokens served from the provider's cache, or `None` if unreported.
        cache_creation: Prompt tokens written to the provider's cache, or `None` if unreported.
        reasoning: Completion tokens spent on reasoning, or `None` if unreported.
        input_audio: Prompt tokens that are audio, or `None` if unreported.
        output_audio: Completion tokens that are audio, or `None` if unreported.
        cache_read_input_audio: Cached prompt tokens that are audio, or `None` if unreported.
        may_have_images: Whether images or video may be among the prompt tokens, which no service reports apart.
        instance: Pipecat's name of the service, which tells two of one class apart; `None` if not known.
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
    may_have_images: bool = False
    instance: str | None = field(default=None, compare=False)

    @property
    def total(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt + self.completion


@dataclass(frozen=True, slots=True)
class AudioTranscribed:
    """Audio that went through speech recognition.

    Parameters:
        processor: Class name of the processor.
        model: Model it ran, or `None` if the service names none.
        seconds: Length of the audio; positive. Streaming services count silence too.
        instance: Pipecat's name of the service, which tells two of one class apart; `None` if not known.
    """

    processor: str
    model: str | None
    seconds: float
    instance: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class CharactersSpoken:
    """Text that was sent to speech synthesis.

    Parameters:
        processor: Class name of the processor.
        model: Model it ran, or `None` if the service names none.
        characters: Number of characters, counted when sent, not when heard; positive.
        instance: Pipecat's name of the service, which tells two of one class apart; `None` if not known.
    """

    processor: str
    model: str | None
    characters: int
    instance: str | None = field(default=None, compare=False)


Usage = TokensUsed | AudioTranscribed | CharactersSpoken


@dataclass(frozen=True, slots=True)
class Generated:
    """How fast a language model wrote one completion.

    Parameters:
        processor: Class name of the processor.
        model: Model it ran, or `None` if the service names none.
        tokens_per_second: Completion tokens over the time from first output to end; positive.
    """

    processor: str
    model: str | None
    tokens_per_second: float


@dataclass(frozen=True, slots=True)
class ChunksStreamed:
    """The pieces of one response of a language model.

    Parameters:
        processor: Class name of the processor.
        model: Model it ran, or `None` if the service names none.
        seconds: From one piece to the next, for each but the first; not negative.
    """

    processor: str
    model: str | None
    seconds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AgentInvoked:
    """A language model worked on a request to the end, with all functions that it called.

    Parameters:
        processor: Class name of the processor.
        model: Model it ran last, or `None` if the service names none.
        seconds: Start of the first response to the end of the last; positive.
        error_type: Why it failed, as `Failed` has it, or `None` if it did not.
    """

    processor: str
    model: str | None
    seconds: float
    error_type: str | None = None


@dataclass(frozen=True, slots=True)
class Responded:
    """The bot answered the caller.

    Parameters:
        seconds: User stopped speaking to bot started speaking; not negative.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A turn of the caller got no answer.

    Parameters:
        cause: Why.
    """

    cause: Cause


@dataclass(frozen=True, slots=True)
class Greeted:
    """The bot spoke first.

    Parameters:
        seconds: Caller connected, else the call's start, to the bot's first audio; not negative.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class FloorHeld:
    """Time went by in which one side, both or neither spoke.

    Parameters:
        holder: Who.
        seconds: How long, in total since the last such fact; positive.
    """

    holder: Holder
    seconds: float


@dataclass(frozen=True, slots=True)
class Spoke:
    """One side spoke without a pause.

    Parameters:
        holder: Caller or bot.
        seconds: How long; positive.
        ended_ago: How long before this fact was known it ended, in seconds.
    """

    holder: Holder
    seconds: float
    ended_ago: float


@dataclass(frozen=True, slots=True)
class SetUp:
    """A service was made ready, connected for instance, before the pipeline started.

    Parameters:
        processor: Class name of the service.
        model: Model it runs, or `None` if it names none.
        seconds: How long it took; positive.
    """

    processor: str
    model: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Silence:
    """Neither side spoke for a second or more.

    Parameters:
        after: What came before.
        seconds: How long.
        ended_ago: How long before this fact was known it ended, in seconds.
    """

    after: SilenceAfter
    seconds: float
    ended_ago: float = 0.0


@dataclass(frozen=True, slots=True)
class Yielded:
    """The bot fell silent because the caller spoke.

    Parameters:
        seconds: Onset of the caller's speech to the bot's silence; not negative.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class FalseInterruption:
    """The bot was cut off by what turned out to be no words."""


@dataclass(frozen=True, slots=True)
class Backchannel:
    """The caller acknowledged what the bot said, and the bot went on."""


@dataclass(frozen=True, slots=True)
class BotGap:
    """The bot paused within one answer.

    Parameters:
        cause: Whether its audio came late, or that of a sentence never came.
        seconds: What was heard of it; 0 for a lost sentence that left no pause.
    """

    cause: GapCause
    seconds: float


@dataclass(frozen=True, slots=True)
class LoopHeld:
    """The event loop did nothing else for half a second or more, and every call of the process waited.

    Parameters:
        seconds: How late the loop was then; it was held for up to a tenth of a second longer.
        function: The function that held it, with its place; `None` if it was not seen.
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
    """A bot turn ended.

    Parameters:
        outcome: Whether the bot finished or was cut off.
        seconds: How long the bot spoke, or `None` if its start was not seen.
    """

    outcome: TurnOutcome
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller cut the bot off while it was speaking."""


@dataclass(frozen=True, slots=True)
class FunctionSettled:
    """A function call of the language model came to its end.

    Parameters:
        function: Name of the function; "unknown" if it is not registered, "other" if a call has too many names.
        outcome: How it was settled.
        seconds: In progress to settled, or `None` if its start was not seen.
    """

    function: str
    outcome: FunctionOutcome
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Failed:
    """A processor reported an error.

    Parameters:
        processor: Class name of the processor where the error arose.
        category: Pipecat's category of the error, or "unknown"; never the error's text.
        error_type: The provider's status, else the exception's class, else "unknown".
    """

    processor: str
    category: str
    error_type: str = "unknown"


@dataclass(frozen=True, slots=True)
class Switched:
    """A switcher changed the service in use.

    Parameters:
        leg: The part that they play.
        previous: Class name of the service that was in use, or its model where both have one class.
        now: Class name of the service that is in use now, or its model.
    """

    leg: Leg
    previous: str
    now: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A measurement that cannot be true, or is of a kind nobody knows here.

    Parameters:
        reason: One of a closed set: "bad_value", "unknown_kind", "fault", and "own_metric" for the application's own.
            Export counts its "late" and "export_rejected" in the same series without a fact.
        detail: What was refused, for a log line; never an attribute of a series.
    """

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Priced:
    """What one usage cost.

    Parameters:
        leg: The service's part in the bot.
        processor: Class name of the processor.
        model: Model it ran, or `None` if the service names none.
        usd: The cost in US dollars; 0 only where the price is truly 0.
        source: Where the price comes from, such as "genai-prices 0.2.3".
        priced_on: ISO date at which the price was last checked by its source, or `None` if the source does not say.
    """

    leg: Leg
    processor: str
    model: str | None
    usd: Decimal
    source: str
    priced_on: str | None


@dataclass(frozen=True, slots=True)
class Unpriced:
    """Usage for which no price is known.

    Parameters:
        leg: The service's part in the bot.
        processor: Class name of the processor.
        model: Model it ran, or `None` if the service names none.
        reason: Why there is no price, in a few words for a person.
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
