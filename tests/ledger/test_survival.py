"""What the ledger survives, and what that costs."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.ledger.summaries import NOON, summary
from tests.ledger.writes_until_killed import write_until_killed
from tests.waiting import PATIENCE_SECONDS, flush
from voice_metrics.ledger import CallFilter, Ledger, LedgerReader, LedgerUnreadable, Row, file
from voice_metrics.ledger.file import LedgerFile
from voice_metrics.ledger.jobs import LedgerUnavailable
from voice_metrics.ledger.writing import Session

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LONGER_THAN_ANY_TEST = 900.0
# For a program that waits for the file.
PATIENT = f"from voice_metrics.ledger import file\nfile.BUSY_SECONDS = {LONGER_THAN_ANY_TEST}\n"
WRITES = [sys.executable, "-m", "tests.ledger.writes_until_killed"]
# Its processes begin with everything imported.
NURSERY = multiprocessing.get_context(
    "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
)
NURSERY.set_forkserver_preload(["pytest", "tests.ledger.writes_until_killed"])


def ids(path: Path) -> list[str]:
    with LedgerReader(path) as reader:
        return sorted(call.call_id for call in reader.calls())


def note(ledger: Ledger, call_id: str) -> None:
    ledger.call_started(call_id, NOON, summary(call_id))


def patiently(ledger: Ledger) -> bool:
    """Flush, as often as an outage that has ended may need."""
    return any(ledger.flush(PATIENCE_SECONDS) for _ in range(20))


def test_two_processes_that_write_a_thousand_calls_at_once_lose_none(path: Path) -> None:
    writers = [
        subprocess.Popen(
            [*WRITES, path, prefix, "500"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for prefix in ("left", "right")
    ]
    assert [writer.communicate(timeout=240) for writer in writers] == [("done 0\n", ""), ("done 0\n", "")]
    assert ids(path) == sorted(f"{prefix}-{number}" for prefix in ("left", "right") for number in range(500))
    with LedgerReader(path) as reader:
        assert [point.count for point in reader.latency(0, 10, 10)] == [5000]


def test_killed_fifty_times_it_opens_and_has_every_acknowledged_call(path: Path) -> None:
    seed = random.randrange(10**6)
    print("seed", seed)
    dice = random.Random(seed)
    acknowledged: list[str] = []
    for attempt in range(50):
        here, there = NURSERY.Pipe(duplex=False)
        writer = NURSERY.Process(target=write_until_killed, args=(str(path), f"{attempt}", there), daemon=True)
        writer.start()
        there.close()
        acknowledged.append(here.recv())
        time.sleep(dice.uniform(0, 0.05))
        writer.kill()
        with here, suppress(EOFError, OSError):
            while True:
                acknowledged.append(here.recv())
        writer.join()
        with LedgerReader(path) as reader:
            assert reader.calls(CallFilter(since=0), limit=1)
    assert set(acknowledged) <= set(ids(path))
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()


def test_a_damaged_file_is_set_aside_whole_and_costs_a_warning(path: Path, said: list[str]) -> None:
    path.parent.mkdir()
    path.write_bytes(b"hand-corrupted" * 1000)
    ledger = Ledger(path)
    note(ledger, "a")
    assert patiently(ledger)
    assert ids(path) == ["a"]
    (aside,) = path.parent.glob("calls.db.damaged-*")
    assert aside.read_bytes() == b"hand-corrupted" * 1000
    assert [line.partition(":")[0] for line in said] == [f"Ledger {path}"]
    assert f"was set aside as {aside.name} and a new one begins" in said[0]
    ledger.close()


def test_damage_in_the_middle_of_the_file_is_noticed_at_a_write_there(path: Path, said: list[str]) -> None:
    first = Ledger(path)
    for number in range(300):
        first.call_ended(f"old-{number}", summary(f"old-{number}"), "ended")
    flush(first)
    first.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(LedgerUnreadable, match="is damaged"):
        ids(path)
    second = Ledger(path)
    for number in range(3):
        note(second, f"new-{number}")
    assert patiently(second)
    assert ids(path) == ["new-0", "new-1", "new-2"]
    (aside,) = path.parent.glob("calls.db.damaged-*")
    assert aside.read_bytes() == bytes(content)
    assert len(said) == 1, "\n".join(said)
    second.close()


@pytest.mark.parametrize("name", ["calls.db", "bots.sqlite"])
def test_file_that_another_program_empties_under_a_bot_is_set_aside(tmp_path: Path, said: list[str], name: str) -> None:
    path = tmp_path / name
    ledger = Ledger(path)
    note(ledger, "before")
    flush(ledger)
    path.write_bytes(b"")
    note(ledger, "after")
    assert patiently(ledger)
    ledger.close()
    assert ids(path) == ["after"]
    assert len(said) == 1, "\n".join(said)
    assert "is damaged (another program emptied it), was set aside as " in said[0]
    (aside,) = path.parent.glob(f"{name}.damaged-*Z")
    # A file of so few pages is whole in its journal.
    assert ids(aside) == ["before"]


@pytest.mark.parametrize("content", [b"OTEL_EXPORTER_OTLP_HEADERS=x\n", b"\x89PNG" * 2000], ids=["text", "picture"])
def test_a_file_that_is_no_ledger_is_never_renamed(tmp_path: Path, said: list[str], content: bytes) -> None:
    path = tmp_path / ".env"
    path.write_bytes(content)
    ledger = Ledger(path)
    note(ledger, "a")
    assert not ledger.flush(PATIENCE_SECONDS)
    ledger.close()
    assert [found.read_bytes() for found in tmp_path.iterdir()] == [content]
    assert said[0].startswith(f"Ledger {path}: is damaged (file is not a database). Calls go on;")
    with pytest.raises(LedgerUnreadable, match=r"\.env is no ledger \(file is not a database\)"):
        ids(path)


@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs and modes are POSIX's")
def test_a_fifo_is_no_ledger_and_holds_up_nothing(tmp_path: Path, said: list[str]) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    ledger = Ledger(path)
    note(ledger, "a")
    assert not ledger.flush(PATIENCE_SECONDS)
    assert not ledger.close()
    assert said[0].startswith(f"Ledger {path}: is no ordinary file: VOICE_METRICS_DB must name one. Calls go on;")
    with pytest.raises(LedgerUnreadable, match="is no ordinary file"):
        ids(path)


@pytest.mark.skipif(sys.platform == "win32", reason="FIFOs and modes are POSIX's")
def test_only_its_owner_can_read_a_new_ledger(path: Path, ledger: Ledger) -> None:
    note(ledger, "a")
    flush(ledger)
    assert {found.name: found.stat().st_mode & 0o777 for found in path.parent.iterdir()} == {
        "calls.db": 0o600,
        "calls.db-wal": 0o600,
        "calls.db-shm": 0o600,
    }


def test_processes_that_make_the_ledger_at_once_all_write_it(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from voice_metrics.ledger.file import LedgerFile\n"
        "for number in range(60):\n"
        "    time.sleep(max(0.0, float(sys.argv[2]) + number * 0.02 - time.time()))\n"
        "    file = LedgerFile(Path(sys.argv[1]) / f'{number}.db'); file.connection(); file.close()\n"
    )
    command = [sys.executable, "-c", program, tmp_path, str(time.time() + 2.0)]
    processes = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=240)[1] for process in processes] == [""] * 4


def test_only_one_of_two_ledgers_sets_a_damaged_file_aside(path: Path, said: list[str]) -> None:
    path.parent.mkdir()
    path.write_bytes(b"x" * 8192)
    ledgers = [Ledger(path), Ledger(path)]
    for number, ledger in enumerate(ledgers):
        note(ledger, f"{number}")
    assert all(patiently(ledger) for ledger in ledgers)
    assert ids(path) == ["0", "1"]
    assert len(list(path.parent.glob("calls.db.damaged-*"))) == 1
    assert len(said) == 1, "\n".join(said)
    for ledger in ledgers:
        ledger.close()


def test_whoever_comes_late_leaves_the_new_file_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"x" * 8192)
    early, late = LedgerFile(path), LedgerFile(path)
    for damaged in (early, late):
        with pytest.raises(sqlite3.DatabaseError, match="not a database"):
            damaged.connection()
    assert early.set_aside(0.0) == path.with_name("calls.db.damaged-19700101T000000Z")
    early.connection()
    assert late.set_aside(0.0) is None
    assert late.connection().execute("SELECT COUNT(*) FROM call").fetchone() == (0,)
    early.close()
    late.close()


def test_another_programs_database_is_left_alone(path: Path, said: list[str]) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE customer (name TEXT)")
    other.close()
    before = path.read_bytes()
    ledger = Ledger(path)
    note(ledger, "a")
    note(ledger, "b")
    assert not ledger.flush(PATIENCE_SECONDS)
    ledger.close()
    assert path.read_bytes() == before
    assert [path.name for path in path.parent.iterdir()] == ["calls.db"]
    assert said[0].startswith(
        f"Ledger {path}: is another program's database: VOICE_METRICS_DB must name a file of its own. Calls go on;"
    )


def test_a_newer_versions_ledger_is_left_alone(path: Path, ledger: Ledger, said: list[str]) -> None:
    note(ledger, "a")
    flush(ledger)
    ledger.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    note(ledger, "b")
    assert not ledger.flush(PATIENCE_SECONDS)
    assert "was made by a newer voice_metrics (schema 99, this version knows 5): upgrade the package" in said[0]
    with pytest.raises(LedgerUnreadable, match="newer voice_metrics"):
        ids(path)


def test_a_full_disk_keeps_rows_in_memory_until_there_is_room(path: Path, ledger: Ledger, said: list[str]) -> None:
    note(ledger, "before")
    flush(ledger)

    def fill(session: Session) -> Future[None]:
        """Let the disk be full; the writing thread, which runs this, finds all of the notes waiting."""
        pages = session.db.execute("PRAGMA page_count").fetchone()[0]
        session.db.execute(f"PRAGMA max_page_count = {pages}").fetchone()
        for number in range(200):
            note(ledger, f"{number:03}")
        return ledger.written()

    with pytest.raises(LedgerUnavailable, match="disk is full"):
        ledger.ask(fill, PATIENCE_SECONDS).result(PATIENCE_SECONDS)
    # The limit belongs to the connection, which is given up after such a fault: the next try has room.
    flush(ledger)
    assert ids(path) == [*(f"{number:03}" for number in range(200)), "before"]
    assert said == [
        f"Ledger {path}: has no room: the disk is full (database or disk is full). Calls go on; up to 20000 of their "
        "rows wait in memory. Set VOICE_METRICS_DB to another file, or to `off`",
        f"Ledger {path}: is written again",
    ]
    assert ledger.dropped == 0


def test_what_waits_is_bounded_and_measurements_go_first(path: Path, said: list[str]) -> None:
    path.parent.write_text("a file where the folder should be")
    ledger = Ledger(path, capacity=100, linger_seconds=PATIENCE_SECONDS)
    for number in range(500):
        ledger.add("a", [Row(float(number), "response", 0.5)])
    for number in range(10):
        note(ledger, f"{number}")
    assert not ledger.flush(PATIENCE_SECONDS)
    assert ledger.dropped == 450
    path.parent.unlink()
    assert patiently(ledger)
    assert len(ids(path)) == 11
    kinds = [line.partition(": ")[2].partition(" (")[0].partition(",")[0] for line in said]
    assert kinds == [
        "rows are dropped",
        "cannot be opened: its folder is missing or no folder",
        "is written again",
    ]
    ledger.close()


def test_a_folder_that_vanishes_comes_back(path: Path, ledger: Ledger, said: list[str]) -> None:
    note(ledger, "a")
    flush(ledger)
    shutil.rmtree(path.parent)
    note(ledger, "b")
    flush(ledger)
    assert ids(path) == ["b"]
    assert said == []


def lock(path: Path) -> sqlite3.Connection:
    """Lock a file as another program, until the connection is closed."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


