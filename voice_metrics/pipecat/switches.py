"""Pipecat's switchers: the service in use, and its changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from voice_metrics.pipecat.workers import is_a


def is_switcher(processor: Any) -> bool:
    """True if a processor switches between services or language models."""
    return is_a(processor, "ServiceSwitcher")


def switchers_in(processors: Iterable[Any]) -> Iterator[Any]:
    """Yield the switchers among processors."""
    return (processor for processor in processors if is_switcher(processor))


def resting_in(processors: Iterable[Any]) -> Iterator[str]:
    """Yield Pipecat's names of the services that their switcher does not use."""
    for switcher in switchers_in(processors):
        in_use = switcher.strategy.active_service
        yield from (service.name for service in switcher.services if service is not in_use)


class Switches:
    """Listens to the switchers of a pipeline, once each, for as long as they live.

    Args:
        switched: Called with the former and the current service, on the event loop.
    """

    def __init__(self, switched: Callable[[Any, Any], None]) -> None:
        self._switched = switched
        self._in_use: dict[int, Any] = {}

    def listen(self, processors: Iterable[Any]) -> None:
        """Listen to the switchers that are new.

        Args:
            processors: All processors of the pipeline, nested ones included.
        """
        for switcher in switchers_in(processors):
            strategy = switcher.strategy
            if strategy.id not in self._in_use:
                strategy.add_event_handler("on_service_switched", self._report_switch)
            self._in_use[strategy.id] = strategy.active_service

    def _report_switch(self, strategy: Any, service: Any) -> None:
        previous = self._in_use.get(strategy.id)
        self._in_use[strategy.id] = service
        if previous is not None and previous is not service:
            self._switched(previous, service)
