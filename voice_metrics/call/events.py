"""Events on the line of one call: speech, and work on answers.

Their moments, monotonic seconds, are passed beside them. An event may come twice, late or never.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BotStarted:
    """The bot's first audio went out."""


@dataclass(frozen=True, slots=True)
class BotSpeaking:
    """The bot's audio goes out; repeated while it does."""


@dataclass(frozen=True, slots=True)
class BotStopped:
    """The bot's audio ended or was dropped."""


@dataclass(frozen=True, slots=True)
class LineClosed:
    """The pipeline received its end; the caller's later speech does not count.

    Parameters:
        cut_off: True if the pipeline drops its work, as when the caller hangs up.
    """

    cut_off: bool = False


@dataclass(frozen=True, slots=True)
class UserStarted:
    """The caller's turn began."""


@dataclass(frozen=True, slots=True)
class UserStopped:
    """The bot considered the caller's turn finished.

    Parameters:
        silence_seconds: Silence before it, as far as it is known without a voice activity detector.
    """

    silence_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class VoiceStarted:
    """The voice activity detector heard the caller.

    Parameters:
        start_seconds: The detector's delay; the speech began that long before.
    """

    start_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class VoiceStopped:
    """The voice activity detector heard silence for long enough.

    Parameters:
        stop_seconds: The detector's delay; the speech ended that long before.
    """

    stop_seconds: float


@dataclass(frozen=True, slots=True)
class CallerKeyed:
    """The caller pressed a key of the telephone; several become a turn some seconds later."""


@dataclass(frozen=True, slots=True)
class CallerMuted:
    """The pipeline stopped hearing the caller."""


@dataclass(frozen=True, slots=True)
class CallerUnmuted:
    """The pipeline hears the caller again."""


@dataclass(frozen=True, slots=True)
class Interruption:
    """The bot must drop its unfinished answer; sent at every start of a caller's turn.

    Parameters:
        number: Place of its frame in the order in which frames are made, or `None` if unknown.
    """

    number: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The model must drop the answer to a turn that had not ended; the turn goes on.

    Parameters:
        number: Place of its frame in the order in which frames are made, or `None` if unknown.
    """

    number: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class TurnsAnnounced:
    """The pipeline announces the caller's turns; voice activity alone is then no turn."""


@dataclass(frozen=True, slots=True)
class TurnHeard:
    """Speech recognition finished the turn that just ended: `words` is True if it heard any."""

    words: bool


@dataclass(frozen=True, slots=True)
class CallerIdle:
    """The pipeline found the caller silent for too long, with nothing under way."""


@dataclass(frozen=True, slots=True)
class ModelStarted:
    """A language model began to answer."""


@dataclass(frozen=True, slots=True)
class ModelSpoke:
    """A language model gave the first text that is to be spoken."""


@dataclass(frozen=True, slots=True)
class ModelWrote:
    """A language model gave the first text that is to be read, not spoken."""


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The bot pressed a key of the telephone, as a machine's menu asks."""


@dataclass(frozen=True, slots=True)
class ModelWaits:
    """A language model judged the caller's turn unfinished, and says nothing."""


@dataclass(frozen=True, slots=True)
class ModelEnded:
    """A language model finished, failed or was cut off."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """A voice began with a piece of speech.

    Parameters:
        is_backchannel: True if it only acknowledges what the caller says, or is the rest of an answer that was cut off.
        is_kept: True if no interruption stops it.
    """

    is_backchannel: bool = False
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class SpeechMade:
    """A voice gave the first audio of a piece of speech.

    Parameters:
        fresh: True if it plays at once, because no earlier audio is left.
    """

    fresh: bool = True


@dataclass(frozen=True, slots=True)
class SpeechStreamed:
    """A model gives audio without end, its silence too; sent once for each piece of speech."""


@dataclass(frozen=True, slots=True)
class SpeechLate:
    """A voice gave audio after its earlier audio of the same answer ran dry.

    Parameters:
        run_seconds: Length of the continuous audio before the pause.
        lost: True if a sentence's audio never came, so that the pause stands for it.
        first: True if it is the first audio of a piece of speech.
        awaited: True if the model called a function before it, so that the pause is no gap.
    """

    run_seconds: float
    lost: bool = False
    first: bool = False
    awaited: bool = False


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """A voice finished a piece of speech.

    Parameters:
        run_seconds: Length of the continuous audio until its end, or `None` without audio.
        lost: Sentences whose audio never came, but for those of a silent piece of a reply, where it still may.
    """

    run_seconds: float | None = None
    lost: int = 0


@dataclass(frozen=True, slots=True)
class SentencesLost:
    """Audio of sentences that a voice gave up before will not come any more.

    Parameters:
        count: Their number.
    """

    count: int


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """A voice began a model's reply: the following pieces of speech are one answer."""


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """A voice finished a model's reply.

    Parameters:
        is_empty: True if it found nothing to say in it.
    """

    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class Connected:
    """The caller's line is connected."""


@dataclass(frozen=True, slots=True)
class Backchanneled:
    """The caller acknowledged what the bot says, without a turn of its own."""


Event = (
    BotStarted
    | BotSpeaking
    | BotStopped
    | LineClosed
    | UserStarted
    | UserStopped
    | VoiceStarted
    | VoiceStopped
    | CallerKeyed
    | CallerMuted
    | CallerUnmuted
    | Interruption
    | Withdrawn
    | TurnsAnnounced
    | TurnHeard
    | CallerIdle
    | ModelStarted
    | ModelSpoke
    | ModelWrote
    | KeyPressed
    | ModelWaits
    | ModelEnded
    | SpeechStarted
    | SpeechMade
    | SpeechStreamed
    | SpeechLate
    | SpeechEnded
    | SentencesLost
    | ReplyStarted
    | ReplyEnded
    | Connected
    | Backchanneled
)
