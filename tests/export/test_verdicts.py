"""What a server will never take is given up once, and costs its neighbours nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from itertools import pairwise

import pytest

from tests.export.calls import TOKENS, RecordedCall, check_once
from tests.export.conftest import Log
from tests.export.memory_spool import MemorySpool
from tests.receiver import Behaviour, Exchange, Receiver, accept, answering, reject, rejecting
from voice_metrics.export.clock import Clock
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.earlier_requests import resend
from voice_metrics.export.retry_after import behind_seconds, retry_after_seconds
from voice_metrics.series import table
from voice_metrics.settings.environment import Settings
from voice_metrics.telemetry import Telemetry

Start = Callable[..., Telemetry]
DROPPED = table.DROPPED.name
AGED = b"the sample has been rejected because its timestamp is too old (err-mimir-sample-timestamp-too-old)"


def none_before(border_ns: int) -> Behaviour:
    """Take no request with a point of an earlier moment."""

    def behave(exchange: Exchange) -> None:
        old = any(point.time_ns < border_ns for point in exchange.points)
        (answering(400, AGED) if old else accept)(exchange)

    return behave


def partly(rejects: Callable[[str], bool], message: str = "series limit") -> Behaviour:
    """Take a request but for the points of some calls, as a store does that is at its limit."""

    def behave(exchange: Exchange) -> None:
        bad = [point for point in exchange.points if rejects(str(point.attributes.get("call_id")))]
        exchange.stored = not bad
        reject(exchange, [], len(bad), message if bad else "")

    return behave


def test_beginning_that_became_too_old_costs_no_series_of_the_process(receiver: Receiver, start: Start) -> None:
    receiver.behaviour = answering(503)
    telemetry = start(OTEL_METRIC_EXPORT_INTERVAL="100")
    live = RecordedCall(telemetry, "live")
    live.use(1, 5.0)
    telemetry.series(table.GEN_AI_TOKEN_USAGE, {})(7)
    assert receiver.wait_for(lambda _: len(receiver.exchanges) > 2)
    receiver.behaviour = none_before(time.time_ns())
    live.use(2)
    assert receiver.wait_for(live.arrived)
    assert receiver.wait_for(lambda _: receiver.of("gen_ai.client.token.usage"))
    late = RecordedCall(telemetry, "late")
    late.use(3)
    assert late.end().result(60) is True
    assert receiver.of(TOKENS, call_id="live")[0].value == 3


def test_rejected_series_are_found_rest_and_cost_no_other(receiver: Receiver, start: Start, log: Log) -> None:
    receiver.behaviour = partly(lambda call_id: call_id == "bad")
    telemetry = start(OTEL_METRIC_EXPORT_INTERVAL="100")
    good = [RecordedCall(telemetry, f"c{number}") for number in range(6)]
    bad = RecordedCall(telemetry, "bad")
    for call in (*good, bad):
        call.use(1, 100.0)
    assert receiver.wait_for(lambda receiver: all(call.arrived(receiver) for call in good))
    assert receiver.wait_for(lambda receiver: receiver.of(DROPPED, reason="export_rejected"))

    def alone(_: Receiver) -> bool:
        latest = receiver.exchanges[-20:]
        return not [each for each in latest if "bad" in {str(point.attributes.get("call_id")) for point in each.points}]

    assert receiver.wait_for(alone)
    assert len([line for line in log.warnings if "series limit" in line]) == 1
    counted = receiver.of(DROPPED, reason="export_rejected")[-1].value
    # Three series with a beginning each; the rest of the time they rest.
    assert counted <= 6
    receiver.behaviour = accept
    assert bad.end().result(60) is True
    assert bad.arrived(receiver)


@pytest.mark.parametrize("behaviour", [rejecting("series limit"), partly(lambda call_id: True)])
def test_ended_call_that_a_server_rejects_is_given_up_and_not_sent_again(
    behaviour: Behaviour, receiver: Receiver, start: Start, log: Log
) -> None:
    receiver.behaviour = behaviour
    spool = MemorySpool()
    telemetry = start(spool=spool, OTEL_METRIC_EXPORT_INTERVAL="100")
    call = RecordedCall(telemetry, "c1")
    call.use(3, 7.0)
    assert call.end().result(60) is False
    assert receiver.wait_for(lambda _: spool.given_up_keys == ["c1"])
    receiver.behaviour = accept
    assert receiver.wait_for(lambda receiver: receiver.of(DROPPED, reason="export_rejected"))
    assert not receiver.of(TOKENS)
    assert not spool.kept
    assert telemetry.shutdown(60) is True
    assert len([line for line in log.warnings if "series limit" in line]) == 1
    assert "is not sent again" in log.warnings[-1]


@pytest.mark.parametrize(("temporality", "whole"), [("cumulative", True), ("delta", False)])
def test_call_is_whole_after_a_rejection_while_it_ran_but_for_increments(
    temporality: str, whole: bool, receiver: Receiver, start: Start
) -> None:
    receiver.behaviour = rejecting()
    spool = MemorySpool()
    telemetry = start(
        spool=spool,
        OTEL_METRIC_EXPORT_INTERVAL="100",
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=temporality,
    )
    call = RecordedCall(telemetry, "c1")
    call.use(3)
    # The second is the count of what the first lost.
    assert receiver.wait_for(lambda _: len(receiver.exchanges) > 1)
    receiver.behaviour = accept
    call.use(2)
    assert call.end().result(60) is whole
    assert receiver.of(TOKENS, call_id="c1")[-1].value == (5 if whole else 2)
    assert receiver.wait_for(lambda _: set(spool.given_up_keys) == (set() if whole else {"c1"}))


def test_refusal_of_a_part_is_noted_while_the_rest_is_still_owed(receiver: Receiver, start: Start) -> None:
    aged: set[object] = set()

    def age_one(exchange: Exchange) -> None:
        series = {point.key for point in exchange.points}
        if len(series) > 1:
            answering(400, b"bad")(exchange)
            return
        aged.update(series if not aged else ())
        (answering(400, b"out of order sample") if series == aged else answering(503))(exchange)

    receiver.behaviour = age_one
    spool = MemorySpool()
    telemetry = start(spool=spool, OTEL_METRIC_EXPORT_INTERVAL="100")
    call = RecordedCall(telemetry, "c1")
    call.use(3, 7.0)
    assert call.end().result(60) is False
    assert receiver.wait_for(lambda _: "c1" in spool.given_up_keys)
    assert receiver.wait_for(lambda _: spool.kept)
    assert telemetry.shutdown(2.0) is False


def test_points_that_a_server_rejects_of_an_earlier_run_are_never_sent_again(receiver: Receiver, start: Start) -> None:
    receiver.behaviour = answering(503)
    spool = MemorySpool()
    dead = start(spool=spool)
    call = RecordedCall(dead, "old")
    call.use(3)
    assert call.end().result(60) is False
    dead.shutdown(1.0)
    spool.gone()
    endpoint = Settings.from_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}).endpoint
    assert endpoint is not None
    receiver.behaviour = rejecting("too old", 1)
    delivery = Delivery(endpoint)
    resent = resend(delivery, spool)
    assert (resent.lost, resent.left, spool.left, spool.claimed) == (1, 0, {}, {})
    assert "old" in resent.refused
    delivery.close()


def test_old_points_of_a_kept_request_cost_its_newer_ones_nothing(receiver: Receiver, start: Start) -> None:
    receiver.behaviour = answering(503)
    spool = MemorySpool()
    dead = start(spool=spool)
    first = RecordedCall(dead, "first")
    first.use(1)
    first.end().result(60)
    border = time.time_ns()
    second = RecordedCall(dead, "second")
    second.use(2)
    second.end().result(60)
    dead.shutdown(1.0)
    spool.gone()
    receiver.behaviour = none_before(border)
    endpoint = Settings.from_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}).endpoint
    assert endpoint is not None
    delivery = Delivery(endpoint)
    resent = resend(delivery, spool)
    delivery.close()
    assert second.arrived(receiver)
    assert not receiver.of(TOKENS, call_id="first")
    assert resent.lost > 0
    assert not spool.left


@pytest.mark.parametrize("preference", ["delta", "lowmemory"])
def test_deltas_add_up_to_the_totals_through_an_outage(preference: str, receiver: Receiver, start: Start) -> None:
    telemetry = start(OTEL_METRIC_EXPORT_INTERVAL="100", OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=preference)
    call = RecordedCall(telemetry, "c1")
    for number in range(1, 31):
        receiver.behaviour = answering(503) if 5 < number < 15 else accept
        call.use(number, 10.0 * number)
        if number % 5 == 0:
            seen = len(receiver.exchanges)
            assert receiver.wait_for(lambda _, seen=seen: len(receiver.exchanges) > seen)
    assert call.end().result(60) is True
    tokens, latencies = receiver.of(TOKENS), receiver.of(table.RESPONSE.name)
    assert sum(point.value for point in tokens) == call.tokens
    assert sum(point.count or 0 for point in latencies) == 30
    assert sum(point.value for point in latencies) == pytest.approx(sum(call.latencies))
    counts = [sum(column) for column in zip(*(point.raw.bucket_counts for point in latencies), strict=True)]
    assert sum(counts) == 30
    for before, after in pairwise(tokens):
        assert before.time_ns == after.start_ns
    assert not [point for point in tokens if point.value == 0]
    # What goes up and down is what it is, whatever the preference.
    assert receiver.of("voice.session.duration.seconds")[-1].value > 0.5
    for exchange in receiver.stored:
        assert set(_temporalities(exchange)) <= {("sum", True, 1), ("histogram", None, 1), ("sum", False, 2)}


def _temporalities(exchange: Exchange) -> Iterator[tuple[str, bool | None, int]]:
    for scope in exchange.request.resource_metrics[0].scope_metrics:
        for metric in scope.metrics:
            kind = metric.WhichOneof("data")
            data = getattr(metric, kind)
            yield kind, data.is_monotonic if kind == "sum" else None, data.aggregation_temporality


def test_time_goes_on_when_the_clock_is_set_back_and_follows_it_forward() -> None:
    wall, monotonic = [1000], [0]
    clock = Clock(lambda: wall[0], lambda: monotonic[0])
    seen = []
    for now, passed in ((1010, 10), (400, 20), (410, 30), (5000, 40), (5010, 50)):
        wall[0], monotonic[0] = now, passed
        seen.append(clock.now_ns())
    assert seen == [1010, 1020, 1030, 5000, 5010]


def test_time_is_set_back_only_if_it_runs_more_than_a_minute_ahead() -> None:
    wall = [10**12]
    clock = Clock(lambda: wall[0], lambda: 0)
    wall[0] -= 30 * 10**9
    assert (clock.follow(), clock.now_ns()) == (False, 10**12)
    wall[0] -= 31 * 10**9
    assert (clock.follow(), clock.now_ns()) == (True, wall[0])


def none_of_the_future(exchange: Exchange) -> None:
    """Take no request with a point more than ten minutes ahead."""
    ahead = any(point.time_ns > time.time_ns() + 600e9 for point in exchange.points)
    (answering(400, b"a sample whose timestamp is too far in the future") if ahead else accept)(exchange)


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_clock_set_back_by_hours_costs_nothing_at_a_server_that_takes_no_future(
    temporality: str, receiver: Receiver, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead_ns = [7200 * 10**9]
    monkeypatch.setattr("voice_metrics.export.live.Clock", lambda: Clock(lambda: time.time_ns() + ahead_ns[0]))
    receiver.behaviour = none_of_the_future
    telemetry = start(OTEL_METRIC_EXPORT_INTERVAL="100", OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=temporality)
    ended, running = RecordedCall(telemetry, "ended"), RecordedCall(telemetry, "running")
    ended.use(3)
    running.use(4)
    assert ended.end().result(60) is False
    ahead_ns[0] = 0
    running.use(5)

    def told(call_id: str) -> float:
        values = [point.value for point in receiver.of(TOKENS, call_id=call_id)]
        return (sum if temporality == "delta" else max)([0, *values])

    assert receiver.wait_for(lambda _: (told("ended"), told("running")) == (3, 9))
    later = RecordedCall(telemetry, "later")
    later.use(1)
    assert later.end().result(60) is True
    check_once(receiver)


def test_date_to_wait_for_is_reckoned_by_the_server_s_own_clock() -> None:
    server, here = 1_800_003_600.0, 1_800_000_000.0
    until, date = formatdate(server + 2, usegmt=True), formatdate(server, usegmt=True)
    assert retry_after_seconds(until, here, date) == 2.0
    assert retry_after_seconds(until, here, f"{formatdate(here, usegmt=True)}, {date}") == 2.0
    assert retry_after_seconds(until, server, "") == 2.0
    assert retry_after_seconds(until, server, "Mon, 31 Feb 2026 00:00:00 GMT") == 2.0


@pytest.mark.parametrize("form", ["%a %b %d %H:%M:%S %Y", "%A, %d-%b-%y %H:%M:%S GMT", "%a, %d %b %Y %H:%M:%S -0000"])
def test_date_to_wait_for_is_in_utc_wherever_the_bot_runs(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert retry_after_seconds(time.strftime(form, time.gmtime(1_800_000_002)), 1_800_000_000.0) == 2.0
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("date", "behind"),
    [
        ("Tue, 01 Dec 2026 03:05:30 GMT", 330.0),
        ("Tue, 01 Dec 2026 02:59:00 GMT", -60.0),
        # A proxy far away, and the server.
        ("Tue, 01 Dec 2026 04:00:00 GMT, Tue, 01 Dec 2026 03:00:01 GMT", 1.0),
        ("yesterday", None),
        ("", None),
    ],
)
def test_an_answer_tells_how_far_the_clock_is_behind(date: str, behind: float | None) -> None:
    assert behind_seconds(1_796_094_000.0, date) == behind
