"""Reports of a strict type checker to the package's users."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import voice_metrics

pytest.importorskip("mypy", reason="`uv sync --group dev` installs it")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLE = HERE / "typed_example.py"
MISUSE = HERE / "misuse.py"
_EXPECTED = re.compile(r"# wrong: ([a-z-]+)$")
_FOUND = re.compile(r"misuse\.py:(\d+): error: .*\[([a-z-]+)\]$")


# The first check in a clone reads all of Pipecat.
pytestmark = pytest.mark.timeout(700)


def _checked(file: Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--show-error-codes"]
    # A user lacks this repository's configuration; what mypy knows of Pipecat is the same.
    options = ["--config-file=", "--warn-unused-ignores", "--cache-dir", str(ROOT / ".mypy_cache"), str(file)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=ROOT, timeout=600, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_bot_that_uses_everything_passes_a_strict_type_checker() -> None:
    assert _checked(EXAMPLE) == (0, "")


def test_each_misuse_is_found_where_it_is_and_nothing_else() -> None:
    lines = MISUSE.read_text().splitlines()
    expected = {(number, marked.group(1)) for number, line in enumerate(lines, 1) if (marked := _EXPECTED.search(line))}
    _, said = _checked(MISUSE)
    found = {
        (int(number), code) for number, code in (match.groups() for match in map(_FOUND.search, _errors(said)) if match)
    }
    assert len(expected) > 20
    assert found == expected
    assert len(_errors(said)) == len(expected)


def test_the_example_runs() -> None:
    code = "from tests.typing import typed_example as bot; print(bot.told(bot.metrics_of('acme')), bot.ended())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=240, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "c-1 True"), done.stderr


@pytest.mark.parametrize("name", sorted(set(voice_metrics.__all__) - {"instrument_server"}))
def test_the_example_uses_every_public_name(name: str) -> None:
    assert re.search(rf"^    {name},$", EXAMPLE.read_text(), re.MULTILINE)


def _errors(said: str) -> list[str]:
    return [line for line in said.splitlines() if ": error: " in line]
