"""The floor of a call: caller, bot, both or neither, and its silences.

Both sides' speech stays open to change for a while, because a voice activity detector reports late, and so does audio.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from voice_metrics.call.facts import Fact, FloorHeld, Holder, Silence, SilenceAfter, Spoke

# Speech can be corrected for this long: longer than the delay of detectors and transports, short beside an export.
UNSETTLED_SECONDS = 6.0
# Interval at which final speech is counted.
SETTLE_SECONDS = 5.0
# A shorter pause is part of any conversation.
SILENCE_SECONDS = 1.0


class _Speech:
    """One side's speech as intervals, in order of time, without overlap."""

    def __init__(self) -> None:
        self._spans: list[list[float]] = []
        self.since: float | None = None

    def began(self, at: float) -> None:
        if self.since is None:
            self.since = max(at, self._spans[-1][1]) if self._spans else at

    def ended(self, at: float) -> None:
        since, self.since = self.since, None
        if since is not None and at > since:
            self._spans.append([since, at])

    def was_silent(self, since: float, until: float) -> None:
        """Remove a stretch that was no speech."""
        if self.since is not None and self.since < until:
            begun, self.since = self.since, until
            if since > begun:
                self._spans.append([begun, since])
        self._spans = [
            part
            for begin, end in self._spans
            for part in ([begin, min(end, since)], [max(begin, until), end])
            if part[1] > part[0]
        ]

    def spans(self, since: float, until: float) -> Iterator[tuple[float, float]]:
        """Yield speech between two moments; speech that goes on lasts until the later one."""
        for begin, end in (*self._spans, *(((self.since, until),) if self.since is not None else ())):
            if end > since and begin < until:
                yield max(begin, since), min(end, until)

    def settle(self, until: float) -> Iterator[tuple[float, float]]:
        """Remove and yield speech that ended by `until`."""
        over = [(begin, end) for begin, end in self._spans if end <= until]
        self._spans = [span for span in self._spans if span[1] > until]
        yield from over


@dataclass(slots=True)
class FloorTotals:
    """Seconds of a call by holder; they add up to its length.

    Parameters:
        seconds: Seconds by holder.
        longest_silence: Longest silence, in seconds.
        silent_since: Begin of the current silence, or `None`.
        after: The speaker, or the call's start, before it.
    """

    seconds: dict[Holder, float] = field(default_factory=lambda: dict.fromkeys(Holder, 0.0))
    longest_silence: float = 0.0
    silent_since: float | None = None
    after: SilenceAfter = SilenceAfter.START

    def copy(self) -> FloorTotals:
        """Return an independent copy."""
        return FloorTotals(dict(self.seconds), self.longest_silence, self.silent_since, self.after)

    def hold(self, holder: Holder, since: float, until: float) -> float | None:
        """Add a stretch of one holder; return the seconds of the silence that it ends, or `None`."""
        self.seconds[holder] += until - since
        if holder is Holder.NONE:
            if self.silent_since is None:
                self.silent_since = since
            self.longest_silence = max(self.longest_silence, until - self.silent_since)
            return None
        begun, self.silent_since = self.silent_since, None
        return None if begun is None else since - begun


