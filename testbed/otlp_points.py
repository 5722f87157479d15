"""Points of an OTLP request of metrics, as they arrived."""

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
    """One point.

    Parameters:
        name: Its metric.
        attributes: Attributes of its series.
        start_ns: Begin of what it counts, in Unix nanoseconds.
        time_ns: Its moment, in Unix nanoseconds.
        value: A number, or the sum of a histogram.
        count: Count of a histogram; `None` for a number.
        is_delta: Whether it is an increment.
        raw: OTLP's message of it.
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
        """The name and the attributes, which tell its series from others."""
        return self.name, frozenset((name, str(value)) for name, value in self.attributes.items())


def points_in(request: ExportMetricsServiceRequest) -> Iterator[Point]:
    """Every point of a request, in its order."""
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
    """OTLP's attributes by name."""
    return {item.key: getattr(item.value, item.value.WhichOneof("value") or "string_value") for item in attributes}
