"""Questions that are put to a Prometheus until it knows the answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import pytest

from tests.backends.programs import Program

from .stack import samples, store

TRIES = 150


async def holds(prometheus: Program, expected: Mapping[str, float]) -> None:
    """Wait until each query gives one value, and that one."""
    for _ in range(TRIES):
        given = {query: list(store(prometheus).instant(query, time.time()).values()) for query in expected}
        if all(given[query] == [pytest.approx(value, rel=1e-9)] for query, value in expected.items()):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{given} is not {expected}")


async def comes_to(prometheus: Program, selector: str, value: float) -> None:
    """Wait until one counter came to a value, restarts included."""
    for _ in range(TRIES):
        values = [total(row) for row in samples(prometheus, selector)]
        if values == [value]:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{selector} came to {values}, not {value}")


def total(history: list[tuple[float, float]]) -> float:
    """What a counter came to, restarts included.

    Args:
        history: Its samples, as moment and value, oldest first.
    """
    values = [value for _, value in history]
    return sum(
        after - before if after >= before else after for before, after in zip([0.0, *values], values, strict=False)
    )
