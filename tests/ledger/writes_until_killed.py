"""A program that writes a number of calls, and one that tells which calls are on disk until it is killed.

Run the first as `python -m tests.ledger.writes_until_killed FILE PREFIX COUNT`.
"""

from __future__ import annotations

import itertools
import sys
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from voice_metrics.ledger import Ledger, Row


def _write(ledger: Ledger, call_id: str) -> None:
    ledger.call_started(call_id, datetime.now(UTC), {"call_id": call_id})
    ledger.add(call_id, [Row(float(n), "ttfb", 0.3, "llm", "OpenAILLMService") for n in range(5)])
    ledger.call_ended(call_id, {"call_id": call_id, "end_reason": "completed"}, "ended")


def write_until_killed(path: str, prefix: str, acknowledged: Connection) -> None:
    """Write calls, and send the id of each that the ledger has flushed."""
    ledger = Ledger(Path(path))
    for call_id in (f"{prefix}-{number}" for number in itertools.count()):
        _write(ledger, call_id)
        if ledger.flush(10):
            acknowledged.send(call_id)


def main(path: str, prefix: str, count: str) -> None:
    """Write a number of calls."""
    ledger = Ledger(Path(path))
    for number in range(int(count)):
        _write(ledger, f"{prefix}-{number}")
    assert ledger.flush(60), "not everything is on disk"
    print("done", ledger.dropped, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
