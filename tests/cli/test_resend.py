"""`voice-metrics resend`: pending requests reach a server, and its output is true."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.cli.conftest import Run
from tests.ledger.summaries import NOON, summary
from tests.receiver import Exchange, accept, answering, running
from voice_metrics.export.spool import PendingRequest
from voice_metrics.ledger import CallState, Ledger, LedgerReader

pytestmark = pytest.mark.slow


@contextmanager
def server(status: int = 200) -> Iterator[tuple[str, list[Exchange]]]:
    """A server that answers every request alike: its address, and what it was sent."""
    behaviour = accept if status == 200 else answering(status, b"no room at the inn")
    with running(behaviour) as receiver:
        yield receiver.url, receiver.exchanges


def body(name: str) -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name)
    metric.sum.data_points.add(as_int=1, time_unix_nano=1)
    return request.SerializeToString()


@pytest.fixture
def owed(environment: dict[str, str]) -> Path:
    path = Path(environment["VOICE_METRICS_DB"])
    ledger = Ledger(path)
    for call_id in ("a", "b"):
        ledger.call_started(call_id, NOON, summary(call_id))
        ledger.call_ended(call_id, summary(call_id, exported=False), "pending")
        ledger.park([PendingRequest(body(call_id), {call_id: call_id}, NOON.timestamp())])
    ledger.close()
    return path


def states(path: Path) -> set[CallState]:
    with LedgerReader(path) as reader:
        return {call.state for call in reader.calls()}


def test_what_is_pending_is_sent_once_and_its_calls_are_delivered(run: Run, owed: Path) -> None:
    with server() as (address, received):
        done = run("resend", OTEL_EXPORTER_OTLP_ENDPOINT=address)
        host = address.removeprefix("http://")
        assert (done.returncode, done.stdout, done.stderr) == (0, f"2 calls delivered to {host}.\n", "")
        assert states(owed) == {CallState.DELIVERED}
        again = run("resend", OTEL_EXPORTER_OTLP_ENDPOINT=address)
        assert (again.returncode, again.stdout) == (0, "Nothing waits to be sent.\n")
        assert len(received) == 2


def test_what_a_server_does_not_take_stays(run: Run, owed: Path) -> None:
    with server(401) as (address, _):
        done = run("resend", OTEL_EXPORTER_OTLP_ENDPOINT=address)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "2 requests of 2 calls (0 kB) wait still, left for the next try."
    assert "no room at the inn" in lines[1]
    assert states(owed) == {CallState.PENDING}


def test_a_dry_run_sends_nothing(run: Run, owed: Path) -> None:
    done = run("resend", "--dry-run")
    assert (done.returncode, done.stdout) == (1, "2 requests of 2 calls (0 kB) wait to be sent.\n")


def test_without_an_endpoint_it_says_what_is_missing(run: Run, owed: Path) -> None:
    done = run("resend")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "voice-metrics: OTEL_EXPORTER_OTLP_ENDPOINT names no server: expected the address of an OTLP endpoint, such as "
        "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp\n"
    )


def test_nothing_pending_is_well(run: Run, calls: Path) -> None:
    done = run("resend")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing waits to be sent.\n", "")


def test_in_a_file_that_is_still_empty_nothing_is_left_to_send(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    done = run("resend", VOICE_METRICS_DB=str(tmp_path / "empty.db"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing waits to be sent.\n", "")


@pytest.mark.parametrize("arguments", [[], ["--dry-run"]], ids=["sent", "dry-run"])
def test_before_the_first_call_nothing_is_left_to_send(run: Run, tmp_path: Path, arguments: list[str]) -> None:
    done = run("resend", *arguments, VOICE_METRICS_DB=str(tmp_path / "new" / "calls.db"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing waits to be sent.\n", "")
    assert not (tmp_path / "new").exists()


def test_a_locked_ledger_is_reported_in_one_line(spawn: Run, owed: Path) -> None:
    with closing(sqlite3.connect(owed, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        done = spawn("resend", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (1, "")
    # SQLite waits for as long as the command does.
    why = done.stderr.splitlines()[-1].removeprefix("voice-metrics: the ledger cannot be written: ")
    assert why in {"no answer within 2 s", "database is locked"}
    assert "Traceback" not in done.stderr
    assert states(owed) == {CallState.PENDING}


def test_without_a_ledger_there_is_nowhere_to_look(run: Run) -> None:
    done = run("resend", VOICE_METRICS_DB="off")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("voice-metrics: VOICE_METRICS_DB='off': ")


def test_a_ledger_that_cannot_be_read_is_not_nothing_to_send(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "calls.db"):
        done = run("resend", VOICE_METRICS_DB=str(path))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"voice-metrics: {path} ")
