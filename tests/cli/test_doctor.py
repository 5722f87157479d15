"""`voice-metrics doctor`: exit status and words, against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from base64 import b64encode
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.test_resend import owed, server
from tests.receiver import Exchange, free_port, running

__all__ = ["owed"]
SECRET = b64encode(b"123456:glc_a-token-that-nobody-may-see").decode()


def test_an_accepted_point_is_exit_status_0(run: Run, calls: Path) -> None:
    with server() as (address, received):
        done = run("doctor", OTEL_EXPORTER_OTLP_ENDPOINT=address)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(received) == 1
    words = [line.split()[0] for line in done.stdout.splitlines()]
    assert "wrong" not in words
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0] == "ok Read from the environment: OTEL_EXPORTER_OTLP_ENDPOINT, VOICE_METRICS_DB."
    assert lines[1].startswith("ok OTEL_EXPORTER_OTLP_ENDPOINT: series go to http://127.0.0.1")
    assert lines[-2].startswith("ok Of the latest 3 calls in the ledger, at most 2 counted as active at once: about ")
    assert any(line.startswith("ok A test point was accepted with 200 after ") for line in lines)
    assert lines[-1] == f"ok Ledger {calls}: 3 calls, nothing waits to be sent."


@pytest.mark.parametrize(
    ("ahead", "words"), [(330, "The clock of this machine is 3"), (-330, "s fast by the server's. Set it:"), (0, None)]
)
def test_a_wrong_clock_is_told(run: Run, ahead: float, words: str | None) -> None:
    def answer(exchange: Exchange) -> None:
        date = formatdate(time.time() + ahead, usegmt=True)
        exchange.handler.wfile.write(f"HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-length: 0\r\n\r\n".encode())

    with running(answer) as receiver:
        said = " ".join(run("doctor", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url).stdout.split())
    assert ("The clock of this machine" in said) is (words is not None)
    assert words is None or words in said


def test_a_refused_point_is_exit_status_1_and_shows_no_secret(run: Run, calls: Path) -> None:
    with server(401) as (address, _):
        done = run(
            "doctor",
            OTEL_EXPORTER_OTLP_ENDPOINT=address,
            OTEL_EXPORTER_OTLP_HEADERS=f"Authorization=Basic%20{SECRET}",
        )
    assert (done.returncode, done.stderr) == (1, "")
    assert "wrong" in done.stdout
    assert "no room at the inn" in done.stdout
    assert not any(part in done.stdout for part in (SECRET, "glc_", "123456"))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        pytest.param("VOICE_METRICS_PRICES", "/none.toml", "VOICE_METRICS_PRICES='/none.toml': No such", id="prices"),
        pytest.param(
            "VOICE_METRICS_PRICES",
            "~nosuchuser/x.toml",
            "no such home directory is known",
            id="prices-of-an-unknown-user",
        ),
        pytest.param("VOICE_METRICS_DB", f"{__file__}/calls.db", "calls.db cannot be written: no file", id="ledger"),
    ],
)
def test_a_set_up_with_a_mistake_is_exit_status_1_although_a_point_arrives(
    run: Run, name: str, value: str, words: str
) -> None:
    with server() as (address, received):
        done = run("doctor", "--json", OTEL_EXPORTER_OTLP_ENDPOINT=address, **{name: value})
    report = json.loads(done.stdout)
    assert len(received) == 1
    assert (done.returncode, done.stderr, report["ok"]) == (1, "", False)
    assert any(finding["mark"] == "bad" and words in finding["text"] for finding in report["findings"])
    assert len([finding for finding in report["findings"] if finding["text"].startswith("Ledger ")]) == 1


def test_a_damaged_ledger_is_exit_status_1_although_a_point_arrives(run: Run, tmp_path: Path) -> None:
    (tmp_path / "calls.db").write_text("this is no database" * 100)
    with server() as (address, _):
        done = run("doctor", OTEL_EXPORTER_OTLP_ENDPOINT=address, VOICE_METRICS_DB=str(tmp_path / "calls.db"))
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="users without a home directory are POSIX's")
def test_it_runs_without_a_home_directory() -> None:
    alone = """
import os
from pathlib import Path
from voice_metrics.cli.machine import shown
os.environ.pop("HOME", None)
if os.getuid() == 0:
    os.setuid(54321)
print(shown(Path("/a/b")))
"""
    done = subprocess.run([sys.executable, "-c", alone], capture_output=True, text=True, timeout=240, check=False)
    assert (done.stdout, done.stderr) == ("/a/b\n", "")


def test_without_an_endpoint_nothing_is_sent_and_it_says_what_to_set(run: Run) -> None:
    done = run("doctor")
    assert done.returncode == 1
    assert "OTEL_EXPORTER_OTLP_ENDPOINT names no endpoint" in done.stdout
    assert "does not exist: it is made when the first call starts." in done.stdout


def test_what_waits_is_a_note(run: Run, owed: Path) -> None:
    done = run("doctor", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"], report["wrong"], report["round_trip_ms"]) == (1, False, False, None)
    assert report["findings"][-2] == {
        "mark": "advice",
        "text": f"Ledger {owed}: 2 calls, series of 2 calls wait to be sent: once an endpoint is set, "
        "`voice-metrics resend` sends them.",
    }
    done = run("doctor", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    assert "wait to be sent: `voice-metrics resend` sends them." in done.stdout


def test_a_setting_that_cannot_be_used_is_a_finding(run: Run) -> None:
    done = run("doctor", VOICE_METRICS_MAX_SERIES="many")
    assert (done.returncode, done.stderr) == (1, "")
    assert " ".join(done.stdout.split()).startswith(
        "note VOICE_METRICS_MAX_SERIES='many': expected a positive whole number, such as 20000; 20000 is used."
    )


def test_the_name_of_the_user_is_not_shown(run: Run, tmp_path: Path) -> None:
    done = run("doctor", HOME=str(tmp_path), VOICE_METRICS_DB="~/data/calls.db")
    assert "Ledger ~/data/calls.db does not exist" in done.stdout
    assert str(tmp_path) not in done.stdout