def test_a_lock_held_by_another_program_is_waited_for(path: Path, ledger: Ledger, said: list[str]) -> None:
    note(ledger, "a")
    flush(ledger)
    other = lock(path)
    note(ledger, "b")
    assert not ledger.flush(PATIENCE_SECONDS)
    other.execute("ROLLBACK")
    other.close()
    assert patiently(ledger)
    assert ids(path) == ["a", "b"]
    assert "is locked by another program (database is locked)" in said[0]


def test_handing_over_a_row_never_waits_for_the_disk(
    path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "BUSY_SECONDS", LONGER_THAN_ANY_TEST)
    note(ledger, "a")
    flush(ledger)
    other = lock(path)
    for number in range(1000):
        note(ledger, f"{number}")
    other.execute("ROLLBACK")
    other.close()
    assert patiently(ledger)


READ_ONLY = """
import os, sys, urllib.parse  # from Python 3.13 on imported when a path is first written as an address
from pathlib import Path
from datetime import UTC, datetime
from voice_metrics.ledger import Ledger, LedgerReader
path = Path(sys.argv[1])
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
with LedgerReader(path) as reader:
    print([call.call_id for call in reader.calls()])
ledger = Ledger(path)
ledger.call_started("b", datetime.now(UTC), {})
print(ledger.flush(60))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX's")
def test_a_read_only_folder_can_be_read_and_costs_a_warning(path: Path, ledger: Ledger) -> None:
    note(ledger, "a")
    flush(ledger)
    ledger.close()
    for folder in path.parents:
        if os.access(folder, os.W_OK) and "pytest" in str(folder):
            folder.chmod(0o755)
    path.chmod(0o444)
    path.parent.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, path], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )
    path.parent.chmod(0o755)
    assert done.stdout == "['a']\nFalse\n", done.stderr
    assert done.stderr.count("Calls go on;") == 1
    assert "is read-only" in done.stderr or "cannot be opened" in done.stderr


FORKS = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from voice_metrics.ledger import Ledger

ledger = Ledger(Path(sys.argv[1]))
start = datetime.now(UTC)
ledger.call_started("parent", start, {})
assert ledger.flush(60)
children = []
for child in range(5):
    ledger.call_started(f"parent-{child}", start, {})
    pid = os.fork()
    if pid == 0:
        for number in range(20):
            ledger.call_started(f"child-{child}-{number}", start, {})
            if number % 7 == 0:
                ledger.flush(60)
        os._exit(0 if ledger.flush(60) else 1)
    children.append(pid)
# The last connection to close folds the journal into the file and deletes it: no child may still write there.
assert ledger.close(60)
print([os.waitpid(pid, 0)[1] for pid in children])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_forked_children_write_for_themselves_and_their_parent_goes_on(path: Path) -> None:
    # From 3.12 on Python warns of any fork beside a thread.
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS, path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[0, 0, 0, 0, 0]\n", "")
    children = [f"child-{child}-{number}" for child in range(5) for number in range(20)]
    assert ids(path) == sorted([*children, "parent", *(f"parent-{child}" for child in range(5))])


AT_EXIT = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from voice_metrics.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
ledger.call_started("last", datetime.now(UTC), {})
"""


