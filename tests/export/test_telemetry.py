"""What a process's telemetry promises its calls."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
import time
import tracemalloc
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from tests.export.calls import LATENCY, TOKENS, RecordedCall, check_once
from tests.export.conftest import Log
from tests.export.memory_spool import Endless, MemorySpool, SlowToOpen
from tests.export.running_export import export_of
from tests.receiver import Receiver, accept, answering, hang
from tests.virtual_time import in_virtual_time
from tests.waiting import PATIENCE_SECONDS, blocked_until, flush
from voice_metrics import telemetry as module
from voice_metrics.export.unsent import UnsentRequests
from voice_metrics.ledger import CallState, Ledger, LedgerReader, ledger_at
from voice_metrics.ledger.ledger import _EXIT_SECONDS
from voice_metrics.series.table import Kind, Series
from voice_metrics.telemetry import Telemetry

Start = Callable[..., Telemetry]
DURATION = "voice.session.duration.seconds"
DROPPED = "voice.telemetry.dropped.total"
# The monotonic clock and that of the points differ by less.
CLOCKS_SECONDS = 0.005


def run(telemetry: Telemetry, name: str, tokens: int = 3) -> bool | None:
    call = RecordedCall(telemetry, name)
    call.use(tokens, 700.0)
    return call.end().result(60)


@pytest.mark.parametrize("timeout", [0.8, 1.0, 2.0, 6.0])
def test_the_exit_leaves_time_for_the_ledgers_last_rows(timeout: float) -> None:
    assert timeout / 4 <= module._export_seconds_at_exit(timeout) <= timeout - _EXIT_SECONDS


def test_2500_short_calls_arrive_whole_and_leave_nothing(receiver: Receiver, start: Start, log: Log) -> None:
    telemetry = start()
    ends = []
    for number in range(2500):
        call = RecordedCall(telemetry, f"c{number}")
        call.use(number + 1, 100.0)
        ends.append(call.end())
    assert all(end.result(60) for end in ends)
    totals = {point.attributes["call_id"]: point.value for point in receiver.last().values() if point.name == TOKENS}
    assert totals == {f"c{number}": number + 1 for number in range(2500)}
    assert not [point for point in receiver.points if "otel.metric.overflow" in point.attributes]
    check_once(receiver)
    before = len(receiver.points)
    assert telemetry.shutdown(60) is True
    assert not [point for point in receiver.points[before:] if "call_id" in point.attributes]
    assert not log.warnings


def test_what_keeps_requests_begins_before_the_process_can_end(start: Start) -> None:
    # Python 3.12 starts no thread while a process ends.
    spool = MemorySpool()
    RecordedCall(start(spool=spool), "first")
    assert spool.began_in == [threading.current_thread()]


def test_many_calls_at_once_end_in_few_requests(receiver: Receiver, start: Start) -> None:
    telemetry = start()
    calls = [RecordedCall(telemetry, f"c{number}") for number in range(200)]
    for call in calls:
        call.use(1)
    all_ended = threading.Event()
    receiver.behaviour = lambda exchange: accept(exchange) if all_ended.wait(60) else None
    ends = [call.end() for call in calls]
    all_ended.set()
    assert all(end.result(60) for end in ends)
    assert len(receiver.exchanges) < 10


def test_memory_is_flat_in_ended_calls(
    receiver: Receiver, start: Start, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    # pytest keeps the lines of a test; how many requests there are depends on the machine.
    caplog.set_level(logging.WARNING, "urllib3")
    telemetry = start()

    def calls(number: int) -> None:
        for batch in range(0, number, 100):
            batched = [RecordedCall(telemetry, f"{number}-{batch}-{each}") for each in range(100)]
            for call in batched:
                call.use(1, 100.0)
            assert all(end.result(60) for end in [call.end() for call in batched])
            # Its export begins when the thread has let go of those before.
            assert run(telemetry, f"{number}-{batch}")
            receiver.exchanges.clear()
            log.lines.clear()

    tracemalloc.start()
    try:
        calls(500)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        calls(1500)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 100_000


def test_a_call_is_exported_while_it_runs_and_at_once_when_it_ends(receiver: Receiver, start: Start) -> None:
    telemetry = start(OTEL_METRIC_EXPORT_INTERVAL="100")
    call = RecordedCall(telemetry, "c1")
    call.use(3, 700.0)
    assert receiver.wait_for(lambda receiver: len(receiver.of(TOKENS)) >= 4)
    assert [point.value for point in receiver.of(TOKENS)[:3]] == [0, 3, 3]
    call.use(4)
    assert call.end().result(60) is True
    assert receiver.of(TOKENS)[-1].value == 7
    sent = len(receiver.of(TOKENS))
    later = RecordedCall(telemetry, "c2")
    assert receiver.wait_for(lambda receiver: len(receiver.of(DURATION, call_id="c2")) >= 4)
    assert len(receiver.of(TOKENS)) == sent
    assert later.end().result(60) is True
    check_once(receiver)


def test_the_duration_is_current_at_every_export(receiver: Receiver, start: Start) -> None:
    telemetry = start(OTEL_METRIC_EXPORT_INTERVAL="100")
    call = RecordedCall(telemetry, "c1")
    zero, first, *others = receiver.wait_for(lambda receiver: len(found := receiver.of(DURATION)) >= 5 and found)
    assert call.end().result(60) is True
    assert zero.value == 0
    for before, point in pairwise([first, *others]):
        # Looked at after the export before this one, and before this one's moment.
        assert point.value > first.value + (before.time_ns - first.time_ns) / 1e9 - CLOCKS_SECONDS
        assert point.value < (point.time_ns - zero.time_ns) / 1e9 + CLOCKS_SECONDS


def test_without_call_ids_calls_share_series_and_their_durations_come_and_go(receiver: Receiver, start: Start) -> None:
    telemetry = start(VOICE_METRICS_CALL_ID="off")
    first, second = RecordedCall(telemetry, "c1"), RecordedCall(telemetry, "c2")
    assert not first.tags.labelled
    assert "call_id" not in first.tags.attributes
    first.use(1)
    second.use(2)
    assert first.end().result(60) is True
    assert receiver.of(DURATION)[-1].value > 1e-6
    assert second.end().result(60) is True
    assert receiver.of(TOKENS)[-1].value == 3
    assert receiver.of(DURATION)[-1].value == pytest.approx(0, abs=1e-6)
    assert not [point for point in receiver.points if "call_id" in point.attributes]


def test_beyond_the_budget_calls_go_on_without_their_id(receiver: Receiver, start: Start, log: Log) -> None:
    telemetry = start(VOICE_METRICS_MAX_SERIES="80")
    calls = [RecordedCall(telemetry, f"c{number}") for number in range(10)]
    assert [call.tags.labelled for call in calls] == [True] * 3 + [False] * 7
    for call in calls:
        call.use(1)
    assert all(end.result(60) for end in [call.end() for call in calls])
    assert sum(point.value for point in receiver.last().values() if point.name == TOKENS) == 10
    assert len(log.warnings) == 1
    assert "No more calls have room for series of their own within VOICE_METRICS_MAX_SERIES=80:" in log.warnings[0]
    assert RecordedCall(telemetry, "later").tags.labelled


def test_a_dead_server_does_not_fill_the_memory(receiver: Receiver, start: Start, log: Log) -> None:
    receiver.behaviour = answering(503)
    spool = MemorySpool()
    telemetry = start(VOICE_METRICS_MAX_SERIES="300", spool=spool)
    truth = {}
    for number in range(400):
        name = f"c{number}"
        run(telemetry, name, number)
        truth[name] = number
        assert export_of(telemetry).live.series_count < 330

    def kept(_: Receiver) -> bool:
        requests = (*spool.left.values(), *spool.kept.values())
        return {call_id for request in requests for call_id in request.calls.values()} - {""} == set(truth)

    assert receiver.wait_for(kept)
    receiver.behaviour = accept
    run(telemetry, "last")

    def arrived(receiver: Receiver) -> bool:
        last = receiver.last().values()
        totals = {point.attributes.get("call_id"): point.value for point in last if point.name == TOKENS}
        return totals == {**truth, "last": 3}

    assert receiver.wait_for(arrived)
    assert receiver.wait_for(lambda _: not spool.left and not spool.claimed)


def test_without_a_spool_a_dead_server_costs_the_oldest_calls_and_they_are_counted(
    receiver: Receiver, start: Start, log: Log
) -> None:
    receiver.behaviour = answering(503)
    telemetry = start(VOICE_METRICS_MAX_SERIES="300")
    for number in range(150):
        run(telemetry, f"c{number}")
    receiver.behaviour = accept
    assert run(telemetry, "last") is True
    assert telemetry.shutdown(60) is True
    lost = receiver.of(DROPPED, reason="export_rejected")
    assert lost[-1].value > 0
    assert len([line for line in log.warnings if "no room" in line]) == 1


def test_an_application_s_provider_is_only_recorded_into() -> None:
    earlier = set(threading.enumerate())
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    telemetry = Telemetry(meter_provider=provider, environ={"VOICE_METRICS_DB": "off"})
    began_at = time.monotonic()
    call = RecordedCall(telemetry, "c1")
    call.use(3)
    assert telemetry.destination is None
    assert telemetry.kept_in is None

    def values() -> dict[str, float]:
        data = reader.get_metrics_data()
        assert data is not None
        metrics = data.resource_metrics[0].scope_metrics[0].metrics
        return {metric.name: metric.data.data_points[0].value for metric in metrics}

    blocked_until(lambda: values()[DURATION] >= 0.05)
    running = values()
    assert running.keys() == {TOKENS, DURATION}
    assert running[TOKENS] == 3
    assert running[DURATION] <= time.monotonic() - began_at + CLOCKS_SECONDS
    assert call.end().result(0) is None
    assert telemetry.shutdown(60) is True
    assert values()[DURATION] >= running[DURATION]
    assert not [thread for thread in set(threading.enumerate()) - earlier if thread.name.startswith("voice-metrics")]


def _told(reader: InMemoryMetricReader) -> dict[str, float]:
    """How long each call has lasted, as the application's reader has it."""
    data = reader.get_metrics_data()
    assert data is not None
    metrics = [metric for scope in data.resource_metrics[0].scope_metrics for metric in scope.metrics]
    (duration,) = [metric for metric in metrics if metric.name == DURATION]
    return {point.attributes["call_id"]: point.value for point in duration.data.data_points}


