"""OTLP requests with increments, as processes of a fleet send them, made without the plug-in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA, Metric

BOUNDS = (100.0, 500.0, 1000.0)


def attributes(tags: Mapping[str, str]) -> list[KeyValue]:
    """Tags as OTLP writes them."""
    return [KeyValue(key=name, value=AnyValue(string_value=text)) for name, text in tags.items()]


def request(instance: str, *metrics: Metric, job: str = "voice-bot") -> ExportMetricsServiceRequest:
    """A request of one process.

    Args:
        instance: Its `service.instance.id`.
        metrics: What it says.
        job: Its `service.name`.
    """
    message = ExportMetricsServiceRequest()
    resource = message.resource_metrics.add()
    resource.resource.attributes.extend(attributes({"service.name": job, "service.instance.id": instance}))
    scope = resource.scope_metrics.add()
    scope.scope.name = "voice_metrics"
    scope.metrics.extend(metrics)
    return message


def counted(name: str, value: float, begin_ns: int, end_ns: int, tags: Mapping[str, str] = {}) -> Metric:
    """An increment of a counter."""
    metric = Metric(name=name, unit="{token}")
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
    _at(metric.sum.data_points.add(as_double=value), begin_ns, end_ns, tags)
    return metric


def observed(
    name: str,
    values: list[float],
    begin_ns: int,
    end_ns: int,
    tags: Mapping[str, str] = {},
    bounds: tuple[float, ...] = BOUNDS,
) -> Metric:
    """An increment of a histogram."""
    metric = Metric(name=name, unit="ms")
    metric.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[sum(value > bound for bound in bounds)] += 1
    point = metric.histogram.data_points.add(
        count=len(values), sum=sum(values), bucket_counts=counts, explicit_bounds=bounds
    )
    _at(point, begin_ns, end_ns, tags)
    return metric


def _at(point: Any, begin_ns: int, end_ns: int, tags: Mapping[str, str]) -> None:
    point.start_time_unix_nano, point.time_unix_nano = begin_ns, end_ns
    point.attributes.extend(attributes(tags))
