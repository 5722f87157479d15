"""Comparison of ways of doing a thing, and the machine that it runs on.

Ways take turns in one process and are compared by CPU time: other load disturbs them alike, and the median of many
small comparisons removes the rest.
"""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

Work = Callable[[], Awaitable[None]]
_PACKAGES = ("pipecat-ai", "opentelemetry-sdk")


def described() -> str:
    """Return machine and versions in one line."""
    packages = ", ".join(f"{package} {version(package)}" for package in _PACKAGES)
    return f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


async def in_turns(
    ways: Mapping[str, Work], rounds: int, clock: Callable[[], float] = time.process_time
) -> dict[str, list[float]]:
    """Return the CPU seconds of each way in each round; the order reverses from round to round.

    Args:
        ways: The work of each way, by name.
        rounds: Number of runs of each.
        clock: CPU seconds of the process, or of the event loop's thread.
    """
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for work in ways.values():
        await work()
    for number in range(rounds):
        for name in list(ways) if number % 2 else reversed(list(ways)):
            gc.collect()
            began = clock()
            await ways[name]()
            spent[name].append(clock() - began)
    return spent


def added(spent: Mapping[str, Sequence[float]], way: str, bare: str) -> float:
    """Return the median of a way's cost above the bare one, in the unit of `spent`."""
    return statistics.median(ours - without for ours, without in zip(spent[way], spent[bare], strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that a `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
