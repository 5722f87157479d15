"""Pipecat's latency observer, attached to a running pipeline for the names of a response's parts.

Before Pipecat 1.9 its breakdown has no parts, and nothing is attached.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pipecat.observers import user_bot_latency_observer
from pipecat.observers.user_bot_latency_observer import LatencyBreakdown, UserBotLatencyObserver

from voice_metrics.call.response_parts import Breakdown, Span

EXPLAINS = hasattr(user_bot_latency_observer, "LatencyContribution")


async def attach(worker: Any, task_manager: Any, explained: Callable[[Breakdown], None]) -> None:
    """Call `explained` with each breakdown of a worker's pipeline, synchronously, on the event loop.

    Args:
        worker: The pipeline's worker.
        task_manager: Its task manager, as a processor's `setup` receives it.
        explained: Receives each breakdown.
    """
    if not EXPLAINS:
        return
    observer = UserBotLatencyObserver()

    def tell(_: Any, breakdown: LatencyBreakdown) -> None:
        explained(_breakdown(breakdown, time.monotonic() - time.time()))

    observer.add_event_handler("on_latency_breakdown", tell)
    # A worker that runs sets up only the observers that it had before.
    await observer.setup(task_manager)
    worker.add_observer(observer)


def _breakdown(breakdown: LatencyBreakdown, offset: float) -> Breakdown:
    # Pipecat's moments are wall-clock seconds.
    return Breakdown(
        tuple(
            Span(part.key, part.start_time + offset, part.duration_secs)
            for part in getattr(breakdown, "contributions", ())
        )
    )
