"""A spool in memory, shared by processes that are only imagined."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from tests.waiting import blocked_until
from voice_metrics.export.spool import PendingRequest


class MemorySpool:
    """What every process keeps; `process()` gives another one's view, `gone()` ends the current one."""

    def __init__(self) -> None:
        self.kept: dict[int, PendingRequest] = {}
        self.left: dict[int, PendingRequest] = {}
        self.claimed: dict[int, PendingRequest] = {}
        self.given_up_keys: list[str] = []
        self.delivered_keys: list[str] = []
        self.replacements = 0
        self.claims = 0
        self.aside: list[PendingRequest] = []
        self.fault: Exception | None = None
        self.began_in: list[threading.Thread] = []
        self._next = 0

    @property
    def location(self) -> str | None:
        return "calls.db"

    def begin(self) -> None:
        self.began_in.append(threading.current_thread())

    def _numbered(self, requests: Sequence[PendingRequest]) -> dict[int, PendingRequest]:
        numbered = {}
        for request in requests:
            self._next += 1
            numbered[self._next] = request
        return numbered

    def _check(self) -> None:
        if self.fault is not None:
            raise self.fault

    def replace(self, requests: Sequence[PendingRequest]) -> None:
        self._check()
        self.replacements += 1
        self.kept = self._numbered(requests)

    def park(self, requests: Sequence[PendingRequest]) -> None:
        self._check()
        self.left |= self._numbered(requests)

    def claim(self, interrupted: Callable[[], bool] = lambda: False) -> list[tuple[int, PendingRequest]]:
        self.claims += 1
        self._check()
        self.claimed, self.left = self.left, {}
        return sorted(self.claimed.items())

    def acknowledged(self, ids: Sequence[int]) -> None:
        self._check()
        for number in ids:
            del self.claimed[number]

    def set_aside(self, ids: Sequence[int]) -> None:
        self.aside += [self.claimed.pop(number) for number in ids]

    def release(self, ids: Sequence[int]) -> None:
        self._check()
        for number in ids:
            self.left[number] = self.claimed.pop(number)

    def delivered(self, keys: Sequence[str]) -> None:
        self._check()
        self.delivered_keys += keys

    def given_up(self, keys: Sequence[str]) -> None:
        self._check()
        self.given_up_keys += keys

    def gone(self) -> None:
        """End the process that keeps something, as kill -9 would."""
        self.left |= self.kept | self.claimed
        self.kept, self.claimed = {}, {}


class SlowToOpen(MemorySpool):
    """A spool whose first claim waits for its disk until it is interrupted."""

    def claim(self, interrupted: Callable[[], bool] = lambda: False) -> list[tuple[int, PendingRequest]]:
        claimed = super().claim(interrupted)
        if self.claims == 1:
            blocked_until(interrupted)
            self.release([number for number, _ in claimed])
            return []
        return claimed


class Endless(MemorySpool):
    """A spool in which earlier processes have left more requests whenever it is asked."""

    def claim(self, interrupted: Callable[[], bool] = lambda: False) -> list[tuple[int, PendingRequest]]:
        self.park([PendingRequest(b"", {"old": "old"}, 1.0)])
        return super().claim(interrupted)
