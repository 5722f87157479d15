"""A program that writes calls and says on standard output which of them the ledger has acknowledged.

Run as `python -m tests.ledger.writes_until_killed FILE PREFIX COUNT`; a COUNT of 0 writes until the process is killed.
"""

from __future__ import annotations

import itertools
import sys
from datetime import UTC, datetime
from pathlib import Path

from voice_metrics.ledger import Ledger, Row


def main(path: str, prefix: str, count: str) -> None:
    ledger = Ledger(Path(path))
    numbers = itertools.count() if count == "0" else range(int(count))
    for number in numbers:
        call_id = f"{prefix}-{number}"
        ledger.call_started(call_id, datetime.now(UTC), {"call_id": call_id})
        ledger.add(call_id, [Row(float(n), "ttfb", 0.3, "llm", "OpenAILLMService") for n in range(5)])
        ledger.call_ended(call_id, {"call_id": call_id, "end_reason": "completed"}, "ended")
        if count == "0" and ledger.flush(10):
            print(call_id, flush=True)
    assert ledger.flush(60), "not everything is on disk"
    print("done", ledger.dropped, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
