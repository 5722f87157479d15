"""What ended calls leave behind: traced memory after 1 000, 5 000 and 20 000 of them, over a real loopback receiver.

Run with `python -m benchmarks.memory`.
"""

from __future__ import annotations

import gc
import tracemalloc

from tests.export.calls import RecordedCall
from tests.receiver import running
from voice_metrics.telemetry import Telemetry

STEPS = (1_000, 5_000, 20_000)
_AT_ONCE = 100


def main() -> None:
    """Print the growth at each step."""
    with running() as receiver:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "VOICE_METRICS_DB": "off"}
        telemetry = Telemetry(environ=environ)
        tracemalloc.start()
        done, first = 0, 0
        for step in STEPS:
            while done < step:
                calls = [RecordedCall(telemetry, f"c{done + number}") for number in range(_AT_ONCE)]
                for call in calls:
                    call.use(3, 700.0)
                ends = [call.end() for call in calls]
                if not all(end.result(60) for end in ends):
                    raise SystemExit("a call was not acknowledged")
                receiver.exchanges.clear()
                done += _AT_ONCE
            gc.collect()
            traced = tracemalloc.get_traced_memory()[0]
            first = first or traced
            print(f"after {done:6} calls: {traced / 1e6:.2f} MB, {(traced - first) / 1e6:+.2f} MB since {STEPS[0]}")
        telemetry.shutdown()


if __name__ == "__main__":
    main()
