"""Accumulators hold the same values as the SDK for the same measurements."""

from __future__ import annotations

import math
import random
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View

from voice_metrics.series.accumulators import MAX_BUCKETS, MAX_SCALE, ExponentialHistogram, since
from voice_metrics.series.exponential_buckets import bucket_index, coarser
from voice_metrics.series.registry import Full, Registry
from voice_metrics.series.table import Kind, Series

COUNTER = Series("c", Kind.COUNTER, "{thing}", "Things.")
UP_DOWN = Series("u", Kind.UP_DOWN_COUNTER, "", "")
GAUGE = Series("g", Kind.GAUGE, "", "")
HISTOGRAM = Series("h", Kind.HISTOGRAM, "ms", "", buckets=(1.0, 10.0, 100.0))
PARTLY_SLIM = Series("b", Kind.HISTOGRAM, "ms", "", buckets=(1.0, 10.0), read_as_average=("interrupted", "true"))
SLIM = Series("a", Kind.HISTOGRAM, "ms", "", buckets=(1.0, 10.0), read_as_average=True)


def of_the_sdk(values: list[float], *, exponential: bool = False) -> Any:
    reader = InMemoryMetricReader()
    views = [View(instrument_name="h", aggregation=ExponentialBucketHistogramAggregation())] if exponential else []
    meter = MeterProvider([reader], shutdown_on_exit=False, views=views).get_meter("truth")
    histogram = meter.create_histogram("h", explicit_bucket_boundaries_advisory=list(HISTOGRAM.buckets))
    for value in values:
        histogram.record(value)
    data = reader.get_metrics_data()
    assert data is not None
    return data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points[0]


VALUES = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1e7)), min_size=1, max_size=60)


@given(VALUES)
@settings(deadline=None, max_examples=60)
def test_explicit_histogram_has_the_buckets_of_the_sdk(values: list[float]) -> None:
    registry = Registry({})
    record = registry.series(HISTOGRAM, {})
    for value in values:
        record(value)
    state, theirs = registry.all[0].state(), of_the_sdk(values)
    assert (state.samples, list(state.counts)) == (theirs.count, list(theirs.bucket_counts))
    assert (state.least, state.most, state.total) == (theirs.min, theirs.max, pytest.approx(theirs.sum))


@given(VALUES)
@settings(deadline=None, max_examples=60)
def test_exponential_histogram_has_the_buckets_of_the_sdk(values: list[float]) -> None:
    registry = Registry({}, exponential=True)
    record = registry.series(HISTOGRAM, {})
    for value in values:
        record(value)
    state, theirs = registry.all[0].state(), of_the_sdk(values, exponential=True)
    positive = {
        index: count for index, count in enumerate(theirs.positive.bucket_counts, theirs.positive.offset) if count
    }
    scale = min(state.scale, theirs.scale)
    assert (state.samples, state.zeros, state.total) == (theirs.count, theirs.zero_count, pytest.approx(theirs.sum))
    assert coarser(state.positive, state.scale - scale) == coarser(positive, theirs.scale - scale)


@pytest.mark.parametrize("scale", [-10, -3, 0, 1, 7, MAX_SCALE])
@pytest.mark.parametrize("value", [1e-300, 0.1, 0.5, 1.0, 1.5, 2.0, 3.0, 1024.0, 1e12])
def test_value_lies_above_its_buckets_lower_bound_and_not_above_its_upper(value: float, scale: int) -> None:
    index = bucket_index(value, scale)
    exact = math.log2(value) * 2.0**scale
    assert index < exact + 1e-6
    assert exact <= index + 1 + 1e-6
    if scale >= 0 and value in (0.5, 1.0, 2.0, 1024.0):
        assert bucket_index(math.nextafter(value, math.inf), scale) == index + 1


def test_wide_range_lowers_the_scale_and_loses_no_sample() -> None:
    registry, chance = Registry({}, exponential=True), random.Random(7)
    record = registry.series(HISTOGRAM, {})
    for _ in range(2000):
        record(chance.choice([1, -1]) * 10 ** chance.uniform(-9, 9))
    (histogram,) = registry.all
    assert isinstance(histogram, ExponentialHistogram)
    for side in (histogram.positive, histogram.negative):
        assert max(side) - min(side) < MAX_BUCKETS
    assert sum(histogram.positive.values()) + sum(histogram.negative.values()) == histogram.count == 2000


