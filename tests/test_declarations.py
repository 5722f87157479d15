"""What a declaration of an application's own metric accepts, and what it says when it does not."""

from __future__ import annotations

from enum import Enum, StrEnum

import pytest

from voice_metrics.retrieval import READY
from voice_metrics.series.declarations import Metric, declared, register_metric
from voice_metrics.series.table import LATENCY_MS, Kind


class Shop(StrEnum):
    SEARCH = "shop.search.milliseconds"


class Numbered(Enum):
    SEARCH = 7


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        pytest.param(
            {"kind": "summary"}, ValueError, "kind='summary': expected 'histogram', 'counter' or 'gauge'", id="kind"
        ),
        pytest.param(
            {"kind": "up-down counter"}, ValueError, "expected 'histogram', 'counter' or 'gauge'", id="not-that-kind"
        ),
        pytest.param({"unit": "milliseconds"}, ValueError, "unit='milliseconds': expected 'ms'", id="unit-in-words"),
        pytest.param({"unit": "USD"}, ValueError, "unit='USD': expected '{USD}'", id="money-without-braces"),
        pytest.param({"unit": "items"}, ValueError, "expected a UCUM unit, such as 'ms'", id="unit-without-braces"),
        pytest.param({"unit": "ms/s/s"}, ValueError, "unit='ms/s/s'", id="two-divisions"),
        pytest.param({"unit": None}, TypeError, "unit=None: expected text", id="no-unit"),
        pytest.param({"buckets": (10, 5)}, ValueError, "numbers that increase, such as (10, 50, 100)", id="falling"),
        pytest.param({"buckets": (10, 10)}, ValueError, "numbers that increase", id="bucket-twice"),
        pytest.param({"buckets": (1, float("inf"))}, ValueError, "finite numbers", id="infinite-bucket"),
        pytest.param({"buckets": ("wide",)}, TypeError, "expected numbers", id="bucket-of-text"),
        pytest.param({"buckets": 5}, TypeError, "buckets=5: expected numbers", id="one-bucket"),
        pytest.param({"kind": "counter", "buckets": (1,)}, ValueError, "only a histogram has buckets", id="counter"),
        pytest.param({"description": 5}, TypeError, "description=5: expected text", id="description"),
    ],
)
def test_a_metric_that_cannot_work_says_what_is_right(arguments, error, message):
    with pytest.raises(error) as refusal:
        Metric(**{"kind": "histogram", **arguments})
    assert message in str(refusal.value)


@pytest.mark.parametrize("unit", ["", "ms", "s", "By", "%", "1", "{item}", "{token}/s", "By/s"])
def test_units_that_backends_understand(unit):
    assert Metric("gauge", unit).unit == unit


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        pytest.param("", ValueError, "'': expected a letter", id="empty"),
        pytest.param("9lives", ValueError, "'9lives': expected a letter", id="digit-first"),
        pytest.param("menü", ValueError, "letters, digits", id="umlaut"),
        pytest.param("a" * 256, ValueError, "up to 254", id="too-long"),
        pytest.param("voice.mine", ValueError, "'voice.' and 'gen_ai.' are taken", id="ours"),
        pytest.param("Voice_ttfb_milliseconds", ValueError, "are taken", id="ours-once-in-prometheus"),
        pytest.param("gen_ai.mine", ValueError, "are taken", id="of-the-conventions"),
        pytest.param(7, TypeError, "7: expected a name", id="number"),
        pytest.param(Numbered.SEARCH, TypeError, "an enum member whose value is one", id="enum-of-numbers"),
    ],
)
def test_a_name_that_cannot_work_says_what_is_right(key, error, message):
    with pytest.raises(error) as refusal:
        register_metric(key, Metric("counter"))
    assert message in str(refusal.value)


def test_an_enum_member_and_its_value_are_one_name():
    register_metric(Shop.SEARCH, Metric("histogram", "ms"))
    register_metric("shop.search.milliseconds", Metric(Kind.HISTOGRAM, "ms"))
    assert declared("Shop.Search.Milliseconds") == Metric("histogram", "ms")


def test_one_name_cannot_stand_for_two_metrics():
    register_metric("shop.visits", Metric("counter", "{visit}"))
    with pytest.raises(ValueError, match=r"shop\.visits: already declared as Metric\(kind=<Kind\.COUNTER"):
        register_metric("shop.visits", Metric("gauge", "{visit}"))


def test_a_declaration_needs_a_metric():
    with pytest.raises(TypeError, match="expected a Metric, such as"):
        register_metric("shop.visits", "counter")


@pytest.mark.parametrize(
    ("metric", "buckets"),
    [
        pytest.param(Metric("histogram", "ms"), LATENCY_MS, id="milliseconds"),
        pytest.param(Metric("histogram", "s"), tuple(bound / 1000 for bound in LATENCY_MS), id="seconds"),
        pytest.param(Metric("histogram", "{item}"), (), id="those-of-the-SDK"),
        pytest.param(Metric("histogram", "ms", buckets=[1, 2]), (1.0, 2.0), id="declared"),
        pytest.param(Metric("counter", "ms"), (), id="none"),
    ],
)
def test_buckets_suit_the_unit(metric, buckets):
    assert metric.series("shop.x").buckets == buckets


def test_a_metric_that_is_read_as_an_average_has_no_buckets_in_a_call():
    slim = Metric("histogram", "ms", read_as_average=True).series("shop.x")
    assert (slim.buckets, slim.buckets_of_a_call({})) == (LATENCY_MS, ())


def test_ready_declarations_name_their_unit_so_that_every_backend_shows_it():
    assert {key.value: str(metric.kind) for key, metric in READY.items()} == {
        "retrieval.time.milliseconds": "histogram",
        "retrieval.reranking.milliseconds": "histogram",
        "retrieval.embedding_cache.lookups.total": "counter",
        "retrieval.prompt.characters": "histogram",
        "webhook.delivery.milliseconds": "histogram",
        "webhook.deliveries.total": "counter",
    }
