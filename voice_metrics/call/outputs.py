"""Destinations of a call's facts besides its record."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol

from voice_metrics.call.facts import Fact

if TYPE_CHECKING:
    from voice_metrics.call.call_events import CallEvent
    from voice_metrics.series.own_metrics import OwnMetrics

# Of a fact that is an exemplar: Unix nanoseconds, trace id and span id, 0 for an id that it lacks.
Source = tuple[int, int, int]
# Trace id and span id.
SpanIds = tuple[int, int]


class SeriesOutput(Protocol):
    """A call's series and their last export."""

    @property
    def own(self) -> OwnMetrics:
        """Recorder of the application's own numbers, with the call's tags."""
        ...

    @property
    def destination(self) -> str | None:
        """Host of the endpoint, or `None` without one."""
        ...

    @property
    def kept_in(self) -> str | None:
        """File that keeps unacknowledged requests, or `None`."""
        ...

    def write(self, fact: Fact, exemplar: Source | None = None) -> None:
        """Write the values of a fact."""
        ...

    def started(self, seconds: float) -> None:
        """Count the call's length from its start, `seconds` after its series began."""
        ...

    def retag(self, tags: Mapping[str, str]) -> None:
        """Replace tags of the call for facts from now on, as when another model answers."""
        ...

    @property
    def event_tags(self) -> Mapping[str, str] | None:
        """Attributes of every event of the call, or `None` if no events are sent."""
        ...

    def event(self, event: CallEvent) -> None:
        """Send an event with the call's next export."""
        ...

    def end(self, attributes: Mapping[str, str], duration_seconds: float) -> Future[bool | None]:
        """Write the call's end and request its last export; True once that is acknowledged."""
        ...


class JournalOutput(Protocol):
    """A call's time line."""

    def write(self, known: tuple[Fact, float], /) -> None:
        """Write a fact, with the Unix seconds at which it was known."""
        ...
