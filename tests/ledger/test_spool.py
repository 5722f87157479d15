"""Requests outlive their process, and exactly one other process gets them."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.ledger.summaries import NOON, summary
from tests.waiting import PATIENCE_SECONDS, flush
from voice_metrics.export.spool import PendingRequest, Spool
from voice_metrics.ledger import CallState, Ledger, LedgerReader, LedgerUnavailable, Origin, PendingState, pending
from voice_metrics.ledger.ledger import _end_dead_calls_and_claim
from voice_metrics.ledger.writing import Session

ROOT = Path(__file__).parents[2]


@contextmanager
def running(path: Path, *arguments: str) -> Iterator[list[str]]:
    """A process that has done what it was asked, and is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ledger.claims_until_killed", path, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


class Hold:
    """Work that keeps the ledger's thread busy, in a transaction with what was queued beside it."""

    def __init__(self, ledger: Ledger) -> None:
        self.begun, self.over = threading.Event(), threading.Event()
        ledger._writer.submit(self._work)

    def _work(self, _: Session) -> None:
        self.begun.set()
        assert self.over.wait(PATIENCE_SECONDS)


def request(name: str, at: float = 1.0) -> PendingRequest:
    return PendingRequest(name.encode(), {name: name}, at)


def states(path: Path) -> dict[str, tuple[CallState, str | None]]:
    with LedgerReader(path) as reader:
        return {call.call_id: (call.state, call.end_reason) for call in reader.calls()}


def test_the_ledger_is_a_spool(ledger: Ledger, path: Path) -> None:
    spool: Spool = ledger
    assert spool.location == str(path)


@pytest.mark.slow
def test_a_ledger_that_begins_has_its_thread_before_the_first_row(ledger: Ledger) -> None:
    assert not ledger.is_open
    ledger.begin()
    assert ledger.is_open


def test_what_a_process_keeps_is_its_own_while_it_lives(path: Path, ledger: Ledger) -> None:
    with running(path, "keep", "a", "b") as kept:
        assert kept == ["a", "b"]
        assert ledger.claim() == []
        assert states(path) == {"a": (CallState.LIVE, None), "b": (CallState.LIVE, None)}
        with LedgerReader(path) as reader:
            assert reader.pending() == PendingState(requests=2, bytes=2, calls=2, oldest_at=0.0)
    assert states(path) == {"a": (CallState.PENDING, "unknown"), "b": (CallState.PENDING, "unknown")}
    claimed = ledger.claim()
    assert [found for _, found in claimed] == [
        PendingRequest(b"a", {"": "", "a": "a"}, 0.0),
        PendingRequest(b"b", {"": "", "b": "b"}, 1.0),
    ]
    assert states(path) == {"a": (CallState.PENDING, "unknown"), "b": (CallState.PENDING, "unknown")}


@pytest.mark.slow
def test_a_request_goes_to_one_claimer_only(path: Path, ledger: Ledger) -> None:
    with running(path, "keep", "a", "b", "c"):
        pass
    with running(path, "claim") as first, running(path, "claim") as second:
        assert sorted(first + second) == ["a", "b", "c"]
        assert ledger.claim() == []
    assert [found.body for _, found in ledger.claim()] == [b"a", b"b", b"c"]


@pytest.mark.slow
def test_what_is_acknowledged_is_gone_and_its_call_delivered(path: Path, ledger: Ledger) -> None:
    with running(path, "keep", "a", "b"):
        pass
    (first, _), (second, _) = ledger.claim()
    ledger.acknowledged([first])
    ledger.release([second])
    assert states(path)["a"] == (CallState.DELIVERED, "unknown")
    assert states(path)["b"] == (CallState.PENDING, "unknown")
    with LedgerReader(path) as reader:
        assert reader.call("a").summary == {"call_id": "a", "end_reason": "unknown", "exported": True}
        assert reader.pending().requests == 1
    ((again, found),) = ledger.claim()
    assert (again, found.body) == (second, b"b")


def test_a_call_is_delivered_with_its_last_request(ledger: Ledger, path: Path) -> None:
    ledger.call_started("a", NOON, summary("a"))
    ledger.call_ended("a", summary("a", exported=False), "pending")
    ledger.park([request("a", 1.0), request("a", 2.0)])
    (first, _), (second, _) = ledger.claim()
    ledger.acknowledged([first])
    assert states(path)["a"][0] is CallState.PENDING
    ledger.acknowledged([second])
    assert states(path)["a"][0] is CallState.DELIVERED


