"""Who speaks when: bot turns, interruptions and responses out of the speaking events of a call.

Moments are passed in, in monotonic seconds; an event may come twice, late or never.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from voice_metrics.call.answers import Answers
from voice_metrics.call.events import BotSpeaking, BotStarted, BotStopped, Interruption
from voice_metrics.call.facts import Fact, Interrupted, Leg, TurnEnded, TurnOutcome

# An output transport that was told of an interruption drops its audio and says at once that the bot stopped. Speech
# that goes on for longer was not cut off: Pipecat can mark utterances that no interruption stops.
CUT_SECONDS = 0.5
# A chunk that the transport had in hand when it was told to stop is still played, and told as a new start at once; the
# next answer's start is then told by nothing but that the bot is speaking (Pipecat 1.14.0, base_output.py, 2026-11-22).
LEFTOVER_SECONDS = 0.05


class Conversation:
    """The two sides of one call.

    A response runs from the end of the caller's speech (the detector's, where there is one, else the end of the
    turn) to the bot's first audio of the answer. A greeting is no response, nor is
    what the bot says for another reason.

    Args:
        leg: Tells the part that a processor plays, by its class name.
    """

    def __init__(self, leg: Callable[[str], Leg] = lambda processor: Leg.OTHER) -> None:
        self._bot_since: float | None = None
        self._told_to_stop_at: float | None = None
        self._cut_at: float | None = None
        self._answers = Answers(leg)

    @property
    def bot_speaking(self) -> bool:
        """Whether the bot is speaking."""
        return self._bot_since is not None

    def take(self, event: object, at: float) -> Sequence[Fact]:
        """Note an event.

        Args:
            event: What happened; events of other kinds are ignored.
            at: When, in monotonic seconds.

        Returns:
            What is now known: usually nothing.
        """
        match event:
            case BotSpeaking() if self._bot_since is not None:
                return ()
            case BotStarted() | BotSpeaking():
                return self._bot_started(at)
            case BotStopped():
                return (*self._bot_ended(at, cut_off=False), *self._answers.take(event, at))
            case Interruption():
                if self._bot_since is not None and self._told_to_stop_at is None:
                    self._told_to_stop_at = at
                return ()
            case _:
                return self._answers.take(event, at)

    def end(self, at: float, *, cut_off: bool = False) -> Sequence[Fact]:
        """Note the end of the call.

        Args:
            at: When, in monotonic seconds.
            cut_off: Whether the call broke off (cancelled, failed), so that a sentence in course was not finished.

        Returns:
            The end of the bot's turn, if it was speaking, and the caller's turn that stays unanswered.
        """
        return (*self._bot_ended(at, cut_off=cut_off), *self._answers.end(at))

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
        facts.extend(self._answers.bot_started(at))
        return facts

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
