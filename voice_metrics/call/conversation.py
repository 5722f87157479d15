"""Bot turns, interruptions and responses from the speaking events of a call.

Moments are monotonic seconds and passed in; an event may come twice, late or never.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from voice_metrics.call.barge_in import BargeIns
from voice_metrics.call.events import (
    Backchanneled,
    BotSpeaking,
    BotStarted,
    BotStopped,
    CallerMuted,
    CallerUnmuted,
    Connected,
    Interruption,
    LineClosed,
    SpeechStreamed,
    UserStarted,
    UserStopped,
    VoiceStarted,
    VoiceStopped,
)
from voice_metrics.call.facts import Backchannel, Fact, Greeted, Interrupted, Leg, TurnEnded, TurnOutcome
from voice_metrics.call.floor import Floor, FloorTotals
from voice_metrics.call.gaps import Gaps
from voice_metrics.call.matching import Answers
from voice_metrics.call.mute import Mute
from voice_metrics.call.pieces import Pieces

# On an interruption an output transport drops its audio and reports at once that the bot stopped. Speech that continues
# longer was not cut off: Pipecat can mark utterances that no interruption stops.
CUT_SECONDS = 0.5
# After an interruption the transport still plays the current chunk and reports it as a new start. Pipecat then sends no
# BotStartedSpeakingFrame; the first BotSpeakingFrame marks the start (Pipecat 1.14.0, base_output.py, 2026-11-22).
LEFTOVER_SECONDS = 0.05
# A transport reports speech every 0.2 s. If no voice reports its end, as of recorded audio or of a voice that stalls,
# the transport does 3 s after the last audio, or after what passed it then; at an EndFrame once it has played 2 s of
# silence, or another whole number (Pipecat 1.3.0 and 1.14.0, base_output.py).
SPEAKING_SECONDS = 0.2
UNREPORTED_END_SECONDS = 0.9
# The bot is heard no longer so long after the end of the audio that was made, although a voice that stalls may go on.
STALLED_SECONDS = 0.5
# A transport reports the end of streamed speech behind so much silence (Pipecat 1.3.0 and 1.14.0, base_output.py).
STREAM_STOP_SECONDS = 0.35
# A voice gives up a piece of speech after so long without audio, and those over a WebSocket do not tell (default of
# Pipecat 1.3.0 and 1.14.0, tts_service.py).
GIVEN_UP_SECONDS = 3.0


class Conversation:
    """The two sides of one call.

    A response runs from the end of the caller's speech (the detector's, if there is one, else the end of the turn) to
    the bot's first audio of the answer. Greetings and speech for other reasons are no responses, and a pause within
    an answer ends no turn of the bot.
    """

    def __init__(self, leg: Callable[[str], Leg] = lambda processor: Leg.OTHER, started_at: float = 0.0) -> None:
        """Begin at `started_at`, in monotonic seconds; `leg` maps a processor's class name to its part of the bot."""
        self._bot_since: float | None = None
        self._paused_at: float | None = None
        self._spoke_at: tuple[float, ...] = ()
        self._stop_requested_at: float | None = None
        self._uncut_until: float | None = None
        self._cut_at: float | None = None
        self._kept_since: float | None = None
        self._connected_at: float | None = None
        self._is_opened = self._is_streamed = self._is_backchannel = False
        self._answers = Answers(leg)
        self._mute = Mute()
        self._pieces = Pieces()
        self._gaps = Gaps()
        self._barge_ins = BargeIns()
        self.started(started_at)

    def started(self, at: float) -> None:
        """Count the floor and the delay of the greeting from `at`, the call's start."""
        self._started_at = at
        self._floor = Floor(at)

    @property
    def bot_speaking(self) -> bool:
        """True while the bot speaks."""
        return self._bot_since is not None and self._paused_at is None

    def floor(self, at: float) -> FloorTotals:
        """Return the seconds by speaker until `at`."""
        return self._floor.totals(at)

    def observe(self, event: object, at: float) -> Sequence[Fact]:
        """Record an event at `at`, other kinds ignored; return the facts now known, usually none."""
        if isinstance(event, BotSpeaking) and self.bot_speaking:
            self._spoke_at = (*self._spoke_at[-1:], at)
            return ()
        self._mute.observe(event)
        if self._mute.hides(event, turn_is_open=self._answers.turn_is_open):
            return self._floor.settle(at)
        return (*self._record(event, at), *self._floor.settle(at))

    def end(self, at: float, *, cut_off: bool = False, over_at: float | None = None) -> Sequence[Fact]:
        """End the call; return the bot's last turn, the unanswered turn of the caller, and the floor, if any.

        Args:
            at: The moment, in monotonic seconds.
            cut_off: True if the call broke off (cancelled, failed) and cut a sentence.
            over_at: Earlier end of the call's length, or `None`.
        """
        if self.bot_speaking:
            turn = self._end_bot_turn(at, cut_off=cut_off)
        else:
            turn = self._end_paused_turn(cut_off_at=at if cut_off else None)
        return (*turn, *self._answers.end(at), *self._floor.end(at if over_at is None else over_at, at))

    def _record(self, event: object, at: float) -> Sequence[Fact]:
        match event:
            case BotStarted() | BotSpeaking():
                return self._bot_started(at)
            case BotStopped():
                return (*self._bot_stopped(at), *self._answers.observe(event, at))
            case Interruption():
                return (*self._stop_requested(at), *self._answers.observe(event, at))
            case Connected():
                self._connected_at = self._connected_at or at
                return ()
            case Backchanneled():
                return (Backchannel(),)
            case SpeechStreamed():
                self._is_streamed = True
                return ()
            case _:
                return self._record_caller_or_voice(event, at)

    def _record_caller_or_voice(self, event: object, at: float) -> Sequence[Fact]:
        self._record_on_floor(event, at)
        self._pieces.observe(event, at)
        gaps = self._gaps.observe(event, at, bot_speaking=self.bot_speaking)
        if self._gaps.silent_since is not None:
            self._floor.bot_was_silent(self._gaps.silent_since, at)
        over = self._end_paused_turn() if self._pieces.is_heard_to_its_end else ()
        return (*gaps, *over, *self._answers.observe(event, at), *self._barge_ins.observe(event, at))

    def _record_on_floor(self, event: object, at: float) -> None:
        match event:
            case VoiceStarted(start_seconds):
                self._floor.voice_began(at - max(0.0, start_seconds))
            case CallerMuted():
                self._floor.muted(at)
            case CallerUnmuted():
                self._floor.unmuted(at)
            case VoiceStopped(stop_seconds):
                self._floor.voice_ended(at - max(0.0, stop_seconds))
            case UserStarted():
                self._is_opened = True
                self._floor.turn_began(at)
            case UserStopped(silence_seconds):
                self._floor.turn_ended(at - silence_seconds)
            case LineClosed():
                self._floor.closed(at)

    def _bot_started(self, at: float) -> Sequence[Fact]:
        facts: list[Fact] = []
        if self._bot_since is None:
            if self._cut_at is not None and at - self._cut_at <= LEFTOVER_SECONDS:
                return ()
        elif self._paused_at is not None:
            if not self._pieces.is_heard_to_its_end:
                self._paused_at = None
                self._bot_heard_from(at)
                self._answers.bot_resumed()
                return ()
            facts.extend(self._end_paused_turn())
        elif self._stop_requested_at is None:
            return ()  # the same start, seen in the other direction
        else:
            facts.extend(self._end_bot_turn(self._stop_requested_at, cut_off=False))
        self._bot_since = at
        self._bot_heard_from(at)
        self._is_backchannel = self._pieces.is_backchannel
        if self._is_backchannel:
            return facts
        facts.extend(self._answers.bot_started(at, self._pieces.heard_answer_began_at))
        if not self._is_opened:
            self._is_opened = True
            facts.append(Greeted(max(0.0, at - (self._connected_at or self._started_at))))
        return facts

    def _bot_heard_from(self, at: float) -> None:
        self._spoke_at = ()
        self._pieces.started()
        self._gaps.bot_started(at)
        self._floor.bot_began(at)

    def _stop_requested(self, at: float) -> Sequence[Fact]:
        silent_since = self._gaps.heard_until or self._unreported_end(at)
        if self._bot_since is not None and self.bot_speaking and self._bot_since < silent_since < at - STALLED_SECONDS:
            self._paused_at = silent_since
            self._floor.bot_ended(silent_since)
        if self.bot_speaking:
            if self._stop_requested_at is None:
                self._stop_requested_at, self._uncut_until = at, self._gaps.heard_until
            if self._pieces.is_kept:
                self._pieces.dropped()
            return self._cut_before_kept(at) if self._pieces.kept_follows else ()
        turn = self._end_paused_turn(cut_off_at=at)
        self._pieces.dropped()
        self._gaps.dropped()
        return turn

    def _cut_before_kept(self, at: float) -> Sequence[Fact]:
        """End what an interruption drops; the transport goes on with what it keeps, and reports no stop."""
        facts = self._end_bot_turn(at, cut_off=True)
        self._bot_since = self._kept_since = at
        self._bot_heard_from(at)
        self._is_backchannel = self._pieces.is_backchannel
        return facts

    def _bot_stopped(self, at: float) -> Sequence[Fact]:
        if not self.bot_speaking:
            return ()
        if self._kept_since is not None and at - self._kept_since <= 2 * LEFTOVER_SECONDS:
            # What the interruption keeps had not reached the transport, and is heard later.
            self._bot_since = self._stop_requested_at = None
            self._cut_at = at
            self._floor.bot_ended(at)
            return ()
        self._pieces.stopped()
        if self._stop_requested_at is not None and not self._is_cut(at):
            self._gaps.wait_for_start()
        if self._is_cut(at) or self._pieces.is_heard_to_its_end:
            return self._end_bot_turn(at, cut_off=False)
        self._paused_at = self._close_bot_speech(at)
        self._stop_requested_at = None
        return ()

    def _end_paused_turn(self, *, cut_off_at: float | None = None) -> Sequence[Fact]:
        if self._paused_at is None or self._bot_since is None:
            return ()
        seconds = max(0.0, self._paused_at - self._bot_since)
        is_cut = cut_off_at is not None and (self._pieces.is_reply or cut_off_at - self._paused_at <= GIVEN_UP_SECONDS)
        self._bot_since = self._paused_at = None
        if self._is_backchannel:
            return ()
        return (TurnEnded(TurnOutcome.INTERRUPTED if is_cut else TurnOutcome.COMPLETED, seconds),)

    def _end_bot_turn(self, at: float, *, cut_off: bool) -> Sequence[Fact]:
        if self._bot_since is None:
            return ()
        since, interrupted = self._bot_since, self._is_cut(at)
        ended_at = at
        if interrupted:
            self._floor.bot_ended(at)
        else:
            ended_at = self._close_bot_speech(at)
        self._bot_since = self._stop_requested_at = None
        self._cut_at = at if interrupted else None
        if interrupted:
            self._pieces.dropped()
            self._gaps.dropped()
        if self._is_backchannel:
            return ()
        outcome = TurnOutcome.INTERRUPTED if interrupted or cut_off else TurnOutcome.COMPLETED
        ended = TurnEnded(outcome, max(0.0, ended_at - since))
        if not interrupted:
            return (ended,)
        return (ended, Interrupted(), *self._barge_ins.interrupted(since, at))

    def _is_cut(self, at: float) -> bool:
        # Speech that no interruption stops may come to its end just then.
        if self._stop_requested_at is None or self._pieces.is_kept:
            return False
        return at - self._stop_requested_at <= CUT_SECONDS

    def _unreported_end(self, at: float) -> float:
        """Return the end of speech that no voice reports, or `at` if it is heard until then."""
        if len(self._spoke_at) < 2:
            return at
        before, last = self._spoke_at
        is_late = last - before <= 2 * SPEAKING_SECONDS and at - last > UNREPORTED_END_SECONDS
        return last + SPEAKING_SECONDS if is_late else at

    def _close_bot_speech(self, at: float) -> float:
        """End the bot's speech on the floor; return its true end, which a transport may report seconds late."""
        heard_until = self._gaps.heard_until if self._stop_requested_at is None else self._uncut_until
        if heard_until is None and self._is_streamed:
            heard_until = at - STREAM_STOP_SECONDS
        elif heard_until is None:
            heard_until = self._unreported_end(at)
        silent_since = at if heard_until is None or heard_until <= (self._bot_since or 0.0) else min(at, heard_until)
        self._floor.bot_ended(silent_since)
        return silent_since
