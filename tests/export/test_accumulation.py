"""Deltas of a real SDK in, cumulative points out: checked against the SDK's own cumulative reader."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import Exemplar, MeterProvider
from opentelemetry.sdk.metrics.export import Buckets, InMemoryMetricReader, MetricsData
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

from voice_metrics.export.accumulation import SHARED, Accumulation
from voice_metrics.export.buckets import MAX_BUCKETS, coarser, merged
from voice_metrics.export.cumulative import MILLISECOND_NS
from voice_metrics.export.group import Part
from voice_metrics.export.reader import delta_reader
from voice_metrics.export.wire import Wire

BEGAN = 1_000 * 10**9


class Bench:
    """A meter read both ways: by deltas of ours, and by the SDK's cumulative reader."""

    def __init__(self, *, exponential: bool = False) -> None:
        self.delta = delta_reader(20_000, exponential=exponential)
        self.truth = InMemoryMetricReader()
        views = [View(instrument_name="h", aggregation=ExponentialBucketHistogramAggregation())] if exponential else []
        self.provider = MeterProvider([self.delta, self.truth], Resource({}), shutdown_on_exit=False, views=views)
        self.meter = self.provider.get_meter("bench")
        self.kept = Accumulation(Resource({}), BEGAN)
        self.kept.begin("c1", BEGAN)

    def collect(self) -> None:
        collected = self.delta.get_metrics_data()
        if collected is not None:
            self.kept.merge(collected)


