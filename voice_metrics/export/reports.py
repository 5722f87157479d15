"""Log lines about export: one per kind of fault, however long it lasts, and one when it is over."""

from __future__ import annotations

import time

from loguru import logger

# A fault that comes and goes is logged once in this time.
QUIET_SECONDS = 60.0


class Reports:
    """Logs the faults of one destination."""

    def __init__(self, subject: str) -> None:
        """Begin without a fault; `subject` is the destination, as the beginning of a sentence."""
        self._subject = subject
        self._said_at: dict[str, float] = {}
        self._open: set[str] = set()
        self._failed = 0
        self._since = 0.0
        self._remarked = False

    def fault(self, kind: str, words: str) -> None:
        """Record a fault of a `kind`, a short stable name, and log its words and cure if it is new."""
        now = time.monotonic()
        if not self._failed:
            self._since = now
        self._failed += 1
        said_at = self._said_at.get(kind)
        if kind in self._open or (said_at is not None and now - said_at < QUIET_SECONDS):
            return
        self._open.add(kind)
        self._said_at[kind] = now
        logger.warning(f"{self._subject}: {words}")

    def remark(self, words: str) -> None:
        """Log the words of a server that took everything, once."""
        if words and not self._remarked:
            self._remarked = True
            logger.warning(f"{self._subject}: it took everything and says: {words}")

    def recovered(self) -> None:
        """Record a success, and log it if a fault was logged before."""
        if self._open:
            seconds = time.monotonic() - self._since
            logger.info(f"{self._subject}: all is well again, after {self._failed} failures in {seconds:.0f} s.")
        self._open.clear()
        self._failed = 0