def test_a_pending_call_may_be_delivered_while_its_process_lives(ledger: Ledger, path: Path) -> None:
    ledger.call_started("a", NOON, summary("a"))
    ledger.call_ended("a", summary("a", exported=False), "pending")
    ledger.delivered(["a", "unknown"])
    flush(ledger)
    assert states(path)["a"][0] is CallState.DELIVERED


def test_a_delivery_that_overtakes_the_end_of_its_call_counts(ledger: Ledger, path: Path) -> None:
    ledger.call_started("a", NOON, summary("a", end_reason=None))
    ledger.delivered(["a"])
    ledger.call_ended("a", summary("a", exported=False), "pending")
    flush(ledger)
    with LedgerReader(path) as reader:
        assert (reader.call("a").row.state, reader.call("a").summary["exported"]) == (CallState.DELIVERED, True)


def test_refusal_that_overtakes_the_end_of_its_call_leaves_nothing_pending(ledger: Ledger, path: Path) -> None:
    ledger.call_started("a", NOON, summary("a", end_reason=None))
    ledger.given_up(["a"])
    ledger.call_ended("a", summary("a", exported=False), "pending")
    flush(ledger)
    with LedgerReader(path) as reader:
        assert (reader.call("a").row.state, reader.call("a").summary["exported"]) == (CallState.ENDED, False)


def test_call_of_which_a_part_was_refused_is_not_delivered_by_its_rest(ledger: Ledger, path: Path) -> None:
    ledger.call_started("a", NOON, summary("a"))
    ledger.call_ended("a", summary("a", exported=False), "pending")
    ledger.park([request("a")])
    ((number, _),) = ledger.claim()
    ledger.given_up(["a"])
    ledger.acknowledged([number])
    with LedgerReader(path) as reader:
        assert reader.pending().requests == 0
        assert (reader.call("a").row.state, reader.call("a").summary["exported"]) == (CallState.ENDED, False)


def test_marks_of_calls_find_room_in_a_full_queue(path: Path) -> None:
    ledger = Ledger(path, capacity=3)
    for name in ("a", "b"):
        ledger.call_ended(name, summary(name, exported=False), "pending")
    ledger.park([request("a")])
    ((number, _),) = ledger.claim()
    hold = Hold(ledger)
    assert hold.begun.wait(PATIENCE_SECONDS)
    for _ in range(3):
        ledger.call_ended("c", summary("c", exported=False), "pending")
    assert ledger.dropped == 1
    ledger.given_up(["a"])
    ledger.delivered(["b"])
    hold.over.set()
    ledger.acknowledged([number])
    assert {name: state for name, (state, _) in states(path).items()} == {
        "a": CallState.ENDED,
        "b": CallState.DELIVERED,
        "c": CallState.PENDING,
    }
    ledger.close()


def test_two_calls_of_one_id_are_settled_each_by_its_own_request(ledger: Ledger, path: Path) -> None:
    for key in ("first", "second"):
        ledger.call_started(key, NOON, summary("sip-1"))
        ledger.call_ended(key, summary("sip-1", exported=False), "pending")
        ledger.park([PendingRequest(key.encode(), {key: "sip-1"}, 1.0)])
    (first, request), (_, _) = ledger.claim()
    assert request.calls == {"first": "sip-1"}
    ledger.acknowledged([first])
    with LedgerReader(path) as reader:
        assert [reader.call_of(key).row.state for key in ("first", "second")] == ["delivered", "pending"]
        assert reader.pending().calls == 1


def test_an_id_instead_of_a_key_means_every_pending_call_of_it(ledger: Ledger, path: Path) -> None:
    for key in ("first", "second"):
        ledger.call_started(key, NOON, summary("room"))
        ledger.call_ended(key, summary("room", exported=False), "pending")
    ledger.park([request("room")])
    ((number, _),) = ledger.claim()
    ledger.acknowledged([number])
    with LedgerReader(path) as reader:
        assert [call.state for call in reader.calls()] == ["delivered", "delivered"]


