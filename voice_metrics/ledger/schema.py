"""The ledger's tables and their migrations.

Each step runs once, in order, in one transaction; never edit a released step.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

# "VMLG" in SQLite's header marks a ledger.
APPLICATION_ID = 0x564D4C47

_CALLS = """
CREATE TABLE process (
    id INTEGER PRIMARY KEY,
    machine TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started TEXT NOT NULL,
    heartbeat_at REAL NOT NULL,
    UNIQUE (machine, pid, started)
);
CREATE TABLE call (
    id INTEGER PRIMARY KEY,
    call_id TEXT NOT NULL,
    process INTEGER NOT NULL,
    state TEXT NOT NULL,
    started_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    duration_seconds REAL,
    end_reason TEXT,
    llm_model TEXT,
    stt_model TEXT,
    tts_model TEXT,
    worst_response_ms REAL,
    turns INTEGER,
    interruptions INTEGER,
    errors INTEGER,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    characters INTEGER,
    audio_seconds REAL,
    llm_usd REAL,
    stt_usd REAL,
    tts_usd REAL,
    cost_usd REAL,
    summary TEXT NOT NULL
);
CREATE INDEX call_by_call_id ON call (call_id);
CREATE INDEX call_by_start ON call (started_at);
CREATE INDEX live_call ON call (process) WHERE state = 'live';
CREATE TABLE measurement (
    id INTEGER PRIMARY KEY,
    call INTEGER NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    value REAL,
    service TEXT,
    name TEXT,
    model TEXT,
    outcome TEXT
);
CREATE INDEX measurement_of_call ON measurement (call, at);
CREATE INDEX measurement_by_time ON measurement (at);
"""
_REQUESTS = """
CREATE TABLE request (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    process INTEGER,
    adopted INTEGER NOT NULL,
    created_at REAL NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX request_of_process ON request (process);
CREATE TABLE request_call (
    request INTEGER NOT NULL,
    call_id TEXT NOT NULL,
    PRIMARY KEY (request, call_id)
) WITHOUT ROWID;
CREATE INDEX request_of_call ON request_call (call_id);
"""
# Two calls may have one id at the same time, so each has its own key. `delivered` may arrive before the call's own end.
_KEYS = """
ALTER TABLE call ADD COLUMN key TEXT;
ALTER TABLE call ADD COLUMN delivered INTEGER;
UPDATE call SET key = 'row-' || id;
CREATE UNIQUE INDEX call_by_key ON call (key);
ALTER TABLE request_call RENAME TO request_call_by_id;
CREATE TABLE request_call (
    request INTEGER NOT NULL,
    call_id TEXT NOT NULL,
    key TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (request, call_id, key)
) WITHOUT ROWID;
INSERT INTO request_call (request, call_id, key) SELECT request, call_id, call_id FROM request_call_by_id;
DROP TABLE request_call_by_id;
CREATE INDEX request_of_call ON request_call (key);
"""
_SIGNALS = "ALTER TABLE request ADD COLUMN signal TEXT NOT NULL DEFAULT 'metrics'"
# The telemetry that keeps a request, its service, and a digest of its server; NULL where it is not known.
_ORIGINS = """
ALTER TABLE request ADD COLUMN telemetry TEXT;
ALTER TABLE request ADD COLUMN service TEXT;
ALTER TABLE request ADD COLUMN server TEXT
"""
STEPS: Sequence[str] = (_CALLS, _REQUESTS, _KEYS, _SIGNALS, _ORIGINS)
VERSION = len(STEPS)
# No step, because versions that do not know it keep it up to date all the same.
_INDEX = "CREATE INDEX IF NOT EXISTS pending_call ON call (updated_at) WHERE state = 'pending'"


class NotALedger(Exception):
    """The file is another program's database, or of a newer version."""


NOT_A_FOLDER = "is a folder: VOICE_METRICS_DB must name a file in it"
NO_FILE = "is no ordinary file: VOICE_METRICS_DB must name one"


def version(db: sqlite3.Connection) -> int:
    """Return the number of migrations applied to a file; 0 for an empty one.

    Raises:
        NotALedger: It is another program's database, or a newer version made it.
    """
    # One transaction for all reads: another process may be creating the tables.
    begun = db.in_transaction
    if not begun:
        db.execute("BEGIN")
    try:
        found = int(db.execute("PRAGMA user_version").fetchone()[0])
        application = int(db.execute("PRAGMA application_id").fetchone()[0])
        tables = db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    finally:
        if not begun and db.in_transaction:
            db.execute("ROLLBACK")
    if application != APPLICATION_ID:
        if application or found or tables:
            raise NotALedger("is another program's database: VOICE_METRICS_DB must name a file of its own")
        return 0
    if found < 1:
        raise NotALedger(f"has schema {found}, which no version wrote: VOICE_METRICS_DB must name another file")
    if found > VERSION:
        raise NotALedger(
            f"was made by a newer voice_metrics (schema {found}, this version knows {VERSION}): upgrade the package, "
            "or let VOICE_METRICS_DB name another file"
        )
    return found


def migrate(db: sqlite3.Connection, steps: Sequence[str] = STEPS) -> None:
    """Migrate a file to the current version, and make its index; safe for several processes at once.

    Args:
        db: A connection in autocommit mode.
        steps: SQL of every version from 1 on.

    Raises:
        NotALedger: As `version` does.
    """
    if version(db) == len(steps) and db.execute("SELECT 1 FROM sqlite_master WHERE name = 'pending_call'").fetchone():
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in steps[version(db) :]:
            for statement in step.split(";"):
                db.execute(statement)
        db.execute(_INDEX)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {len(steps)}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
