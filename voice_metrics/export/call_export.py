"""One call's way out: its series, the application's own numbers in it, and its last export."""

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
        event_tags: What every event of the call carries, or `None` if no events are sent.
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
            telemetry: Where they go.
            services: The call's services.
            call_id: The call.
            attributes: Attributes of every point of it, besides the call's id.
            gen_ai: Whether OpenTelemetry's series for generative AI are written too.
            key: The call's own key, or `None` for a new one.
        """
        self._telemetry = telemetry
        self._running = telemetry.begin(call_id, attributes, key)
        self._series = CallSeries(self._running, telemetry, services, gen_ai=gen_ai)
        sends = telemetry.settings.events
        self._exemplars = telemetry.settings.exemplars
        self.event_tags = {"call_id": call_id, **attributes} if sends != "none" else None
        self._turns = TurnEvents(self.event_tags) if self.event_tags is not None and sends == "turns" else None
        self._own = OwnMetrics(telemetry.own_names, self._running, self._running.attributes)

    @property
    def own(self) -> OwnMetrics:
        """Records the application's own numbers, tagged like the call."""
        return self._own

    @property
    def key(self) -> str:
        """The call's own key; two calls of one id have two."""
        return self._running.key

    @property
    def attributes(self) -> Mapping[str, str]:
        """Attributes of every point of the call."""
        return self._running.attributes

    @property
    def destination(self) -> str | None:
        """Host that the series go to, or `None` without an endpoint."""
        return self._telemetry.destination

    @property
    def kept_in(self) -> str | None:
        """File that keeps what was not acknowledged, or `None`."""
        return self._telemetry.kept_in

    def happened(self, fact: Fact, exemplar: tuple[int, int, int] | None = None) -> None:
        """Write the values of a fact.

        Args:
            fact: What happened.
            exemplar: Unix nanoseconds, trace id and span id that it happened in, or `None`.
        """
        if self._exemplars == "always_off":
            exemplar = None
        elif exemplar is None and self._exemplars == "always_on":
            exemplar = (time.time_ns(), 0, 0)
        self._series.happened(fact, exemplar)
        if self._turns is not None and (turn := self._turns.happened(fact, time.time(), exemplar)) is not None:
            self._telemetry.event(self._running, turn)

    def started(self, seconds: float) -> None:
        """Let the call's length count from its start.

        Args:
            seconds: How long ago its series began.
        """
        self._series.started(seconds)

    def retag(self, tags: Mapping[str, str]) -> None:
        """Let facts from now on carry other tags, as when another model answers.

        Args:
            tags: Attributes of the call that are others now.
        """
        self._series.retag(tags)
        if self.event_tags is not None:
            self.event_tags.update(tags)

    def event(self, event: CallEvent) -> None:
        """Take an event, to be sent with the call's next export."""
        self._telemetry.event(self._running, event)

    def end(
        self, attributes: Mapping[str, str], duration_seconds: float, seconds_ago: float = 0.0
    ) -> Future[bool | None]:
        """Write the call's end and ask for its last export; nothing may be written after it.

        Args:
            attributes: How it ended, as `voice.calls.ended.total` has it.
            duration_seconds: How long it was.
            seconds_ago: How long ago it ended; its duration was recorded on meanwhile.

        Returns:
            Whether the last values were acknowledged; `None` without an endpoint.
        """
        try:
            self._series.end(attributes, duration_seconds, seconds_ago)
        finally:
            # A call that is not ended there would be exported for as long as the process lives.
            exported = self._telemetry.end(self._running)
        return exported
