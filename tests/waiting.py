"""Bounded waits for a condition; the bound only ends a test that would wait for ever, on the busiest machine too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from voice_metrics.ledger import Ledger

T = TypeVar("T")
PATIENCE_SECONDS = 60.0


async def until(found: Callable[[], T]) -> T:
    """Let the event loop run until a function returns something true, and return that."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (what := found()):
            await asyncio.sleep(0.01)
    return what


def blocked_until(found: Callable[[], T]) -> T:
    """Block until a function returns something true, and return that."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (what := found()):
        assert time.monotonic() < deadline, f"it did not happen within {PATIENCE_SECONDS:g} s"
        time.sleep(0.01)
    return what


def flush(ledger: Ledger) -> None:
    """Wait until everything passed to a ledger is on disk."""
    assert ledger.flush(PATIENCE_SECONDS)