def test_what_waits_when_the_process_ends_is_written(path: Path) -> None:
    subprocess.run([sys.executable, "-c", AT_EXIT, path], cwd=ROOT, timeout=240, check=True)
    assert ids(path) == ["last"]


def test_exit_is_not_held_up_by_a_locked_file(path: Path, ledger: Ledger) -> None:
    note(ledger, "a")
    flush(ledger)
    other = lock(path)
    subprocess.run([sys.executable, "-c", PATIENT + AT_EXIT, path], cwd=ROOT, timeout=240, check=True)
    other.close()


# Its last object is in no hurry to go.
ENDS_SLOWLY = """
import os
class Slow:
    def __del__(self, write=os.write, read=os.read):
        write(1, b"ending\\n")
        read(0, 1)
slow = Slow()
"""


@contextmanager
def ending(path: Path, code: str) -> Iterator[subprocess.Popen[str]]:
    """A program that has written a call, and whose Python is about to be gone."""
    program = subprocess.Popen(
        [sys.executable, "-c", code + ENDS_SLOWLY + AT_EXIT, path],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ending\n"
        yield program


def test_process_that_ends_during_a_chore_does_not_keep_the_file_locked(path: Path, ledger: Ledger) -> None:
    for number in range(1000):
        note(ledger, f"{number:03}")
    # The first chore of each process takes a while to end them.
    ledger.ask(lambda session: session.db.execute("UPDATE call SET state = 'pending', updated_at = 0"), 60)
    with ending(path, ""):
        note(ledger, "after")
        flush(ledger)


def test_process_that_ends_while_the_file_is_locked_does_not_lock_it_next(path: Path, ledger: Ledger) -> None:
    note(ledger, "a")
    flush(ledger)
    other = lock(path)
    with ending(path, PATIENT):
        other.close()
        # SQLite asks again within a tenth of a second, if it still waits there.
        time.sleep(0.3)
        note(ledger, "after")
        flush(ledger)


def test_a_file_is_named_as_the_place_where_things_are_kept_only_while_it_can_be_written(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = path.parent / "folder"
    folder.touch()
    ledger = Ledger(folder / "calls.db")
    assert ledger.location == str(folder / "calls.db")
    assert not ledger.flush(PATIENCE_SECONDS)
    assert ledger.location is None
    folder.unlink()
    assert patiently(ledger)
    assert ledger.location == str(folder / "calls.db")
    ledger.close()


def test_a_closed_ledger_opens_again(path: Path, ledger: Ledger) -> None:
    for call_id in ("a", "b"):
        note(ledger, call_id)
        assert ledger.close()
        assert not ledger.is_open
    assert ids(path) == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, "does not exist: it is made when the first call starts", id="no-file"),
        pytest.param(b"", "is empty: no call has started yet", id="empty-file"),
        pytest.param("folder", "is a folder: VOICE_METRICS_DB must name a file in it", id="a-folder"),
        pytest.param(b"no database" * 500, "is damaged (file is not a database)", id="garbage"),
    ],
)
def test_a_reader_says_in_one_line_why_it_cannot_read(path: Path, content: bytes | str | None, reason: str) -> None:
    path.parent.mkdir()
    if content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(LedgerUnreadable) as caught:
        LedgerReader(path)
    assert str(caught.value).startswith(f"{path} {reason}")
    assert "\n" not in str(caught.value)
