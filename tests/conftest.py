"""What every test starts from: an environment in which nothing is configured, and a log that can be read."""

from __future__ import annotations

import functools
import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from loguru import logger

from voice_metrics.call.text import Vocabulary

# A run in the background of a shell ignores Ctrl-C, and so would every program that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Where the machine forbids bytecode, every program that a test starts would compile Pipecat again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Pydantic loads the plug-in of an installed Logfire into every process, which is a third of importing Pipecat.
os.environ["PYDANTIC_DISABLE_PLUGINS"] = "logfire-plugin"

# How long an example takes is the machine's load; what Hypothesis does otherwise, in CI too, stays.
settings.register_profile("any machine", settings(), deadline=None)
settings.load_profile("any machine")

# Until all tests are collected nothing becomes garbage; to look for it would be a quarter of the collection.
gc.disable()

_HERE = Path(__file__).parent
# Their tests need programs, processes or servers. Elsewhere a module says so itself: `pytestmark = pytest.mark.slow`.
_SLOW_FOLDERS = frozenset(
    {
        "backends",
        "backends_others",
        "backends_otlp",
        "demo",
        "export",
        "grafana",
        "packaging",
        "page",
        "server",
        "typing",
    }
)
# Modules that take half a minute or more: begun last, they would leave all cores but one without work.
_FIRST = frozenset(
    {
        "test_arrangements.py",
        "test_dashboard_queries.py",
        "test_export_faults.py",
        "test_in_browser.py",
        "test_installed.py",
        "test_objectives.py",
        "test_open_questions.py",
        "test_placements.py",
        "test_plugin.py",
        "test_price_lists.py",
        "test_random_lines.py",
        "test_services_of_a_call.py",
        "test_typing.py",
        "test_unreported_text.py",
        "test_usage_snapshots.py",
        "test_whole_call.py",
        "test_written_answers.py",
    }
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """`--numprocesses auto`: more than there are cores, since slow tests wait for a clock; the others compute."""
    cores = os.cpu_count() or 1
    # Each takes some 400 MB.
    return cores if _is_quick(config) else min(3 * cores + 1, cores + 8)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A run without slow tests does not even import those folders."""
    slow = collection_path.parent == _HERE and collection_path.name in _SLOW_FOLDERS
    return True if slow and _is_quick(config) else None


def _is_quick(config: pytest.Config) -> bool:
    return config.getoption("markexpr") == "not slow"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _SLOW_FOLDERS & set(item.path.relative_to(_HERE).parts[:-1]):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.path.name not in _FIRST)


def pytest_collection_finish() -> None:
    """What is there now stays: no later collection of garbage looks at it again."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test, and no test writes into the user's ledger."""
    for name in [name for name in os.environ if name.startswith(("OTEL_", "VOICE_METRICS_", "PIPECAT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VOICE_METRICS_DB", "off")


@functools.lru_cache(maxsize=1)
def _vocabularies(modules: int) -> list[Vocabulary]:
    """Those of the modules that are loaded, of which there are so many."""
    return [
        value
        for name, module in list(sys.modules.items())
        if name.startswith("voice_metrics.")
        for value in vars(module).values()
        if isinstance(value, Vocabulary)
    ]


@pytest.fixture(autouse=True)
def _words_of_its_own() -> None:
    """A process keeps a bounded number of words of each kind: no test meets those of another."""
    for vocabulary in _vocabularies(len(sys.modules)):
        vocabulary._used_at.clear()


@pytest.fixture
def log() -> Iterator[list[str]]:
    """Lines of the log as "LEVEL message", from INFO up."""
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(line.rstrip("\n")), level="INFO", format="{level} {message}")
    yield lines
    logger.remove(sink)
