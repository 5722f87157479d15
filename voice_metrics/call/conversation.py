"""Who speaks when: response times, bot turns and interruptions out of the speaking events of a call.

Owns what "the bot answered", "a bot turn" and "an interruption" mean. Knows no Pipecat, no clock and no place
in a pipeline: moments are passed in, in monotonic seconds, and an event may come twice, late or never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voice_metrics.call.facts import Fact, Interrupted, Responded, TurnEnded, TurnOutcome

# An output transport that was told of an interruption drops its audio and says at once that the bot stopped. Speech
# that goes on for longer was not cut off: Pipecat can mark utterances that no interruption stops.
CUT_SECONDS = 0.5
# A chunk that the transport had in hand when it was told to stop is still played, and told as a new start at once; the
# next answer's start is then told by nothing but that the bot is speaking (Pipecat 1.14.0, base_output.py, 2026-11-22).
LEFTOVER_SECONDS = 0.05
# A turn that starts from a transcript alone belongs to speech that ended at most this long ago.
LATE_TRANSCRIPT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class BotStarted:
    """The bot's first audio went out."""


@dataclass(frozen=True, slots=True)
class BotSpeaking:
    """The bot's audio goes out; told again and again while it does."""


@dataclass(frozen=True, slots=True)
class BotStopped:
    """The bot's audio ended or was dropped."""


@dataclass(frozen=True, slots=True)
class UserStarted:
    """The caller's turn began."""


@dataclass(frozen=True, slots=True)
class UserStopped:
    """The caller's turn was taken for finished."""


@dataclass(frozen=True, slots=True)
class VoiceStarted:
    """The voice activity detector heard the caller."""


@dataclass(frozen=True, slots=True)
class VoiceStopped:
    """The voice activity detector heard silence for long enough.

    Parameters:
        stop_seconds: Length of the silence that it waited for; the speech ended that long before.
    """

    stop_seconds: float


@dataclass(frozen=True, slots=True)
class Interruption:
    """Whatever the bot prepares or says is to be dropped; sent at every start of a caller's turn."""


Event = BotStarted | BotSpeaking | BotStopped | UserStarted | UserStopped | VoiceStarted | VoiceStopped | Interruption


class Conversation:
    """The two sides of one call.

    A response runs from the end of the caller's speech (the detector's, where there is one, else the end of the
    turn) to the bot's first audio. A greeting is no response, nor is speech over a caller who resumed.
    """

    def __init__(self) -> None:
        self._bot_since: float | None = None
        self._told_to_stop_at: float | None = None
        self._cut_at: float | None = None
        self._turns_are_announced = False
        self._turn_is_open = False
        self._voice_is_heard = False
        self._silent_since: float | None = None
        self._waiting_since: float | None = None

    @property
    def bot_speaking(self) -> bool:
        """Whether the bot is speaking."""
        return self._bot_since is not None

    def take(self, event: object, at: float) -> Sequence[Fact]:
        """Note an event.

        Args:
            event: What happened; an event of another kind is nobody's business here.
            at: When, in monotonic seconds.

        Returns:
            What is now known: usually nothing.
        """
        match event:
            case BotStarted():
                return self._bot_started(at)
            case BotSpeaking() if self._bot_since is None:
                return self._bot_started(at)
            case BotStopped():
                return self._bot_ended(at, cut_off=False)
            case Interruption():
                if self._bot_since is not None and self._told_to_stop_at is None:
                    self._told_to_stop_at = at
            case UserStarted():
                self._turn_started(at)
            case UserStopped():
                self._turn_stopped(at)
            case VoiceStarted():
                self._voice_started()
            case VoiceStopped(stop_seconds):
                self._voice_stopped(at, stop_seconds)
        return ()

    def end(self, at: float, *, cut_off: bool = False) -> Sequence[Fact]:
        """Note the end of the call.

        Args:
            at: When, in monotonic seconds.
            cut_off: Whether the call broke off (cancelled, failed), so that a sentence in course was not finished.

        Returns:
            The end of the bot's turn, if it was speaking.
        """
        return self._bot_ended(at, cut_off=cut_off)

    def _bot_started(self, at: float) -> Sequence[Fact]:
        facts: list[Fact] = []
        if self._bot_since is None:
            if self._cut_at is not None and at - self._cut_at <= LEFTOVER_SECONDS:
                return ()
        elif self._told_to_stop_at is None:
            return ()  # the same start, seen in the other direction
        else:
            facts.extend(self._bot_ended(self._told_to_stop_at, cut_off=False))
        self._bot_since = at
        if (seconds := self._waited(at)) is not None:
            facts.append(Responded(seconds))
        self._waiting_since = None
        if not self._turn_is_open:
            self._silent_since = None
        return facts

    def _waited(self, at: float) -> float | None:
        if self._waiting_since is None or self._voice_is_heard:
            return None
        since = self._waiting_since if self._silent_since is None else self._silent_since
        return at - since if at >= since else None

    def _bot_ended(self, at: float, *, cut_off: bool) -> Sequence[Fact]:
        if self._bot_since is None:
            return ()
        seconds = max(0.0, at - self._bot_since)
        interrupted = self._told_to_stop_at is not None and at - self._told_to_stop_at <= CUT_SECONDS
        self._bot_since = self._told_to_stop_at = None
        self._cut_at = at if interrupted else None
        outcome = TurnOutcome.INTERRUPTED if interrupted or cut_off else TurnOutcome.COMPLETED
        ended = TurnEnded(outcome, seconds)
        return (ended, Interrupted()) if interrupted else (ended,)

    def _turn_started(self, at: float) -> None:
        self._turns_are_announced = self._turn_is_open = True
        self._waiting_since = None
        if self._silent_since is not None and at - self._silent_since > LATE_TRANSCRIPT_SECONDS:
            self._silent_since = None

    def _turn_stopped(self, at: float) -> None:
        self._turns_are_announced = True
        self._turn_is_open = False
        if self._waiting_since is None:
            self._waiting_since = at

    def _voice_started(self) -> None:
        self._voice_is_heard = True
        self._silent_since = None
        if not self._turns_are_announced:
            self._waiting_since = None

    def _voice_stopped(self, at: float, stop_seconds: float) -> None:
        self._voice_is_heard = False
        self._silent_since = at - max(0.0, stop_seconds)
        if not self._turns_are_announced:
            self._waiting_since = at
