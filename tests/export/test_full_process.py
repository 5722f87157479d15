"""What a process keeps is bounded, and what has no room is counted."""

from __future__ import annotations

from typing import Any

from voice_metrics.call.call_events import CallEvent
from voice_metrics.export.answers import Outcome, Verdict
from voice_metrics.export.event_queue import MOST_WAITING, EventQueue
from voice_metrics.export.last_exports import Flush, LastExports
from voice_metrics.export.live import LiveSeries
from voice_metrics.export.outgoing import Outgoing
from voice_metrics.export.running_call import Tagged
from voice_metrics.series.registry import Registry
from voice_metrics.series.table import DROPPED, Kind, Series

COUNTER = Series("c", Kind.COUNTER, "{thing}", "Things.")


def test_own_and_shared_series_have_one_bound_and_calls_their_ids_again() -> None:
    live = LiveSeries(most=1_000, call_ids=True, exponential=False, delta=False)
    calls = [live.begin(f"c{number}", {"tenant": "acme"}) for number in range(60)]
    for number in range(100):
        for call in calls:
            call.series(COUNTER, {"n": str(number)})(1)
        live.shared.registry.series(COUNTER, {"shared": str(number)})(1)
    shared = live.shared.registry
    own = [outgoing for outgoing in live.outgoing() if outgoing is not live.shared]
    assert sum(len(outgoing.registry) for outgoing in own) <= 750
    assert sum(len(outgoing.registry) for outgoing in live.outgoing()) == live.series_count <= 1_000
    assert recorded(live) == 60 * 100 + 100
    assert not live.begin("late", {}).labelled

    for number in range(400):
        shared.series(COUNTER, {"more": str(number)})(1)
    # The one beyond the bound counts what is dropped.
    (dropped,) = [each.state() for each in shared.all if each.row is DROPPED]
    assert (live.series_count, recorded(live) + dropped) == (1_001, 60 * 100 + 100 + 400)

    for call in calls:
        live.end(call)
    live.remove(own)
    assert live.series_count == len(shared) < 500
    assert live.begin("next", {}).labelled


def recorded(live: LiveSeries) -> Any:
    return sum(each.state() for outgoing in live.outgoing() for each in outgoing.registry.all if each.row is COUNTER)


def test_call_that_ended_takes_no_more_of_the_bound() -> None:
    live = LiveSeries(most=1_000, call_ids=True, exponential=False, delta=False)
    call = live.begin("c1", {})
    outgoing = live.end(call)
    assert outgoing is not None
    live.remove([outgoing])
    call.series(COUNTER, {})(1)
    assert live.series_count == len(live.shared.registry)


class Rejecting:
    """A log store that takes requests and rejects what is in them."""

    outcome = Outcome(Verdict.REJECTED, "rejected", "no", rejected=1)

    def deliver(self, body: bytes) -> Outcome:
        return self.outcome

    def enclosed(self, scopes: list[bytes]) -> bytes:
        return b"".join(scopes)


def test_call_whose_event_found_no_room_is_not_delivered_by_the_rest() -> None:
    server: Any = Rejecting()
    server.outcome = Outcome(Verdict.RETRYABLE, "503")
    queue = EventQueue(server, lambda reason, items: None)
    last_exports = LastExports(queue)
    flush = Flush(Outgoing("k", "c", Registry({}), delta=False), "k")
    queue.add("k", "c", CallEvent("voice.call", 1.0, {}))
    queue.ship(server)
    last_exports.answer([flush], None)
    assert flush.result.result(0) is False
    for number in range(MOST_WAITING):
        queue.add(f"k{number}", "c", CallEvent("voice.call", 1.0, {}))
    server.outcome = Outcome(Verdict.ACKNOWLEDGED)
    queue.ship(server)
    assert last_exports.settle(None) == {"k": True}


def test_attributes_that_differ_by_call_leave_room_for_the_series_without_them() -> None:
    dropped: list[tuple[str, int]] = []
    registry = Registry({}, most=8, dropped=lambda reason, items: dropped.append((reason, items)))
    for number in range(20):
        Tagged(registry, {"llm_model": "m", "caller": str(number)}).series(COUNTER, {})(1)
    assert [one.state() for one in registry.all] == [1] * 6 + [14]
    assert dict(registry.all[-1].attributes) == {"llm_model": "m"}
    assert dropped == []


def test_what_a_full_process_drops_is_counted_in_it() -> None:
    live = LiveSeries(most=2, call_ids=False, exponential=False, delta=False)
    for number in range(5):
        live.shared.registry.series(COUNTER, {"n": str(number)})(1)
    assert [(one.row.name, one.state()) for one in live.shared.registry.all][2:] == [(DROPPED.name, 3)]


def test_calls_whose_events_are_rejected_late_are_not_remembered_for_ever() -> None:
    server: Any = Rejecting()
    lost: list[int] = []
    queue = EventQueue(server, lambda reason, items: lost.append(items))
    last_exports = LastExports(queue)
    for number in range(3_000):
        queue.add(f"k{number}", "c", CallEvent("voice.call", 1.0, {}))
        queue.ship(server)
        last_exports.settle(None)
    assert (sum(lost), queue.waiting) == (3_000, [])
    assert not queue.reached(["k2999"])
    assert len(queue.refused) < 1_001
