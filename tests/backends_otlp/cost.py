"""What four ways of running store, measured with real stores: series of a call and of a process, and events.

Each way holds a call of six turns, the tests' `DEMO`. A call id on a series tells the series of a call from those of
its process; `target_info`, which Prometheus makes for each process, counts too. From that the table of
GRAFANA_QUICKSTART.md follows: series that had a point in the last 20 minutes at 10, 1 000 and 100 000 calls an hour,
each of three minutes, and the size of an event. Needs the programs of `scripts/get-backends`.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from benchmarks.side_by_side import described
from tests.backends.programs import BUILT, INSTALL_BUILT, missing
from tests.backends_otlp.fleet import Fleet, started
from tests.backends_otlp.stack import otlp_of, store
from tests.scripted import DEMO, run_call
from voice_metrics import Telemetry, VoiceMetricsProcessor

CALL_MINUTES = 3.0
CALLS_OF_A_SERVER = 20
ACTIVE_MINUTES = 20.0
HOURLY = (10, 1_000, 100_000)
OFF = {"VOICE_METRICS_CALL_ID": "off"}
EVENTS = {**OFF, "OTEL_LOGS_EXPORTER": "otlp"}
DELTA = {**EVENTS, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}


@dataclass(frozen=True)
class Mode:
    """A way of running.

    Parameters:
        title: What it is called.
        environ: How the bot is set up.
        through_gateway: Whether series go through the gateway of deploy/fleet.
    """

    title: str
    environ: Mapping[str, str]
    through_gateway: bool = False


MODES = (
    Mode("ids on", {}),
    Mode("ids off", OFF),
    Mode("ids off, with events", EVENTS, through_gateway=False),
    Mode("increments through a gateway, with events", DELTA, through_gateway=True),
)


@dataclass(frozen=True)
class Stored:
    """What a mode stores.

    Parameters:
        of_a_call: Series that each call adds.
        of_a_process: Series that a process has, whatever its calls.
        of_a_gateway: Series that a gateway has, whatever its processes.
        event_bytes: Size of a call's event as JSON, or `None` without one.
    """

    of_a_call: float
    of_a_process: float
    of_a_gateway: float
    event_bytes: float | None

    def active(self, hourly: int, calls_of_a_process: int) -> float:
        """Series with a point in the last 20 minutes."""
        recent = hourly * ACTIVE_MINUTES / 60
        at_once = hourly * CALL_MINUTES / 60
        processes = recent if calls_of_a_process == 1 else max(1, math.ceil(at_once / calls_of_a_process))
        return self.of_a_call * recent + self.of_a_process * processes + self.of_a_gateway * 2


def number(fleet: Fleet, selector: str) -> float:
    """Series that match, where those of two gateways are one; `count` would take those without a name for one, too."""
    named = f'label_replace({selector}, "name", "$1", "__name__", "(.+)")'
    asked = f"count(count without (instance, service_instance_id) ({named}))"
    return sum(store(fleet.prometheus).instant(asked, time.time()).values())


async def settled(fleet: Fleet, job: str) -> None:
    """Wait until the series of a job stay as many."""
    before = -1.0
    while not (now := number(fleet, f'{{job="{job}"}}')) or now != before:
        before = now
        await asyncio.sleep(2)


async def measured(mode: Mode, fleet: Fleet) -> Stored:
    """Hold a call, and count."""
    job = mode.title.replace(" ", "-").replace(",", "")
    url = fleet.balancer.url if mode.through_gateway else otlp_of(fleet.prometheus)
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": fleet.logs.otlp_url,
        "OTEL_SERVICE_NAME": job,
        "VOICE_METRICS_DB": "off",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        **mode.environ,
    }
    telemetry = Telemetry(environ=environ)
    await run_call(DEMO, before_output=[VoiceMetricsProcessor(call_id=job, telemetry=telemetry)])
    await asyncio.to_thread(telemetry.shutdown)
    await settled(fleet, job)
    events = [len(json.dumps(row)) for row in fleet.logs.rows(f'event_name:="voice.call" service.name:="{job}"')]
    size = sum(events) / len(events) if events else None
    of_call = number(fleet, f'{{job="{job}", call_id!=""}}')
    others = number(fleet, f'{{job="{job}", call_id=""}}')
    if not mode.through_gateway:
        return Stored(of_call, others, 0, size)
    # Which of the two gateways a request comes to is chance: each has every series in the end.
    of_process = number(fleet, f'{{job="{job}", __name__=~"voice_calls_active|target_info"}}')
    return Stored(of_call, of_process, others - of_process, size)


async def compared(fleet: Fleet) -> None:
    """Measure each mode and print the table."""
    print("| | series of a call | of a process | of a gateway | event |\n|---|---|---|---|---|")
    stored = dict[str, Stored]()
    for mode in MODES:
        one = stored[mode.title] = await measured(mode, fleet)
        event = f"{one.event_bytes:.0f} bytes" if one.event_bytes else "–"
        print(f"| {mode.title} | {one.of_a_call:.0f} | {one.of_a_process:.0f} | {one.of_a_gateway:.0f} | {event} |")
    for title, calls in (
        (f"servers with {CALLS_OF_A_SERVER} calls each", CALLS_OF_A_SERVER),
        ("a process for each call", 1),
    ):
        print(f"\n| active series, {title} | " + " | ".join(f"{hourly:,} calls an hour" for hourly in HOURLY) + " |")
        print("|---" * (len(HOURLY) + 1) + "|")
        for way, one in stored.items():
            print(f"| {way} | " + " | ".join(f"{one.active(hourly, calls):,.0f}" for hourly in HOURLY) + " |")
    size = max(one.event_bytes or 0.0 for one in stored.values())
    print("\n| megabytes of events an hour | " + " | ".join(f"{hourly * size / 1e6:,.2f}" for hourly in HOURLY) + " |")


def main() -> None:
    """Start the stores, measure, print."""
    if reason := missing((*BUILT, "nginx"), INSTALL_BUILT):
        sys.exit(reason)
    logger.remove()
    print(described(), flush=True)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as cleanup:
        asyncio.run(compared(started(Path(folder), "500ms", cleanup)))


if __name__ == "__main__":
    main()
