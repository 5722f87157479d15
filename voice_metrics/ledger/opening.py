"""Opening the ledger for reading, and messages for a file that cannot be read.

Reading writes one thing only: it migrates an older schema.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from voice_metrics.ledger import schema
from voice_metrics.ledger.file import Fault, LedgerFile, fault, is_ledger, kind_of_no_file, readable


class LedgerUnreadable(Exception):
    """There is no readable ledger; the message says why in one line."""


class NoCallYet(LedgerUnreadable):
    """The file does not exist yet: the first call makes it."""


def opened(path: Path) -> sqlite3.Connection:
    """Return a read-only connection to a file of the current schema.

    Raises:
        LedgerUnreadable: The file cannot be read; `NoCallYet` if no call has made it yet.
    """
    try:
        path.stat()
    except FileNotFoundError:
        raise NoCallYet(f"{path} does not exist: it is made when the first call starts") from None
    except OSError as error:
        raise unreadable(path, error) from None
    if not_a_file := kind_of_no_file(path):
        raise LedgerUnreadable(f"{path} {not_a_file}")
    db = _connect(path)
    try:
        found = schema.version(db)
        if found == schema.VERSION:
            return db
        db.close()
        if found == 0:
            raise NoCallYet(f"{path} is empty: no call has started yet")
        file = LedgerFile(path)
        file.connection()
        file.close()
        return _connect(path)
    except (sqlite3.Error, schema.NotALedger, OSError) as error:
        db.close()
        raise unreadable(path, error) from None


def _connect(path: Path) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2.0, isolation_level=None)
        try:
            db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        except sqlite3.OperationalError as error:
            db.close()
            if fault(error) is not Fault.UNREACHABLE and fault(error) is not Fault.READ_ONLY:
                raise
            # SQLite cannot make the WAL's index in a read-only folder; no process can write the file there either.
            db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
            db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.Error as error:
        raise unreadable(path, error) from None
    db.text_factory = readable
    return db


def unreadable(path: Path, error: Exception) -> LedgerUnreadable:
    """Word an error for the person reading the ledger."""
    trouble = fault(error)
    if trouble is Fault.DAMAGED and not is_ledger(path):
        return LedgerUnreadable(f"{path} is no ledger ({error}): VOICE_METRICS_DB must name a file of its own")
    if trouble is Fault.DAMAGED:
        return LedgerUnreadable(f"{path} is damaged ({error}): the next call sets it aside and begins a new one")
    if trouble is Fault.FOREIGN or trouble is None:
        return LedgerUnreadable(f"{path} {error}")
    return LedgerUnreadable(f"{path} {trouble.value} ({error})")
