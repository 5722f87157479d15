"""Series at `/metrics`, for `OTEL_METRICS_EXPORTER=prometheus`; each scrape reads them anew."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from wsgiref.simple_server import WSGIServer

from voice_metrics.export.messages import Entry
from voice_metrics.export.outgoing import Outgoing
from voice_metrics.series.accumulators import Accumulator, ExponentialState, HistogramState
from voice_metrics.series.prometheus_names import label_name, metric_name
from voice_metrics.series.table import Kind
from voice_metrics.settings.extras import install_line

try:
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.core import Metric
    from prometheus_client.registry import Collector
except ModuleNotFoundError as missing:
    advice = install_line("prometheus")
    raise ModuleNotFoundError(f"OTEL_METRICS_EXPORTER=prometheus needs: {advice}", name=missing.name) from missing

_TYPES = {
    Kind.COUNTER: "counter",
    Kind.UP_DOWN_COUNTER: "gauge",
    Kind.GAUGE: "gauge",
    Kind.HISTOGRAM: "histogram",
}
_LOOPBACK = ("localhost", "127.0.0.1", "::1", "[::1]")
_listening: weakref.WeakSet[WSGIServer] = weakref.WeakSet()


class ScrapeEndpoint(Collector):
    """The `/metrics` endpoint of the process."""

    def __init__(
        self,
        host: str,
        port: int,
        live: Callable[[], Iterable[Outgoing]],
        about: Callable[[], Mapping[str, Any]],
        *,
        idle_seconds: float = 30.0,
    ) -> None:
        """Listen on a port.

        Args:
            host: Address; on a loopback address only requests to such a name are answered.
            port: Port.
            live: Returns all live series, up to date.
            about: Returns the process's resource.
            idle_seconds: A connection that says nothing keeps its thread this long.

        Raises:
            OSError: The port cannot be used.
        """
        self._live = live
        self._about = about
        registry = CollectorRegistry()
        registry.register(self)
        self._server, _ = start_http_server(port, host, registry)
        _listening.add(self._server)
        self._server.RequestHandlerClass = _handler(self._server.RequestHandlerClass, idle_seconds)
        if host in _LOOPBACK:
            self._server.set_app(_for_loopback(self._server))

    def collect(self) -> Iterable[Metric]:
        """Yield every metric, for one scrape."""
        target = Metric("target", "Target metadata", "info")
        target.add_sample("target_info", _labels(self._about()), 1)
        found = {"target": target}
        for outgoing in self._live():
            for accumulator in list(outgoing.registry.all):
                _add_samples(found, accumulator)
        return list(found.values())

    def show(self, entries: Sequence[Entry]) -> None:
        """Do nothing: Prometheus scrapes at its own interval."""

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def _handler(library: Any, idle_seconds: float) -> type[Any]:
    """The library's handler of a request, with an end for a connection that says nothing."""

    class Handler(library):  # type: ignore[misc]
        timeout = idle_seconds

        def handle(self) -> None:
            with contextlib.suppress(OSError):
                super().handle()

    return Handler


def _for_loopback(server: WSGIServer) -> Callable[..., Any]:
    """Wrap the server's application to refuse other hosts' names, because a foreign page could point its name here."""
    application = server.get_app()

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST", "localhost").rpartition("@")[2]
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name.lower() in _LOOPBACK:
            return application(environ, start_response)  # type: ignore[misc]
        start_response("421 Misdirected Request", [("content-type", "text/plain")])
        return [b"This endpoint answers requests to localhost only.\n"]

    return answer


def _add_samples(found: dict[str, Metric], accumulator: Accumulator) -> None:
    row = accumulator.row
    name = metric_name(row.name, row.unit, row.kind)
    # The library writes a counter's suffix itself.
    family = name.removesuffix("_total") if row.kind is Kind.COUNTER else name
    shown = found.setdefault(family, Metric(family, row.description, _TYPES[row.kind]))
    labels = _labels(accumulator.attributes)
    with accumulator.lock:
        state = accumulator.state()
    if not isinstance(state, (HistogramState, ExponentialState)):
        shown.add_sample(name, labels, state)
        return
    # Exponential buckets have no fixed bounds, so that the text format has only their total.
    seen = 0
    for bound, count in zip(getattr(accumulator, "bounds", ()), getattr(state, "counts", ()), strict=False):
        seen += count
        shown.add_sample(f"{name}_bucket", {**labels, "le": _decimal(bound)}, seen)
    shown.add_sample(f"{name}_bucket", {**labels, "le": "+Inf"}, state.samples)
    shown.add_sample(f"{name}_sum", labels, state.total)
    shown.add_sample(f"{name}_count", labels, state.samples)


def _decimal(bound: float) -> str:
    """Return a bound exactly, without an exponent, as Prometheus writes those of OTLP."""
    return format(Decimal(repr(float(bound))), "f").removesuffix(".0")


def _labels(attributes: Mapping[str, Any]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for attribute, value in attributes.items():
        label = label_name(attribute)
        labels[label] = f"{labels[label]};{value}" if label in labels else str(value)
    return labels


def _close_in_child() -> None:
    # Otherwise the port stays taken after the parent's end, and whoever scrapes it waits for the child.
    for server in list(_listening):
        server.socket.close()
    _listening.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_in_child)
