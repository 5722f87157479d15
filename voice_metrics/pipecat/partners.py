"""Frames of the workers beside the one that serves the caller, and the switchers in all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from voice_metrics.call.errors import ErrorRaised
from voice_metrics.call.facts import Leg
from voice_metrics.call.incoming import Event
from voice_metrics.call.models import ServiceSwitched
from voice_metrics.pipecat.origins import Origins
from voice_metrics.pipecat.pushes import Pushes
from voice_metrics.pipecat.responses import Responses
from voice_metrics.pipecat.service_metrics import ServiceMetrics
from voice_metrics.pipecat.services import Service, services_in
from voice_metrics.pipecat.switches import Switches
from voice_metrics.pipecat.workers import processors_of


class Partners:
    """Listens to the workers that a call's own worker uses; their frames never pass its pipeline.

    Args:
        happened: Receives each error and function call there with its processor, on the event loop.
        switched: Receives each switch, there and in the call's own pipeline, on the event loop.
        responses: Listens to the language models, there and in the call's own pipeline.
        metrics: Listens to the services there.
        pushes: Listens to what processors push.
    """

    def __init__(
        self,
        happened: Callable[[Event, Any], None],
        switched: Callable[[ServiceSwitched], None],
        responses: Responses,
        metrics: ServiceMetrics,
        pushes: Pushes,
    ) -> None:
        self._happened = happened
        self._origins = Origins(self._report_as_not_fatal, pushes)
        self._metrics = metrics
        self._switched = switched
        self._switches = Switches(self._report_switch)
        self._responses = responses
        self._known: set[int] = set()

    def attach(self, worker: Any) -> None:
        """Listen to the switchers and language models of a call's own worker."""
        processors = list(processors_of(worker.pipeline))
        self._switches.listen(processors)
        self._responses.listen(processors)

    def listen(self, workers: Iterable[Any], *, answers: bool) -> None:
        """Listen to the workers that are new.

        Args:
            workers: The workers.
            answers: True if they work on the answers that the caller hears.
        """
        for worker in workers:
            # The frames of a bridged worker pass the call's own pipeline.
            if worker.id in self._known or getattr(worker, "bridged", False) or not hasattr(worker, "pipeline"):
                continue
            self._known.add(worker.id)
            processors = list(processors_of(worker.pipeline))
            self._switches.listen(processors)
            self._origins.listen(processors)
            self._origins.listen_to_answers(processors, answers=answers)
            self._responses.listen(processors)
            self._metrics.listen(processor for processor in processors if processor.can_generate_metrics())

    def _report_as_not_fatal(self, event: Event, processor: Any) -> None:
        # An error that ends such a worker does not end the call.
        self._happened(replace(event, fatal=False) if isinstance(event, ErrorRaised) else event, processor)

    def _report_switch(self, previous: Any, now: Any) -> None:
        before, after = _service_in(previous), _service_in(now)
        if before is not None and after is not None:
            self._switched(ServiceSwitched(after.leg, before.name, after.name, *_distinct_names(before, after)))


def _service_in(member: Any) -> Service | None:
    """Return the service that a switcher's member is or contains."""
    services = services_in(processors_of(member))
    return next((service for service in services if service.leg is not Leg.OTHER), services[0] if services else None)


def _distinct_names(before: Service, after: Service) -> tuple[str, str]:
    names = ((one.processor, one.model, one.provider, one.host) for one in (before, after))
    pairs = [(former, current) for former, current in zip(*names, strict=True) if former and current]
    return next(((former, current) for former, current in pairs if former != current), pairs[0])
