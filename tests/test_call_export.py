"""A call's series: sums are complete and sent once, for every reader at any time."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from voice_metrics import Telemetry
from voice_metrics.call.call_end import NOTHING_SAID, EndedBy, end_tags
from voice_metrics.call.facts import CharactersSpoken, EndReason, FirstByte, Leg, Priced, TokensUsed
from voice_metrics.export.call_export import CallExport
from voice_metrics.pipecat.services import Service, Services

LINEUP = Services([Service("Mind#0", "Mind", Leg.LLM, "openai", "mind-1")])
SPOKEN = CharactersSpoken("Mouth", "mouth-1", 3)


class Store:
    """An application's own provider, read through its public reader."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader()
        self.telemetry = Telemetry(meter_provider=MeterProvider([self._reader], shutdown_on_exit=False))

    def points(self, name: str) -> list[tuple[dict[str, Any], float]]:
        """Attributes and value (a histogram's count) of each point of a series."""
        data = self._reader.get_metrics_data()
        return [
            (dict(point.attributes or {}), point.count if hasattr(point, "count") else point.value)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def call(self, call_id: str = "c-1", *, gen_ai: bool = True) -> CallExport:
        """Begin a call."""
        return CallExport(self.telemetry, LINEUP, call_id, {"tenant": "acme"}, gen_ai=gen_ai)


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    yield store
    store.telemetry.shutdown()


def test_sums_are_added_at_each_collection_and_never_twice(store: Store) -> None:
    call = store.call()
    for total in (3, 6):
        call.write(SPOKEN)
        assert [value for _, value in store.points("voice.tts.characters.total")] == [total]
        assert [value for _, value in store.points("voice.tts.characters.total")] == [total]


def test_a_call_is_counted_from_its_first_moment_and_runs_until_its_end(store: Store) -> None:
    call = store.call()
    tags = {"call_id": "c-1", "tenant": "acme"}
    assert store.points("voice.calls.total") == [(tags, 1)]
    assert store.points("voice.calls.active") == [(tags, 1)]
    call.end(end_tags(EndReason.CANCELLED, EndedBy.UNKNOWN, NOTHING_SAID), 9.0)
    assert store.points("voice.calls.active") == [(tags, 0)]
    ended = {"end_reason": "cancelled", "ended_by": "unknown", "outcome": "none", "success": "unknown"}
    assert store.points("voice.calls.ended.total") == [({**tags, **ended}, 1)]


def test_a_call_first_read_after_its_end_is_not_active(store: Store) -> None:
    store.call().end({"end_reason": "completed"}, 9.0)
    assert [value for _, value in store.points("voice.calls.active")] == [0]
    assert [value for _, value in store.points("voice.calls.total")] == [1]


def test_what_was_added_last_is_told_at_the_end(store: Store) -> None:
    call = store.call()
    call.write(SPOKEN)
    call.end({"end_reason": "completed"}, 9.0)
    assert [value for _, value in store.points("voice.tts.characters.total")] == [3]


def test_the_conventions_series_carry_no_tags_of_the_call(store: Store) -> None:
    call = store.call()
    call.write(FirstByte("Mind", "mind-1", 0.25))
    call.write(FirstByte("Mind", "mind-1", 0.5))
    about = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "mind-1"}
    assert store.points("gen_ai.client.operation.time_to_first_chunk") == [(about, 2)]


def test_latencies_carry_the_tags_of_the_call_beside_their_own(store: Store) -> None:
    store.call().write(FirstByte("Mind", "mind-1", 0.25))
    own = {"processor": "Mind", "provider": "openai", "model": "mind-1", "service": "llm", "interrupted": "false"}
    assert store.points("voice.ttfb.milliseconds") == [({"call_id": "c-1", "tenant": "acme", **own}, 1)]


def test_facts_of_other_names_have_series_of_their_own(store: Store) -> None:
    call = store.call()
    for processor, characters in (("Mouth", 3), ("Spare", 5), ("Mouth", 7)):
        call.write(CharactersSpoken(processor, None, characters))
    told = {has["processor"]: value for has, value in store.points("voice.tts.characters.total")}
    assert told == {"Mouth": 10, "Spare": 5}


def test_the_series_of_facts_of_the_same_names_are_found_once(store: Store) -> None:
    asked: list[str] = []

    class Asked(Services):
        def provider(self, processor: str, model: str | None = None, instance: str | None = None) -> str | None:
            asked.append(processor)
            return super().provider(processor, model, instance)

    call = CallExport(store.telemetry, Asked(), "c-1", {}, gen_ai=False)
    for seconds in (0.25, 0.5, 0.75):
        call.write(FirstByte("Mind", "mind-1", seconds))
    assert asked == ["Mind"]


def test_the_conventions_series_can_be_left_out(store: Store) -> None:
    call = store.call(gen_ai=False)
    call.write(TokensUsed("Mind", "mind-1", 10, 2))
    assert store.points("gen_ai.client.token.usage") == []
    assert sorted(value for _, value in store.points("voice.llm.tokens.total")) == [2, 10]


def test_a_detail_that_comes_later_is_not_missed(store: Store) -> None:
    call = store.call()
    call.write(TokensUsed("Mind", "mind-1", 10, 2))
    call.write(TokensUsed("Mind", "mind-1", 10, 2, cache_read=7))
    assert [(has["detail"], value) for has, value in store.points("voice.llm.token_details.total")] == [
        ("cache_read", 7)
    ]


def test_collections_while_a_call_counts_lose_and_double_nothing(store: Store) -> None:
    call = store.call()
    counting = [threading.Thread(target=lambda: [call.write(SPOKEN) for _ in range(5_000)]) for _ in range(3)]
    for thread in counting:
        thread.start()
    while any(thread.is_alive() for thread in counting):
        store.points("voice.tts.characters.total")
    call.end({"end_reason": "completed"}, 9.0)
    assert [value for _, value in store.points("voice.tts.characters.total")] == [3 * 3 * 5_000]


@pytest.mark.parametrize("late", [0.0, 2.0], ids=["begun-with-the-call", "begun-before-it"])
def test_the_duration_ends_at_the_call_s_end_not_at_its_report(store: Store, late: float) -> None:
    call = store.call()
    call.started(late)
    call.end({"end_reason": "completed"}, 9.0)
    ((_, seconds),) = store.points("voice.session.duration.seconds")
    assert seconds == pytest.approx(9.0)


def test_of_calls_that_share_a_duration_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_METRICS_CALL_ID", "off")
    store = Store()
    store.call().end({"end_reason": "completed"}, 9.0)
    ((_, seconds),) = store.points("voice.session.duration.seconds")
    assert seconds == pytest.approx(0.0)


def test_nothing_is_left_of_a_call_that_ended(store: Store) -> None:
    call = store.call()
    call.write(SPOKEN)
    call.end({"end_reason": "completed"}, 9.0)
    left = weakref.ref(call)
    del call
    gc.collect()
    assert left() is None


def test_what_is_free_has_a_cost_of_nothing(store: Store) -> None:
    call = store.call()
    call.write(Priced(Leg.LLM, "Mind", "mind-1", Decimal(0), "your own prices", None))
    assert [(has["cost_type"], value) for has, value in store.points("voice.cost.usd")] == [("llm", 0)]
