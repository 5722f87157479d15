"""Series at `/metrics`, for `OTEL_METRICS_EXPORTER=prometheus`.

Owns the translation of OTLP points to Prometheus's text and the HTTP server that shows it. Refuses to
keep anything: each scrape collects anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from opentelemetry.sdk.metrics.export import ExponentialHistogram, Gauge, Histogram, MetricsData, Sum

from voice_metrics.series.prometheus_names import label_name, metric_name
from voice_metrics.series.table import Kind

try:
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.core import Metric
    from prometheus_client.registry import Collector
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "OTEL_METRICS_EXPORTER=prometheus needs: pip install 'pipecat-voice-metrics[prometheus]'"
    ) from missing


class Endpoint(Collector):
    """The `/metrics` endpoint of the process."""

    def __init__(self, host: str, port: int, snapshot: Callable[[], MetricsData]) -> None:
        """Listen.

        Args:
            host: Address to listen at.
            port: Port to listen at; 0 for any that is free.
            snapshot: Everything that lives, up to date.

        Raises:
            OSError: If the port cannot be used.
        """
        self._snapshot = snapshot
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        self._server, _ = start_http_server(port, host, registry)

    @property
    def port(self) -> int:
        """The port that it listens at."""
        return int(self._server.server_port)

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are known once there are series."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Every metric, for one scrape."""
        return metrics(self._snapshot())

    def show(self, data: MetricsData) -> None:
        """Nothing: Prometheus has its own rhythm."""

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def metrics(data: MetricsData) -> list[Metric]:
    """Translate collected data.

    Args:
        data: The SDK's points.

    Returns:
        Prometheus's metrics, by name.
    """
    found: dict[str, Metric] = {}
    for resource in data.resource_metrics:
        target = Metric("target", "Target metadata", "info")
        target.add_sample("target_info", _labels(resource.resource.attributes), 1)
        found["target"] = target
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = _kind(metric.data)
                name = metric_name(metric.name, metric.unit or "", kind)
                # The library writes a counter's suffix itself.
                family = name.removesuffix("_total") if kind is Kind.COUNTER else name
                shown = found.setdefault(family, Metric(family, metric.description or "", _TYPES[kind]))
                for point in metric.data.data_points:
                    _add(shown, name, kind, point)
    return list(found.values())


_TYPES = {
    Kind.COUNTER: "counter",
    Kind.UP_DOWN_COUNTER: "gauge",
    Kind.GAUGE: "gauge",
    Kind.HISTOGRAM: "histogram",
}


def _kind(data: Any) -> Kind:
    match data:
        case Sum(is_monotonic=True):
            return Kind.COUNTER
        case Sum():
            return Kind.UP_DOWN_COUNTER
        case Gauge():
            return Kind.GAUGE
    assert isinstance(data, Histogram | ExponentialHistogram)
    return Kind.HISTOGRAM


def _add(shown: Metric, name: str, kind: Kind, point: Any) -> None:
    labels = _labels(point.attributes or {})
    if kind is not Kind.HISTOGRAM:
        shown.add_sample(name, labels, point.value)
        return
    # Exponential buckets have no fixed bounds, so that the text format has only their total.
    seen = 0
    bounds = getattr(point, "explicit_bounds", ())
    for bound, count in zip(bounds, getattr(point, "bucket_counts", ()), strict=False):
        seen += count
        shown.add_sample(f"{name}_bucket", {**labels, "le": f"{float(bound):g}"}, seen)
    shown.add_sample(f"{name}_bucket", {**labels, "le": "+Inf"}, point.count)
    shown.add_sample(f"{name}_sum", labels, point.sum)
    shown.add_sample(f"{name}_count", labels, point.count)


def _labels(attributes: Mapping[str, Any]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for attribute, value in attributes.items():
        label = label_name(attribute)
        labels[label] = f"{labels[label]};{value}" if label in labels else str(value)
    return labels
