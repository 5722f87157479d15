"""Outages of the file: the waits between tries, the log line for each kind (once per process), damaged files."""

from __future__ import annotations

from loguru import logger

from voice_metrics.call.text import one_line
from voice_metrics.ledger.file import Fault, LedgerFile, is_ledger

_FIRST_SECONDS, _LAST_SECONDS = 0.5, 30.0
_LONGEST_WARNING = 1000
# A file that is damaged more often than this is on a bad disk, where another new file does not help.
_DAMAGES = 3


class Outages:
    """The outages of one writing thread."""

    def __init__(self, file: LedgerFile, capacity: int) -> None:
        """Watch `file`, of which `capacity` jobs may wait in memory."""
        self._file = file
        self._capacity = capacity
        self._said: set[str] = set()
        self._damages = 0
        self._lasts = False

    @property
    def lasts(self) -> bool:
        """True if the latest write failed."""
        return self._lasts

    def begin(self, trouble: Fault | None, error: Exception, waited_seconds: float) -> float:
        """Log a failed write and return the seconds to wait before the next try.

        Args:
            trouble: The fault of the file, or `None` if the work itself failed.
            error: The error raised.
            waited_seconds: Seconds waited before this try.
        """
        if trouble is None:
            self.say("fault", f"{type(error).__name__}: {error}")
            return 0.0
        self._lasts = True
        reason = str(error) if trouble is Fault.FOREIGN else f"{trouble.value} ({error})"
        self.say(
            trouble,
            f"{reason}. Calls go on; up to {self._capacity} of their rows wait in memory. Set VOICE_METRICS_DB to "
            "another file, or to `off`",
        )
        return min(max(waited_seconds * 2, _FIRST_SECONDS), _LAST_SECONDS)

    def over(self) -> None:
        """Log the end of an outage after a successful write, if there was one."""
        if self._lasts:
            self._lasts = False
            logger.info(f"Ledger {self._file.path}: is written again")

    def set_aside(self, error: Exception, now: float) -> bool:
        """Rename a damaged file at `now` (unix seconds); True if a new file can begin at once."""
        self._damages += 1
        if self._damages > _DAMAGES or not is_ledger(self._file.path):
            return False
        try:
            aside = self._file.set_aside(now)
        except OSError:
            return False
        if aside is not None:
            logger.warning(
                f"Ledger {self._file.path}: is damaged ({error}), was set aside as {aside.name} and a new one begins: "
                f"`sqlite3 {aside.name} .recover` may bring its calls back"
            )
        return True

    def say(self, kind: str, text: str) -> None:
        """Log a warning, once per kind."""
        if kind not in self._said:
            self._said.add(kind)
            # A file's own triggers choose the words of errors.
            logger.warning(one_line(f"Ledger {self._file.path}: {text}", _LONGEST_WARNING))
