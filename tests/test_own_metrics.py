"""The application's own numbers: recorded or refused, and never at the cost of the call."""

from __future__ import annotations

import math
from decimal import Decimal
from enum import Enum, StrEnum
from fractions import Fraction

import pytest
from loguru import logger

from voice_metrics.call.facts import Refused
from voice_metrics.export.running_call import Tagged
from voice_metrics.series.declarations import Metric, register_metric
from voice_metrics.series.own_metrics import MAX_SETS, MAX_SETS_PER_CALL, Book, OwnMetrics
from voice_metrics.series.registry import Registry

TAGS = {"call_id": "c-1", "llm_model": "gpt", "stt_model": "none", "tts_model": "none", "tenant": "acme"}


class Source(StrEnum):
    MENU = "menu"


class Shelf(str, Enum):  # noqa: UP042
    """Shown as "Shelf.TOP" by `str`."""

    TOP = "top"


class Recorded:
    """A real registry and what it has."""

    def __init__(self) -> None:
        self._registry = Registry({}, most=100_000)
        self._book = Book()

    def own(self, tags):
        return OwnMetrics(self._book, Tagged(self._registry, tags), tags)

    def metrics(self):
        return {accumulator.row.name: accumulator for accumulator in self._registry.all}

    def points(self, name):
        found = [accumulator for accumulator in self._registry.all if accumulator.row.name == name]
        return [(getattr(one, "value", None) if hasattr(one, "value") else one.total, one.attributes) for one in found]


@pytest.fixture
def recorded():
    return Recorded()


@pytest.fixture
def own(recorded):
    return recorded.own(TAGS)


@pytest.mark.parametrize(
    ("kind", "values", "result"),
    [
        pytest.param("counter", [2, 3], 5, id="counter-adds-up"),
        pytest.param("gauge", [2, -3], -3, id="gauge-keeps-the-newest"),
        pytest.param("histogram", [2.5, 3], 5.5, id="histogram-distributes"),
        pytest.param("counter", [Decimal("0.25"), Fraction(1, 4)], 0.5, id="other-numbers"),
    ],
)
def test_a_value_carries_the_tags_of_its_call(recorded, own, kind, values, result):
    assert [own.record("shop.value", value, kind=kind, attributes={"index": "menu"}) for value in values] == [
        None,
        None,
    ]
    assert recorded.points("shop.value") == [(result, {**TAGS, "index": "menu"})]


