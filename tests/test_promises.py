"""Each promise of the documentation names tests that exist."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "scripts" / "write_promises.py"


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_promises", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TABLE = _loaded()
HOMES = TABLE.homes()
PROMISES = [promise for promises in TABLE.PROMISES.values() for promise in promises]


def test_the_page_is_current():
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise[0])
def test_a_promise_is_held_by_tests_that_exist_once(promise: tuple[str, ...]):
    words, *tests = promise
    assert words.endswith(".")
    assert tests
    assert {test: len(HOMES.get(test, [])) for test in tests} == dict.fromkeys(tests, 1)


def test_no_promise_is_made_twice():
    words = [promise[0] for promise in PROMISES]
    assert len(words) == len(set(words))
