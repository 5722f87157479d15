"""The file on disk: open it, notice that it is gone or damaged, rename a damaged one. Nothing here deletes it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path

from voice_metrics.ledger import mounts, schema

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Text that is no UTF-8, which another program or a bad disk may have written, is an error without it.
readable = partial(str, encoding="utf-8", errors="replace")
# How long SQLite waits for another process's transaction; one of this package lasts milliseconds.
BUSY_SECONDS = 2.0
# SQLite's own wait cannot be cut short, so it is many small ones.
_TRY_SECONDS = 0.05
_BIRTH_PAUSE_SECONDS = 0.02
_HEADER_BYTES = 100
_DEFAULT_NAME = "calls.db"


class Fault(StrEnum):
    """Why the file cannot be written now, worded for a log line."""

    LOCKED = "is locked by another program"
    FULL = "has no room: the disk is full"
    READ_ONLY = "is read-only"
    UNREACHABLE = "cannot be opened: its folder is missing or no folder, or this user has no right to it"
    DAMAGED = "is damaged"
    FOREIGN = "is not a ledger that this version can write"
    UNREADABLE = "cannot be read or written: the disk reports errors"


# Primary codes from https://www.sqlite.org/rescode.html (2026-11); any other code blames one statement.
_FAULTS = {
    sqlite3.SQLITE_BUSY: Fault.LOCKED,
    sqlite3.SQLITE_LOCKED: Fault.LOCKED,
    sqlite3.SQLITE_PROTOCOL: Fault.LOCKED,
    sqlite3.SQLITE_FULL: Fault.FULL,
    sqlite3.SQLITE_READONLY: Fault.READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: Fault.UNREACHABLE,
    sqlite3.SQLITE_PERM: Fault.UNREACHABLE,
    sqlite3.SQLITE_AUTH: Fault.UNREACHABLE,
    sqlite3.SQLITE_IOERR: Fault.UNREADABLE,
    sqlite3.SQLITE_NOLFS: Fault.UNREADABLE,
    sqlite3.SQLITE_NOMEM: Fault.UNREADABLE,
    sqlite3.SQLITE_CORRUPT: Fault.DAMAGED,
    sqlite3.SQLITE_NOTADB: Fault.DAMAGED,
}

# Some file systems of networks and containers lack what WAL mode needs.
_NO_SHARED_MEMORY = (
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_SHMMAP,
)


class Emptied(Exception):
    """The open file has no content any more."""


def fault(error: BaseException) -> Fault | None:
    """Classify an error raised while opening or writing; `None` if it blames the statement or its values."""
    if isinstance(error, schema.NotALedger):
        return Fault.FOREIGN
    if isinstance(error, Emptied):
        return Fault.DAMAGED
    if isinstance(error, OSError):
        return Fault.FULL if error.errno == 28 else Fault.UNREACHABLE
    if isinstance(error, sqlite3.Error):
        code: int | None = getattr(error, "sqlite_errorcode", None)
        return None if code is None else _FAULTS.get(code & 0xFF)
    return None


class LedgerFile:
    """One process's connection, reopened whenever the path holds another file than the one opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._shares_memory = True

    @property
    def is_open(self) -> bool:
        """True if a connection exists."""
        return self._db is not None

    def connection(self) -> sqlite3.Connection:
        """Return a connection to the file now at the path, created and migrated if necessary.

        Raises:
            sqlite3.Error: SQLite cannot open it.
            OSError: Its folder cannot be made.
            NotALedger: It is another program's database or of a newer version.
            Emptied: Another program truncated it.
        """
        if self._db is not None and self._inode == _inode(self.path):
            # SQLite would go on with the pages in its journal and find later, or never, that the others are missing.
            if _is_empty(self.path):
                raise Emptied("another program emptied it")
            return self._db
        self.close()
        if not_a_file := kind_of_no_file(self.path):
            raise schema.NotALedger(not_a_file)
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileExistsError):
            # Function names and ids may be private; SQLite gives its journals the same mode.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        # Machines that share a file share no memory, in which WAL mode has its index.
        self._shares_memory = self._shares_memory and not mounts.is_shared(self.path.parent)
        patience = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                return self._open()
            except sqlite3.OperationalError as error:
                # SQLite's busy timeout does not cover a change of the journal mode by another process.
                if fault(error) is not Fault.LOCKED or time.monotonic() > patience:
                    raise
            time.sleep(_BIRTH_PAUSE_SECONDS)

    def begin(self, gives_up: Callable[[], bool]) -> sqlite3.Connection:
        """Begin a transaction on the file now at the path; once `gives_up` is true, wait no longer for another one.

        Raises:
            sqlite3.Error: Another program's transaction lasts, or as `connection`.
            OSError: As `connection`.
            NotALedger: As `connection`.
            Emptied: As `connection`.
        """
        db = self.connection()
        patience = time.monotonic() + BUSY_SECONDS
        _be_patient(db, _TRY_SECONDS)
        try:
            while True:
                try:
                    db.execute("BEGIN IMMEDIATE")
                    return db
                except sqlite3.OperationalError as error:
                    if fault(error) is not Fault.LOCKED or gives_up() or time.monotonic() > patience:
                        raise
        finally:
            _be_patient(db, BUSY_SECONDS)

    def _open(self) -> sqlite3.Connection:
        self._inode = _inode(self.path)
        try:
            db = self._connect_and_migrate()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in _NO_SHARED_MEMORY:
                raise
            self._leave_wal_mode()
            db = self._connect_and_migrate()
        self._inode = _inode(self.path)
        self._db = db
        return db

    def _connect_and_migrate(self) -> sqlite3.Connection:
        db = self._connect()
        try:
            new = schema.version(db) == 0
            if new:
                # Takes effect only before the first page, and setting the journal mode writes it.
                db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            if new and self._shares_memory:
                # In WAL mode readers and the writer do not wait for each other.
                db.execute("PRAGMA journal_mode = WAL")
            elif not self._shares_memory:
                # While another process has the file open, its mode stays.
                with contextlib.suppress(sqlite3.OperationalError):
                    db.execute("PRAGMA journal_mode = DELETE")
            db.execute("PRAGMA synchronous = NORMAL")
            schema.migrate(db)
        except BaseException:
            db.close()
            raise
        return db

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        db.text_factory = readable
        return db

    def _leave_wal_mode(self) -> None:
        """Give the file SQLite's rollback journal, which needs no memory shared by its processes."""
        self._shares_memory = False
        db = self._connect()
        try:
            # A process that is alone with the file needs none either.
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("PRAGMA journal_mode = DELETE")
        finally:
            db.close()

    def close(self) -> None:
        """Close the connection, if there is one."""
        db, self._db, self._inode = self._db, None, None
        if db is not None:
            db.close()

    def rollback(self) -> None:
        """Undo an open transaction; a failure is ignored, because the file may be damaged."""
        if self._db is not None and self._db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")

    def abandon(self) -> sqlite3.Connection | None:
        """Forget the connection without closing it: in a forked child it belongs to the parent."""
        db, self._db, self._inode = self._db, None, None
        return db

    def set_aside(self, now: float) -> Path | None:
        """Rename a damaged file and its journals, so that a new one can begin.

        Args:
            now: Unix seconds, part of the new name.

        Returns:
            The new path, or `None` if the file is already renamed or is no damaged ledger.

        Raises:
            OSError: It cannot be renamed.
        """
        damaged = self._inode
        self.close()
        if damaged is None or not is_ledger(self.path):
            return None
        with contextlib.suppress(FileNotFoundError), _locked(self.path):
            if damaged != _inode(self.path):
                return None
            stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
            aside = _unused_name(self.path.with_name(f"{self.path.name}.damaged-{stamp}"))
            # SQLite would replay a journal left behind into the new file, which another process may begin at once.
            for journal in ("-wal", "-shm", "-journal"):
                left = self.path.with_name(self.path.name + journal)
                if left.exists():
                    left.rename(aside.with_name(aside.name + journal))
            self.path.rename(aside)
            return aside
        return None


def kind_of_no_file(path: Path) -> str | None:
    """Name the kind of an existing path that is no ordinary file; `None` otherwise. Opening a FIFO would block."""
    if path.is_dir():
        return schema.NOT_A_FOLDER
    return schema.NO_FILE if path.exists() and not path.is_file() else None


def is_ledger(path: Path) -> bool:
    """True if a damaged file has a ledger's header or the default file name, is empty, or was renamed by now."""
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    # https://www.sqlite.org/fileformat2.html#the_database_header, read 2026-11-29
    ours = header.startswith(b"SQLite format 3\0") and header[68:72] == schema.APPLICATION_ID.to_bytes(4, "big")
    return ours or not header or path.name == _DEFAULT_NAME


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock under which one process renames the file; on Windows no open file can be renamed."""
    with path.open("rb") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unused_name(path: Path) -> Path:
    number = 1
    candidate = path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}.{number}")
    return candidate


def _be_patient(db: sqlite3.Connection, seconds: float) -> None:
    db.execute(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return False


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)