def test_unit_description_and_buckets_come_from_the_declaration(recorded, own):
    register_metric("declared.wait", Metric("histogram", "s", "Wait.", (1, 5)))
    assert own.record("declared.wait", 2, kind=None) is None
    metric = recorded.metrics()["declared.wait"]
    assert (metric.row.unit, metric.row.description) == ("s", "Wait.")
    assert metric.bounds == (1, 5)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("menu", "menu", id="text"),
        pytest.param(Source.MENU, "menu", id="enum"),
        pytest.param(Shelf.TOP, "top", id="enum-of-text"),
        pytest.param(3, "3", id="whole-number"),
        pytest.param(0.5, "0.5", id="number"),
        pytest.param(True, "true", id="true"),
        pytest.param(False, "false", id="false"),
        pytest.param("", "", id="empty"),
    ],
)
def test_attributes_are_text_on_the_wire(recorded, own, value, text):
    own.record("shop.value", 1, attributes={"source": value})
    assert recorded.points("shop.value")[0][1]["source"] == text


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        pytest.param({"value": math.nan}, "shop.x: expected a finite number", id="not-a-number"),
        pytest.param({"value": math.inf}, "shop.x: expected a finite number", id="infinite"),
        pytest.param({"value": 2**53}, "below 2 to the power of 53", id="too-large"),
        pytest.param({"value": 10**400}, "too large", id="far-too-large"),
        pytest.param({"value": -1}, "a histogram takes no negative number", id="negative"),
        pytest.param({"value": -1, "kind": "counter"}, "a counter takes no negative number", id="negative-counter"),
        pytest.param({"value": "7"}, "expected a number, not str", id="text"),
        pytest.param({"value": None}, "expected a number, not NoneType", id="nothing"),
        pytest.param({"value": True}, "expected a number, not bool", id="truth-value"),
        pytest.param({"kind": "summary"}, "kind='summary': expected", id="kind"),
        pytest.param({"kind": None}, "it was not declared; register_metric declares it", id="undeclared"),
        pytest.param({"unit": "milliseconds"}, "expected 'ms'", id="unit"),
        pytest.param({"key": "voice.x"}, "are taken", id="name-of-the-plug-in"),
        pytest.param({"key": "ä"}, "expected a letter", id="name"),
        pytest.param({"key": 7}, "expected a name", id="name-that-is-no-text"),
        pytest.param({"attributes": {"a": None}}, "attribute 'a' is a NoneType, expected text", id="attribute-absent"),
        pytest.param({"attributes": {"a": ["x"]}}, "attribute 'a' is a list, expected text", id="attribute-list"),
        pytest.param({"attributes": {"a": "x" * 257}}, "'a' is longer than 256 characters", id="attribute-too-long"),
        pytest.param({"attributes": {7: "x"}}, "an attribute has no name that is text", id="attribute-without-name"),
        pytest.param({"attributes": {"": "x"}}, "an attribute has no name that is text", id="attribute-of-empty-name"),
        pytest.param({"attributes": {"a" * 257: "x"}}, "an attribute has no name", id="attribute-of-too-long-name"),
        pytest.param(
            {"attributes": {"call_id": "x"}}, "'call_id' is one of the call's own", id="attribute-of-the-call"
        ),
        pytest.param({"attributes": {"tenant": "x"}}, "'tenant' is one of the call's own", id="attribute-of-the-user"),
        pytest.param({"attributes": {"call.id": "x"}}, "'call.id' is one of the call's own", id="same-label-as-ours"),
        pytest.param({"attributes": {"le": "x"}}, "'le' is one of Prometheus' own", id="label-of-a-bucket"),
        pytest.param({"attributes": {"job": "x"}}, "'job' is one of Prometheus' own", id="label-of-the-target"),
        pytest.param({"attributes": {f"a{n}": "x" for n in range(17)}}, "17 attributes are too many", id="attributes"),
        pytest.param({"attributes": "x=y"}, "shop.x", id="attributes-that-are-none"),
    ],
)
def test_what_cannot_be_recorded_is_refused_and_nothing_is_raised(recorded, own, arguments, detail):
    refused = own.record(**{"key": "shop.x", "value": 1, **arguments})
    assert refused is not None
    assert refused.reason == "own_metric"
    assert detail in refused.detail
    assert recorded.metrics() == {}


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"value": 0}, id="nothing"),
        pytest.param({"value": 0, "kind": "counter"}, id="nothing-more"),
        pytest.param({"value": 2**53 - 1}, id="the-largest-number"),
        pytest.param({"attributes": {"a": "x" * 256}}, id="the-longest-text"),
        pytest.param({"attributes": {"a" * 256: "x"}}, id="the-longest-name"),
        pytest.param({"attributes": {f"a{n}": "x" for n in range(16)}}, id="the-most-attributes"),
    ],
)
def test_what_is_just_within_bounds_is_recorded(own, arguments):
    assert own.record(**{"key": "shop.x", "value": 1, **arguments}) is None


def test_a_name_that_cannot_be_shown_is_refused_and_nothing_is_raised(own):
    class Unshown:
        def __str__(self):
            raise RuntimeError("no")

    refused = own.record(Unshown(), 1)
    assert refused is not None
    assert refused.detail == "Unshown: no"


def test_a_refusal_never_repeats_the_text_of_an_attribute(own):
    refused = own.record("shop.x", 1, attributes={"phone": "+49 30 1234" * 100})
    assert refused is not None
    assert "+49" not in refused.detail


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        pytest.param({"kind": "gauge"}, "shop.x: it is a counter, not a 'gauge'", id="kind"),
        pytest.param({"unit": "s"}, "shop.x: its unit is '{item}', not 's'", id="unit"),
        pytest.param({"key": "SHOP.X", "kind": "gauge"}, "SHOP.X: it is a counter", id="the-SDK-ignores-case"),
    ],
)
def test_a_name_keeps_the_kind_and_unit_of_its_first_use(own, arguments, detail):
    assert own.record("shop.x", 1, kind="counter", unit="{item}") is None
    assert own.record("shop.x", 1, kind="counter") is None
    refused = own.record(**{"key": "shop.x", "value": 1, "kind": "counter", **arguments})
    assert refused is not None
    assert refused.detail.startswith(detail)


def test_a_declared_name_is_refused_as_another_kind(own):
    register_metric("declared.count", Metric("counter"))
    refused = own.record("declared.count", 1, kind="histogram")
    assert refused is not None
    assert refused.detail == "declared.count: it is a counter, not a 'histogram'"


def test_sets_of_attributes_are_bounded_for_a_call(recorded, own):
    refusals = [own.record("shop.x", 1, kind="counter", attributes={"n": n}) for n in range(MAX_SETS_PER_CALL + 2)]
    assert [refusal is None for refusal in refusals] == [True] * MAX_SETS_PER_CALL + [False] * 2
    assert refusals[-1].detail.startswith(f"shop.x: a call has up to {MAX_SETS_PER_CALL} sets of attributes")
    assert own.record("shop.x", 1, kind="counter", attributes={"n": 0}) is None
    assert own.record("shop.y", 1, kind="counter", attributes={"n": 0}) is None
    assert len(recorded.points("shop.x")) == MAX_SETS_PER_CALL


