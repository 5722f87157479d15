"""Where a benchmark runs, and how two ways of doing a thing are compared there.

Ways are compared within one process, in turns, by the CPU time of the process: what disturbs the machine disturbs
them alike, and the median of many small comparisons leaves the rest out.
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
    """The machine and the versions, in one line."""
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
    """CPU seconds of each way in each round; the order turns around from round to round.

    Args:
        ways: What is compared.
        rounds: How often each is run.
        clock: CPU seconds of what is counted: the process, or the thread of the event loop.
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
    """Median of what a way costs more than the bare one, in the unit of `spent`."""
    return statistics.median(ours - without for ours, without in zip(spent[way], spent[bare], strict=True))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
