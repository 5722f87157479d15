"""A row that another program wrote, or a disk spoilt, costs itself and nothing else."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.ledger.summaries import NOON, summary
from tests.waiting import flush
from voice_metrics.export.spool import PendingRequest
from voice_metrics.ledger import CallState, Ledger, LedgerReader

pytestmark = pytest.mark.slow


@pytest.fixture
def filled(ledger: Ledger, path: Path) -> Path:
    for key in ("odd", "well"):
        ledger.call_started(key, NOON, summary(key))
        ledger.call_ended(key, summary(key, exported=False), "pending")
        ledger.park([PendingRequest(key.encode(), {key: key}, 1.0)])
    flush(ledger)
    return path


def spoil(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()


SPOILT = [
    pytest.param("UPDATE call SET summary = '{broken' WHERE key = 'odd'", id="summary-that-is-no-json"),
    pytest.param("UPDATE call SET summary = '[1, 2]' WHERE key = 'odd'", id="summary-that-is-a-list"),
    pytest.param("UPDATE call SET summary = x'ff00' WHERE key = 'odd'", id="summary-that-is-no-text"),
    pytest.param("UPDATE call SET started_at = 1e300, updated_at = 'soon' WHERE key = 'odd'", id="moments"),
    pytest.param("UPDATE call SET state = 'gone', turns = 'many' WHERE key = 'odd'", id="state-and-number"),
    pytest.param("UPDATE request SET created_at = 1e300 WHERE id = 1", id="request-of-the-far-future"),
    pytest.param("UPDATE request SET created_at = 'soon' WHERE id = 1", id="request-of-no-moment"),
    pytest.param("UPDATE process SET heartbeat_at = 'soon', pid = 'x'", id="process"),
    pytest.param(
        "INSERT INTO measurement (call, at, kind, value) VALUES (1, 'soon', 'ttfb', 'long')", id="measurement"
    ),
]


@pytest.mark.parametrize("statement", SPOILT)
def test_a_spoilt_row_stops_neither_readers_nor_what_waits_to_be_sent(
    filled: Path, ledger: Ledger, statement: str
) -> None:
    spoil(filled, statement)
    with LedgerReader(filled) as reader:
        assert {call.call_id for call in reader.calls()} == {"odd", "well"}
        assert [reader.call(call).row.call_id for call in ("odd", "well")] == ["odd", "well"]
        assert reader.call("odd").timeline == ()
        assert reader.latency(0.0, 2e9, 1e9) == []
        assert reader.pending().requests == 2
    claimed = dict(ledger.claim())
    assert sorted(request.body for request in claimed.values()) == [b"odd", b"well"]
    ledger.acknowledged(list(claimed))
    with LedgerReader(filled) as reader:
        assert reader.call("well").row.state is CallState.DELIVERED
        assert reader.pending().requests == 0


def test_a_kept_request_that_cannot_be_read_is_set_aside_and_said(
    filled: Path, ledger: Ledger, said: list[str]
) -> None:
    spoil(filled, "UPDATE request SET body = 'text' WHERE id = 1")
    ((_, request),) = ledger.claim()
    assert request.body == b"well"
    assert said == ["Ledger: kept request 1 cannot be read; it was set aside, and the others are sent"]
    assert ledger.claim() == []
    with LedgerReader(filled) as reader:
        assert reader.pending().requests == 1
        assert (reader.call("odd").row.state, reader.call("odd").summary["exported"]) == (CallState.ENDED, False)
        assert reader.call("well").row.state is CallState.PENDING


def test_the_words_of_a_files_own_trigger_stay_on_one_line_of_the_log(
    filled: Path, ledger: Ledger, said: list[str]
) -> None:
    words = "no \x1b[31m\nWARNING forged"
    spoil(filled, f"CREATE TRIGGER t BEFORE INSERT ON call BEGIN SELECT RAISE(ABORT, '{words}'); END")
    ledger.call_started("new", NOON, summary("new"))
    flush(ledger)
    assert [line for line in said if not line.isprintable()] == []
    assert any("no [31m WARNING forged" in line for line in said)


@pytest.mark.parametrize("key", ["well", "row-7"])
def test_call_is_found_by_its_key_without_reading_the_others(filled: Path, key: str) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
    columns = "call_id, process, state, started_at, updated_at, summary"
    spoil(filled, f"{many} INSERT INTO call (key, {columns}) SELECT 'k' || i, 'c', 1, 'ended', 0, 0, '{{}}' FROM n")
    spoil(filled, "UPDATE call SET key = NULL WHERE id = 7")
    with LedgerReader(filled, cancelled=lambda: True) as reader:
        assert reader.call_of(key).row.key == key