def points(data: MetricsData | None) -> dict[str, list]:
    assert data is not None
    return {
        metric.name: list(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def send(kept: Accumulation, at_ns: int) -> tuple[list[Part], dict[str, list]]:
    parts = list(kept.parts(at_ns))
    request = Wire(Resource({})).request(parts)
    return parts, {
        metric.name: [number(point) for point in getattr(metric, metric.WhichOneof("data")).data_points]
        for scope in request.resource_metrics[0].scope_metrics
        for metric in scope.metrics
    }


def number(point: Any) -> SimpleNamespace:
    times = {"start_time_unix_nano": point.start_time_unix_nano, "time_unix_nano": point.time_unix_nano}
    if hasattr(point, "as_int"):
        return SimpleNamespace(value=getattr(point, point.WhichOneof("value")), **times)
    return SimpleNamespace(count=point.count, min=point.min if point.HasField("min") else None, **times)


def shape(point: object) -> dict[str, object]:
    times = ("start_time_unix_nano", "time_unix_nano", "exemplars")
    return {name: value for name, value in vars(point).items() if name not in times}


@pytest.mark.parametrize("exponential", [False, True], ids=["explicit", "exponential"])
@pytest.mark.parametrize("seed", range(5))
def test_the_sum_of_deltas_is_what_the_sdk_calls_cumulative(seed: int, exponential: bool) -> None:
    bench = Bench(exponential=exponential)
    meter, chance = bench.meter, random.Random(seed)
    counter, updown = meter.create_counter("c"), meter.create_up_down_counter("u")
    gauge, histogram = meter.create_gauge("g"), meter.create_histogram("h")
    for _ in range(6):
        for _ in range(chance.randrange(1, 40)):
            attributes = {"call_id": "c1", "model": chance.choice("ab")}
            counter.add(chance.randrange(10), attributes)
            updown.add(chance.randrange(-5, 5), attributes)
            gauge.set(chance.random(), attributes)
            histogram.record(chance.choice([0, 10 ** chance.uniform(-6, 6)]), attributes)
        bench.collect()
    ours = points(bench.kept.snapshot(BEGAN))
    theirs = points(bench.truth.get_metrics_data())
    assert ours.keys() == theirs.keys()
    for name in ("c", "u", "g"):
        assert [shape(point) for point in ours[name]] == [shape(point) for point in theirs[name]]
    for mine, sdk in zip(ours["h"], theirs["h"], strict=True):
        assert (mine.count, mine.min, mine.max) == (sdk.count, sdk.min, sdk.max)
        assert mine.sum == pytest.approx(sdk.sum)
        if exponential:
            assert mine.zero_count == sdk.zero_count
            assert mine.scale <= sdk.scale
            assert mine.positive == coarser(sdk.positive, sdk.scale - mine.scale)
            assert len(mine.positive.bucket_counts) <= MAX_BUCKETS
        else:
            assert list(mine.bucket_counts) == list(sdk.bucket_counts)


BUCKETS = st.builds(
    Buckets, st.integers(-2000, 2000), st.lists(st.integers(0, 5), max_size=60).map(lambda counts: [*counts])
)


@given(BUCKETS, BUCKETS, st.integers(0, 12))
@settings(deadline=None)
def test_scaling_down_and_adding_up_change_their_order_freely(ours: Buckets, theirs: Buckets, steps: int) -> None:
    together = coarser(merged(coarser(ours, 0), coarser(theirs, 0)), steps)
    apart = merged(coarser(ours, steps), coarser(theirs, steps))
    assert together == apart
    assert sum(together.bucket_counts) == sum(ours.bucket_counts) + sum(theirs.bucket_counts)


@pytest.mark.parametrize("exponential", [False, True], ids=["explicit", "exponential"])
def test_requests_are_what_the_sdk_would_encode(exponential: bool) -> None:
    bench = Bench(exponential=exponential)
    meter = bench.meter
    wire = Wire(Resource({}))
    for number in range(3):
        for model in "ab":
            attributes = {"call_id": "c1", "model": model, "flag": True, "share": 0.5, "names": ["x", "y"]}
            meter.create_counter("c", "{token}", "Tokens.").add(number, attributes)
            meter.create_up_down_counter("u", "s").add(-0.5, attributes)
            meter.create_gauge("g").set(number, attributes)
            meter.create_histogram("h", "ms").record(10.0**number, attributes)
        bench.collect()
        parts = list(bench.kept.parts(2 * 10**18 + number))
        sent = wire.request(parts)
        if number:
            # Without the points of value zero, which the SDK does not know.
            assert sent == encode_metrics(bench.kept.shown(parts))
        bench.kept.acknowledge(parts)


def test_exemplars_are_sent_once() -> None:
    bench = Bench()
    bench.meter.create_counter("c").add(5, {"call_id": "c1"})
    bench.collect()
    parts = list(bench.kept.parts(2 * 10**18))
    ((_, series),) = parts[0].series
    series.exemplars = [Exemplar({"turn": "3"}, 5.0, 2 * 10**18, 7, 9)]
    wire = Wire(Resource({}))
    for expected in (1, 0):
        sent = wire.request(parts).resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[-1]
        assert len(sent.exemplars) == expected
        bench.kept.acknowledge(parts)


def test_a_series_begins_with_zero_until_a_server_has_it() -> None:
    bench = Bench()
    bench.meter.create_counter("c").add(5, {"call_id": "c1"})
    bench.meter.create_histogram("h").record(5, {"call_id": "c1"})
    bench.meter.create_gauge("g").set(5, {"call_id": "c1"})
    bench.collect()
    now = bench.kept.snapshot(0).resource_metrics[0].scope_metrics[0].metrics[0].data.data_points[0].time_unix_nano
    for _ in range(2):
        parts, sent = send(bench.kept, now)
        assert [point.value for point in sent["c"]] == [0, 5]
        assert [(point.count, point.min) for point in sent["h"]] == [(0, None), (1, 5)]
        assert [point.value for point in sent["g"]] == [5]
        zero, value = sent["c"]
        assert zero.time_unix_nano == zero.start_time_unix_nano == value.start_time_unix_nano
        assert value.time_unix_nano - zero.time_unix_nano >= MILLISECOND_NS
    bench.kept.acknowledge(parts)
    _, sent = send(bench.kept, now + 10**10)
    assert [point.value for point in sent["c"]] == [5]


def test_an_ended_call_is_kept_until_its_last_values_are_acknowledged_and_then_forgotten() -> None:
    bench = Bench()
    counter = bench.meter.create_counter("c")
    counter.add(1, {"call_id": "c1"})
    bench.collect()
    at_ns = 2 * 10**18
    early, _ = send(bench.kept, at_ns)
    bench.kept.acknowledge(early)
    counter.add(2, {"call_id": "c1"})
    bench.collect()
    bench.kept.end("c1", at_ns + 1)
    for later in (5, 10):
        parts, sent = send(bench.kept, at_ns + later)
        assert [(point.value, point.time_unix_nano) for point in sent["c"]] == [(3, at_ns + 1)]
    assert bench.kept.forget(at_ns + 20) == 0
    assert bench.kept.acknowledge(parts) == ["c1"]
    assert list(bench.kept.parts(at_ns + 30)) == []
    assert bench.kept.forget(at_ns + 30) == 1
    assert (bench.kept.series_count, list(bench.kept.call_ids)) == (0, [])


def test_the_last_export_counts_even_if_nothing_changed_since_the_one_before() -> None:
    bench = Bench()
    bench.meter.create_counter("c").add(1, {"call_id": "c1"})
    bench.collect()
    parts, _ = send(bench.kept, 2 * 10**18)
    bench.kept.acknowledge(parts)
    bench.kept.end("c1", 2 * 10**18 + 1)
    assert [part.group.call_id for part in bench.kept.owed(3 * 10**18)] == ["c1"]


def test_late_points_do_not_bring_a_forgotten_call_back() -> None:
    bench = Bench()
    counter = bench.meter.create_counter("c")
    counter.add(1, {"call_id": "c1"})
    bench.collect()
    bench.kept.end("c1", 2 * 10**18)
    parts, _ = send(bench.kept, 2 * 10**18)
    bench.kept.acknowledge(parts)
    counter.add(1, {"call_id": "c1"})
    collected = bench.delta.get_metrics_data()
    assert collected is not None
    assert bench.kept.merge(collected) == 1
    bench.kept.forget(3 * 10**18)
    counter.add(1, {"call_id": "c1"})
    collected = bench.delta.get_metrics_data()
    assert collected is not None
    assert bench.kept.merge(collected) == 1
    assert bench.kept.series_count == 0


def test_a_second_call_under_the_same_id_goes_on_where_the_first_is() -> None:
    bench = Bench()
    counter = bench.meter.create_counter("c")
    counter.add(1, {"call_id": "c1"})
    bench.kept.begin("c1", BEGAN)
    bench.collect()
    bench.kept.end("c1", 2 * 10**18)
    counter.add(1, {"call_id": "c1"})
    bench.collect()
    _, sent = send(bench.kept, 2 * 10**18 + 5)
    assert sent["c"][-1].value == 2
    assert sent["c"][-1].time_unix_nano == 2 * 10**18 + 5


def test_series_without_a_call_live_as_long_as_the_process() -> None:
    bench = Bench()
    bench.meter.create_counter("c").add(1, {"reason": "bad_value"})
    bench.collect()
    parts, _ = send(bench.kept, 2 * 10**18)
    bench.kept.acknowledge(parts)
    bench.kept.settle()
    bench.kept.forget(3 * 10**18)
    assert [part.group.call_id for part in bench.kept.parts(3 * 10**18)] == [SHARED]


def test_a_number_that_no_request_can_hold_does_not_spoil_the_request() -> None:
    bench = Bench()
    bench.meter.create_counter("c").add(2**63, {"call_id": "c1"})
    bench.collect()
    _, sent = send(bench.kept, 2 * 10**18)
    assert sent["c"][-1].value == float(2**63)
    assert isinstance(sent["c"][-1].value, float)


def test_observables_are_taken_as_they_are() -> None:
    from opentelemetry.metrics import Observation

    bench = Bench()
    total = iter([10, 25])
    bench.meter.create_observable_counter("o", [lambda _: [Observation(next(total))]])
    for expected in (10, 25):
        collected = bench.delta.get_metrics_data()
        assert collected is not None
        bench.kept.merge(collected)
        _, sent = send(bench.kept, 2 * 10**18)
        # No zero comes first: what it counted before anyone looked would be one jump.
        assert [point.value for point in sent["o"]] == [expected]


def test_a_series_is_one_whatever_the_order_and_the_kind_of_its_attributes() -> None:
    bench = Bench()
    counter = bench.meter.create_counter("c")
    for attributes in (
        {"call_id": "c1", "a": "x", "b": "y"},
        {"b": "y", "a": "x", "call_id": "c1"},
        {"call_id": "c1", "a": "y", "b": "x"},
        {"call_id": "c1", "b": "x", "a": "y"},
        {"call_id": "c1", "a": ["x", {"y": 1}], "b": 1},
        {"call_id": "c1", "a": ["x", {"y": 1}], "b": 1},
    ):
        counter.add(1, attributes)
        bench.collect()
    _, sent = send(bench.kept, 2 * 10**18)
    assert sorted(point.value for point in sent["c"]) == [0, 0, 0, 2, 2, 2]


def test_instruments_of_one_name_are_added_up_only_where_their_values_can_be() -> None:
    bench = Bench()
    attributes = {"call_id": "c1"}
    for _ in range(2):
        bench.meter.create_counter("c", "ms").add(1000, attributes)
        bench.meter.create_counter("c", "s").add(1, attributes)
        bench.meter.create_counter("c", "s", "The same in other words.").add(5, attributes)
        bench.meter.create_up_down_counter("c", "s").add(-3, attributes)
        for bounds, description in (([10.0, 20.0], "Coarse."), ([5.0], "Coarser.")):
            histogram = bench.meter.create_histogram("h", "ms", description, explicit_bucket_boundaries_advisory=bounds)
            histogram.record(12, attributes)
        bench.collect()
    kept = bench.kept.snapshot(BEGAN).resource_metrics[0].scope_metrics[0].metrics
    totals = [(metric.unit, point.value) for metric in kept if metric.name == "c" for point in metric.data.data_points]
    assert sorted(totals) == [("ms", 2000), ("s", -6), ("s", 12)]
    buckets = [point.bucket_counts for metric in kept if metric.name == "h" for point in metric.data.data_points]
    assert sorted(buckets) == [[0, 2], [0, 2, 0]]


def test_an_id_that_is_no_text_costs_its_own_point_only() -> None:
    bench = Bench()
    counter = bench.meter.create_counter("c")
    counter.add(1, {"call_id": {"id": "c1"}})
    counter.add(2, {"call_id": "c1"})
    collected = bench.delta.get_metrics_data()
    assert collected is not None
    assert bench.kept.merge(collected) == 1
    _, sent = send(bench.kept, 2 * 10**18)
    assert sent["c"][-1].value == 2


def test_a_call_that_has_nothing_but_what_cannot_be_sent_is_forgotten() -> None:
    bench = Bench()
    bench.meter.create_counter("c").add(1, {"call_id": "c1"})
    bench.collect()
    bench.kept.end("c1", 2 * 10**18)
    for part in list(bench.kept.parts(2 * 10**18)):
        bench.kept.discard(part)
    assert bench.kept.forget(2 * 10**18) == 1
    assert bench.kept.series_count == 0
