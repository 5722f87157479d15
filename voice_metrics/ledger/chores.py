"""Chores of the writing thread between batches: heartbeats, ending calls of dead processes, pruning."""

from __future__ import annotations

import math
from collections.abc import Callable

from voice_metrics.ledger import pruning
from voice_metrics.ledger.process import HEARTBEAT_SECONDS, this_process
from voice_metrics.ledger.writing import Session, end_calls_of, end_lost_calls, gone_processes

_SWEEP_SECONDS = 60.0
# The first pruning waits, because a process may live for a moment only.
_FIRST_PRUNING_SECONDS = 5.0
_PRUNING_SECONDS = 3600.0
# Pause between two small deletions; other processes write meanwhile.
_PAUSE_SECONDS = 0.05

Chore = Callable[[Session], None]


class Chores:
    """The timetable of one writing thread; moments are monotonic seconds."""

    def __init__(self, days: float, megabytes: float) -> None:
        """Prune calls and measurements older than `days`, and the oldest ones of a file larger than `megabytes`."""
        self._days = days
        self._megabytes = megabytes
        self._heartbeat_at = -math.inf
        self._sweep_at = -math.inf
        self._prune_at: float | None = None
        self._making_room = False
        self._at = 0.0

    def heartbeat_due(self, at: float) -> bool:
        """Return True if the process must sign in again, and schedule the next heartbeat."""
        if at < self._heartbeat_at:
            return False
        self._heartbeat_at = at + HEARTBEAT_SECONDS
        return True

    def next_in(self, at: float) -> float:
        """Seconds until the next chore."""
        moments = (self._heartbeat_at, self._sweep_at, self._prune_at or math.inf)
        return max(0.01, min(HEARTBEAT_SECONDS, min(moments) - at))

    def due(self, at: float) -> Chore | None:
        """Return the next chore that is due and schedule its successor; `None` if none is due."""
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
        """Delete one portion of old or excess rows; if more is left, become due again soon."""
        more = pruning.prune_old(session.db, self._days, session.now)
        self._making_room = pruning.prune_large(session.db, self._megabytes, self._making_room)
        pruning.shrink(session.db)
        if more or self._making_room:
            self._prune_at = self._at + _PAUSE_SECONDS


def sweep(session: Session) -> None:
    """End live calls of dead processes, and pending calls without a kept request."""
    end_calls_of(session.db, gone_processes(session.db, this_process(), session.now))
    end_lost_calls(session.db, session.now)


def _nothing(_: Session) -> None:
    """Do nothing: beginning the transaction updates the heartbeat."""