class Floor:
    """The floor of one call, from `at`, its start in monotonic seconds."""

    def __init__(self, at: float) -> None:
        self._voice, self._turns, self._bot = _Speech(), _Speech(), _Speech()
        self._is_detected = self._is_closed = False
        self._unmuted_at: float | None = None
        self._settled_at = at
        self._totals = FloorTotals()

    def voice_began(self, at: float) -> None:
        """Record that the detector hears the caller since `at`."""
        self._is_detected, self._unmuted_at = True, None
        if not self._is_closed:
            self._voice.began(max(at, self._settled_at))

    def voice_ended(self, at: float) -> None:
        """Record that the detector heard the caller until `at`."""
        if self._unmuted_at is not None:
            # The caller spoke already at the end of a mute, which hid the detector's report.
            self.voice_began(self._unmuted_at)
        self._voice.ended(at)

    def muted(self, at: float) -> None:
        """Record that the pipeline does not hear the caller from `at` on."""
        self._unmuted_at = None
        self._voice.ended(at)

    def unmuted(self, at: float) -> None:
        """Record that the pipeline hears the caller again from `at` on."""
        self._unmuted_at = at

    def turn_began(self, at: float) -> None:
        """Record the start of a caller's turn; without a detector it counts as speech."""
        if not self._is_closed:
            self._turns.began(at)

    def turn_ended(self, at: float) -> None:
        """Record the end of a caller's turn."""
        self._turns.ended(at)

    def closed(self, at: float) -> None:
        """End the caller's speech at `at`, because no detector will report its end."""
        self._is_closed, self._unmuted_at = True, None
        self._voice.ended(at)
        self._turns.ended(at)

    def bot_began(self, at: float) -> None:
        """Record that the bot is heard since `at`."""
        self._bot.began(at)

    def bot_ended(self, at: float) -> None:
        """Record that the bot was heard until `at`."""
        self._bot.ended(at)

    def bot_was_silent(self, since: float, until: float) -> None:
        """Remove a stretch of the bot's speech that was not heard."""
        self._bot.was_silent(max(since, self._settled_at), until)

    def settle(self, at: float) -> Sequence[Fact]:
        """At intervals, count speech that can no longer change at `at`; return its facts."""
        until = at - UNSETTLED_SECONDS
        return self._settle(until, at) if until - self._settled_at >= SETTLE_SECONDS else ()

    def end(self, until: float, at: float) -> Sequence[Fact]:
        """Count the rest of a call that ended at `until`, known at `at`; return its facts and the current silence."""
        facts = [*self._settle(until, at)]
        silent_since = self._totals.silent_since
        if silent_since is not None and until - silent_since >= SILENCE_SECONDS:
            facts.append(Silence(self._totals.after, until - silent_since, at - until))
            self._totals.silent_since = None
        return facts

    def totals(self, at: float) -> FloorTotals:
        """Return the totals until `at`, without changing anything."""
        totals = self._totals.copy()
        for _ in self._count_until(totals, at):
            pass
        return totals

    def _settle(self, until: float, at: float) -> Sequence[Fact]:
        if until <= self._settled_at:
            return ()
        before = dict(self._totals.seconds)
        facts: list[Fact] = [
            replace(silence, ended_ago=at - silence.ended_ago) for silence in self._count_until(self._totals, until)
        ]
        self._settled_at = until
        for holder, seconds in self._totals.seconds.items():
            if seconds > before[holder]:
                facts.append(FloorHeld(holder, seconds - before[holder]))
        for holder, speech in ((Holder.CALLER, self._caller), (Holder.BOT, self._bot)):
            facts.extend(Spoke(holder, b - a, at - b) for a, b in speech.settle(until))
        if self._is_detected:
            for _ in self._turns.settle(until):
                pass
        return facts

    @property
    def _caller(self) -> _Speech:
        return self._voice if self._is_detected else self._turns

    def _count_until(self, totals: FloorTotals, until: float) -> Iterator[Silence]:
        """Add the time since the settled part to `totals`; yield its silences, with their end as `ended_ago`."""
        since = self._settled_at
        if until <= since:
            return
        sides = [list(self._caller.spans(since, until)), list(self._bot.spans(since, until))]
        moments = sorted({since, until, *(moment for side in sides for span in side for moment in span)})
        for begin, end in pairwise(moments):
            caller, bot = (any(first <= begin and end <= last for first, last in side) for side in sides)
            holder = _HOLDERS[caller, bot]
            ended = totals.hold(holder, begin, end)
            if ended is not None and ended >= SILENCE_SECONDS:
                yield Silence(totals.after, ended, begin)
            if holder is not Holder.NONE:
                totals.after = SilenceAfter.BOT if bot else SilenceAfter.CALLER


_HOLDERS = {
    (True, True): Holder.BOTH,
    (True, False): Holder.CALLER,
    (False, True): Holder.BOT,
    (False, False): Holder.NONE,
}
