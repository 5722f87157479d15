"""Runs all benchmarks, each in its own process, and prints machine and versions."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.side_by_side import described

NAMES = ("frames", "recording", "export", "timer_lag", "memory", "call_life", "price_book")


def main() -> None:
    print(described(), flush=True)
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "VOICE_METRICS_"))}
    environ = {**own, "VOICE_METRICS_DB": "off", "LOGURU_LEVEL": "WARNING"}
    for name in NAMES:
        print(f"\n{name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], env=environ, check=False)


if __name__ == "__main__":
    main()