@pytest.mark.parametrize("exponential", [False, True], ids=["explicit", "exponential"])
def test_differences_add_up_to_the_whole(exponential: bool) -> None:
    registry, chance = Registry({}, exponential=exponential), random.Random(3)
    record = registry.series(HISTOGRAM, {})
    base, parts = None, []
    for _ in range(5):
        for _ in range(20):
            record(10 ** chance.uniform(-3, 5))
        state = registry.all[0].state()
        parts.append(since(state, base))
        base = state
    assert sum(part.samples for part in parts) == 100
    assert sum(part.total for part in parts) == pytest.approx(base.total)
    if exponential:
        merged: dict[int, int] = {}
        for part in parts:
            for index, count in coarser(part.positive, part.scale - base.scale).items():
                merged[index] = merged.get(index, 0) + count
        assert merged == base.positive
    else:
        assert tuple(map(sum, zip(*(part.counts for part in parts), strict=True))) == base.counts


def test_threads_that_record_at_once_lose_nothing() -> None:
    registry = Registry({})
    add, count = registry.series(COUNTER, {}), registry.series(HISTOGRAM, {})
    threads = [threading.Thread(target=lambda: [(add(1), count(5.0)) for _ in range(5000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.state() if one.row is COUNTER else one.state().samples for one in registry.all] == [20000, 20000]


def test_gauge_has_the_newest_value_and_a_sum_all_of_them() -> None:
    registry = Registry({})
    for value in (3, -1.5):
        registry.series(GAUGE, {})(value)
        registry.series(UP_DOWN, {})(value)
    assert [one.state() for one in registry.all] == [-1.5, 1.5]


def test_series_are_one_by_name_unit_bounds_and_attributes_in_any_order() -> None:
    registry = Registry({"call_id": "c"})
    registry.series(COUNTER, {"a": "1", "b": "2"})(1)
    registry.series(COUNTER, {"b": "2", "a": "1"})(1)
    registry.series(Series("c", Kind.COUNTER, "By", ""), {"a": "1", "b": "2"})(1)
    assert [(one.attributes, one.state()) for one in registry.all] == [
        ({"call_id": "c", "a": "1", "b": "2"}, 2),
        ({"call_id": "c", "a": "1", "b": "2"}, 1),
    ]


def test_full_registry_drops_and_counts_what_is_one_too_many() -> None:
    dropped: list[tuple[str, int]] = []
    registry = Registry({}, most=2, dropped=lambda reason, items: dropped.append((reason, items)))
    for number in range(4):
        registry.series(COUNTER, {"n": str(number)})(1)
    registry.series(COUNTER, {"n": "0"})(1)
    assert [one.state() for one in registry.all] == [2, 1]
    assert dropped == [("series_limit", 1)] * 2
    with pytest.raises(Full):
        registry.accumulator(COUNTER, {"n": "9"})


@pytest.mark.parametrize(("slim", "bounds"), [(True, ()), (False, (1.0, 10.0))], ids=["of-a-call", "shared"])
def test_what_is_read_as_an_average_has_no_buckets_in_a_call(slim: bool, bounds: tuple[float, ...]) -> None:
    registry = Registry({}, slim=slim)
    registry.series(SLIM, {})(5.0)
    assert (registry.all[0].bounds, registry.all[0].state().total) == (bounds, 5.0)


@pytest.mark.parametrize(("slim", "bounds"), [(True, ()), (False, (1.0, 10.0))], ids=["of-a-call", "shared"])
def test_only_series_with_the_named_value_have_no_buckets_in_a_call(slim: bool, bounds: tuple[float, ...]) -> None:
    registry = Registry({}, slim=slim)
    for attributes in ({"interrupted": "true"}, {"interrupted": "false"}, {}):
        registry.series(PARTLY_SLIM, attributes)(5.0)
    assert [histogram.bounds for histogram in registry.all] == [bounds, (1.0, 10.0), (1.0, 10.0)]