def test_a_claim_takes_what_fits_into_memory_and_the_next_one_more(ledger: Ledger) -> None:
    # `park` and `claim` with a longer wait: a busy disk takes more than two seconds for so much.
    megabytes = bytes(7_000_000)
    large = [PendingRequest(megabytes, {"a": "a"}, float(at)) for at in (3, 1, 2)]
    large.append(PendingRequest(bytes(20_000_000), {"b": "b"}, 4.0))
    ledger.ask(partial(pending.park, requests=large), PATIENCE_SECONDS)
    claims = [ledger.ask(_end_dead_calls_and_claim, PATIENCE_SECONDS) for _ in range(4)]
    assert [[request.created_at for _, request in claim] for claim in claims] == [[1.0, 2.0], [3.0], [4.0], []]


def test_a_claim_that_came_too_late_for_its_caller_is_undone(ledger: Ledger) -> None:
    ledger.park([request("a")])
    given_up = threading.Event()

    def claim_slowly(session: Session) -> list[tuple[int, PendingRequest]]:
        found = _end_dead_calls_and_claim(session)
        assert given_up.wait(PATIENCE_SECONDS)
        return found

    with pytest.raises(LedgerUnavailable):
        ledger.ask(claim_slowly, 0.5)
    given_up.set()
    assert [found.body for _, found in ledger.claim()] == [b"a"]


def test_claim_that_is_interrupted_while_the_disk_is_slow_claims_nothing(ledger: Ledger) -> None:
    ledger.park([request("a")])
    hold = Hold(ledger)
    assert ledger.claim(lambda: True) == []
    hold.over.set()
    assert [found.body for _, found in ledger.claim()] == [b"a"]


def test_claim_that_is_interrupted_before_its_commit_goes_to_the_next_claimer(ledger: Ledger) -> None:
    ledger.park([request("a")])
    first = Hold(ledger)
    assert first.begun.wait(PATIENCE_SECONDS)

    beside: list[Hold] = []

    def interrupted() -> bool:
        beside.append(Hold(ledger))
        first.over.set()
        assert beside[0].begun.wait(PATIENCE_SECONDS)
        return True

    assert ledger.claim(interrupted) == []
    beside[0].over.set()
    flush(ledger)
    assert [found.body for _, found in ledger.claim()] == [b"a"]


@pytest.mark.slow
def test_the_newest_replaces_what_a_process_kept_before(ledger: Ledger, path: Path) -> None:
    with running(path, "keep", "other"):
        pass
    ((adopted, _),) = ledger.claim()
    ledger.replace([request("a"), request("b")])
    ledger.replace([request("c")])
    with LedgerReader(path) as reader:
        assert (reader.pending().requests, reader.pending().calls) == (2, 2)
    ledger.replace([])
    ledger.release([adopted])
    assert [found.body for _, found in ledger.claim()] == [b"other"]


def test_what_two_telemetries_of_a_process_keep_is_each_their_own(ledger: Ledger, path: Path) -> None:
    first, second = (ledger.of(Origin(name, "bot", {})) for name in ("first", "second"))
    first.replace([request("a"), request("b")])
    second.replace([request("c")])
    first.replace([request("d")])
    with LedgerReader(path) as reader:
        assert (reader.pending().requests, reader.pending().calls) == (2, 2)


@pytest.mark.parametrize(
    ("service", "servers", "claimed"),
    [
        pytest.param("bot", {}, ["events", "series"], id="same service at a corrected address"),
        pytest.param("other", {"metrics": "x", "logs": "y"}, ["events", "series"], id="other service, same servers"),
        pytest.param("other", {"metrics": "x"}, ["series"], id="other service that sends no events"),
        pytest.param("other", {"metrics": "y", "logs": "x"}, [], id="other service, other servers"),
    ],
)
def test_a_request_goes_to_its_service_or_to_its_server_only(
    ledger: Ledger, service: str, servers: dict[str, str], claimed: list[str]
) -> None:
    kept = [request("series"), PendingRequest(b"events", {"events": "events"}, 0.0, "logs")]
    ledger.of(Origin("1", "bot", {"metrics": "x", "logs": "y"})).park(kept)
    ledger.park([request("older version's")])
    found = [kept.body.decode() for _, kept in ledger.of(Origin("2", service, servers)).claim()]
    assert sorted(found) == sorted([*claimed, "older version's"])
    # By hand everything is sent.
    assert len(found) + len(ledger.claim()) == 3
