"""Faults of the plug-in: each costs one measurement, is counted, and is logged once per kind."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from loguru import logger

from voice_metrics.call.facts import Refused
from voice_metrics.call.text import clean

_LONGEST_WARNING = 1000
_MOST_KINDS = 100


class Faults:
    """Faults of one recorder.

    Args:
        count: Counts a measurement that was lost; it may raise.
    """

    def __init__(self, count: Callable[[Refused], None]) -> None:
        self._count = count
        self._kinds: set[str] = set()

    def add(self, where: str, fault: Exception) -> None:
        """Count a fault, and log it once per kind. Never raises.

        Args:
            where: The work that is lost, in a word or two.
            fault: The exception.
        """
        with suppress(Exception):
            self._count(Refused("fault", f"{where}: {type(fault).__name__}"))
        with suppress(Exception):
            self.warn_once(f"{where} {type(fault).__name__}", f"A measurement was lost ({where}): {fault!r}")

    def contain(self, where: str, act: Callable[[], None]) -> None:
        """Call `act`, and count its exception as a fault. Never raises."""
        try:
            act()
        except Exception as fault:
            self.add(where, fault)

    def warn_once(self, kind: str, text: str) -> None:
        """Log a warning, unless one of its kind was logged before."""
        if kind not in self._kinds and len(self._kinds) < _MOST_KINDS:
            self._kinds.add(kind)
            # An exception may be worded by what a caller said.
            logger.warning("{}", clean(text, _LONGEST_WARNING))
