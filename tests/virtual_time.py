"""An event loop whose clock jumps to the next thing that is due, so that a call of a minute takes a second.

Nothing takes time in it but what sleeps, whatever else the machine does: moments are exact.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from typing import Any, ParamSpec, TypeVar
from unittest import mock

from voice_metrics import VoiceMetricsObserver, VoiceMetricsProcessor

P = ParamSpec("P")
T = TypeVar("T")
Meter = TypeVar("Meter", VoiceMetricsProcessor, VoiceMetricsObserver)
# Monotonic seconds.
BEGINS_AT = 1000.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs work of executors at once, in the loop's own thread."""

    def __init__(self) -> None:
        self._now = BEGINS_AT
        super().__init__(_Impatient(self))

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def pass_time(self, seconds: float) -> None:
        """Let time go by."""
        self._now += seconds

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run a function now."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as fault:
            done.set_exception(fault)
        return done


def in_virtual_time(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Have each call of a coroutine function run in a virtual loop of its own. Threads are not waited for."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with _virtual_clocks(), asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(function(*args, **kwargs))

    return run


@contextmanager
def _virtual_clocks() -> Iterator[None]:
    """Have Pipecat measure its services in virtual time, in a virtual loop; other threads keep the machine's clocks."""
    began_at, readings = time.time() - BEGINS_AT, itertools.count()
    clocks: dict[str, Callable[[float], float]] = {
        # Pipecat takes two equal moments for a measurement that has not begun.
        "time": lambda now: began_at + now + 1e-6 * next(readings),
        "monotonic": lambda now: now,
        "monotonic_ns": lambda now: round(now * 1e9),
    }
    with ExitStack() as stack:
        for name, tell in clocks.items():
            stack.enter_context(mock.patch.object(time, name, _virtual_clock(getattr(time, name), tell)))
        yield


def _virtual_clock(machine: Callable[[], float], tell: Callable[[float], float]) -> Callable[[], float]:
    def clock() -> float:
        loop = asyncio._get_running_loop()
        return tell(loop.time()) if isinstance(loop, VirtualLoop) else machine()

    return clock


def measure_in_virtual_time(tool: Meter) -> Meter:
    """Let a call be measured by the running loop's clock, and return the tool; a bot measures by the machine's."""
    tool._recorder._clock = asyncio.get_running_loop().time
    return tool


def meter_at(place: str, **arguments: Any) -> VoiceMetricsProcessor | VoiceMetricsObserver:
    """Make what measures a call in virtual time.

    Args:
        place: Its place, as `scripted_call` names it.
        arguments: Arguments of the processor or the observer.
    """
    if place == "observers":
        return measure_in_virtual_time(VoiceMetricsObserver(**arguments))
    return measure_in_virtual_time(VoiceMetricsProcessor(**arguments))


class _Impatient(selectors.DefaultSelector):
    """Waits for input in virtual time, unless there is nothing else to wait for."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        """What is ready."""
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout:
            self._loop.pass_time(timeout)
        return ready
