"""The points of an OTLP request of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

Key = tuple[str, frozenset[tuple[str, str]]]
_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


@dataclass(frozen=True, slots=True)
class Point:
    """A point as it arrived.

    Parameters:
        name: Name of its metric.
        attributes: Attributes of its series.
        start_ns: Start of the period that it covers, in Unix nanoseconds.
        time_ns: End of that period, in Unix nanoseconds.
        value: A number, or the sum of a histogram.
        count: Number of values in a histogram; `None` if the point is a number.
        is_delta: True if its temporality is delta.
        raw: The OTLP message that it was read from.
    """

    name: str
    attributes: dict[str, Any]
    start_ns: int
    time_ns: int
    value: float
    count: int | None
    is_delta: bool
    raw: Any

    @property
    def key(self) -> Key:
        """Metric and attributes, which identify its series."""
        return self.name, frozenset((name, str(value)) for name, value in self.attributes.items())


def points_in(request: ExportMetricsServiceRequest) -> Iterator[Point]:
    """Yield every point of a request in order."""
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data") or "gauge"
                data = getattr(metric, kind)
                is_delta = kind != "gauge" and data.aggregation_temporality == _DELTA
                for raw in data.data_points:
                    number = kind in ("sum", "gauge")
                    yield Point(
                        metric.name,
                        attributes_in(raw.attributes),
                        raw.start_time_unix_nano,
                        raw.time_unix_nano,
                        (raw.as_int if raw.WhichOneof("value") == "as_int" else raw.as_double) if number else raw.sum,
                        None if number else raw.count,
                        is_delta,
                        raw,
                    )


def attributes_in(attributes: Iterable[Any]) -> dict[str, Any]:
    """Return OTLP attributes by name."""
    return {item.key: getattr(item.value, item.value.WhichOneof("value") or "string_value") for item in attributes}
