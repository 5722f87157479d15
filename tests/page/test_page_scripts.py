"""The page's scripts that need no browser, run by node's own test runner."""

from __future__ import annotations

import shutil
import subprocess
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from voice_metrics.page.answer_waits import SLOW_SECONDS

SCRIPTS = Path(__file__).parent / "scripts"


def test_the_scripts_have_the_limit_by_which_answers_are_marked_as_slow() -> None:
    words = (files("voice_metrics.page") / "static" / "words.js").read_text("utf-8")
    assert f"SLOW_SECONDS = {SLOW_SECONDS};" in words


def test_the_scripts_do_what_their_tests_say(tmp_path: Path) -> None:
    if (node := shutil.which("node")) is None:
        pytest.skip("node not installed: apt-get install nodejs")
    with as_file(files("voice_metrics.page") / "static") as static:
        for script in (*static.glob("*.js"), *SCRIPTS.glob("*.test.js")):
            shutil.copy(script, tmp_path)
    # Node takes a file for a script, unless a package says that it is a module.
    (tmp_path / "package.json").write_text('{"type": "module"}')
    tests = sorted(str(path) for path in tmp_path.glob("*.test.js"))
    assert len(tests) == 4
    done = subprocess.run([node, "--test", *tests], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
