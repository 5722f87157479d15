"""What the writing thread does between batches: signs of life, calls of processes that are gone, pruning.

Owns when. Refuses the clock: moments are passed in, in monotonic seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from voice_metrics.ledger import pruning
from voice_metrics.ledger.process import HEARTBEAT_SECONDS, this_process
from voice_metrics.ledger.writing import Session, end_calls_of, end_lost_calls, gone_processes

_SWEEP_SECONDS = 60.0
# Not at once: a process that lives for a moment has better things to do.
_FIRST_PRUNING_SECONDS = 5.0
_PRUNING_SECONDS = 3600.0
# Between two small deletions, so that other processes get their turn.
_PAUSE_SECONDS = 0.05

Chore = Callable[[Session], None]


class Chores:
    """The timetable of one writing thread."""

    def __init__(self, days: float, megabytes: float) -> None:
        """Make a timetable.

        Args:
            days: Calls and measurements older than this are pruned.
            megabytes: Size of the file above which the oldest go.
        """
        self._days = days
        self._megabytes = megabytes
        self._heartbeat_at = -math.inf
        self._sweep_at = -math.inf
        self._prune_at: float | None = None
        self._making_room = False
        self._at = 0.0

    def heartbeat_due(self, at: float) -> bool:
        """Whether the process should sign in again; asking counts as having done so."""
        if at < self._heartbeat_at:
            return False
        self._heartbeat_at = at + HEARTBEAT_SECONDS
        return True

    def next_in(self, at: float) -> float:
        """Seconds until the next chore."""
        moments = (self._heartbeat_at, self._sweep_at, self._prune_at or math.inf)
        return max(0.01, min(HEARTBEAT_SECONDS, min(moments) - at))

    def due(self, at: float) -> Chore | None:
        """The next chore that is due, or `None`; asking counts as having begun it."""
        self._at = at
        if self._prune_at is None:
            self._prune_at = at + _FIRST_PRUNING_SECONDS
        if at >= self._sweep_at:
            self._sweep_at = at + _SWEEP_SECONDS
            return sweep
        if at >= self._prune_at:
            self._prune_at = at + _PRUNING_SECONDS
            return self.prune
        if at >= self._heartbeat_at:
            return _nothing
        return None

    def prune(self, session: Session) -> None:
        """Delete a little of what is old or too much; if there is more, it is due again soon."""
        more = pruning.prune_old(session.db, self._days, session.now)
        self._making_room = pruning.prune_large(session.db, self._megabytes, self._making_room)
        pruning.shrink(session.db)
        if more or self._making_room:
            self._prune_at = self._at + _PAUSE_SECONDS


def sweep(session: Session) -> None:
    """End the calls of processes that are gone, and those that wait for what is no longer kept."""
    end_calls_of(session.db, gone_processes(session.db, this_process(), session.now))
    end_lost_calls(session.db, session.now)


def _nothing(_: Session) -> None:
    """Beginning a transaction is the sign of life."""
