"""File systems that lack something: shared memory, or machines that all see the same file."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.summaries import NOON, summary
from tests.waiting import flush
from voice_metrics.ledger import Ledger, LedgerReader, mounts


class WithoutSharedMemory(sqlite3.Connection):
    """Fails as SQLite does where a file cannot be mapped into memory."""

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        cursor = super().execute(statement, *values)
        alone = super().execute("PRAGMA locking_mode").fetchone() == ("exclusive",)
        if not alone and super().execute("PRAGMA journal_mode").fetchone() == ("wal",):
            cursor.close()
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMMAP
            raise error
        return cursor


def journal_mode(path: Path) -> str:
    db = sqlite3.connect(path)
    found = str(db.execute("PRAGMA journal_mode").fetchone()[0])
    db.close()
    return found


@pytest.mark.parametrize("exists", [False, True], ids=["new", "from another machine"])
def test_file_system_without_shared_memory_holds_a_ledger(
    exists: bool, path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    if exists:
        ledger.call_started("before", NOON, summary("before"))
        flush(ledger)
        ledger.close()
    connect = sqlite3.connect
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", lambda *about, **more: connect(*about, factory=WithoutSharedMemory, **more))
        ledger.call_started("c1", NOON, summary("c1"))
        flush(ledger)
        with LedgerReader(path) as reader:
            assert [call.call_id for call in reader.calls()] == (["c1", "before"] if exists else ["c1"])
    ledger.close()
    assert journal_mode(path) == "delete"
    assert said == []


def test_ledger_that_machines_share_has_no_index_in_the_memory_of_one(
    path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.call_started("before", NOON, summary("before"))
    flush(ledger)
    ledger.close()
    assert journal_mode(path) == "wal"
    monkeypatch.setattr(mounts, "is_shared", lambda folder: True)
    for name in (path.name, "new.db"):
        shared = Ledger(path.with_name(name))
        shared.call_started("c1", NOON, summary("c1"))
        flush(shared)
        shared.close()
        assert journal_mode(path.with_name(name)) == "delete"


MOUNTS = r"""
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 27 0:45 / /data rw,relatime shared:1 - nfs4 10.0.0.1:/export rw,vers=4.1
41 40 0:46 / /data/fast rw,relatime - tmpfs tmpfs rw
42 27 0:47 / /my\040calls rw,relatime master:7 - fuse.gcsfuse bucket rw
43 27 0:48 / /twice rw - nfs4 10.0.0.1:/export rw
44 27 0:49 / /twice rw - xfs /dev/vdb rw
damaged line
"""
FOLDERS = [
    ("/var/lib/x", "ext4"), ("/data", "nfs4"), ("/data/bot", "nfs4"), ("/data/fast/bot", "tmpfs"),
    ("/database", "ext4"), ("/my calls", "fuse.gcsfuse"), ("/twice", "xfs"),
]  # fmt: skip


@pytest.mark.parametrize(("folder", "expected"), FOLDERS)
def test_file_system_of_a_folder(folder: str, expected: str) -> None:
    assert mounts.type_of(Path(folder), MOUNTS) == expected


@pytest.mark.parametrize(
    ("line", "shared"),
    [("nfs4 h:/x", True), ("cifs //h/x", True), ("fuse.s3fs x", True), ("virtiofs x", True), ("ext4 /dev/x", False)],
)
def test_file_systems_of_networks_are_shared(
    line: str, shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(f"27 1 254:0 / / rw - {line} rw\n")
    monkeypatch.setattr(mounts, "_MOUNTS", table)
    assert mounts.is_shared(tmp_path) is shared
    table.unlink()
    assert mounts.is_shared(tmp_path) is False