def test_calls_of_several_telemetries_on_one_provider_are_all_current() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    for name in ("c1", "c2"):
        RecordedCall(Telemetry(meter_provider=provider, environ={"VOICE_METRICS_DB": "off"}), name)
    first = _told(reader)
    blocked_until(lambda: all(seconds > first[name] for name, seconds in _told(reader).items()))
    assert first.keys() == {"c1", "c2"}


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="no endpoint"),
        pytest.param({"OTEL_METRICS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, id="none"),
        pytest.param({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, id="disabled"),
    ],
)
def test_without_anywhere_to_go_nothing_is_started(environ: dict[str, str], log: Log) -> None:
    before = threading.enumerate()
    telemetry = Telemetry(environ={"VOICE_METRICS_DB": "off", **environ})
    for name in ("c1", "c2"):
        assert run(telemetry, name) is None
    assert telemetry.mode == "local only"
    assert telemetry.destination is None
    started = [thread for thread in threading.enumerate() if thread not in before]
    assert not [thread for thread in started if thread.name.startswith("voice-metrics")]
    said = [line for line in log.of("INFO") if "OTEL_EXPORTER_OTLP_ENDPOINT names no server" in line]
    assert len(said) == (0 if environ else 1)
    assert not log.warnings


def test_ending_a_call_and_shutting_down_do_not_wait_for_a_server_that_hangs(receiver: Receiver, start: Start) -> None:
    receiver.behaviour = hang
    spool = MemorySpool()
    telemetry = start(spool=spool, OTEL_EXPORTER_OTLP_TIMEOUT="60")
    call = RecordedCall(telemetry, "c1")
    call.use(3)
    end = call.end()
    assert not end.done()
    began = time.monotonic()
    assert telemetry.shutdown(1.0) is False
    # A request may take a minute.
    assert time.monotonic() - began < 20.0
    assert end.result(1.0) is False
    assert ["c1" in request.calls.values() for request in spool.left.values()] == [True]


def test_what_an_earlier_process_owed_is_sent_once_with_its_own_times(receiver: Receiver, start: Start) -> None:
    receiver.behaviour = answering(503)
    spool = MemorySpool()
    dead = start(spool=spool)
    assert run(dead, "old", 7) is False
    ended_at = time.time_ns()
    dead.shutdown(1.0)
    spool.gone()
    assert receiver.points == []

    receiver.behaviour = accept
    heir = start(spool=spool)
    assert run(heir, "new", 9) is True
    assert receiver.wait_for(lambda receiver: receiver.of(TOKENS, call_id="old"))
    assert [point.value for point in receiver.of(TOKENS, call_id="old")] == [0, 7]
    assert all(point.time_ns < ended_at for point in receiver.of(TOKENS, call_id="old"))
    assert receiver.wait_for(lambda _: not spool.claimed)
    assert not spool.left
    instances = {exchange.resource["service.instance.id"] for exchange in receiver.stored}
    assert len(instances) == 2
    heir.shutdown(2.0)
    check_once(receiver)


def test_running_call_is_exported_while_earlier_requests_are_sent(receiver: Receiver, start: Start) -> None:
    telemetry = start(spool=Endless(), OTEL_METRIC_EXPORT_INTERVAL="100")
    call = RecordedCall(telemetry, "c1")
    for _ in range(2):
        call.use(1)
        assert receiver.wait_for(call.arrived)
    assert any(not exchange.points for exchange in receiver.stored)


def test_process_that_ends_at_once_does_not_wait_for_earlier_requests(receiver: Receiver, start: Start) -> None:
    spool = SlowToOpen()
    telemetry = start(spool=spool)
    telemetry.series(Series("app.items", Kind.COUNTER, "", ""), {})(1)
    blocked_until(lambda: spool.claims)
    assert telemetry.shutdown(PATIENCE_SECONDS) is True
    assert [point.value for point in receiver.of("app.items")] == [0, 1]
    assert spool.claims == 1


def test_earlier_requests_are_sent_after_the_call_that_interrupted_their_claim(
    receiver: Receiver, start: Start
) -> None:
    receiver.behaviour = answering(503)
    spool = SlowToOpen()
    dead = start(spool=spool)
    assert run(dead, "old") is False
    dead.shutdown(1.0)
    spool.gone()

    receiver.behaviour = accept
    spool.claims = 0
    heir = start(spool=spool, OTEL_METRIC_EXPORT_INTERVAL="600000")
    call = RecordedCall(heir, "new")
    blocked_until(lambda: spool.claims)
    assert call.end().result(60) is True
    assert receiver.wait_for(lambda receiver: receiver.of(TOKENS, call_id="old"))


def test_what_is_too_old_for_a_server_is_refused_for_good_and_told_once(
    receiver: Receiver, start: Start, log: Log
) -> None:
    receiver.behaviour = answering(503)
    spool = MemorySpool()
    dead = start(spool=spool)
    run(dead, "old")
    dead.shutdown(1.0)
    spool.gone()

    def by_age(exchange: object) -> None:
        old = any(point.attributes.get("call_id") == "old" for point in exchange.points)  # type: ignore[attr-defined]
        (answering(400, b"out of bounds: sample is too old") if old else accept)(exchange)  # type: ignore[arg-type]

    receiver.behaviour = by_age
    heir = start(spool=spool)
    assert run(heir, "new") is True
    assert receiver.wait_for(lambda _: spool.given_up_keys == ["old"])
    assert not spool.left
    assert len([line for line in log.warnings if "refused for good" in line]) == 1


def test_a_failing_spool_is_logged_once_and_costs_only_itself(receiver: Receiver, start: Start, log: Log) -> None:
    spool = MemorySpool()
    spool.fault = OSError("disk full")
    receiver.behaviour = answering(503)
    telemetry = start(spool=spool, OTEL_METRIC_EXPORT_INTERVAL="100")
    call = RecordedCall(telemetry, "c1")
    call.use(3)
    assert call.end().result(60) is False
    receiver.behaviour = accept
    assert receiver.wait_for(call.arrived)
    assert len([line for line in log.warnings if "disk full" in line]) == 1


@in_virtual_time
async def test_earlier_requests_are_asked_for_again_soon_after_a_fault_of_the_spool() -> None:
    spool, server = MemorySpool(), cast(Any, None)
    unsent = UnsentRequests(spool, server, list, None, lambda reason, items: None)
    spool.fault = OSError("locked")
    claims = []
    for _ in range(13):
        unsent.resend(server, lambda: False)
        claims.append(spool.claims)
        spool.fault = None
        await asyncio.sleep(6)
    assert claims == [1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3]


def test_a_ledger_that_cannot_be_written_is_not_said_to_keep_anything(
    receiver: Receiver, start: Start, log: Log, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    receiver.behaviour = answering(503)
    ledger = Ledger(tmp_path / "file" / "calls.db")
    telemetry = start(spool=ledger)
    assert run(telemetry, "c1") is False
    assert telemetry.kept_in is None
    telemetry.shutdown(1.0)
    ledger.close()
    assert [
        line for line in log.warnings if "503. The" in line and "Values are sent again while telemetry runs" in line
    ]


def test_requests_say_which_process_they_are_from(receiver: Receiver, start: Start) -> None:
    run(start(OTEL_RESOURCE_ATTRIBUTES="deployment.environment=test,team=voice%20bots"), "c1")
    resource = receiver.exchanges[0].resource
    assert resource["service.name"] == "voice-bot"
    assert resource["deployment.environment"] == "test"
    assert resource["team"] == "voice bots"
    assert resource["pipecat.version"].count(".") == 2
    assert resource["service.instance.id"]
    assert resource["telemetry.sdk.language"] == "python"


def test_telemetries_of_a_process_are_instances_of_their_own_and_one_that_starts_again_is_the_same(
    receiver: Receiver, start: Start
) -> None:
    # No other run of the tests on this machine has this one.
    name = f"pod-{uuid.uuid4()}"
    first, second = (start(OTEL_RESOURCE_ATTRIBUTES=f"service.instance.id={name}") for _ in range(2))
    for telemetry in (first, second):
        assert run(telemetry, "c1") is True
    first.shutdown(60)
    assert run(first, "c2") is True
    instances = [exchange.resource["service.instance.id"] for exchange in receiver.stored]
    assert list(dict.fromkeys(instances)) == [name, f"{name}-{os.getpid()}"]
    assert instances[-1] == name


def test_an_instrument_of_the_applications_own_is_exported_beside_the_calls(receiver: Receiver, start: Start) -> None:
    telemetry = start()

    telemetry.meter.create_counter("orders.total").add(2, {"shop": "north"})

    assert run(telemetry, "c1") is True
    orders = receiver.of("orders.total")[-1]
    assert (orders.value, orders.attributes) == (2, {"shop": "north"})


@pytest.mark.parametrize("preference", ["cumulative", "delta"])
def test_instruments_go_on_in_the_export_after_a_shutdown(preference: str, receiver: Receiver, start: Start) -> None:
    telemetry = start(OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=preference)
    orders = telemetry.meter.create_counter("orders.total")
    for number in range(1, 4):
        orders.add(number)
        assert run(telemetry, f"c{number}") is True
        assert telemetry.shutdown(60)
    newest = {point.start_ns: point.value for point in receiver.of("orders.total")}
    assert list(newest.values()) == [1, 2, 3]


def test_instruments_of_one_name_of_several_meters_are_series_of_their_own(receiver: Receiver, start: Start) -> None:
    telemetry = start(OTEL_METRIC_EXPORT_INTERVAL="100")
    first, second = (telemetry.meter_provider.get_meter(name) for name in ("first.library", "second.library"))
    second.create_counter("jobs.total").add(2)
    assert receiver.wait_for(lambda _: receiver.of("jobs.total"))
    first.create_counter("jobs.total").add(5)
    second.create_counter("jobs.total").add(1)

    assert run(telemetry, "c1") is True
    last = {tuple(point.attributes.items()): point.value for point in receiver.last().values() if "jobs" in point.name}
    assert last == {(): 3, (("otel.scope.name", "first.library"),): 5}


def test_a_callback_that_hangs_holds_up_no_call_and_its_values_come_once_it_returns(
    receiver: Receiver, start: Start, log: Log
) -> None:
    telemetry, answered = start(OTEL_METRIC_EXPORT_INTERVAL="100"), threading.Event()

    def ask_a_database(_: object) -> list[Observation]:
        assert answered.wait(PATIENCE_SECONDS)
        return [Observation(7)]

    telemetry.meter.create_observable_gauge("db.rows", [ask_a_database])
    telemetry.meter.create_counter("orders.total").add(2)
    for call_id in ("c1", "c2"):
        assert run(telemetry, call_id) is True
    assert not receiver.of("orders.total")
    answered.set()
    assert receiver.wait_for(lambda _: receiver.of("db.rows"))
    assert (receiver.of("db.rows")[-1].value, receiver.of("orders.total")[-1].value) == (7, 2)
    assert ["callback of an observable" in line for line in log.warnings] == [True]


def test_exponential_histograms_arrive(receiver: Receiver, start: Start) -> None:
    telemetry = start(
        OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION="base2_exponential_bucket_histogram",
        OTEL_METRIC_EXPORT_INTERVAL="100",
    )
    call = RecordedCall(telemetry, "c1")
    for number, latency in enumerate((1.0, 1000.0, 10.0, 0.001, 100_000.0), 1):
        call.use(1, latency)
        if number % 2:
            assert receiver.wait_for(call.arrived)
    assert call.end().result(60) is True
    last = receiver.of(LATENCY)[-1]
    assert (last.count, last.value) == (5, 101_011.001)
    assert sum(last.raw.positive.bucket_counts) == 5
    assert receiver.of(LATENCY)[0].count == 0


def test_exponential_histograms_of_the_applications_own_instruments_arrive(receiver: Receiver, start: Start) -> None:
    telemetry = start(
        OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION="base2_exponential_bucket_histogram",
    )
    latencies = telemetry.meter.create_histogram("app.latency", "ms")
    for latency in (0.0, 1.0, 1000.0):
        latencies.record(latency)
    telemetry.meter.create_counter("orders.total").add(2)

    assert run(telemetry, "c1") is True
    last = receiver.of("app.latency")[-1]
    assert (last.count, last.value, last.raw.zero_count) == (3, 1001.0, 1)
    assert sum(last.raw.positive.bucket_counts) == 2
    assert receiver.of("orders.total")[-1].value == 2


def test_the_first_service_name_counts_and_another_one_is_logged(monkeypatch: pytest.MonkeyPatch, log: Log) -> None:
    monkeypatch.setattr(module, "_default", None)
    first = module.telemetry("front-desk")
    for _ in range(2):
        assert module.telemetry("back-office") is first
    assert module.telemetry() is first
    assert first.service_name == "front-desk"
    assert len(log.warnings) == 1
    assert "'back-office'" in log.warnings[0]


def test_telemetry_starts_again_after_its_shutdown(receiver: Receiver, start: Start) -> None:
    telemetry = start()
    assert run(telemetry, "c1") is True
    assert telemetry.shutdown(60) is True
    assert run(telemetry, "c2") is True


def test_a_call_that_outlives_telemetry_ends_without_starting_another(
    receiver: Receiver, start: Start, log: Log
) -> None:
    telemetry = start()
    calls = [RecordedCall(telemetry, call_id) for call_id in ("c1", "c2")]
    assert telemetry.shutdown(60) is True
    for call in calls:
        assert call.end().result(0) is False
    assert [line.partition(" - ")[2].partition(":")[0] for line in log.warnings] == [
        "Call c1 outlives the export in which it began"
    ]
    assert not [thread for thread in threading.enumerate() if thread.name == "voice-metrics-export"]


def test_a_call_that_ends_while_the_thread_does_is_answered(start: Start) -> None:
    telemetry = start()
    call = RecordedCall(telemetry, "c1")
    export = export_of(telemetry)
    assert telemetry.shutdown(60) is True
    ended = export.end(call.tags)
    assert ended is not None
    assert ended.result(1.0) is False


def test_a_series_that_cannot_be_read_keeps_no_other_from_its_export(
    receiver: Receiver, start: Start, log: Log
) -> None:
    telemetry = start()
    call = RecordedCall(telemetry, "c1")
    export_of(telemetry).live.refreshers.insert(0, lambda: [].pop())
    call.use(3)
    assert call.end().result(60) is True
    assert run(telemetry, "c2") is True
    assert len([line for line in log.warnings if "IndexError" in line]) == len(log.warnings) == 1


def test_a_server_is_well_again_when_it_takes_something_and_not_before(
    receiver: Receiver, start: Start, log: Log
) -> None:
    receiver.behaviour = answering(503)
    telemetry = start(spool=MemorySpool(), VOICE_METRICS_MAX_SERIES="28", OTEL_METRIC_EXPORT_INTERVAL="100")
    call = RecordedCall(telemetry, "c1")
    for number in range(20):
        call.tags.series(Series("app.items", Kind.COUNTER, "", ""), {"item": str(number)})(1)
    assert call.end().result(60) is False
    # The budget is spent: the call is in the spool only, and nothing is left to send.
    assert receiver.wait_for(lambda _: len(export_of(telemetry).live.outgoing()) == 1)
    # What the process itself counts goes on being refused.
    seen = len(receiver.exchanges)
    assert receiver.wait_for(lambda _: len(receiver.exchanges) > seen + 2)
    assert not [line for line in log.of("INFO") if "well again" in line]
    receiver.behaviour = accept
    assert run(telemetry, "c2") is True
    assert receiver.wait_for(lambda _: [line for line in log.of("INFO") if "well again" in line])


def test_what_a_shutdown_left_outlives_the_next_telemetry_of_the_process(receiver: Receiver, start: Start) -> None:
    receiver.behaviour = answering(401)
    spool = MemorySpool()
    telemetry = start(spool=spool)
    for name in ("first", "second"):
        assert run(telemetry, name) is False
        assert telemetry.shutdown(2.0) is False
    left = {call_id for request in (*spool.left.values(), *spool.kept.values()) for call_id in request.calls.values()}
    assert left - {""} == {"first", "second"}


def test_a_call_that_ended_already_is_not_exported_again(receiver: Receiver, start: Start) -> None:
    telemetry = start()
    call = RecordedCall(telemetry, "c1")
    call.use(1)
    assert call.end().result(60) is True
    assert call.end().result(60) is False
    assert len(receiver.exchanges) == 1


def test_the_ledger_knows_what_was_delivered_after_all(receiver: Receiver, start: Start, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls.db")
    receiver.behaviour = answering(503)
    telemetry = start(spool=ledger, OTEL_METRIC_EXPORT_INTERVAL="200")
    assert telemetry.kept_in == str(tmp_path / "calls.db")
    ledger.call_started("c1", datetime.now(UTC), {})
    assert run(telemetry, "c1") is False
    ledger.call_ended("c1", {}, CallState.PENDING)
    receiver.behaviour = accept

    def state(_: Receiver) -> bool:
        flush(ledger)
        with LedgerReader(ledger.path) as reader:
            return reader.call("c1").row.state is CallState.DELIVERED

    assert receiver.wait_for(state)
    telemetry.shutdown(2.0)
    with LedgerReader(ledger.path) as reader:
        assert reader.pending().requests == 0
    ledger.close()


def test_two_telemetries_of_a_process_keep_each_their_own(receiver: Receiver, start: Start, tmp_path: Path) -> None:
    receiver.behaviour = answering(503)
    path = tmp_path / "calls.db"
    used = [start(VOICE_METRICS_DB=str(path)) for _ in range(2)]
    for number, telemetry in enumerate(used):
        assert run(telemetry, f"c{number}") is False

    def kept(_: Receiver) -> bool:
        with LedgerReader(path) as reader:
            return reader.pending().calls == 2

    assert receiver.wait_for(kept)
    for telemetry in used:
        telemetry.shutdown(2.0)
    ledger_at(path, telemetry.settings.ledger_days).close()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"meter_provider": 5}, "meter_provider is a int: expected"),
        ({"service_name": 5}, "service_name=5: expected text"),
    ],
)
def test_an_argument_that_could_measure_nothing_is_refused_at_once(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        Telemetry(**arguments)
