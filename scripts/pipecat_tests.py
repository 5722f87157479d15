"""Runs Pipecat's own tests plain, with the processor and with the observer, and compares the outcomes.

The tests are those in a checkout of Pipecat's repository that build a worker. As a pytest plug-in this module inserts
the plug-in into every worker, as `INSERTED` says; no file of the checkout is changed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

INSERTED = "PIPECAT_TESTS_INSERTED"
WAYS = ("nothing", "processor", "observer")
_BUILDS_A_WORKER = ("run_test(", "PipelineWorker(", "PipelineTask(")
_ROOT = Path(__file__).parent.parent


def pytest_configure(config: Any) -> None:
    """Insert the plug-in into every worker, as the environment says."""
    inserted = os.environ.get(INSERTED, "nothing")
    if inserted == "nothing":
        return
    from pipecat.pipeline import worker as workers

    original = workers.PipelineWorker.__init__

    def measured(self: Any, pipeline: Any, **arguments: Any) -> None:
        if inserted == "processor":
            _insert(pipeline)
        else:
            from voice_metrics import VoiceMetricsObserver

            arguments["observers"] = [*(arguments.get("observers") or ()), VoiceMetricsObserver()]
        original(self, pipeline, **arguments)

    workers.PipelineWorker.__init__ = measured  # type: ignore[method-assign]


def _insert(pipeline: Any) -> None:
    from voice_metrics import MetricsLogger, VoiceMetricsProcessor

    processors = getattr(pipeline, "_processors", None)
    if not processors or any(isinstance(processor, VoiceMetricsProcessor) for processor in processors):
        return
    # Pipecat puts a source and a sink around a pipeline; before its last processor, order matters most.
    before = -2 if len(processors) > 3 else -1
    processors[before:before] = [MetricsLogger(), VoiceMetricsProcessor()]
    pipeline._link_processors()


def outcomes(checkout: Path, files: Iterable[Path], inserted: str) -> dict[str, str]:
    """Run a checkout's test files with one of `WAYS` inserted; return passed, failed or skipped by test."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        environment = {
            **os.environ,
            INSERTED: inserted,
            "PYTHONPATH": os.pathsep.join([str(checkout / "src"), str(_ROOT)]),
            "VOICE_METRICS_DB": "off",
        }
        command = [sys.executable, "-m", "pytest", "-p", "scripts.pipecat_tests", "-p", "no:cacheprovider", "-q"]
        extra = ["--continue-on-collection-errors", "-o", "addopts=", f"--junitxml={report}", *map(str, files)]
        ran = subprocess.run([*command, *extra], cwd=checkout, env=environment, capture_output=True, text=True)
        if not report.exists():
            raise SystemExit(f"pytest wrote no report:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
        return {_name(case): _outcome(case) for case in ElementTree.parse(report).iter("testcase")}


def _name(case: ElementTree.Element) -> str:
    return f"{case.get('classname')}::{case.get('name')}"


def _outcome(case: ElementTree.Element) -> str:
    kinds = {child.tag for child in case}
    return "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"


def compare(plain: dict[str, str], measured: dict[str, str]) -> list[str]:
    """Return the tests that passed without the plug-in and not with it."""
    return sorted(name for name, outcome in plain.items() if outcome == "passed" and measured.get(name) != "passed")


def main() -> int:
    """Run all, twice where a test fails with the plug-in only, and print the comparison."""
    checkout, *patterns = sys.argv[1:]
    root = Path(checkout)
    found = {file for pattern in patterns or ["test_*.py"] for file in (root / "tests").glob(pattern)}
    files = sorted(file for file in found if any(word in file.read_text() for word in _BUILDS_A_WORKER))
    if not files:
        raise SystemExit(f"{root / 'tests'}: no test that builds a worker")
    results = {way: outcomes(root, files, way) for way in WAYS}
    for way, result in results.items():
        counts = Counter(result.values())
        totals = ", ".join(f"{counts[kind]} {kind}" for kind in ("passed", "failed", "skipped"))
        print(f"{way} inserted: {totals} of {len(result)} tests in {len(files)} files")
    different = 0
    for way in WAYS[1:]:
        for name in _confirmed(root, files, way, compare(results["nothing"], results[way])):
            different += 1
            print(f"fails with the {way} only: {name}")
    print(f"{different} tests fail because of the plug-in")
    return int(different > 0)


def _confirmed(root: Path, files: list[Path], way: str, names: list[str]) -> list[str]:
    # On a busy machine a test that waits for a clock may fail, so it gets a second run.
    modules = {name.partition("::")[0].split(".")[1] for name in names}
    again = [file for file in files if file.stem in modules]
    if not again:
        return []
    result = outcomes(root, again, way)
    return [name for name in names if result.get(name) != "passed"]


if __name__ == "__main__":
    sys.exit(main())
