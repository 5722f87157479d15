"""A program that keeps requests, or claims some, says which on standard output, and waits to be killed.

Run as `python -m tests.ledger.claims_until_killed FILE keep NAME…` or `… FILE claim`.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from voice_metrics.export.spool import PendingRequest
from voice_metrics.ledger import Ledger


def main(path: str, what: str, *names: str) -> None:
    ledger = Ledger(Path(path))
    if what == "keep":
        for name in names:
            ledger.call_started(name, datetime.now(UTC), {"call_id": name, "end_reason": None})
        ledger.replace([PendingRequest(name.encode(), {name: name, "": ""}, float(n)) for n, name in enumerate(names)])
        print(*names, flush=True)
    else:
        print(*[request.body.decode() for _, request in ledger.claim()], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
