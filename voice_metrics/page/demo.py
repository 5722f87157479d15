"""Made-up calls for the page, in a temporary ledger: a day of them at once, then some in real time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from voice_metrics.call.facts import EndReason, Fact, Leg
from voice_metrics.call.floor import FloorTotals
from voice_metrics.call.record import Record
from voice_metrics.call.summary import CallSummary
from voice_metrics.ledger import CallState, Ledger, rows
from voice_metrics.page.demo_call import BOTS, DemoCall

_CALLS = 260
_DAY_SECONDS = 86_400.0
# Stays below the capacity of the ledger's queue, so that none is dropped.
_CALLS_AT_ONCE = 50
_TICK_SECONDS = 1.0
_PAUSE_SECONDS = (3.0, 12.0)


class DemoCallWriter:
    """Writes one demo call into a ledger, from its first fact to its last."""

    def __init__(self, ledger: Ledger, call: DemoCall, started_at: datetime) -> None:
        """Begin `call` in `ledger` at `started_at`, a moment with time zone."""
        self._ledger, self._call, self._started_at = ledger, call, started_at
        self._record = Record(call.leg)
        self._left: Sequence[tuple[float, Fact]] = call.facts
        ledger.call_started(call.call_id, started_at, self._summary(0.0, None).to_dict())

    def write_until(self, moment: datetime) -> bool:
        """Write the facts up to a moment; return True if the call is over then."""
        passed = (moment - self._started_at).total_seconds()
        happened = [(at, fact) for at, fact in self._left if at <= passed]
        self._left = self._left[len(happened) :]
        for _, fact in happened:
            self._record.add(fact)
        call, start = self._call, self._started_at.timestamp()
        self._ledger.add(
            call.call_id, [row for at, fact in happened for row in rows(fact, start + at, self._leg(fact))]
        )
        if passed < call.seconds:
            self._ledger.call_updated(call.call_id, self._summary(passed, None).to_dict())
            return False
        last = replace(
            self._summary(call.seconds, call.end_reason, call.floor),
            outcome=call.outcome,
            success=call.success,
            ended_by=call.ended_by,
        )
        self._ledger.call_ended(call.call_id, last.to_dict(), CallState.ENDED)
        return True

    def _leg(self, fact: Fact) -> Leg | None:
        processor = getattr(fact, "processor", None)
        return None if processor is None else self._call.leg(processor)

    def _summary(self, seconds: float, end_reason: EndReason | None, floor: FloorTotals | None = None) -> CallSummary:
        return self._record.summary(
            call_id=self._call.call_id,
            started_at=self._started_at,
            duration_seconds=seconds,
            end_reason=end_reason,
            models=self._call.bot.models,
            attributes=self._call.attributes,
            floor=floor,
        )


@contextmanager
def demo_ledger(*, calls: int = _CALLS, seed: int = 7) -> Iterator[Path]:
    """Yield the path of a ledger of made-up calls that continues while it is open, and delete it afterwards.

    Args:
        calls: Calls that ended within the last 24 hours.
        seed: Seed of everything in them.
    """
    with TemporaryDirectory(prefix="voice-metrics-demo-") as folder:
        ledger, over = Ledger(Path(folder) / "demo.db"), threading.Event()
        lines = [
            threading.Thread(target=_write_live_calls, args=(ledger, bot, seed, over), daemon=True) for bot in range(2)
        ]
        try:
            _write_past_calls(ledger, calls, Random(seed))
            for line in lines:
                line.start()
            yield ledger.path
        finally:
            over.set()
            for line in lines:
                if line.is_alive():
                    line.join()
            ledger.close()


def _write_past_calls(ledger: Ledger, calls: int, random: Random) -> None:
    """Write calls of the last 24 hours, more frequent toward now."""
    now = datetime.now(UTC)
    for number in range(calls):
        call = DemoCall(random, random.choices(BOTS, (5, 3, 1))[0])
        latest = _DAY_SECONDS - call.seconds - 1
        ago = call.seconds + 1 + min(random.uniform(0, latest) for _ in range(1 + (random.random() < 0.4)))
        DemoCallWriter(ledger, call, now - timedelta(seconds=ago)).write_until(now)
        if number % _CALLS_AT_ONCE == 0:
            ledger.flush(10.0)
    ledger.flush(10.0)


def _write_live_calls(ledger: Ledger, bot: int, seed: int, over: threading.Event) -> None:
    """Write one call after another in real time; the first has begun already."""
    random = Random(f"{seed} {bot}")
    ago = random.uniform(5, 25)
    while not over.is_set():
        writer = DemoCallWriter(ledger, DemoCall(random, BOTS[bot]), datetime.now(UTC) - timedelta(seconds=ago))
        while not writer.write_until(datetime.now(UTC)):
            if over.wait(_TICK_SECONDS - time.time() % _TICK_SECONDS):
                return
        over.wait(random.uniform(*_PAUSE_SECONDS))
        ago = 0.0
