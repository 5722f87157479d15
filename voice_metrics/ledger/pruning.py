"""Pruning by age, and by size from the oldest.

One call of `prune_old` or `prune_large` deletes one small portion; True means that more may be left.
"""

from __future__ import annotations

import sqlite3

from voice_metrics.ledger import pending
from voice_metrics.ledger.rows import CallState

_SECONDS_PER_DAY = 86_400.0
_CHUNK = 2_000
_CALLS_CHUNK = 100
# Prune to a tenth below the limit, so that the next call does not prune again.
_ROOM = 0.9

# Oldest first. Live calls stay, and unsent requests go last.
_OLDEST_MEASUREMENTS = "SELECT id FROM measurement ORDER BY at LIMIT ?"
_OLDEST_CALLS = "SELECT id FROM call WHERE state NOT IN ('live', 'pending') ORDER BY started_at LIMIT ?"
_OLDEST_REQUESTS = "SELECT id FROM request ORDER BY created_at LIMIT ?"


def prune_old(db: sqlite3.Connection, days: float, now: float) -> bool:
    """Delete some rows older than `days` at `now` (unix seconds), if the ledger was used since; True if any were."""
    since = now - days * _SECONDS_PER_DAY
    if not _was_in_use(db, since, now - min(1.0, days / 2) * _SECONDS_PER_DAY):
        return False
    deleted = _delete_measurements(db, "SELECT id FROM measurement WHERE at < ? LIMIT ?", since, _CHUNK)
    deleted += _delete_requests(db, "SELECT id FROM request WHERE created_at < ? LIMIT ?", since, _CALLS_CHUNK)
    deleted += _delete_calls(
        db, "SELECT id FROM call WHERE started_at < ? AND state <> 'live' LIMIT ?", since, _CALLS_CHUNK
    )
    db.execute(
        "DELETE FROM process WHERE heartbeat_at < ? AND id NOT IN (SELECT process FROM call) "
        "AND id NOT IN (SELECT process FROM request WHERE process IS NOT NULL)",
        (since,),
    )
    return deleted > 0


def prune_large(db: sqlite3.Connection, megabytes: float, started: bool) -> bool:
    """Delete some of the oldest measurements, then calls, then requests, of a file above `megabytes`; True if any were.

    Args:
        db: A connection with an open transaction.
        megabytes: Allowed size of the file's used pages.
        started: True if this pruning has begun; it then continues to a tenth below the limit.
    """
    limit = megabytes * 1e6 * (_ROOM if started else 1.0)
    if used_bytes(db) <= limit:
        return False
    deleted = (
        _delete_measurements(db, _OLDEST_MEASUREMENTS, _CHUNK)
        or _delete_calls(db, _OLDEST_CALLS, _CALLS_CHUNK)
        or _delete_requests(db, _OLDEST_REQUESTS, 1)
    )
    return deleted > 0


def _was_in_use(db: sqlite3.Connection, since: float, until: float) -> bool:
    """True if a call began in the span; if none did, a clock far ahead may make everything look old."""
    return bool(
        db.execute("SELECT 1 FROM call WHERE started_at >= ? AND started_at <= ? LIMIT 1", (since, until)).fetchone()
    )


def used_bytes(db: sqlite3.Connection) -> int:
    """Size of the file without free pages."""
    pages, free, size = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def shrink(db: sqlite3.Connection) -> None:
    """Return some free pages to the disk."""
    db.execute("PRAGMA incremental_vacuum(500)").fetchall()


def _delete_measurements(db: sqlite3.Connection, selected_ids: str, *values: float) -> int:
    return db.execute(f"DELETE FROM measurement WHERE id IN ({selected_ids})", values).rowcount


def _delete_calls(db: sqlite3.Connection, selected_ids: str, *values: float) -> int:
    calls = db.execute(selected_ids, values).fetchall()
    db.executemany("DELETE FROM measurement WHERE call = ?", calls)
    db.executemany("DELETE FROM call WHERE id = ?", calls)
    return len(calls)


def _delete_requests(db: sqlite3.Connection, selected_ids: str, *values: float) -> int:
    requests = [row for (row,) in db.execute(selected_ids, values).fetchall()]
    pending.settle(db, requests, CallState.ENDED)
    return len(requests)
