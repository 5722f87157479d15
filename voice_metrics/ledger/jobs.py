"""Work for the writing thread, and its result."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from voice_metrics.ledger.writing import Session

T = TypeVar("T")
Work = Callable[[Session], T]


class LedgerUnavailable(Exception):
    """The ledger cannot be written now, or did not answer in time."""


@dataclass(slots=True)
class Job:
    """One piece of work.

    Parameters:
        work: Statements to run in a transaction.
        answer: Receives the result once committed; `None` if the caller does not wait.
        result: What `work` returned.
        error: What it raised, or why it could not be committed.
    """

    work: Work[Any]
    answer: Future[Any] | None = None
    result: Any = None
    error: Exception | None = None

    def settle(self) -> None:
        """Resolve the job's future, unless its owner cancelled it."""
        if self.answer is None:
            return
        with suppress(InvalidStateError):
            if self.error is not None:
                self.answer.set_exception(self.error)
            else:
                self.answer.set_result(self.result)

    @property
    def is_awaited(self) -> bool:
        """True if its owner waits for the result, or does not need one."""
        return self.answer is None or not self.answer.cancelled()

    def is_taken(self) -> bool:
        """True if its owner takes the result; from now on the owner cannot cancel it."""
        return self.answer is None or self.answer.set_running_or_notify_cancel()
