"""Statements that write calls and measurements; the caller has opened the transaction."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from voice_metrics.call.facts import TurnOutcome
from voice_metrics.call.text import clean
from voice_metrics.ledger.process import ProcessIdentity, is_gone
from voice_metrics.ledger.rows import CallState, Row

_NUMBERS: Mapping[str, tuple[str, ...]] = {
    "duration_seconds": ("duration_seconds",),
    "worst_response_ms": ("response", "max_ms"),
    "interruptions": ("interruptions",),
    "errors": ("errors",),
    "prompt_tokens": ("llm", "prompt_tokens"),
    "completion_tokens": ("llm", "completion_tokens"),
    "characters": ("tts", "characters"),
    "audio_seconds": ("stt", "audio_seconds"),
    "llm_usd": ("cost", "llm_usd"),
    "stt_usd": ("cost", "stt_usd"),
    "tts_usd": ("cost", "tts_usd"),
    "cost_usd": ("cost", "total_usd"),
}
_NAMES: Mapping[str, tuple[str, ...]] = {
    "end_reason": ("end_reason",),
    "llm_model": ("models", "llm"),
    "stt_model": ("models", "stt"),
    "tts_model": ("models", "tts"),
}


# True if a request of the call is unsent. Older versions have the id in place of the key.
OWED = "EXISTS (SELECT 1 FROM request_call AS owed WHERE owed.key IN (call.key, call.call_id))"
# Long enough for a process to have written its undelivered requests many times.
_LOST_AFTER_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Session:
    """An open transaction, the process that writes in it, and its moment.

    Parameters:
        db: A connection with an open transaction.
        process: Row of the writing process.
        now: Unix seconds.
    """

    db: sqlite3.Connection
    process: int
    now: float


def sign_in(db: sqlite3.Connection, process: ProcessIdentity, now: float) -> int:
    """Record a process's heartbeat at `now` (unix seconds) and return its row."""
    key = (process.machine, process.pid, process.started)
    db.execute(
        "INSERT INTO process (machine, pid, started, heartbeat_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (machine, pid, started) DO UPDATE SET heartbeat_at = excluded.heartbeat_at",
        (*key, now),
    )
    found = db.execute("SELECT id FROM process WHERE machine = ? AND pid = ? AND started = ?", key).fetchone()
    return int(found[0])


def start_call(session: Session, key: str, started_at: float, summary: Mapping[str, Any]) -> None:
    """Insert a call; a second one with the same id is another call."""
    _insert_call(session, key, started_at, summary)


def update_call(
    session: Session, key: str, summary: Mapping[str, Any], state: CallState, started_at: float | None = None
) -> None:
    """Replace a call's summary and state, and its start (unix seconds) if given; insert a call that the file lacks."""
    call, delivered = _call(session, key) or (
        _insert_call(session, key, _started_at(summary) or session.now, summary),
        None,
    )
    if state is CallState.PENDING and delivered is not None:
        # The delivery, or that a server will never have all of it, was recorded before the end.
        state = CallState.DELIVERED if delivered else CallState.ENDED
        summary = {**summary, "exported": bool(delivered)}
    columns = _columns(summary, key) | {"state": state.value, "updated_at": session.now}
    if started_at is not None:
        columns["started_at"] = started_at
    names = ", ".join(f"{name} = :{name}" for name in columns)
    session.db.execute(f"UPDATE call SET {names} WHERE id = :id", columns | {"id": call})


def add_measurements(session: Session, key: str, rows: Iterable[Row]) -> None:
    """Add rows to a call's time line; insert a call that the file lacks, without a summary."""
    found = _call(session, key)
    call = found[0] if found else _insert_call(session, key, min((row.at for row in rows), default=session.now), {})
    session.db.executemany(
        "INSERT INTO measurement (call, at, kind, value, service, name, model, outcome) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (call, at, kind, _storable(value), *_clean_names(service, name, model, outcome))
            for at, kind, value, service, name, model, outcome in rows
        ),
    )


