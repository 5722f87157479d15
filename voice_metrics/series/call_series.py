"""The series of one call: facts become values in the series that belong to their names."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Protocol

from voice_metrics.call.facts import Fact
from voice_metrics.series import table
from voice_metrics.series.accumulators import Exemplar
from voice_metrics.series.points import ServiceDirectory, gen_ai_targets, names, targets
from voice_metrics.series.registry import Attributes, Record, SeriesSink

_Value = Callable[[Any], float | tuple[float, ...] | None]


class CallSink(SeriesSink, Protocol):
    """A sink for a call's own series."""

    @property
    def labelled(self) -> bool:
        """True if the series belong to this call only."""
        ...


class CallSeries:
    """The series of a call, from its start to its end."""

    def __init__(self, own: CallSink, shared: SeriesSink, services: ServiceDirectory, *, gen_ai: bool) -> None:
        """Begin the call's series.

        Args:
            own: Sink of the call's own series.
            shared: Sink of series that belong to no call.
            services: The call's services.
            gen_ai: True to write OpenTelemetry's series for generative AI too.
        """
        self._own = own
        self._shared = shared
        self._services = services
        self._gen_ai = gen_ai
        self._writers: dict[Hashable, tuple[_Writer, ...]] = {}
        self._tags: dict[str, str] = {}
        own.series(table.CALLS, {})(1)
        self._active = own.series(table.CALLS_ACTIVE, {})
        self._active(1)

    def write(self, fact: Fact, exemplar: tuple[int, int, int] | None = None) -> None:
        """Write the values of a fact; `exemplar` is its Unix nanoseconds, trace id and span id, or `None`."""
        same = names(fact)
        if self._services.has_siblings:
            same = same, getattr(fact, "instance", None)
        writers = self._writers.get(same)
        if writers is None:
            writers = self._writers[same] = tuple(self._writers_of(fact))
        for writer in writers:
            value = writer.value_of(fact)
            if value is None:
                continue
            if exemplar is None and not isinstance(value, tuple):
                writer.record(value)
                continue
            for one in value if isinstance(value, tuple) else (value,):
                writer.record(one, None if exemplar is None else Exemplar(one, *exemplar))

    def started(self, seconds: float) -> None:
        """Count the call's length from its start, `seconds` after its series began."""
        if seconds and self._own.labelled:
            self._own.series(table.SESSION_DURATION, {})(-seconds)

    def retag(self, tags: Mapping[str, str]) -> None:
        """Replace tags of the call for facts from now on, as when another model answers."""
        self._tags = dict(tags)
        self._writers.clear()

    def end(self, attributes: Mapping[str, str], duration_seconds: float) -> None:
        """Write the call's end; write nothing after it.

        Args:
            attributes: Attributes of `voice.calls.ended.total`.
            duration_seconds: Length of the call.
        """
        self._active(-1)
        self._own.series(table.CALLS_ENDED, {**self._tags, **attributes})(1)
        lasted = {key: attributes[key] for key in table.CALL_DURATION.attributes if key in attributes}
        self._shared.series(table.CALL_DURATION, lasted)(duration_seconds)

    def _writers_of(self, fact: Fact) -> Iterator[_Writer]:
        for target in targets(fact, self._services):
            yield _Writer(target.value, self._own, target.series, {**self._tags, **target.attributes})
        for target in gen_ai_targets(fact, self._services) if self._gen_ai else ():
            yield _Writer(target.value, self._shared, target.series, target.attributes)


class _Writer:
    """One series of a fact, begun with its first value, because an unreported number is no series of zeros."""

    __slots__ = ("_attributes", "_row", "_sink", "record", "value_of")

    def __init__(self, value_of: _Value, sink: SeriesSink, row: table.Series, attributes: Attributes) -> None:
        self.value_of = value_of
        self._sink, self._row, self._attributes = sink, row, attributes
        self.record: Record = self._begin_and_record

    def _begin_and_record(self, value: float, exemplar: Exemplar | None = None) -> None:
        self.record = self._sink.series(self._row, self._attributes)
        self.record(value, exemplar)
