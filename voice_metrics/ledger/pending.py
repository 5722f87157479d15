"""Statements on requests that no server has acknowledged.

Owns who holds a request: the process that made it, one that adopted it from a process that is gone, or nobody. Refuses
transactions, except as whoever calls has opened one: a claim is atomic because its transaction is.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from voice_metrics.ledger.rows import CallState
from voice_metrics.ledger.writing import Session

if TYPE_CHECKING:
    from voice_metrics.export.spool import PendingRequest

# A claimer has them all in memory; the next claim brings more.
_ADOPTED_BYTES = 16_000_000


def replace(session: Session, requests: Sequence[PendingRequest]) -> None:
    """Keep what this process has not delivered, instead of what it kept before."""
    own = [row for (row,) in session.db.execute(_OWN, (session.process,)).fetchall()]
    _forget(session.db, own)
    _keep(session.db, session.process, requests)


def park(session: Session, requests: Sequence[PendingRequest]) -> None:
    """Keep requests that nobody holds."""
    _keep(session.db, None, requests)


def adopt(session: Session, gone: Iterable[int]) -> list[tuple[int, bytes, tuple[str, ...], float]]:
    """Take over requests that nobody holds and those of processes that are gone, as many as fit into memory well.

    Args:
        session: The claiming process.
        gone: Rows of processes that are gone.

    Returns:
        Row, body, call ids and unix time of making of each, oldest first.
    """
    holders = ", ".join(map(str, gone)) or "NULL"
    left = session.db.execute(
        f"SELECT id, LENGTH(body) FROM request WHERE process IS NULL OR process IN ({holders}) ORDER BY created_at, id"
    ).fetchall()
    adopted: list[tuple[int, bytes, tuple[str, ...], float]] = []
    size = 0
    for row, length in left:
        if adopted and size + length > _ADOPTED_BYTES:
            break
        size += length
        session.db.execute("UPDATE request SET process = ?, adopted = 1 WHERE id = ?", (session.process, row))
        body, created_at = session.db.execute("SELECT body, created_at FROM request WHERE id = ?", (row,)).fetchone()
        adopted.append((row, bytes(body), tuple(sorted(_calls(session.db, row))), float(created_at)))
    return adopted


def acknowledge(session: Session, rows: Iterable[int]) -> None:
    """Forget requests that were delivered; a pending call of which nothing is left to send is delivered."""
    _settle(session, rows, CallState.DELIVERED)


def release(session: Session, rows: Iterable[int]) -> None:
    """Leave requests to the next process that claims."""
    session.db.executemany("UPDATE request SET process = NULL WHERE id = ?", ((row,) for row in rows))


def refuse(session: Session, rows: Iterable[int]) -> None:
    """Forget requests that a server refused for good; a pending call of which nothing is left to send is ended."""
    _settle(session, rows, CallState.ENDED)


def deliver(session: Session, call_ids: Iterable[str]) -> None:
    """Note that pending calls of this process were delivered after all."""
    for call_id in call_ids:
        _decide(session.db, f"{_PENDING} AND process = ?", (call_id, session.process), CallState.DELIVERED)


_OWN = "SELECT id FROM request WHERE process = ? AND adopted = 0"


def _keep(db: sqlite3.Connection, process: int | None, requests: Sequence[PendingRequest]) -> None:
    for request in requests:
        row = db.execute(
            "INSERT INTO request (process, adopted, created_at, body) VALUES (?, 0, ?, ?)",
            (process, request.created_at, request.body),
        ).lastrowid
        db.executemany(
            "INSERT OR IGNORE INTO request_call (request, call_id) VALUES (?, ?)",
            ((row, call_id) for call_id in request.call_ids),
        )


def _settle(session: Session, rows: Iterable[int], state: CallState) -> None:
    settled = list(rows)
    calls = {call_id for row in settled for call_id in _calls(session.db, row)}
    _forget(session.db, settled)
    for call_id in calls:
        if not session.db.execute("SELECT 1 FROM request_call WHERE call_id = ? LIMIT 1", (call_id,)).fetchone():
            _decide(session.db, _PENDING, (call_id,), state)


_PENDING = "SELECT id, summary FROM call WHERE call_id = ? AND state = 'pending'"


def _decide(db: sqlite3.Connection, which: str, values: Sequence[str | int], state: CallState) -> None:
    for call, text in db.execute(which, values).fetchall():
        summary = json.loads(text) | {"exported": state is CallState.DELIVERED}
        told = json.dumps(summary, separators=(",", ":"))
        db.execute("UPDATE call SET state = ?, summary = ? WHERE id = ?", (state.value, told, call))


def _calls(db: sqlite3.Connection, row: int) -> set[str]:
    return {
        call_id for (call_id,) in db.execute("SELECT call_id FROM request_call WHERE request = ?", (row,)).fetchall()
    }


def _forget(db: sqlite3.Connection, rows: Iterable[int]) -> None:
    for row in rows:
        db.execute("DELETE FROM request_call WHERE request = ?", (row,))
        db.execute("DELETE FROM request WHERE id = ?", (row,))
