"""A thousand processes with one call each, through the gateway of deploy/fleet while its Collectors restart.

Real programs: nginx, two Collectors, Prometheus, VictoriaLogs, with the configurations of deploy/fleet. Each process is
of its own: it begins, holds one call in a real pipeline, exports and ends, 16 at a time. A Collector is stopped and
started again every few seconds, the two in turns. In the end the totals in Prometheus and the events in VictoriaLogs
are compared with what was fed, and the series are counted.

Exits with 1 and says what is not so. Needs the programs of `scripts/get-backends`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.side_by_side import described
from tests.backends.programs import BUILT, INSTALL_BUILT, Program, missing
from tests.backends_otlp.patient_queries import total
from tests.backends_otlp.stack import DEPLOY, Logs, balancer, gateway, prometheus, samples, store, victoria_logs

ARRIVES_SECONDS = 60.0
BOTS = {
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
    "OTEL_LOGS_EXPORTER": "otlp",
    "VOICE_METRICS_CALL_ID": "off",
}


@dataclass(frozen=True)
class Fleet:
    """The programs.

    Parameters:
        balancer: What the bots send to.
        gateways: The Collectors behind it.
        prometheus: Where series end up.
        logs: Where events end up.
    """

    balancer: Program
    gateways: list[Program]
    prometheus: Program
    logs: Logs


def started(folder: Path, every: str, cleanup: ExitStack) -> Fleet:
    """Start the programs.

    Args:
        folder: For their files.
        every: How long a gateway collects increments.
        cleanup: Stops them.
    """
    logs = victoria_logs(folder / "logs")
    series = prometheus(folder / "prometheus", DEPLOY / "fleet" / "prometheus.yaml", "created-timestamp-zero-ingestion")
    url = series.url + "/api/v1/otlp/v1/metrics"
    gateways = [gateway(folder / name, f"gateway-{name}", url, logs.otlp_url, every) for name in "ab"]
    fleet = Fleet(balancer(folder / "balancer", gateways), [one.program for one in gateways], series, logs)
    for program in (logs.program, series, *fleet.gateways, fleet.balancer):
        program.start()
        cleanup.callback(program.stop)
    return fleet


class Restarts:
    """Stops and starts the two gateways in turns, until the end."""

    def __init__(self, gateways: list[Program], every_seconds: float) -> None:
        self.number = 0
        self._gateways, self._every = gateways, every_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Leave both running."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            program = self._gateways[self.number % len(self._gateways)]
            program.stop()
            self._over.wait(0.5)
            program.start()
            self.number += 1


def played(processes: int, at_once: int, environ: Mapping[str, str], folder: Path) -> list[dict]:
    """Run the processes; what each of them fed."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.backends_otlp.fleet_call",
        str(processes),
        str(at_once),
        str(folder),
    ]
    subprocess.run(command, env={**os.environ, **environ}, check=True)
    return [json.loads(path.read_text()) for path in folder.glob("call-*.json")]


def arrived(fleet: Fleet, reports: list[dict]) -> Iterator[str]:
    """Wait until everything is there.

    Args:
        fleet: Where it should be.
        reports: What the processes fed.

    Yields:
        What is not.
    """
    fed = sum((Counter(report["total"]) for report in reports), Counter[str]())
    calls = sorted((report["call_id"], str(report["total"]["voice_llm_tokens_total"])) for report in reports)
    deadline = time.monotonic() + ARRIVES_SECONDS
    while True:
        came = {name: sum(map(total, samples(fleet.prometheus, name))) for name in fed}
        rows = fleet.logs.rows('event_name:="voice.call" | fields call_id, voice.llm.total_tokens')
        events = sorted((row["call_id"], row["voice.llm.total_tokens"]) for row in rows)
        if (came == fed and events == calls) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    print(f"  {'events':42} fed {len(calls):10} came {len(events):10}")
    if events != calls:
        yield f"events: {len(events)} came of {len(calls)}, {len(set(calls) & set(events))} of them as they were fed"
    for name, value in sorted(fed.items()):
        print(f"  {name:42} fed {value:10} came {came[name]:10.0f}")
        if came[name] != value:
            yield f"{name}: {came[name]:.0f} came, {value} were fed"


def main() -> None:
    read = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    read.add_argument("--processes", type=int, default=1000)
    read.add_argument("--at-once", type=int, default=16)
    read.add_argument("--every", default="2s", help="how long a gateway collects increments")
    read.add_argument("--restart-seconds", type=float, default=5.0)
    read.add_argument("--temporality", default="delta")
    options = read.parse_args()
    if reason := missing((*BUILT, "nginx"), INSTALL_BUILT):
        sys.exit(reason)
    print(described(), flush=True)
    with tempfile.TemporaryDirectory() as name, ExitStack() as cleanup:
        folder = Path(name)
        fleet = started(folder, options.every, cleanup)
        environ = {
            **BOTS,
            "OTEL_EXPORTER_OTLP_ENDPOINT": fleet.balancer.url,
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": options.temporality,
        }
        (folder / "fed").mkdir()
        restarts, began = Restarts(fleet.gateways, options.restart_seconds), time.monotonic()
        try:
            reports = played(options.processes, options.at_once, environ, folder / "fed")
        finally:
            restarts.stop()
        took = time.monotonic() - began
        late = sum(not report["flushed"] for report in reports)
        print(
            f"{len(reports)} processes in {took:.0f} s, {options.at_once} at a time; {restarts.number} restarts of a "
            f"Collector; {late} processes ended before the gateway had answered"
        )
        wrong = list(arrived(fleet, reports))
        if len(reports) != options.processes:
            wrong.append(f"{options.processes - len(reports)} processes did not report")
        active = store(fleet.prometheus).instant('count({__name__=~"voice_.+|gen_ai_.+|target_info"})', time.time())
        print(f"  series in Prometheus: {sum(active.values()):.0f}")
    if wrong:
        sys.exit("\n".join(wrong))
    print("everything that was fed came, once")


if __name__ == "__main__":
    main()
