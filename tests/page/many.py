"""As many calls as a busy month has, written in one go."""

from __future__ import annotations

import json
import time
from functools import partial

from tests.ledger.summaries import summary
from tests.page.known_calls import conversation
from voice_metrics.ledger import CallState, Ledger
from voice_metrics.ledger.writing import Session, add_measurements, start_call, update_call

CALLS = 5000
_MONTH_SECONDS = 29 * 86_400.0


def five_thousand(ledger: Ledger) -> None:
    """Fill a ledger with calls of the last month, each with its measurements."""
    now = time.time()
    for first in range(0, CALLS, 500):
        ledger.ask(partial(_write, first=first, now=now), 60.0)


def _write(session: Session, first: int, now: float) -> None:
    for number in range(first, first + 500):
        call_id, start = f"call-{number:05}", now - 30.0 - (number + 1) / CALLS * _MONTH_SECONDS
        told = json.loads(json.dumps(summary(call_id, duration_seconds=20.0 + number % 300)))
        start_call(session, call_id, start, told)
        add_measurements(session, call_id, conversation(start))
        update_call(session, call_id, told, CallState.ENDED)
