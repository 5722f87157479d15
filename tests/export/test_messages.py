"""Requests say what the SDK's own encoder says of the same values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.resources import Resource

from voice_metrics.export.console import metrics_data
from voice_metrics.export.outgoing import Outgoing
from voice_metrics.export.requests import Requests
from voice_metrics.series import table
from voice_metrics.series.registry import Registry
from voice_metrics.series.table import Kind, Series

HOUR_NS = 3600 * 10**9
GAUGE = Series("own.gauge", Kind.GAUGE, "", "A gauge.")
ROWS = (*table.VOICE, *table.PROCESS, *table.GEN_AI, GAUGE)
RISING = {row.name for row in ROWS if row.kind in (Kind.COUNTER, Kind.HISTOGRAM)}
RESOURCE = Resource({"service.name": "ä"})


class Kept:
    """A registry with two series of every row, some with other bounds, on its way to a server."""

    def __init__(self, *, exponential: bool = False, delta: bool = False) -> None:
        registry = Registry({"llm_model": "ä"}, exponential=exponential, slim=True)
        attributes = ({"interrupted": text, "number": 7, "share": 0.5, "on": True} for text in ("true", "false"))
        self.records = [registry.series(row, each) for each in attributes for row in ROWS]
        self.outgoing = Outgoing("k", "c", registry, delta=delta)
        self.outgoing.without_zero.update(registry.all)
        self.requests = Requests(RESOURCE)
        self.now_ns = registry.all[0].start_ns

    def sent(self) -> ExportMetricsServiceRequest:
        """What is sent an hour after what was sent before."""
        self.now_ns += HOUR_NS
        self.outgoing.date(self.now_ns)
        return ExportMetricsServiceRequest.FromString(self.requests.request(self.outgoing.whole(0.0)))

    def check(self) -> None:
        """The SDK's encoder writes the same."""
        assert sorted(_told(self.sent())) == sorted(_told(encode_metrics(self._of_sdk())))

    def _of_sdk(self) -> Any:
        return metrics_data(self.outgoing.whole(0.0), RESOURCE)

    def points(self) -> Iterator[Any]:
        return (point for *_, point in _points(self.sent()))


def _points(request: Any) -> Iterator[tuple[Any, Any, Any]]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                data = getattr(metric, metric.WhichOneof("data"))
                yield from ((metric, data, point) for point in data.data_points)


def _told(request: Any) -> Iterator[tuple[Any, ...]]:
    for metric, data, point in _points(request):
        # The SDK has the extremes of a histogram without a value, at infinity.
        if hasattr(point, "min") and point.min > point.max:
            point.ClearField("min")
            point.ClearField("max")
        about = (metric.name, metric.description, metric.unit, metric.WhichOneof("data"))
        yield *about, getattr(data, "aggregation_temporality", 0), getattr(data, "is_monotonic", False), str(point)


@pytest.mark.parametrize("exponential", [False, True], ids=["explicit", "exponential"])
def test_request_equals_the_encoding_of_the_sdk(exponential: bool) -> None:
    kept = Kept(exponential=exponential)
    kept.check()
    for value in (0, 1, 700.25, -3, 2**62, 10.5, 10**6):
        for record in kept.records:
            record(value)
        kept.check()
        kept.check()


def test_points_with_and_without_buckets_are_one_metric() -> None:
    points = list(_points(Kept().sent()))
    assert len({id(metric) for metric, *_ in points}) == len(ROWS)
    bounds = [len(point.explicit_bounds) for metric, _, point in points if metric.name == table.TTFB.name]
    assert bounds == [0, len(table.LATENCY_MS)]


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 1e300], ids=str)
def test_sum_beyond_an_integer_of_the_wire_is_a_double(value: float) -> None:
    kept = Kept()
    kept.records[0](value)
    assert next(kept.points()).as_double == float(value)


def test_largest_integer_of_the_wire_stays_an_integer() -> None:
    kept = Kept()
    kept.records[0](2**63 - 1)
    assert next(kept.points()).as_int == 2**63 - 1


def test_moment_before_a_series_began_is_its_first_one() -> None:
    kept = Kept()
    kept.now_ns -= 2 * HOUR_NS
    assert all(point.time_unix_nano > point.start_time_unix_nano for point in kept.points())


@pytest.mark.parametrize("delta", [False, True], ids=["totals", "increments"])
def test_exemplar_leaves_once_and_values_go_on(delta: bool) -> None:
    kept = Kept(delta=delta)
    for record in kept.records:
        record(3, (17, 2**100, 5))
    found = [exemplar for point in kept.points() for exemplar in point.exemplars]
    # A gauge keeps none.
    assert len(found) == len(kept.records) - 2
    assert {(each.as_double, each.time_unix_nano, each.span_id[-1]) for each in found} == {(3, 17, 5)}
    for entry in kept.outgoing.entries:
        entry.acknowledge()
    if not delta:
        kept.check()
    for record in kept.records:
        record(4)
    points = list(kept.points())
    assert len(points) == len(kept.records)
    assert not any(point.exemplars for point in points)


@pytest.mark.parametrize("exponential", [False, True], ids=["explicit", "exponential"])
def test_increments_count_from_the_last_acknowledged_value(exponential: bool) -> None:
    kept = Kept(exponential=exponential, delta=True)
    for value, acknowledged, expected in ((3, True, 3), (4, False, 4), (5, True, 9), (6, True, 6)):
        for record in kept.records:
            record(value)
        request = kept.sent()
        rising = [(data, point) for metric, data, point in _points(request) if metric.name in RISING]
        assert {getattr(point, "sum", 0) or point.as_int for _, point in rising} == {expected}
        assert {data.aggregation_temporality for data, _ in rising} == {1}
        if acknowledged:
            for entry in kept.outgoing.entries:
                entry.acknowledge()
    assert {point.start_time_unix_nano for _, point in rising} == {kept.now_ns - HOUR_NS}
