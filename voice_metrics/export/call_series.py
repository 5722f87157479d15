"""What one call writes to its series.

Owns the sums of its counters: increments are added up here and told once before each collection, because an
instrument takes ten times as long as a sum. Distributions and momentary values go to their instruments at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from threading import Lock
from typing import Any

from voice_metrics.call.call_end import NOTHING_SAID, EndedBy, Outcome, end_tags
from voice_metrics.call.facts import EndReason, Fact
from voice_metrics.export.instruments import Write, instruments_of
from voice_metrics.series import table
from voice_metrics.series.points import ServiceDirectory, gen_ai_targets, names, targets
from voice_metrics.series.table import Kind, Series
from voice_metrics.telemetry import Telemetry

_SUMMED = frozenset({Kind.COUNTER, Kind.UP_DOWN_COUNTER})
_Value = Callable[[Any], float | None]
_Writer = Callable[[float], None]


class _Sum:
    """What was added to one series and not told yet."""

    __slots__ = ("_attributes", "_lock", "_untold", "_write")

    def __init__(self, write: Write, attributes: Mapping[str, str]) -> None:
        self._write, self._attributes = write, attributes
        self._lock = Lock()
        self._untold: float | None = None

    def add(self, value: float) -> None:
        with self._lock:
            self._untold = value if self._untold is None else self._untold + value

    def tell(self) -> None:
        with self._lock:
            untold, self._untold = self._untold, None
        if untold is not None:
            self._write(untold, self._attributes)


class CallSeries:
    """The series of a call, from its start to its last export."""

    def __init__(
        self,
        telemetry: Telemetry,
        services: ServiceDirectory,
        call_id: str,
        attributes: Mapping[str, str],
        *,
        gen_ai: bool,
    ) -> None:
        """Begin the call's series.

        Args:
            telemetry: Where they go.
            services: The call's services.
            call_id: The call.
            attributes: Attributes of every point of it, besides the call's id.
            gen_ai: Whether OpenTelemetry's series for generative AI are written too.
        """
        self._telemetry = telemetry
        self._services = services
        self._gen_ai = gen_ai
        self._instruments = instruments_of(telemetry.meter)
        self._sums: list[_Sum] = []
        self._writers: dict[Hashable, tuple[tuple[_Value, _Writer], ...]] = {}
        self._tags = telemetry.begin(call_id, attributes, self._tell)
        self._writer(table.CALLS, self.attributes)(1)
        self._active = self._writer(table.CALLS_ACTIVE, self.attributes)
        self._active(1)

    @property
    def attributes(self) -> Mapping[str, str]:
        """Attributes of every point of the call."""
        return self._tags.attributes

    def take(self, fact: Fact) -> None:
        """Write the points of a fact.

        Args:
            fact: What happened.
        """
        same = names(fact)
        writers = self._writers.get(same)
        if writers is None:
            writers = self._writers[same] = tuple(self._writers_of(fact))
        for value_of, write in writers:
            value = value_of(fact)
            if value is not None:
                write(value)

    def started(self, seconds: float) -> None:
        """Let the call's length count from its start.

        Args:
            seconds: How long ago its series began.
        """
        if seconds and self._tags.labelled:
            self._writer(table.SESSION_DURATION, self.attributes)(-seconds)

    def end(
        self,
        reason: EndReason,
        seconds_ago: float = 0.0,
        ended_by: EndedBy = EndedBy.UNKNOWN,
        outcome: Outcome = NOTHING_SAID,
    ) -> Future[bool | None]:
        """Write the call's end; nothing may be written after it.

        Args:
            reason: How it ended.
            seconds_ago: How long ago it ended; its duration was told on meanwhile.
            ended_by: Who or what ended it.
            outcome: What it achieved.

        Returns:
            Whether the last values were acknowledged; `None` without an endpoint.
        """
        self._active(-1)
        self._writer(table.CALLS_ENDED, {**self.attributes, **end_tags(reason, ended_by, outcome)})(1)
        # Of calls that share a series the whole duration is taken back.
        if seconds_ago and self._tags.labelled:
            self._writer(table.SESSION_DURATION, self.attributes)(-seconds_ago)
        return self._telemetry.end(self._tags)

    def _tell(self) -> None:
        """Hand the sums to their instruments; also called by the thread that exports."""
        for total in tuple(self._sums):
            total.tell()

    def _writers_of(self, fact: Fact) -> Iterator[tuple[_Value, _Writer]]:
        for target in targets(fact, self._services):
            yield target.value, self._writer(target.series, {**self.attributes, **target.attributes})
        for target in gen_ai_targets(fact, self._services) if self._gen_ai else ():
            yield target.value, self._writer(target.series, target.attributes)

    def _writer(self, series: Series, attributes: Mapping[str, str]) -> _Writer:
        write = self._instruments.of(series)
        if series.kind not in _SUMMED:
            return partial(write, attributes=attributes)
        total = _Sum(write, attributes)
        self._sums.append(total)
        return total.add
