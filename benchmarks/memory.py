"""Memory of live and of ended calls, with a real receiver on loopback.

Prints traced memory after 1 000, 5 000 and 20 000 ended calls, and with 200 live ones.
"""

from __future__ import annotations

import gc
import os
import time
import tracemalloc
from concurrent.futures import Future
from pathlib import Path

from benchmarks.receiver_process import receiver
from voice_metrics.call.facts import Leg
from voice_metrics.series import table
from voice_metrics.telemetry import RunningCall, Telemetry

STEPS = (1_000, 5_000, 20_000)
LIVE = 200
_AT_ONCE = 100
ROWS = table.VOICE[:20]


class RecordedCall:
    """A call with 20 series."""

    def __init__(self, telemetry: Telemetry, call_id: str) -> None:
        """Begin the call.

        Args:
            telemetry: The telemetry that it records into.
            call_id: The call's id.
        """
        self._telemetry = telemetry
        self._running: RunningCall = telemetry.begin(call_id, {f"{leg.value}_model": "gpt-4.1" for leg in Leg})

    def record(self) -> None:
        """Record a value in each series."""
        for row in ROWS:
            self._running.series(row, {"processor": "OpenAILLMService", "model": "gpt-4.1"})(700)

    def end(self) -> Future[bool | None]:
        """End the call; the result is True once its last export is acknowledged."""
        return self._telemetry.end(self._running)


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _ended(telemetry: Telemetry, done: int) -> None:
    calls = [RecordedCall(telemetry, f"c{done + number}") for number in range(_AT_ONCE)]
    for call in calls:
        call.record()
    ends = [call.end() for call in calls]
    if not all(end.result(60) for end in ends):
        raise SystemExit("a call was not acknowledged")


def main() -> None:
    """Print the growth at each step, and the memory of a live call."""
    with receiver() as url:
        telemetry = Telemetry(
            environ={
                "OTEL_EXPORTER_OTLP_ENDPOINT": url,
                "VOICE_METRICS_DB": "off",
                "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            }
        )
        tracemalloc.start()
        done, first = 0, 0
        for step in STEPS:
            for done in range(done, step, _AT_ONCE):  # noqa: B020
                _ended(telemetry, done)
            done = step
            traced = _traced()
            first = first or traced
            print(f"after {done:6} calls: {traced / 1e6:.2f} MB, {(traced - first) / 1e6:+.2f} MB since {STEPS[0]}")
        before, resident = _traced(), _resident()
        live = [RecordedCall(telemetry, f"live{number}") for number in range(LIVE)]
        for call in live:
            call.record()
        # Wait for an export, which makes the messages that a live call keeps; protobuf allocates them outside Python.
        time.sleep(2.5)
        each, all_of_it = (_traced() - before) / LIVE / 1024, (_resident() - resident) / LIVE / 1024
        print(f"a live call of {len(ROWS)} series: {each:.1f} kB traced, {all_of_it:.1f} kB resident")
        telemetry.shutdown()
        del live


if __name__ == "__main__":
    main()
