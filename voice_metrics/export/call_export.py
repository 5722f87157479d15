"""One call's export: its series, the application's own numbers in it, and its last export."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING

from voice_metrics.call.call_events import CallEvent, TurnEvents
from voice_metrics.call.facts import Fact
from voice_metrics.series.call_series import CallSeries
from voice_metrics.series.own_metrics import OwnMetrics
from voice_metrics.series.points import ServiceDirectory

if TYPE_CHECKING:
    from voice_metrics.telemetry import Telemetry


class CallExport:
    """The series of one call in a process's telemetry.

    Attributes:
        write: Writes the values of a fact, and its exemplar: Unix nanoseconds, trace id and span id, or `None`.
        event_tags: Attributes of every event of the call, or `None` if no events are sent.
        own: Recorder of the application's own numbers, with the call's tags.
        key: The call's key, distinct even for two calls with one id.
        attributes: Attributes of every point of the call.
        destination: Host of the endpoint, or `None` without one.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        services: ServiceDirectory,
        call_id: str,
        attributes: Mapping[str, str],
        *,
        gen_ai: bool,
        key: str | None = None,
    ) -> None:
        """Begin the call's series.

        Args:
            telemetry: Their destination.
            services: The call's services.
            call_id: The call.
            attributes: Attributes of every point of it, besides the call's id.
            gen_ai: True to write OpenTelemetry's series for generative AI too.
            key: The call's own key, or `None` for a new one.
        """
        self._telemetry = telemetry
        self._running = telemetry.begin(call_id, attributes, key)
        self._late_seconds = 0.0
        self._series = CallSeries(self._running, telemetry, services, gen_ai=gen_ai)
        sends = telemetry.settings.events
        self._exemplars = telemetry.settings.exemplars
        self.event_tags = {"call_id": call_id, **attributes} if sends != "none" else None
        self._turns = TurnEvents(self.event_tags) if self.event_tags is not None and sends == "turns" else None
        # Every fact comes this way, and most calls need its values only.
        is_plain = self._turns is None and self._exemplars == "trace_based"
        self.write = self._series.write if is_plain else self._write_with_extras
        self.key, self.attributes = self._running.key, self._running.attributes
        self.own = OwnMetrics(telemetry.own_names, self._running, self.attributes)
        self.destination = telemetry.destination

    @property
    def kept_in(self) -> str | None:
        """File that keeps unacknowledged requests, or `None`."""
        return self._telemetry.kept_in

    def _write_with_extras(self, fact: Fact, exemplar: tuple[int, int, int] | None = None) -> None:
        """Write the values of a fact with the exemplars that the settings ask for, and its turn's event."""
        if self._exemplars == "always_off":
            exemplar = None
        elif exemplar is None and self._exemplars == "always_on":
            exemplar = (time.time_ns(), 0, 0)
        self._series.write(fact, exemplar)
        if self._turns is not None and (turn := self._turns.add(fact, time.time(), exemplar)) is not None:
            self._telemetry.event(self._running, turn)

    def started(self, seconds: float) -> None:
        """Count the call's length from its start, `seconds` after its series began."""
        self._late_seconds = seconds
        self._series.started(seconds)

    def retag(self, tags: Mapping[str, str]) -> None:
        """Replace tags of the call for facts from now on, as when another model answers."""
        self._series.retag(tags)
        if self.event_tags is not None:
            self.event_tags.update(tags)

    def event(self, event: CallEvent) -> None:
        """Send an event with the call's next export."""
        self._telemetry.event(self._running, event)

    def end(self, attributes: Mapping[str, str], duration_seconds: float) -> Future[bool | None]:
        """Write the call's end, as `CallSeries.end` does, and request its last export.

        Returns:
            True if the last values were acknowledged; `None` without an endpoint.
        """
        self._running.whole_seconds = duration_seconds + self._late_seconds
        try:
            self._series.end(attributes, duration_seconds)
        finally:
            # A call that is not ended there would be exported for as long as the process lives.
            exported = self._telemetry.end(self._running)
        return exported
