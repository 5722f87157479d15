"""Bounded waits for a condition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def until(found: Callable[[], T]) -> T:
    """Let the event loop run until a function returns something true, and return that; at most ten seconds."""
    async with asyncio.timeout(10):
        while not (what := found()):
            await asyncio.sleep(0.01)
    return what


def blocked_until(found: Callable[[], T]) -> T:
    """Block until a function returns something true, and return that; at most twenty seconds."""
    deadline = time.monotonic() + 20
    while not (what := found()):
        assert time.monotonic() < deadline, "it did not happen within twenty seconds"
        time.sleep(0.01)
    return what
