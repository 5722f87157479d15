"""Shared series through hours without a value, on their way to a server."""

from __future__ import annotations

import time

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.resources import Resource

from voice_metrics.export.outgoing import SHARED, Outgoing
from voice_metrics.export.requests import Requests
from voice_metrics.export.sdk_metrics import SdkMetrics
from voice_metrics.series.registry import Registry
from voice_metrics.series.table import Kind, Series

TWO_HOURS_NS = 2 * 3600 * 10**9
VISITS = Series("visits.total", Kind.COUNTER, "", "")


class Shared:
    """Shared series, of which a server takes everything at once, every two hours."""

    def __init__(self, *, delta: bool) -> None:
        self._now_ns = time.time_ns()
        self.registry = Registry({}, clock_ns=lambda: self._now_ns)
        self.outgoing = Outgoing(SHARED, "", self.registry, delta=delta)
        self._requests = Requests(Resource({}))

    def shown(self) -> int:
        """How many series are there two hours later where no server is sent any."""
        self._now_ns += TWO_HOURS_NS
        self.outgoing.date(self._now_ns)
        self.outgoing.end_idle(self._now_ns, self._now_ns, owing=False)
        return len(self.registry)

    def sent(self) -> list[float]:
        """The values sent this time, beginnings included."""
        self._now_ns += TWO_HOURS_NS
        self.outgoing.date(self._now_ns)
        due = self.outgoing.whole(0.0)
        request = ExportMetricsServiceRequest.FromString(self._requests.request(due))
        for entry in due:
            entry.acknowledge()
        self.outgoing.end_idle(self._now_ns, self._now_ns)
        (resource,) = request.resource_metrics or [None]
        scopes = resource.scope_metrics if resource is not None else ()
        return [point.as_int for scope in scopes for metric in scope.metrics for point in metric.sum.data_points]


@pytest.mark.parametrize(("delta", "sent"), [(True, [[5], [], [], [2]]), (False, [[5], [5], [5], [7]])])
def test_instruments_of_the_sdk_are_not_counted_again_after_an_hour_without_a_value(
    delta: bool, sent: list[list[float]]
) -> None:
    shared = Shared(delta=delta)
    sdk = SdkMetrics(shared.outgoing)
    visits = sdk.provider.get_meter("app").create_counter("visits")
    visits.add(5)
    found = []
    for number in range(4):
        if number == 3:
            visits.add(2)
        sdk.collect()
        found.append(shared.sent())
    sdk.close()
    assert found == sent


@pytest.mark.parametrize(("delta", "sent"), [(True, [[5], [], [2]]), (False, [[0, 5], [5], [0, 2]])])
def test_series_of_the_plug_in_end_after_an_hour_without_a_value_and_begin_anew(
    delta: bool, sent: list[list[float]]
) -> None:
    shared = Shared(delta=delta)
    shared.registry.series(VISITS, {})(5)
    found = [shared.sent(), shared.sent()]
    assert len(shared.registry) == 0
    shared.registry.series(VISITS, {})(2)
    assert [*found, shared.sent()] == sent


def test_series_that_gets_a_value_goes_on_and_its_recorder_with_it() -> None:
    shared = Shared(delta=False)
    record = shared.registry.series(VISITS, {})
    found = []
    for _ in range(3):
        record(1)
        found.append(shared.sent())
    assert found == [[0, 1], [2], [3]]


def test_series_that_are_only_shown_end_after_an_hour_without_a_value_too() -> None:
    shared = Shared(delta=False)
    record = shared.registry.series(VISITS, {})
    found = []
    for number in range(3):
        if number < 2:
            record(1)
        found.append(shared.shown())
    assert found == [1, 1, 0]
