"""The call of a task, and recording from anywhere in that task.

A bot is built in the task that will run it, so every task of the call inherits a context variable from there. Each
processor enters the call again when it starts, which separates calls built in one task. If several calls could own the
task, numbers are recorded without call tags.
"""

from __future__ import annotations

import asyncio
import math
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from enum import Enum
from types import TracebackType
from typing import Any

from loguru import logger
from pipecat.frames.frames import Frame, StartFrame

from voice_metrics.call.facts import Refused
from voice_metrics.series import table
from voice_metrics.series.declarations import declared
from voice_metrics.series.own_metrics import REASON, OwnMetrics
from voice_metrics.telemetry import telemetry

AttributeValue = str | int | float

# Calls remembered of one context; two are enough to know that it belongs to none alone.
_REMEMBERED = 16
_UNITS_PER_SECOND = {"ns": 1e9, "us": 1e6, "ms": 1e3, "s": 1.0, "min": 1 / 60, "h": 1 / 3600}


class CurrentCall:
    """One processor's call, as the owner of numbers that the call's tasks record."""

    def __init__(self) -> None:
        """Claim the context in which the bot is built, unless a running call has it too."""
        self.over = False
        self._own: OwnMetrics | None = None
        self._refused: Callable[[Refused], None] | None = None
        self._achieved: Callable[[str, bool | None], None] | None = None
        # Pipecat 1.3 cannot remove a listener, and processors are set up again after a StopFrame.
        self._heard: set[int] = set()
        self._itself = weakref.ref(self)
        _built_here.set((*_running_calls_here(), self._itself)[-_REMEMBERED:])

    def begin(
        self,
        own: OwnMetrics,
        refused: Callable[[Refused], None],
        achieved: Callable[[str, bool | None], None] | None = None,
    ) -> None:
        """Tag numbers recorded in the call's tasks.

        Args:
            own: Records with the call's tags.
            refused: Receives refusals, and counts them.
            achieved: Receives the call's outcome and success, or `None` to drop outcomes.
        """
        self._own, self._refused, self._achieved, self.over = own, refused, achieved, False

    def end(self) -> None:
        """Stop tagging: the call's series are complete."""
        if self._own is not None:
            self._own.close()
        self._own, self._refused, self._achieved, self.over = None, None, None, True

    def enter(self) -> None:
        """Assign the running task, and every task that it starts from now on, to this call."""
        if _built_here.get() != (self._itself,):
            _built_here.set((self._itself,))

    def inherit(self, processors: Iterable[Any]) -> None:
        """Assign the tasks of these processors, nested ones included, to this call at their first frame."""
        for processor in processors:
            if processor.id not in self._heard:
                self._heard.add(processor.id)
                processor.add_event_handler("on_before_process_frame", self._enter_in_task_of)

    def record(self, key: Enum | str, value: float, attributes: dict[str, Any]) -> bool:
        """Record a value of a declared metric with the call's tags; return False without a call.

        Args:
            key: The metric's OTLP name, or an enum member with the name as value.
            value: The value in its unit.
            attributes: Attributes beside the call's tags.
        """
        own, refused = self._own, self._refused
        if own is None or refused is None:
            return False
        if (refusal := own.record(key, value, kind=None, attributes=attributes)) is not None:
            refused(refusal)
        return True

    def outcome(self, name: str, success: bool | None) -> bool:
        """Record the application's outcome of the call; return False without a call."""
        if self._achieved is None:
            return False
        self._achieved(name, success)
        return True

    def _enter_in_task_of(self, processor: Any, frame: Frame) -> None:
        self.enter()
        # The task that takes the StartFrame starts the processor's other tasks afterwards.
        if isinstance(frame, StartFrame) and hasattr(processor, "remove_event_handler"):
            self._heard.discard(processor.id)
            # Pipecat is walking through the list of listeners at this moment.
            asyncio.get_running_loop().call_soon(
                processor.remove_event_handler, "on_before_process_frame", self._enter_in_task_of
            )


