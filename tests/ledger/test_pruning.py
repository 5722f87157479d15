"""The ledger forgets what is old, and the oldest when it is large."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.ledger.summaries import summary
from tests.waiting import flush
from voice_metrics.export.spool import PendingRequest
from voice_metrics.ledger import CallState, Ledger, LedgerReader, Row, pruning
from voice_metrics.ledger.chores import Chores

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAY = 86_400.0


def fill(ledger: Ledger, call_id: str, days_ago: float, rows: int = 3, state: str = "ended") -> None:
    started = NOW - timedelta(days=days_ago)
    ledger.call_started(call_id, started, summary(call_id))
    ledger.add(call_id, [Row(started.timestamp() + n, "response", 0.5, name="x" * 100) for n in range(rows)])
    ledger.call_ended(call_id, summary(call_id), state)


def left(path: Path) -> dict[str, int]:
    with LedgerReader(path) as reader:
        return {call.call_id: len(reader.call(call.call_id).timeline) for call in reader.calls()}


def test_calls_and_requests_older_than_the_days_go(ledger: Ledger, path: Path) -> None:
    fill(ledger, "old", 31)
    fill(ledger, "owed", 31, state="pending")
    fill(ledger, "young", 29)
    ledger.park([PendingRequest(b"", {"x": "x"}, NOW.timestamp() - days * DAY) for days in (31, 29)])
    assert ledger.ask(lambda session: pruning.prune_old(session.db, 30, NOW.timestamp()))
    assert not ledger.ask(lambda session: pruning.prune_old(session.db, 30, NOW.timestamp()))
    assert left(path) == {"young": 3}
    with LedgerReader(path) as reader:
        assert reader.pending().requests == 1


def test_a_clock_that_is_far_ahead_prunes_nothing(ledger: Ledger, path: Path) -> None:
    fill(ledger, "young", 2)
    ledger.park([PendingRequest(b"", {"x": "x"}, NOW.timestamp())])
    far_ahead = NOW.timestamp() + 1000 * DAY
    ledger.call_started("of-this-clock", NOW + timedelta(days=1000), summary("of-this-clock"))
    assert not ledger.ask(lambda session: pruning.prune_old(session.db, 30, far_ahead))
    assert left(path) == {"young": 3, "of-this-clock": 0}
    with LedgerReader(path) as reader:
        assert reader.pending().requests == 1


def test_a_request_that_is_pruned_ends_the_call_that_waited_for_it(ledger: Ledger, path: Path) -> None:
    fill(ledger, "owed", 1, rows=0, state="pending")
    ledger.park([PendingRequest(bytes(1000), {"owed": "owed"}, NOW.timestamp())])
    assert ledger.ask(lambda session: pruning.prune_large(session.db, 0.001, started=False))
    with LedgerReader(path) as reader:
        assert (reader.call("owed").row.state, reader.call("owed").summary["exported"]) == (CallState.ENDED, False)


def test_a_live_call_stays_however_old(ledger: Ledger, path: Path) -> None:
    fill(ledger, "lately", 2)
    ledger.call_started("live", NOW - timedelta(days=40), summary("live"))
    flush(ledger)
    ledger.ask(lambda session: pruning.prune_old(session.db, 30, NOW.timestamp()))
    assert left(path) == {"live": 0, "lately": 3}


def test_a_large_file_loses_the_oldest_measurements_and_keeps_the_calls(ledger: Ledger, path: Path) -> None:
    for days_ago in range(10, 0, -1):
        fill(ledger, f"{days_ago}", days_ago, rows=1000)
    flush(ledger)
    size = ledger.ask(lambda session: pruning.used_bytes(session.db))
    megabytes = size / 1e6 * 0.7
    started = False
    while ledger.ask(lambda session, on=started: pruning.prune_large(session.db, megabytes, on)):
        started = True
    assert started
    counts = left(path)
    assert list(counts) == [f"{days_ago}" for days_ago in range(1, 11)]
    assert counts["1"] == 1000
    assert (counts["10"], counts["9"]) == (0, 0)
    assert ledger.ask(lambda session: pruning.used_bytes(session.db)) <= megabytes * 1e6 * 0.9
    ledger.ask(lambda session: pruning.shrink(session.db))
    ledger.close()
    assert path.stat().st_size < size


def test_a_file_that_is_too_large_without_measurements_loses_the_oldest_calls(ledger: Ledger, path: Path) -> None:
    for number in range(250):
        fill(ledger, f"{number}", 300 - number, rows=0)
    fill(ledger, "owed", 400, rows=0, state="pending")
    flush(ledger)
    size = ledger.ask(lambda session: pruning.used_bytes(session.db))
    assert ledger.ask(lambda session: pruning.prune_large(session.db, size / 1e6 * 0.8, started=False))
    assert set(left(path)) == {"owed", *(f"{number}" for number in range(100, 250))}


def test_pruning_comes_after_five_seconds_goes_on_in_small_steps_and_then_rests_an_hour(
    ledger: Ledger, path: Path
) -> None:
    for number in range(250):
        fill(ledger, f"{number}", 400)
    lately = datetime.now(UTC) - timedelta(days=2)
    ledger.call_started("lately", lately, summary("lately"))
    flush(ledger)
    chores = Chores(days=30, megabytes=500)
    done = []
    for at in [0, 1, 4.9, 5, 5.04, 5.1, 5.2, 5.3, 60, 3000, 3606]:
        while chore := chores.due(at):
            ledger.ask(chore)
            if chore == chores.prune:
                done.append((at, len(left(path))))
            chores.heartbeat_due(at)
    assert done == [(5, 151), (5.1, 51), (5.2, 1), (5.3, 1), (3606, 1)]
