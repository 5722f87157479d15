"""What was kept for later reaches a server that does not take it in one piece."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.export.calls import RecordedCall, check_once
from tests.export.memory_spool import MemorySpool
from tests.ledger.summaries import summary
from tests.receiver import Behaviour, Exchange, Receiver, accept, answering, rejecting
from voice_metrics.export.answers import Verdict
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.earlier_requests import Resent, resend
from voice_metrics.export.spool import PendingRequest, Spool
from voice_metrics.ledger import CallState, Ledger, LedgerReader
from voice_metrics.settings.endpoint import Endpoint
from voice_metrics.settings.environment import Settings
from voice_metrics.telemetry import Telemetry

CALLS = 40


@pytest.fixture
def endpoint(receiver: Receiver) -> Endpoint:
    endpoint = Settings.from_environment({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}).endpoint
    assert endpoint is not None
    return endpoint


@pytest.fixture
def owed(receiver: Receiver) -> tuple[MemorySpool, list[RecordedCall]]:
    receiver.behaviour = answering(401)
    spool = MemorySpool()
    telemetry = Telemetry(environ={"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}, spool=spool)
    calls = [RecordedCall(telemetry, f"c{number}") for number in range(CALLS)]
    for number, call in enumerate(calls):
        call.use(number + 1, 100.0)
    assert [call.end().result(60) for call in calls] == [False] * CALLS
    telemetry.shutdown(2.0)
    spool.gone()
    receiver.exchanges.clear()
    return spool, calls


def sent_again(endpoint: Endpoint, spool: Spool) -> Resent:
    """What becomes of what the spool keeps."""
    delivery = Delivery(endpoint)
    resent = resend(delivery, spool)
    delivery.close()
    return resent


def unable_to_take(call_id: str) -> Behaviour:
    def choosy(exchange: Exchange) -> None:
        bad = any(point.attributes.get("call_id") == call_id for point in exchange.points)
        (answering(400, b"label value is too long") if bad else accept)(exchange)

    return choosy


@pytest.mark.parametrize("most", [1, 25, 100])
def test_a_server_that_takes_small_requests_gets_what_was_kept_in_small_ones(
    most: int, receiver: Receiver, endpoint: Endpoint, owed: tuple[MemorySpool, list[RecordedCall]]
) -> None:
    def small(exchange: Exchange) -> None:
        (answering(413) if len(exchange.points) > most else accept)(exchange)

    receiver.behaviour = small
    spool, calls = owed
    resent = sent_again(endpoint, spool)
    assert (set(resent.delivered), resent.left) == ({call.call_id for call in calls}, 0)
    assert all(call.arrived(receiver) for call in calls)
    assert not spool.left
    check_once(receiver)


def test_one_request_in_small_ones_does_not_leave_the_next_for_later(
    receiver: Receiver, endpoint: Endpoint, owed: tuple[MemorySpool, list[RecordedCall]]
) -> None:
    def small(exchange: Exchange) -> None:
        (answering(413) if len(exchange.points) > 50 else accept)(exchange)

    receiver.behaviour = small
    spool, _ = owed
    ((_, request),) = spool.claim()
    spool.park([request, request])
    resent = sent_again(endpoint, spool)
    assert (len(set(resent.delivered)), resent.left) == (CALLS, 0)
    assert not spool.left


def test_call_of_which_one_point_is_too_old_is_not_delivered_by_its_rest(
    receiver: Receiver, endpoint: Endpoint, owed: tuple[MemorySpool, list[RecordedCall]]
) -> None:
    single: list[int] = []

    def old(exchange: Exchange) -> None:
        if len(exchange.points) > 1:
            answering(413)(exchange)
        else:
            single.append(1)
            (answering(400, b"out of order sample") if len(single) == 1 else answering(503))(exchange)

    receiver.behaviour = old
    spool, _ = owed
    sent_again(endpoint, spool)
    assert len(spool.given_up_keys) == 1
    assert len(spool.left) == 1


def test_a_server_to_which_one_point_is_too_much_is_not_asked_for_every_one(
    receiver: Receiver, endpoint: Endpoint, owed: tuple[MemorySpool, list[RecordedCall]]
) -> None:
    receiver.behaviour = answering(413)
    spool, _ = owed
    resent = sent_again(endpoint, spool)
    assert resent.outcome is not None
    assert (resent.outcome.verdict, resent.left) == (Verdict.TOO_LARGE, len(spool.left))
    assert len(receiver.exchanges) < 12


def test_values_that_a_server_cannot_take_keep_no_others_from_it(
    receiver: Receiver, endpoint: Endpoint, owed: tuple[MemorySpool, list[RecordedCall]]
) -> None:
    receiver.behaviour = unable_to_take("c7")
    spool, calls = owed
    resent = sent_again(endpoint, spool)
    assert {call.call_id for call in calls if not call.arrived(receiver)} == {"c7"}
    assert set(resent.delivered) == {call.call_id for call in calls} - {"c7"}
    assert (resent.refused, resent.left, len(spool.left)) == ([], 1, 1)

    receiver.behaviour = accept
    resent = sent_again(endpoint, spool)
    assert (resent.delivered, resent.left, spool.left) == (["c7"], 0, {})
    assert all(call.arrived(receiver) for call in calls)
    check_once(receiver)


def test_the_ledger_calls_delivered_what_a_server_took_of_a_divided_request(
    tmp_path: Path, receiver: Receiver, endpoint: Endpoint, owed: tuple[MemorySpool, list[RecordedCall]]
) -> None:
    spool, calls = owed
    ledger = Ledger(tmp_path / "calls.db")
    for call in calls:
        ledger.call_ended(call.call_id, summary(call.call_id, exported=False), "pending")
    ledger.park(list(spool.left.values()))
    receiver.behaviour = unable_to_take("c7")
    sent_again(endpoint, ledger)
    ledger.close()
    with LedgerReader(tmp_path / "calls.db") as reader:
        states = {call.call_id: call.state for call in reader.calls()}
    delivered = dict.fromkeys((call.call_id for call in calls), CallState.DELIVERED)
    assert states == delivered | {"c7": CallState.PENDING}


def test_a_call_of_which_one_request_is_refused_is_not_delivered_by_another(
    tmp_path: Path, receiver: Receiver, endpoint: Endpoint, owed: tuple[MemorySpool, list[RecordedCall]]
) -> None:
    spool, calls = owed
    ((_, request),) = spool.claim()
    ledger = Ledger(tmp_path / "calls.db")
    for call in calls:
        ledger.call_ended(call.call_id, summary(call.call_id, exported=False), "pending")
    ledger.park([request, request])
    answers = iter([rejecting()])
    receiver.behaviour = lambda exchange: next(answers, accept)(exchange)
    resent = sent_again(endpoint, ledger)
    assert (len(resent.refused), resent.delivered, resent.left) == (CALLS, [], 0)
    ledger.close()
    with LedgerReader(tmp_path / "calls.db") as reader:
        assert {call.state for call in reader.calls()} == {CallState.ENDED}
        assert not any(reader.call_of(call.call_id).summary["exported"] for call in calls)


def test_a_server_that_fails_in_the_middle_is_sent_only_what_it_has_not_taken(
    receiver: Receiver, endpoint: Endpoint, owed: tuple[MemorySpool, list[RecordedCall]]
) -> None:
    answers = iter([answering(413), accept, *[answering(503)] * 3])
    receiver.behaviour = lambda exchange: next(answers, accept)(exchange)
    spool, calls = owed
    assert [sent_again(endpoint, spool).left for _ in range(2)] == [1, 0]
    assert all(call.arrived(receiver) for call in calls)
    assert not spool.left
    check_once(receiver)


def test_a_server_that_cannot_take_anything_is_not_asked_for_every_point(
    receiver: Receiver, endpoint: Endpoint, owed: tuple[MemorySpool, list[RecordedCall]]
) -> None:
    receiver.behaviour = answering(400)
    spool, _ = owed
    resent = sent_again(endpoint, spool)
    assert resent.left == len(spool.left) == 1
    assert len(receiver.exchanges) < 70


def test_a_kept_request_that_is_no_request_stops_no_other(
    receiver: Receiver, endpoint: Endpoint, owed: tuple[MemorySpool, list[RecordedCall]]
) -> None:
    receiver.behaviour = accept
    spool, calls = owed
    broken = PendingRequest(b"\xff no protobuf", {"x": "x"}, 0.0)
    spool.left = {0: broken, **spool.left}
    resent = sent_again(endpoint, spool)
    assert (set(resent.delivered), resent.left) == ({call.call_id for call in calls}, 0)
    assert spool.aside == [broken]


def test_only_the_series_that_a_server_will_never_take_are_given_up(
    receiver: Receiver, endpoint: Endpoint, owed: tuple[MemorySpool, list[RecordedCall]]
) -> None:
    old = {f"c{number}" for number in range(0, CALLS, 7)}

    def too_old(exchange: Exchange) -> None:
        aged = any(point.attributes.get("call_id") in old for point in exchange.points)
        (answering(400, b"out of order sample") if aged else accept)(exchange)

    receiver.behaviour = too_old
    spool, calls = owed
    resent = sent_again(endpoint, spool)
    assert (set(resent.refused), set(spool.given_up_keys), resent.left) == (old, old, 0)
    assert set(resent.delivered) == {call.call_id for call in calls} - old
    assert {call.call_id for call in calls if not call.arrived(receiver)} == old
    assert not spool.left
    check_once(receiver)


def test_a_server_for_which_everything_is_too_old_is_asked_seldom(
    receiver: Receiver, endpoint: Endpoint, owed: tuple[MemorySpool, list[RecordedCall]]
) -> None:
    receiver.behaviour = answering(400, b"sample too old")
    spool, calls = owed
    resent = sent_again(endpoint, spool)
    assert (set(resent.refused), resent.left, spool.left) == ({call.call_id for call in calls}, 0, {})
    assert len(receiver.exchanges) == 61
