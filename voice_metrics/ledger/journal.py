"""One call as the ledger keeps it: a row that lives with the call, and its time line.

Refuses to be in the way: a fault of the ledger costs its rows, never the call.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from voice_metrics.call.facts import Fact, Leg
from voice_metrics.call.summary import CallSummary
from voice_metrics.ledger import CallState, Timeline

if TYPE_CHECKING:
    from voice_metrics.ledger import Ledger


class Journal:
    """Writes one call into the ledger.

    Attributes:
        key: What tells the call from every other in the ledger, also from another one with the same id.
    """

    def __init__(self, ledger: Ledger, leg: Callable[[str], Leg], key: str) -> None:
        """Start empty.

        Args:
            ledger: Where calls are kept.
            leg: Tells the part that a processor plays, by its class name; asked in any thread.
            key: The call's `Identity.key`.
        """
        self.key = key
        self._ledger = ledger
        self._leg = leg
        self._facts: list[tuple[Fact, float]] = []

    def happened(self, fact: Fact, at: float) -> None:
        """Note a fact; it is written with the next news of the call.

        Args:
            fact: What happened.
            at: When, in unix seconds.
        """
        self._facts.append((fact, at))

    def started(self, summary: CallSummary) -> None:
        """Add the call."""
        self._ledger.call_started(self.key, summary.started_at, summary.to_dict())

    def updated(self, summary: CallSummary) -> None:
        """Write how far the call has come."""
        self._ledger.call_updated(self.key, summary.to_dict())
        self._write_rows()

    def ended(self, summary: CallSummary, last_export: Future[bool | None]) -> None:
        """Write the call's end, and later its delivery if that takes longer.

        Args:
            summary: The last summary.
            last_export: Whether the last values were acknowledged; `None` without an endpoint.
        """
        self._write_rows()
        told = summary.to_dict()
        states = {True: CallState.DELIVERED, False: CallState.PENDING, None: CallState.ENDED}
        self._ledger.call_ended(self.key, told, states[summary.exported])
        if summary.exported is False:
            last_export.add_done_callback(self._delivered_late(told))

    def written(self) -> Future[None]:
        """Ask that the call's rows are on disk at once.

        Returns:
            Done when they are; `LedgerUnavailable` if they cannot be now.

        Raises:
            LedgerUnavailable: The ledger's thread cannot be started.
        """
        return self._ledger.written()

    def _write_rows(self) -> None:
        facts, self._facts = self._facts, []
        if facts:
            self._ledger.add(self.key, Timeline(facts, self._leg))

    def _delivered_late(self, told: dict[str, Any]) -> Callable[[Future[bool | None]], None]:
        def tell(last_export: Future[bool | None]) -> None:
            if not last_export.cancelled() and last_export.exception() is None and last_export.result():
                self._ledger.call_ended(self.key, told | {"exported": True}, CallState.DELIVERED)

        return tell
