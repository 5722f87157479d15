"""The installer of the programs: at once when they are there, and clear about what it cannot do."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from .programs import BUILT, FOLDER, PROGRAMS, missing

INSTALLER = Path(__file__).parents[2] / "scripts" / "get-backends"


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(INSTALLER), *arguments], capture_output=True, text=True, env={**os.environ, **environ}, check=False
    )


def test_programs_that_are_there_are_not_fetched_again(tmp_path: Path):
    (tmp_path / "bash").symlink_to("/bin/bash")
    # There is nothing to fetch with.
    answer = run(str(FOLDER), PATH=str(tmp_path))
    assert (answer.returncode, answer.stdout) == (0, f"{FOLDER}\n")
    built = () if missing(BUILT) else BUILT
    assert {path.name for path in (FOLDER / "bin").iterdir()} == {*PROGRAMS, *built}


def test_a_system_without_debian_packages_gets_a_message(tmp_path: Path):
    (tmp_path / "bash").symlink_to("/bin/bash")
    answer = run(str(tmp_path / "programs"), PATH=str(tmp_path))
    assert answer.returncode == 1
    assert "needs Debian or Ubuntu" in answer.stderr


def test_no_host_is_named():
    assert not re.search(r"https?://", INSTALLER.read_text())


def test_it_says_how_the_browser_is_installed():
    assert "chromium" in run("--browser").stdout
