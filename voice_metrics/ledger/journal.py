"""One call's rows in the ledger. A fault of the ledger costs rows, never the call."""

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
        key: The call's `Identity.key`, distinct even for two calls with one id.
        write: Keeps a fact, with the Unix seconds at which it was known, for the next write of the call.
    """

    def __init__(self, ledger: Ledger, leg: Callable[[str], Leg], key: str) -> None:
        """Write to `ledger`; `leg` maps a processor's class name to its part of the bot, on any thread."""
        self.key = key
        self._ledger = ledger
        self._leg = leg
        self._facts: list[tuple[Fact, float]] = []
        self.write = self._facts.append

    def started(self, summary: CallSummary) -> None:
        """Insert the call as live."""
        self._ledger.call_started(self.key, summary.started_at, summary.to_dict())

    def updated(self, summary: CallSummary) -> None:
        """Replace the live call's summary and write the buffered facts."""
        # The call was inserted at its pipeline's set-up, and it starts with the pipeline.
        self._ledger.call_updated(self.key, summary.to_dict(), summary.started_at)
        self._write_rows()

    def ended(self, summary: CallSummary, last_export: Future[bool | None]) -> None:
        """Write the call's end, and its delivery once `last_export` resolves.

        Args:
            summary: The final summary.
            last_export: True if a server acknowledged the last values; `None` without an endpoint.
        """
        self._write_rows()
        final = summary.to_dict()
        states = {True: CallState.DELIVERED, False: CallState.PENDING, None: CallState.ENDED}
        self._ledger.call_ended(self.key, final, states[summary.exported], summary.started_at)
        if summary.exported is False:
            last_export.add_done_callback(self._delivery_callback(final))

    def written(self) -> Future[None]:
        """Have the ledger write its queue at once; facts that are only buffered wait for the call's next update.

        Returns:
            Resolves when they are on disk; fails with `LedgerUnavailable` if they cannot be written now.

        Raises:
            LedgerUnavailable: The ledger's thread cannot be started.
        """
        return self._ledger.written()

    def _write_rows(self) -> None:
        facts = self._facts.copy()
        del self._facts[: len(facts)]
        if facts:
            self._ledger.add(self.key, Timeline(facts, self._leg))

    def _delivery_callback(self, final: dict[str, Any]) -> Callable[[Future[bool | None]], None]:
        def mark_delivered(last_export: Future[bool | None]) -> None:
            if not last_export.cancelled() and last_export.exception() is None and last_export.result():
                self._ledger.call_ended(self.key, final | {"exported": True}, CallState.DELIVERED)

        return mark_delivered
