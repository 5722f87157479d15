"""Set-up times of a pipeline's services, which Pipecat reports since 1.8."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pipecat.observers.base_observer import BaseObserver

from voice_metrics.call.facts import SetUp
from voice_metrics.pipecat.services import services_in

TELLS = hasattr(BaseObserver, "on_processor_setup")
# Shorter set-ups are left out: most services only store their arguments.
_LEAST_SECONDS = 0.001


def set_up(data: Any) -> tuple[SetUp, float] | None:
    """Return the fact in Pipecat's report and its age in seconds; `None` for no service, or no time."""
    service = next(iter(services_in((data.processor,))), None)
    seconds = (data.finished_at_ns - data.started_at_ns) / 1e9
    if service is None or seconds < _LEAST_SECONDS:
        return None
    fact = SetUp(service.processor, service.model, seconds)
    return fact, max(0.0, (time.monotonic_ns() - data.finished_at_ns) / 1e9)


async def attach(worker: Any, task_manager: Any, was_set_up: Callable[[Any], None]) -> None:
    """Call `was_set_up` on the event loop with Pipecat's report of each processor; Pipecat sets all of them up at once.

    Args:
        worker: The pipeline's worker.
        task_manager: Its task manager, as a processor's `setup` receives it.
        was_set_up: Receives each report.
    """
    if TELLS:
        observer = _SetUps(worker, task_manager, was_set_up)
        # A worker that runs sets up only the observers that it had before.
        await observer.setup(task_manager)
        worker.add_observer(observer)


class _SetUps(BaseObserver):
    """Observes until the pipeline has started, because an observer costs every frame."""

    def __init__(self, worker: Any, task_manager: Any, was_set_up: Callable[[Any], None]) -> None:
        super().__init__(observe_every_push=False)
        self._worker = worker
        self._tasks = task_manager
        self._was_set_up = was_set_up

    async def on_processor_setup(self, data: Any) -> None:
        self._was_set_up(data)

    async def on_pipeline_started(self) -> None:
        # The task that runs this is cancelled with the observer's removal.
        self._tasks.create_task(self._worker.remove_observer(self), f"{self}::removal")
