"""Where a call's facts go besides its record."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol

from voice_metrics.call.facts import Fact

if TYPE_CHECKING:
    from voice_metrics.call.call_events import CallEvent
    from voice_metrics.series.own_metrics import OwnMetrics

# Unix nanoseconds, trace id and span id in which something happened.
Exemplar = tuple[int, int, int]
# Trace id and span id.
SpanIds = tuple[int, int]


class SeriesOutput(Protocol):
    """A call's series and their last export."""

    @property
    def own(self) -> OwnMetrics:
        """Records the application's own numbers, tagged like the call."""
        ...

    @property
    def destination(self) -> str | None:
        """Host that the series go to, or `None` without an endpoint."""
        ...

    @property
    def kept_in(self) -> str | None:
        """File that keeps what was not acknowledged, or `None`."""
        ...

    def happened(self, fact: Fact, exemplar: Exemplar | None = None) -> None:
        """Write the values of a fact."""
        ...

    def started(self, seconds: float) -> None:
        """Let the call's length count from its start, so many seconds after its series began."""
        ...

    def retag(self, tags: Mapping[str, str]) -> None:
        """Let facts from now on carry other tags, as when another model answers."""
        ...

    @property
    def event_tags(self) -> Mapping[str, str] | None:
        """What every event of the call carries, or `None` if no events are sent."""
        ...

    def event(self, event: CallEvent) -> None:
        """Take an event, to be sent with the call's next export."""
        ...

    def end(
        self, attributes: Mapping[str, str], duration_seconds: float, seconds_ago: float = 0.0
    ) -> Future[bool | None]:
        """Write the call's end, and ask for its last export: was it acknowledged?"""
        ...


class JournalOutput(Protocol):
    """A call's time line."""

    def happened(self, fact: Fact, at: float) -> None:
        """Note a fact and its moment in Unix seconds."""
        ...
