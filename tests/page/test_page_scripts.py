"""The page's scripts that need no browser, run by node's own test runner."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

import pytest

from voice_metrics.call.wording import count, length, milliseconds
from voice_metrics.page.answer_waits import SLOW_SECONDS

SCRIPTS = Path(__file__).parent / "scripts"


def test_the_scripts_have_the_limit_by_which_answers_are_marked_as_slow() -> None:
    words = (files("voice_metrics.page") / "static" / "words.js").read_text("utf-8")
    assert f"SLOW_SECONDS = {SLOW_SECONDS};" in words


@pytest.mark.parametrize("script", [count, milliseconds, length], ids=lambda word: word.__name__)
def test_numbers_are_rounded_as_in_the_terminal(script: Callable[[float], str]) -> None:
    if (node := shutil.which("node")) is None:
        pytest.skip("node not installed: apt-get install nodejs")
    numbers = [0, 0.25, 0.5, 0.75, 1.5, 2.5, 9.95, 12.25, 12.35, 59.94, 59.97, 60.5, 61.5, 612.5, 613.5, 999.5, 3660.5]
    name = {"milliseconds": "ms"}.get(script.__name__, script.__name__)
    with as_file(files("voice_metrics.page") / "static") as static:
        words = (static / "words.js").resolve().as_uri()
        told = f"import {{ {name} }} from {json.dumps(words)}; console.log(JSON.stringify({numbers}.map({name})))"
        run = [node, "--input-type=module", "--eval", told]
        done = subprocess.run(run, capture_output=True, text=True, timeout=240, check=False)
    assert done.stderr == ""
    plain = [text.replace("\u202f", "").replace("\u00a0", " ") for text in json.loads(done.stdout)]
    assert plain == [script(number) for number in numbers]


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