def gone_processes(db: sqlite3.Connection, here: ProcessIdentity, now: float) -> list[int]:
    """Return the rows of dead processes that own a live call or a request, judged at `now` (unix seconds)."""
    owners = db.execute(
        "SELECT id, machine, pid, started, heartbeat_at FROM process WHERE id IN "
        "(SELECT process FROM call WHERE state = 'live' UNION SELECT process FROM request)"
    )
    return [
        row for row, machine, pid, started, heartbeat_at in owners.fetchall()
        if is_gone(ProcessIdentity(str(machine), _pid(pid), str(started)), _storable(heartbeat_at) or 0.0, here, now)
    ]  # fmt: skip


def _pid(value: Any) -> int:
    # 0 is no other process's pid.
    return value if isinstance(value, int) and 0 < value < 2**31 else 0


def end_calls_of(db: sqlite3.Connection, processes: Iterable[int]) -> None:
    """End the live calls of dead processes, with end reason "unknown"."""
    for process in processes:
        for call, owed, text in db.execute(
            f"SELECT id, {OWED}, summary FROM call WHERE process = ? AND state = 'live'", (process,)
        ).fetchall():
            state = CallState.PENDING if owed else CallState.ENDED
            summary = read_json(text) | {"end_reason": "unknown"}
            db.execute(
                "UPDATE call SET state = ?, end_reason = 'unknown', summary = ? WHERE id = ?",
                (state.value, _json(summary), call),
            )


def end_lost_calls(db: sqlite3.Connection, now: float) -> None:
    """End pending calls without a kept request, as after pruning; `now` is unix seconds."""
    # The process with the requests in memory may still deliver them, and then records that.
    for call, text in db.execute(
        f"SELECT id, summary FROM call WHERE state = 'pending' AND updated_at < ? AND NOT {OWED}",
        (now - _LOST_AFTER_SECONDS,),
    ).fetchall():
        summary = _json(read_json(text) | {"exported": False})
        db.execute("UPDATE call SET state = 'ended', summary = ? WHERE id = ?", (summary, call))


def read_json(text: object) -> dict[str, Any]:
    """Parse a stored summary; empty if it is no JSON object."""
    try:
        found = json.loads(text) if isinstance(text, str | bytes) else None
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def _call(session: Session, key: str) -> tuple[int, int | None] | None:
    """A call's row id, and 1 if all of it was delivered, 0 if it never will be, else `None`; `None` if unknown."""
    found: tuple[int, int | None] | None = session.db.execute(
        "SELECT id, delivered FROM call WHERE key = ?", (key,)
    ).fetchone()
    return found


def _insert_call(session: Session, key: str, started_at: float, summary: Mapping[str, Any]) -> int:
    columns: dict[str, Any] = _columns(summary, key) | {
        "key": key,
        "process": session.process,
        "state": CallState.LIVE.value,
        "started_at": started_at,
        "updated_at": session.now,
    }
    names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    return int(session.db.execute(f"INSERT INTO call ({names}) VALUES ({values})", columns).lastrowid or 0)


def _columns(summary: Mapping[str, Any], key: str) -> dict[str, Any]:
    columns: dict[str, Any] = {name: _storable(_value_at(summary, path)) for name, path in _NUMBERS.items()}
    columns |= {name: _clean_name(_value_at(summary, path)) for name, path in _NAMES.items()}
    columns["call_id"] = summary.get("call_id") or key
    turns = summary.get("turns")
    columns["turns"] = sum(turns.get(of_bot) or 0 for of_bot in TurnOutcome) if isinstance(turns, Mapping) else None
    columns["summary"] = _json(summary)
    return columns


def _value_at(summary: Mapping[str, Any], path: Iterable[str]) -> Any:
    found: Any = summary
    for key in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


def _storable(value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        # SQLite integers have 64 bits.
        return value if -(2**63) <= value < 2**63 else float(value)
    return value if math.isfinite(value) else None


def _clean_name(value: Any) -> str | None:
    return None if value is None else clean(str(value))


@lru_cache(maxsize=1024)  # names of services and models come with every row
def _clean_names(*values: str | None) -> tuple[str | None, ...]:
    return tuple(_clean_name(value) for value in values)


def _json(summary: Mapping[str, Any]) -> str:
    return json.dumps(summary, ensure_ascii=True, separators=(",", ":"), default=str)


def _started_at(summary: Mapping[str, Any]) -> float | None:
    try:
        moment = datetime.fromisoformat(str(summary.get("started_at")))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
