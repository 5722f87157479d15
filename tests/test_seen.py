"""What was met before is known, in memory that does not grow."""

from __future__ import annotations

from voice_metrics.call.seen import Seen


def test_an_id_is_met_for_the_first_time_once() -> None:
    seen = Seen()
    assert [seen.first(id) for id in (1, 2, 1, 2, 3)] == [True, True, False, False, True]
    seen.forget(1)
    assert (1 in seen, seen.first(1), 1 in seen) == (False, True, True)


def test_the_oldest_ids_are_forgotten_so_that_memory_stays_bounded() -> None:
    seen = Seen(limit=3)
    for id in range(10):
        seen.first(id)
    assert len(seen) == 3
    assert [id for id in range(10) if id in seen] == [7, 8, 9]
