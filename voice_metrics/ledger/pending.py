"""Statements on requests that no server has acknowledged; the caller has opened the transaction.

A request belongs to the process that made it, to one that claimed it, or, parked, to none.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loguru import logger

from voice_metrics.ledger.rows import CallState
from voice_metrics.ledger.writing import Session, read_json

if TYPE_CHECKING:
    from voice_metrics.export.spool import PendingRequest

# One claim's size in memory; the next claim brings more.
_ADOPTED_BYTES = 16_000_000
# Value of the column `adopted` for a request that cannot be read.
ASIDE = 2


@dataclass(frozen=True, slots=True)
class Origin:
    """The telemetry that keeps requests.

    Parameters:
        telemetry: Its own word, distinct even for two of one process.
        service: Its `service.name`.
        servers: By signal, the digest of the server that it sends to.
    """

    telemetry: str
    service: str
    servers: Mapping[str, str]


def replace(session: Session, requests: Sequence[PendingRequest], origin: Origin | None = None) -> None:
    """Keep these undelivered requests of a telemetry of this process in place of the previous ones."""
    telemetry = None if origin is None else origin.telemetry
    own = [row for (row,) in session.db.execute(_OWN, (session.process, telemetry)).fetchall()]
    _delete_requests(session.db, own)
    _insert_requests(session.db, session.process, requests, origin)


def park(session: Session, requests: Sequence[PendingRequest], origin: Origin | None = None) -> None:
    """Keep requests that belong to no process."""
    _insert_requests(session.db, None, requests, origin)


def adopt(
    session: Session, gone: Iterable[int], origin: Origin | None = None
) -> list[tuple[int, bytes, Mapping[str, str], float, str]]:
    """Claim parked requests and those of the dead processes `gone` (rows), up to `_ADOPTED_BYTES`.

    Args:
        session: The open transaction.
        gone: The processes.
        origin: Claims those of its service and those for its servers; `None` claims all.

    Returns:
        Row, body, ids of calls by key, unix time of making and signal of each, oldest first.
    """
    holders = ", ".join(map(str, gone)) or "NULL"
    found = session.db.execute(
        f"SELECT id, COALESCE(LENGTH(body), 0), service, server, signal FROM request WHERE adopted <> {ASIDE} "
        f"AND (process IS NULL OR process IN ({holders})) ORDER BY created_at, id"
    ).fetchall()
    left = [
        (row, length)
        for row, length, service, server, signal in found
        # Another server would show one customer's calls to another; a service may correct its own address.
        if origin is None or service in (None, origin.service) or server == origin.servers.get(signal, "")
    ]
    adopted: list[tuple[int, bytes, Mapping[str, str], float, str]] = []
    size = 0
    for row, length in left:
        if adopted and size + length > _ADOPTED_BYTES:
            break
        body, created_at, signal = session.db.execute(
            "SELECT body, created_at, signal FROM request WHERE id = ?", (row,)
        ).fetchone()
        if not isinstance(body, bytes):
            set_aside(session, [row])
            continue
        size += length
        session.db.execute("UPDATE request SET process = ?, adopted = 1 WHERE id = ?", (session.process, row))
        made_at = float(created_at) if isinstance(created_at, int | float) else session.now
        adopted.append((row, body, _call_ids_by_key(session.db, row), made_at, str(signal)))
    return adopted


def set_aside(session: Session, rows: Iterable[int]) -> None:
    """Mark requests unreadable, for no process to claim; their calls end undelivered."""
    for row in rows:
        logger.warning(f"Ledger: kept request {row} cannot be read; it was set aside, and the others are sent")
        keys = _call_ids_by_key(session.db, row)
        session.db.execute("DELETE FROM request_call WHERE request = ?", (row,))
        session.db.execute(
            "UPDATE request SET adopted = ?, process = NULL, created_at = ? WHERE id = ?", (ASIDE, session.now, row)
        )
        _move_calls_without_requests(session.db, keys, CallState.ENDED)


def acknowledge(session: Session, rows: Iterable[int]) -> None:
    """Delete delivered requests; a call without further requests becomes delivered."""
    settle(session.db, rows, CallState.DELIVERED)


def release(session: Session, rows: Iterable[int]) -> None:
    """Return claimed requests for the next process to claim."""
    session.db.executemany("UPDATE request SET process = NULL WHERE id = ?", ((row,) for row in rows))


def deliver(session: Session, keys: Iterable[str]) -> None:
    """Mark calls of this process delivered."""
    for key in keys:
        # The key may be a bare id, and belong to a call whose end is not written yet.
        session.db.execute(
            "UPDATE call SET delivered = 1 WHERE call_id = ? AND process = ? AND state = 'live'", (key, session.process)
        )
        _move_call(session.db, key, CallState.DELIVERED)


def give_up(session: Session, keys: Iterable[str]) -> None:
    """Mark calls ended: a server will never have all of their values."""
    for key in filter(None, keys):
        # Neither its end, if that is recorded after this, nor the delivery of the rest makes it complete.
        session.db.execute("UPDATE call SET delivered = 0 WHERE key = ?", (key,))
        _move_call(session.db, key, CallState.ENDED)


def settle(db: sqlite3.Connection, rows: Iterable[int], state: CallState) -> None:
    """Delete requests, and move their calls without further requests to `state`.

    Args:
        db: A connection with an open transaction.
        rows: Rows of the requests.
        state: "delivered" if a server has them, "ended" if none ever will.
    """
    settled = list(rows)
    keys = {key for row in settled for key in _call_ids_by_key(db, row)}
    _delete_requests(db, settled)
    _move_calls_without_requests(db, keys, state)


def _move_calls_without_requests(db: sqlite3.Connection, keys: Iterable[str], state: CallState) -> None:
    for key in filter(None, keys):
        if not db.execute("SELECT 1 FROM request_call WHERE key = ? LIMIT 1", (key,)).fetchone():
            _move_call(db, key, state)


_OWN = "SELECT id FROM request WHERE process = ? AND adopted = 0 AND telemetry IS ?"


def _insert_requests(
    db: sqlite3.Connection, process: int | None, requests: Sequence[PendingRequest], origin: Origin | None
) -> None:
    for request in requests:
        about: tuple[str | None, ...] = (None, None, None)
        if origin is not None:
            about = (origin.telemetry, origin.service, origin.servers.get(request.signal))
        row = db.execute(
            "INSERT INTO request (process, adopted, created_at, body, signal, telemetry, service, server) "
            "VALUES (?, 0, ?, ?, ?, ?, ?, ?)",
            (process, request.created_at, request.body, request.signal, *about),
        ).lastrowid
        db.executemany(
            "INSERT OR IGNORE INTO request_call (request, call_id, key) VALUES (?, ?, ?)",
            ((row, call_id, key) for key, call_id in request.calls.items()),
        )


def _move_call(db: sqlite3.Connection, key: str, state: CallState) -> None:
    # Files of older versions have ids in place of keys: such a key stands for every pending call with the id.
    found = db.execute(
        "SELECT id, state, summary, delivered FROM call WHERE key = :key OR (call_id = :key AND state = 'pending')",
        {"key": key},
    )
    for call, before, text, delivered in found.fetchall():
        if state is CallState.DELIVERED and delivered == 0:
            continue
        if state is CallState.DELIVERED:
            db.execute("UPDATE call SET delivered = 1 WHERE id = ?", (call,))
        # The process with a pruned request in memory may still deliver it.
        if before == CallState.PENDING or (before == CallState.ENDED and state is CallState.DELIVERED):
            summary = read_json(text) | {"exported": state is CallState.DELIVERED}
            stored = json.dumps(summary, separators=(",", ":"))
            db.execute("UPDATE call SET state = ?, summary = ? WHERE id = ?", (state.value, stored, call))


def _call_ids_by_key(db: sqlite3.Connection, request: int) -> dict[str, str]:
    found = db.execute("SELECT key, call_id FROM request_call WHERE request = ? ORDER BY call_id, key", (request,))
    # Older versions write no keys.
    return {str(key or call_id): str(call_id) for key, call_id in found.fetchall()}


def _delete_requests(db: sqlite3.Connection, rows: Iterable[int]) -> None:
    for row in rows:
        db.execute("DELETE FROM request_call WHERE request = ?", (row,))
        db.execute("DELETE FROM request WHERE id = ?", (row,))
