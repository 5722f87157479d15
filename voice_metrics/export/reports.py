"""Log lines about export: one per kind of fault, one when it is over.

A lasting fault is logged once.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from loguru import logger

# A fault that comes and goes is logged once in this time.
QUIET_SECONDS = 60.0


class Reports:
    """Logs the faults of one destination."""

    def __init__(self, subject: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without a fault.

        Args:
            subject: The destination, as the beginning of a sentence.
            clock: Monotonic seconds.
        """
        self._subject = subject
        self._clock = clock
        self._said_at: dict[str, float] = {}
        self._open: set[str] = set()
        self._failed = 0
        self._since = 0.0

    def fault(self, kind: str, words: str) -> None:
        """Record a fault, and log it if it is new.

        Args:
            kind: Short stable name of the fault.
            words: The fault and its cure.
        """
        now = self._clock()
        if not self._failed:
            self._since = now
        self._failed += 1
        said_at = self._said_at.get(kind)
        if kind in self._open or (said_at is not None and now - said_at < QUIET_SECONDS):
            return
        self._open.add(kind)
        self._said_at[kind] = now
        logger.warning(f"{self._subject}: {words}")

    def recovered(self) -> None:
        """Record a success, and log it if a fault was logged before."""
        if self._open:
            seconds = self._clock() - self._since
            logger.info(f"{self._subject}: all is well again, after {self._failed} failures in {seconds:.0f} s.")
        self._open.clear()
        self._failed = 0
