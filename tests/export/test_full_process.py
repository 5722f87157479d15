"""What a process keeps is bounded, and what has no room is counted."""

from __future__ import annotations

from typing import Any

from voice_metrics.call.call_events import CallEvent
from voice_metrics.export.answers import Outcome, Verdict
from voice_metrics.export.event_queue import EventQueue
from voice_metrics.export.live import LiveSeries
from voice_metrics.export.running_call import Tagged
from voice_metrics.series.registry import Registry
from voice_metrics.series.table import DROPPED, Kind, Series

COUNTER = Series("c", Kind.COUNTER, "{thing}", "Things.")


class Rejecting:
    """A log store that takes requests and rejects what is in them."""

    def deliver(self, body: bytes) -> Outcome:
        return Outcome(Verdict.REJECTED, "rejected", "no", rejected=1)

    def enclosed(self, scopes: list[bytes]) -> bytes:
        return b"".join(scopes)


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
    for number in range(3_000):
        queue.add(f"k{number}", "c", CallEvent("voice.call", 1.0, {}))
        queue.ship(server)
    assert (sum(lost), queue.waiting) == (3_000, [])
    assert not queue.reached(["k2999"])
    assert len(queue._refused) < 1_001
