"""Older files become current ones, with everything in them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.ledger.summaries import NOON, summary
from tests.waiting import PATIENCE_SECONDS, flush
from voice_metrics.export.spool import PendingRequest
from voice_metrics.ledger import Ledger, LedgerReader, LedgerUnreadable, schema
from voice_metrics.ledger.chores import sweep
from voice_metrics.ledger.writing import Session


def older(path: Path, version: int) -> None:
    """A file as the given version of the schema left it, with one call."""
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        for step in schema.STEPS[:version]:
            db.executescript(step)
        db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {version}")
        if version:
            db.execute("INSERT INTO process VALUES (1, 'another machine', 1, '', 0)")
            db.execute(
                "INSERT INTO call (call_id, process, state, started_at, updated_at, summary) "
                "VALUES ('old', 1, 'ended', 1.0, 2.0, '{}')"
            )
            db.execute("INSERT INTO measurement (call, at, kind, value) VALUES (1, 1.5, 'response', 0.5)")
    db.close()


@pytest.mark.parametrize("version", range(1, schema.VERSION + 1))
def test_an_older_ledger_is_migrated_by_a_writer(path: Path, ledger: Ledger, version: int) -> None:
    older(path, version)
    ledger.call_started("new", NOON, summary("new"))
    ledger.park([PendingRequest(b"body", {"new": "new"}, 1.0)])
    flush(ledger)
    with LedgerReader(path) as reader:
        assert {call.call_id for call in reader.calls()} == {"old", "new"}
        assert [row.value for row in reader.call("old").timeline] == [0.5]
        assert reader.pending().requests == 1


@pytest.mark.parametrize("version", range(1, schema.VERSION + 1))
def test_an_older_ledger_is_migrated_by_a_reader(path: Path, version: int) -> None:
    older(path, version)
    with LedgerReader(path) as reader:
        assert [call.call_id for call in reader.calls()] == ["old"]
        assert reader.pending().requests == 0


def test_a_new_ledger_gives_space_back_and_lets_readers_read_while_it_is_written(path: Path, ledger: Ledger) -> None:
    ledger.call_started("a", NOON, summary("a"))
    flush(ledger)
    with sqlite3.connect(path) as db:
        pragmas = {name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("auto_vacuum", "journal_mode")}
    db.close()
    assert pragmas == {"auto_vacuum": 2, "journal_mode": "wal"}


@pytest.mark.parametrize("version", [None, schema.VERSION], ids=["new", "made-without-the-index"])
def test_chore_of_each_minute_costs_the_same_however_many_calls_there_are(
    path: Path, ledger: Ledger, version: int | None
) -> None:
    if version is not None:
        older(path, version)

    def steps_of_chore(session: Session) -> int:
        """Steps of SQLite's virtual machine."""
        steps: list[None] = []
        session.db.set_progress_handler(lambda: steps.append(None), 1)
        sweep(session)
        session.db.set_progress_handler(None, 1)
        return len(steps)

    # With SQLite 3.53 the first run takes more steps than the next ones; with 3.40 it does not.
    ledger.ask(steps_of_chore, PATIENCE_SECONDS)
    few = ledger.ask(steps_of_chore, PATIENCE_SECONDS)
    for number in range(200):
        ledger.call_ended(f"{number}", summary(f"{number}"), "delivered")
    assert 0 < ledger.ask(steps_of_chore, PATIENCE_SECONDS) == few


def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    older(path, 1)
    before = path.read_bytes()
    steps = (schema.STEPS[0], "CREATE TABLE fine (x); CREATE TABLE call (x)")
    db = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        schema.migrate(db, steps)
    db.close()
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [0, -5])
def test_a_ledger_of_a_version_that_never_was_is_neither_empty_nor_written(
    path: Path, ledger: Ledger, said: list[str], version: int
) -> None:
    older(path, 1)
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    with pytest.raises(LedgerUnreadable, match=f"has schema {version}, which no version wrote"):
        LedgerReader(path)
    ledger.call_started("new", NOON, summary("new"))
    assert not ledger.flush(PATIENCE_SECONDS)
    assert len([line for line in said if f"has schema {version}" in line]) == 1
