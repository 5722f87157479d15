"""A ledger with known calls, and the command line as a user runs it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from pathlib import Path

import pytest

from tests.ledger.summaries import NOON, summary
from tests.waiting import flush
from voice_metrics import cli
from voice_metrics.ledger import Ledger, Row

ROOT = Path(__file__).parents[2]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a process of its own starts with."""
    own = {"VOICE_METRICS_DB": str(tmp_path / "calls.db"), "TZ": "UTC", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("VOICE_METRICS_", "OTEL_"))}
    return inherited | own


@pytest.fixture
def run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run the command line in this process; its output is no terminal."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name, value in (environment | more).items():
                patch.setenv(name, value)
            time.tzset()
            status = cli.run(arguments)
        return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())

    yield run
    time.tzset()


@pytest.fixture
def spawn(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run the command line as a process of its own, in a folder of its own."""
    home = tmp_path / "here"
    home.mkdir()

    def spawn(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "voice_metrics", *arguments],
            env=environment | more,
            cwd=home,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return spawn


@pytest.fixture
def calls(environment: dict[str, str]) -> Path:
    """Three calls: one that went well, one slow, failed and undelivered, one without a price."""
    path = Path(environment["VOICE_METRICS_DB"])
    ledger = Ledger(path)
    start = NOON.timestamp()
    ledger.call_started("aaaa-1", NOON, {})
    ledger.add(
        "aaaa-1",
        [
            Row(start + 1.5, "ttfb", 0.31, "llm", "OpenAILLMService", "gpt-4.1"),
            Row(start + 1.5, "prompt_tokens", 1200, "llm", "OpenAILLMService", "gpt-4.1"),
            Row(start + 1.5, "completion_tokens", 80, "llm", "OpenAILLMService", "gpt-4.1"),
            Row(start + 1.5, "unpriced", None, "llm", "OpenAILLMService", "gpt-4.1"),
            Row(start + 2.0, "response", 0.9),
            Row(start + 2.0, "response_part", 0.31, name="llm_inference"),
            Row(start + 2.0, "response_part", 0.59, name="pipeline"),
            Row(start + 4.25, "turn", 2.3, outcome="completed"),
            Row(start + 5.0, "error", None, None, "CartesiaTTSService", None, "network"),
            Row(start + 5.0, "cost_usd", 0.009, "tts", "CartesiaTTSService", "sonic-2"),
        ],
    )
    ledger.call_ended("aaaa-1", summary("aaaa-1"), "delivered")
    ledger.call_started("aabb-2", NOON + timedelta(hours=1), {})
    slow = summary("aabb-2", response={"count": 1, "max_ms": 4000.4}, end_reason="error", duration_seconds=3725.0)
    ledger.call_ended("aabb-2", slow, "pending")
    ledger.call_started("cccc-3", NOON + timedelta(hours=2), {})
    empty = {"call_id": "cccc-3", "duration_seconds": 1.26, "end_reason": "cancelled", "models": {"llm": "qwen3"}}
    ledger.call_ended("cccc-3", empty | {"cost": {"total_usd": None, "unpriced": ["qwen3"]}}, "ended")
    flush(ledger)
    ledger.close()
    return path
