"""A small fleet, the way `make fleet` runs a large one: nothing that its processes fed is missing or there twice."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from benchmarks.fleet import BOTS, Restarts, arrived, played, started

PROCESSES = 40


def test_totals_are_what_processes_fed_while_gateways_restart(tmp_path: Path) -> None:
    with ExitStack() as cleanup:
        fleet = started(tmp_path, "500ms", cleanup)
        (fed := tmp_path / "fed").mkdir()
        restarts = Restarts(fleet.gateways, 1.0)
        cleanup.callback(restarts.stop)
        environ = {**BOTS, "OTEL_EXPORTER_OTLP_ENDPOINT": fleet.balancer.url, "VOICE_METRICS_GENAI": "off"}
        reports = played(PROCESSES, 8, environ, fed)
        restarts.stop()
        totals = sum((Counter(report["total"]) for report in reports), Counter[str]())
        assert totals["voice_calls_total"] == PROCESSES
        assert list(arrived(fleet, totals, PROCESSES, events=False)) == []
        assert restarts.number >= 1