def test_sets_of_attributes_are_bounded_for_the_process_until_calls_end(recorded):
    def fill(call_id):
        own = recorded.own({"call_id": call_id})
        return own, [own.record("shop.x", 1, attributes={"n": n}) for n in range(MAX_SETS_PER_CALL)]

    calls = [fill(str(number)) for number in range(MAX_SETS // MAX_SETS_PER_CALL)]
    assert [refused for _, refusals in calls for refused in refusals] == [None] * MAX_SETS
    assert all(refused is not None for refused in fill("one too many")[1])
    calls[0][0].close()
    assert fill("next")[1] == [None] * MAX_SETS_PER_CALL
    assert all(refused is not None for refused in fill("again one too many")[1])


def test_sets_of_attributes_that_calls_share_are_bounded_too_and_those_that_are_known_go_on(recorded):
    def fill(tenant):
        own = recorded.own({"tenant": tenant})
        return [own.record("shop.x", 1, kind="counter", attributes={"n": n}) for n in range(MAX_SETS_PER_CALL)]

    tenants = [str(number) for number in range(MAX_SETS // MAX_SETS_PER_CALL)]
    assert [refused for tenant in tenants for refused in fill(tenant)] == [None] * MAX_SETS
    (detail,) = {refused.detail for refused in fill("one too many")}
    assert detail.startswith(f"shop.x: a process has up to {MAX_SETS} sets of attributes")
    assert fill("0") == [None] * MAX_SETS_PER_CALL
    assert recorded.own({"call_id": "c-1"}).record("shop.x", 1, kind="counter") is not None


@pytest.mark.parametrize("tags", [pytest.param(TAGS, id="with-an-id"), pytest.param({"tenant": "acme"}, id="without")])
def test_a_call_that_is_over_takes_no_more_numbers(recorded, tags):
    own = recorded.own(tags)
    assert own.record("shop.x", 1, kind="counter") is None
    own.close()
    for name in ("shop.x", "shop.y"):
        assert own.record(name, 1, kind="counter") == Refused("own_metric", f"{name}: the call is over")
    assert recorded.points("shop.x") == [(1, tags)]
    assert recorded.metrics().keys() == {"shop.x"}


def test_numbers_that_come_after_their_call_take_no_room_from_other_calls(recorded):
    for number in range(MAX_SETS):
        own = recorded.own({"call_id": f"over-{number}"})
        own.close()
        own.record("shop.x", 1)
    assert recorded.own({"call_id": "live"}).record("shop.x", 1) is None


def test_a_call_that_ends_while_a_value_is_looked_at_takes_no_room(recorded):
    own = recorded.own({"call_id": "c-1"})

    class Ends:
        """A number whose call ends, as it may in another thread, while it is being read."""

        def __float__(self) -> float:
            own.close()
            return 1.0

    assert own.record("shop.x", Ends()) == Refused("own_metric", "shop.x: the call is over")
    assert recorded.metrics() == {}


def test_numbers_after_a_call_are_logged_once_for_each_name(own):
    said: list[str] = []
    sink = logger.add(lambda line: said.append(line.record["message"]), level="WARNING")
    own.close()
    for name in ("shop.x", "shop.x", "shop.y"):
        own.record(name, 1)
    logger.remove(sink)
    assert said == [
        f"Not recorded, and the same from now on in silence: {name}: the call is over" for name in ("shop.x", "shop.y")
    ]


def test_calls_without_an_id_share_their_series(recorded):
    for _ in range(MAX_SETS):
        assert recorded.own({"tenant": "acme"}).record("shop.x", 1, kind="counter") is None
    assert recorded.points("shop.x") == [(MAX_SETS, {"tenant": "acme"})]


def test_two_calls_never_mix(recorded):
    first, second = (recorded.own({"call_id": call_id}) for call_id in ("c-1", "c-2"))
    first.record("shop.x", 1, kind="counter")
    second.record("shop.x", 2, kind="counter")
    assert recorded.points("shop.x") == [(1, {"call_id": "c-1"}), (2, {"call_id": "c-2"})]


def test_names_are_bounded(recorded, own):
    refusals = [own.record(f"shop.n{number}", 1) for number in range(502)]
    assert sum(refusal is None for refusal in refusals) == 500
    assert refusals[-1] is not None
    assert "500 names" in refusals[-1].detail
