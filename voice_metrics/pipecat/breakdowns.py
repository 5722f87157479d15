"""Pipecat's latency observer, attached to a running pipeline for the names of a response's parts.

An observer costs every frame. This one is attached for the greeting, and then from each start of the caller's voice to
Pipecat's breakdown of the answer; in between it would see nothing that it keeps. Before Pipecat 1.9 a breakdown has no
parts, and nothing is attached.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from pipecat.frames.frames import Frame
from pipecat.observers import user_bot_latency_observer
from pipecat.observers.base_observer import FramePushed
from pipecat.observers.user_bot_latency_observer import LatencyBreakdown, UserBotLatencyObserver
from pipecat.processors.frame_processor import FrameDirection

from voice_metrics.call.response_parts import Breakdown, Span

EXPLAINS = hasattr(user_bot_latency_observer, "LatencyContribution")
# A breakdown may be reported a moment after the voice that interrupts its answer. No turn is answered in less.
_LEAST_TURN_SECONDS = 0.25


class Breakdowns:
    """Pipecat's breakdowns of one worker's responses.

    Args:
        worker: The pipeline's worker.
        explained: Receives each breakdown, synchronously, on the event loop.
        faulted: Receives where a fault arose, and the fault.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        worker: Any,
        explained: Callable[[Breakdown], None],
        faulted: Callable[[str, Exception], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worker = worker
        self._explained = explained
        self._faulted = faulted
        self._clock = clock
        self._observer = UserBotLatencyObserver()
        self._observer.add_event_handler("on_latency_breakdown", self._pass_on_and_detach)
        self._voice: Frame | None = None
        self._voice_at = 0.0
        self._is_wanted = self._is_attached = False
        self._attaching_or_detaching: asyncio.Task[None] | None = None

    async def attach(self, task_manager: Any) -> None:
        """Attach the observer for the greeting and the first turn.

        Args:
            task_manager: The worker's task manager, as a processor's `setup` receives it.
        """
        # A worker that runs sets up only the observers that it had before.
        await self._observer.setup(task_manager)
        self._worker.add_observer(self._observer)
        self._is_wanted = self._is_attached = True

    def voice_started(self, frame: Frame) -> None:
        """Attach the observer, if it is not, because the caller's voice started with `frame`."""
        self._voice, self._voice_at, self._is_wanted = frame, self._clock(), True
        self._start_attaching_or_detaching()

    def _pass_on_and_detach(self, _: Any, breakdown: LatencyBreakdown) -> None:
        self._explained(_in_monotonic_time(breakdown, time.monotonic() - time.time()))
        # Where no start of the voice is seen, nothing would attach the observer again.
        if self._voice is not None and self._clock() - self._voice_at > _LEAST_TURN_SECONDS:
            self._is_wanted = False
            self._start_attaching_or_detaching()

    def _start_attaching_or_detaching(self) -> None:
        is_under_way = self._attaching_or_detaching is not None and not self._attaching_or_detaching.done()
        if not is_under_way and self._is_wanted is not self._is_attached:
            # An eager task may be done when it is returned.
            self._attaching_or_detaching = asyncio.get_running_loop().create_task(self._attach_or_detach())

    async def _attach_or_detach(self) -> None:
        try:
            while self._is_wanted is not self._is_attached:
                self._is_attached = self._is_wanted
                await (self._attach() if self._is_wanted else self._worker.remove_observer(self._observer))
        except Exception as fault:
            self._faulted("breakdown", fault)

    async def _attach(self) -> None:
        if self._voice is not None:
            # Pipecat shows an observer the first push of a frame only, and this one's is over.
            pushed = FramePushed(self._worker, self._worker, self._voice, FrameDirection.DOWNSTREAM, 0)
            await self._observer.on_push_frame(pushed)
        self._worker.add_observer(self._observer)


def _in_monotonic_time(breakdown: LatencyBreakdown, monotonic_minus_wall_seconds: float) -> Breakdown:
    # Pipecat's moments are wall-clock seconds.
    return Breakdown(
        tuple(
            Span(part.key, part.start_time + monotonic_minus_wall_seconds, part.duration_secs)
            for part in getattr(breakdown, "contributions", ())
        )
    )
