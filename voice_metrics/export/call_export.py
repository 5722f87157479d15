"""One call's export: facts become values in the series that belong to their names, and events."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING

from voice_metrics.call.call_events import CallEvent, TurnEvents
from voice_metrics.call.facts import Fact
from voice_metrics.call.outputs import Source
from voice_metrics.series import table
from voice_metrics.series.own_metrics import OwnMetrics
from voice_metrics.series.points import NAMES, ServiceDirectory, Target, gen_ai_targets, targets
from voice_metrics.series.registry import Attributes, Record, SeriesSink

if TYPE_CHECKING:
    from voice_metrics.telemetry import Telemetry


class CallExport:
    """The series of one call in a process's telemetry.

    Attributes:
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
            call_id: The call's id.
            attributes: Attributes of every point, besides the id.
            gen_ai: True to write OpenTelemetry's series for generative AI too.
            key: The call's own key, or `None` for a new one.
        """
        self._telemetry = telemetry
        self._running = telemetry.begin(call_id, attributes, key)
        self._services = services
        self._gen_ai = gen_ai
        self._writers: dict[Hashable, tuple[_Writer, ...]] = {}
        self._tags: dict[str, str] = {}
        sends = telemetry.settings.events
        self._exemplars = telemetry.settings.exemplars
        self.event_tags = {"call_id": call_id, **attributes} if sends != "none" else None
        self._turns = TurnEvents(self.event_tags) if self.event_tags is not None and sends == "turns" else None
        self.key, self.attributes = self._running.key, self._running.attributes
        self.own = OwnMetrics(telemetry.own_names, self._running, self.attributes)
        self.destination = telemetry.destination
        self._running.series(table.CALLS, {})(1)
        self._active = self._running.series(table.CALLS_ACTIVE, {})
        self._active(1)

    @property
    def kept_in(self) -> str | None:
        """File that keeps unacknowledged requests, or `None`."""
        return self._telemetry.kept_in

    def write(self, fact: Fact, exemplar: Source | None = None) -> None:
        """Write the values of a fact; `exemplar` is the source of one for each, or `None`."""
        if self._exemplars != "trace_based":
            exemplar = None if self._exemplars == "always_off" else exemplar or (time.time_ns(), 0, 0)
        same = NAMES[type(fact)](fact)
        if self._services.has_siblings:
            same = same, getattr(fact, "instance", None)
        writers = self._writers.get(same)
        if writers is None:
            writers = self._writers[same] = tuple(self._writers_of(fact))
        for writer in writers:
            if (value := writer.value_of(fact)) is not None:
                writer.record(value, exemplar)
        if self._turns is not None and (turn := self._turns.add(fact, time.time(), exemplar)) is not None:
            self.event(turn)

    def _writers_of(self, fact: Fact) -> Iterator[_Writer]:
        for target in targets(fact, self._services):
            yield _Writer(target, self._running, self._tags)
        for target in gen_ai_targets(fact, self._services) if self._gen_ai else ():
            yield _Writer(target, self._telemetry, {})

    def started(self, seconds: float) -> None:
        """Count the call's length from its start, `seconds` after its series began."""
        self._running.started(seconds)

    def retag(self, tags: Mapping[str, str]) -> None:
        """Replace tags of the call for facts from now on, as when another model answers."""
        self._tags = dict(tags)
        self._writers.clear()
        if self.event_tags is not None:
            self.event_tags.update(tags)

    def event(self, event: CallEvent) -> None:
        """Send an event with the call's next export."""
        self._telemetry.event(self._running, event)

    def end(self, attributes: Mapping[str, str], duration_seconds: float) -> Future[bool | None]:
        """Write the call's end, and request its last export; write nothing after it.

        Args:
            attributes: Attributes of `voice.calls.ended.total`.
            duration_seconds: Length of the call.

        Returns:
            True if the last values were acknowledged; `None` without an endpoint.
        """
        self._running.whole_seconds = duration_seconds
        try:
            self._active(-1)
            self._running.series(table.CALLS_ENDED, {**self._tags, **attributes})(1)
            lasted = {key: attributes[key] for key in table.CALL_DURATION.attributes if key in attributes}
            self._telemetry.series(table.CALL_DURATION, lasted)(duration_seconds)
        finally:
            # A call that is not ended there would be exported for as long as the process lives.
            exported = self._telemetry.end(self._running)
        return exported


class _Writer:
    """One series of a fact, begun with its first value, because an unreported number is no series of zeros."""

    __slots__ = ("_sink", "_tags", "_target", "record", "value_of")

    def __init__(self, target: Target, sink: SeriesSink, tags: Attributes) -> None:
        self.value_of = target.value
        self._target, self._sink, self._tags = target, sink, tags
        self.record: Record = self._begin_and_record

    def _begin_and_record(self, value: float | tuple[float, ...], exemplar: Source | None) -> None:
        record = self._sink.series(self._target.series, {**self._tags, **self._target.attributes})
        self.record = _record_each(record) if isinstance(value, tuple) else record
        self.record(value, exemplar)


def _record_each(record: Record) -> Record:
    def record_all(values: tuple[float, ...], exemplar: Source | None) -> None:
        for value in values:
            record(value, exemplar)

    return record_all
