"""Pipecat's one stopwatch for each voice, which is started anew with each speech.

While a voice works on two speeches at once, any output of either stops the stopwatch: what it shows is true of neither.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

# Speeches of one voice that begin before a measurement of an earlier one is read, and voices of one call.
_MOST_STARTS, _MOST_VOICES = 20, 200
# Of speeches that begin together, the stopwatch measures the first one, for this much too little at most.
_TOGETHER_SECONDS = 0.02


class _Start(NamedTuple):
    """A start of the stopwatch.

    Parameters:
        number: Place in the order in which frames are made.
        at: Moment, in monotonic seconds.
        is_alone: True if the voice worked on no other speech.
    """

    number: int
    at: float
    is_alone: bool


class Stopwatches:
    """The stopwatches of a call's voices, by Pipecat's names of them."""

    def __init__(self) -> None:
        self._starts: dict[str, deque[_Start]] = {}
        self._false: set[str] = set()

    def started(self, voice: str, at: float, number: int, *, is_alone: bool) -> None:
        """Record that a voice begins a speech.

        Args:
            voice: Its name.
            at: Moment, in monotonic seconds.
            number: Place in the order in which frames are made.
            is_alone: True if the voice works on no other speech.
        """
        if voice not in self._starts and len(self._starts) >= _MOST_VOICES:
            return
        starts = self._starts.setdefault(voice, deque(maxlen=_MOST_STARTS))
        first = starts[-1] if starts and not is_alone else None
        if first is not None and first.is_alone and at - first.at <= _TOGETHER_SECONDS:
            at, is_alone = first.at, True
        starts.append(_Start(number, at, is_alone))

    def is_false(self, voice: str, number: int) -> bool:
        """True if a first byte, in the frame `number`, was measured while its voice worked on another speech too."""
        start = next((start for start in reversed(self._starts.get(voice, ())) if start.number < number), None)
        if start is None or start.is_alone:
            self._false.discard(voice)
            return False
        self._false.add(voice)
        return True

    def was_false(self, voice: str) -> bool:
        """True if the voice's latest first byte was false, and so what Pipecat reckons from it."""
        return voice in self._false