# The calls that may own the running task; a single one does. The references are weak, so a context keeps no bot alive.
_built_here: ContextVar[tuple[weakref.ref[CurrentCall], ...]] = ContextVar("voice_metrics_calls", default=())


def _running_calls_here() -> Iterator[weakref.ref[CurrentCall]]:
    for reference in _built_here.get():
        call = reference()
        if call is not None and not call.over:
            yield reference


def calls_here() -> list[CurrentCall]:
    """Return the calls that may own the running task."""
    return [call for reference in _built_here.get() if (call := reference()) is not None]


def _only_call_here() -> CurrentCall | None:
    calls = calls_here()
    return calls[0] if len(calls) == 1 else None


def outcome(name: str, *, success: bool | None = None) -> None:
    """Record the outcome of the running task's call; the last one counts. Never raises.

    Outside a call, or if several could own the task, it is dropped and counted, with a line in the log:

        async def book_table(params: FunctionCallParams) -> None:
            ...
            outcome("booked", success=True)

    Args:
        name: One of a few words of the application, such as "booked"; each becomes a series.
        success: True or False, or `None` if unknown.
    """
    try:
        call = _only_call_here()
        if call is None or not call.outcome(name, success):
            logger.warning("Outcome {!r} is lost: this task belongs to no call, or several could own it", name)
            _count_dropped()
    except Exception as fault:
        logger.debug("No outcome: {}", fault)


def record_metric(key: Enum | str, value: float, /, **attributes: AttributeValue) -> None:
    """Record a value of a declared metric, with the tags of the running task's call. Never raises.

    A refused value is counted in `voice.telemetry.dropped.total`. Outside a call the process's telemetry records it
    without call tags.

    Args:
        key: The metric's name, or an enum member with the name as value.
        value: The value in the metric's unit.
        **attributes: Text, numbers and booleans beside the call's tags.
    """
    try:
        call = _only_call_here()
        if call is None or not call.record(key, value, attributes):
            _record_for_no_call(key, value, attributes)
    except Exception as fault:
        logger.debug("Not recorded: {}", fault)


def _record_for_no_call(key: Enum | str, value: float, attributes: dict[str, Any]) -> None:
    process = telemetry()
    own = OwnMetrics(process.own_names, process, {})
    if own.record(key, value, kind=None, attributes=attributes) is not None:
        _count_dropped()


def _count_dropped() -> None:
    telemetry().series(table.DROPPED, {"reason": REASON})(1)


class duration:
    """Measures a block, `with` or `async with`, and records how long it took in the metric's unit.

    The block gets a dict for attributes that are known only at its end:

        async with duration(Retrieval.TIME, index="menu") as attributes:
            documents = await search(question)
            attributes["found"] = bool(documents)

    A block that raises is recorded as well: the caller waited for it.

    Args:
        key: A declared metric whose unit is a time, such as "ms" or "s".
        clock: Monotonic seconds.
        **attributes: Text, numbers and truth values beside the call's own tags.
    """

    def __init__(
        self, key: Enum | str, /, *, clock: Callable[[], float] = time.perf_counter, **attributes: AttributeValue
    ) -> None:
        self._key = key
        self._clock = clock
        self._attributes = dict(attributes)
        self._started_at = 0.0

    def __enter__(self) -> dict[str, AttributeValue]:
        self._started_at = self._clock()
        return self._attributes

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = self._clock() - self._started_at
        record_metric(self._key, seconds * _units_per_second(self._key), **self._attributes)

    async def __aenter__(self) -> dict[str, AttributeValue]:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, fault, trace)


def _units_per_second(key: Enum | str) -> float:
    metric = declared(str(key.value if isinstance(key, Enum) else key))
    # Not a number is refused and counted, as for any other value that cannot be true.
    return _UNITS_PER_SECOND.get(metric.unit, math.nan) if metric else math.nan
