"""Recording into a meter provider of the application, which is never flushed, shut down or cleared here."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from functools import partial
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation

from voice_metrics.call.outputs import Source
from voice_metrics.export.about import DISTRIBUTION, SCOPE, installed
from voice_metrics.export.running_call import RunningCall
from voice_metrics.series.registry import Attributes, Record
from voice_metrics.series.table import CALL_ID, Kind, Series


class ApplicationMetrics:
    """Records into one provider of the application; made by `application_metrics`."""

    def __init__(self, provider: MeterProvider) -> None:
        self.meter_provider = provider
        self.meter = provider.get_meter(SCOPE, installed(DISTRIBUTION))
        self._instruments: dict[Series, Any] = {}
        self._running: dict[str, RunningCall] = {}
        # Called by every collection; yields no point.
        self.meter.create_observable_gauge("voice.telemetry.refresh", [self._refresh_lengths])

    def series(self, row: Series, attributes: Attributes) -> Record:
        """Return the recorder of one series; `attributes` are all of its attributes."""
        write = self._instruments.get(row)
        if write is None:
            write = self._instruments[row] = instrument(self.meter, row)
        return partial(_write_with_exemplar, write, attributes)

    def begin(self, call_id: str, attributes: dict[str, str], key: str | None, *, labelled: bool) -> RunningCall:
        """Begin a call, which records into the provider; `labelled` if with its id, `key` `None` for a new one."""
        tags = {**attributes, CALL_ID: call_id} if labelled else attributes

        def series(row: Series, own: Attributes) -> Record:
            return self.series(row, {**tags, **own})

        running = RunningCall(call_id, tags, series, labelled=labelled, key=key)
        self._running[running.key] = running
        return running

    def end(self, running: RunningCall) -> None:
        """Stop refreshing a call's length."""
        self._running.pop(running.key, None)

    def _refresh_lengths(self, _: CallbackOptions) -> Iterable[Observation]:
        for running in list(self._running.values()):
            running.refresh()
        return ()


def instrument(meter: Meter, row: Series) -> Any:
    """Create a series' instrument, and return its function for a value with attributes."""
    match row.kind:
        case Kind.COUNTER:
            return meter.create_counter(row.name, row.unit, row.description).add
        case Kind.UP_DOWN_COUNTER:
            return meter.create_up_down_counter(row.name, row.unit, row.description).add
        case Kind.GAUGE:
            return meter.create_gauge(row.name, row.unit, row.description).set
        case Kind.HISTOGRAM:
            return meter.create_histogram(
                row.name, row.unit, row.description, explicit_bucket_boundaries_advisory=list(row.buckets) or None
            ).record


def _write_with_exemplar(write: Any, attributes: Attributes, value: float, exemplar: Source | None = None) -> None:
    if exemplar is None or not exemplar[1]:
        write(value, attributes)
        return
    # The application's reader takes its exemplar from the span of the context.
    _, trace_id, span_id = exemplar
    span = trace.SpanContext(trace_id, span_id, is_remote=False, trace_flags=trace.TraceFlags(1))
    write(value, attributes, context=trace.set_span_in_context(trace.NonRecordingSpan(span), Context()))


# By `id` of the application's provider, which each recorder keeps alive.
_made: weakref.WeakValueDictionary[int, ApplicationMetrics] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def application_metrics(provider: MeterProvider) -> ApplicationMetrics:
    """Return a provider's one recorder, because the SDK ignores the callback of a second instrument of a name."""
    with _lock:
        found = _made.get(id(provider))
        if found is None:
            found = _made[id(provider)] = ApplicationMetrics(provider)
        return found


def after_fork() -> None:
    """Forget the parent's calls, and make the lock anew, in a forked child."""
    global _lock
    _lock = threading.Lock()
    for found in list(_made.values()):
        found._running.clear()
