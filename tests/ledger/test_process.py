"""Dead processes are found by the process table, else by their heartbeat."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from voice_metrics.ledger.process import STALE_SECONDS, ProcessIdentity, is_gone, this_process

HERE = this_process()
ELSEWHERE = ProcessIdentity("another machine", HERE.pid, HERE.started)


@pytest.mark.parametrize(
    ("process", "silent_seconds", "gone"),
    [
        pytest.param(HERE, 1e6, False, id="oneself-is-here-however-long-silent"),
        pytest.param(ELSEWHERE, STALE_SECONDS - 1, False, id="another-machines-process-that-speaks-lives"),
        pytest.param(ELSEWHERE, STALE_SECONDS + 1, True, id="another-machines-process-that-is-silent-is-gone"),
    ],
)
def test_who_is_gone(process: ProcessIdentity, silent_seconds: float, gone: bool) -> None:
    assert is_gone(process, 1000.0, HERE, 1000.0 + silent_seconds) is gone


@pytest.mark.skipif(not HERE.started, reason="this platform does not say when a process started")
def test_a_pid_that_another_process_has_now_is_gone() -> None:
    assert is_gone(replace(HERE, started="1"), 1000.0, HERE, 1000.0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="only a heartbeat shows it there")
def test_a_process_is_gone_as_soon_as_it_ended() -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from voice_metrics.ledger.process import this_process as p; print(p().started, flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    child = ProcessIdentity(HERE.machine, process.pid, process.stdout.readline().strip())
    assert not is_gone(child, 0.0, HERE, 1e9)
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    if HERE.started:
        # Ended, and its parent has not asked for its exit status yet.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(child, 1e9, HERE, 1e9)
    process.communicate()
    assert is_gone(child, 1e9, HERE, 1e9)
