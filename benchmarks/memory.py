"""What calls take of memory: live ones each, and ended ones nothing, over a real receiver on loopback.

Traced memory after 1 000, 5 000 and 20 000 ended calls, and with 200 that are live.
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
    """A call of some series."""

    def __init__(self, telemetry: Telemetry, call_id: str) -> None:
        """Begin it.

        Args:
            telemetry: Where it records.
            call_id: Its id.
        """
        self._telemetry = telemetry
        self._running: RunningCall = telemetry.begin(call_id, {f"{leg.value}_model": "gpt-4.1" for leg in Leg})

    def record(self) -> None:
        """Record once on each of 20 series."""
        for row in ROWS:
            self._running.series(row, {"processor": "OpenAILLMService", "model": "gpt-4.1"})(700)

    def end(self) -> Future[bool | None]:
        """End it; was its last export acknowledged?"""
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
    """Print the growth at each step, and what a live call takes."""
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
        # An export begins after a second at most; the messages that it keeps are not Python's.
        time.sleep(2.5)
        each, all_of_it = (_traced() - before) / LIVE / 1024, (_resident() - resident) / LIVE / 1024
        print(f"a live call of {len(ROWS)} series: {each:.1f} kB traced, {all_of_it:.1f} kB resident")
        telemetry.shutdown()
        del live


if __name__ == "__main__":
    main()
