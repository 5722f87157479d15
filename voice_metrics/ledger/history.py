"""Latency, usage and cost in buckets of time.

Interrupted measurements are left out: an interrupted reply's length is the caller's patience, not the bot's latency.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import groupby

from voice_metrics.call.latency import latency as figures
from voice_metrics.ledger.rows import LatencyPoint, UsagePoint
from voice_metrics.ledger.stored_summary import GREATEST, number

# Text and blobs are greater than every number. SQLite's sum of whole numbers may overflow, which is an error.
_FINITE = f"{{}} BETWEEN {-GREATEST} AND {GREATEST}"
_SUMMED = (
    *("prompt_tokens", "completion_tokens", "characters"),
    *("audio_seconds", "llm_usd", "stt_usd", "tts_usd", "cost_usd"),
)
_WHOLE = 3


def latency(
    db: sqlite3.Connection, since: float, until: float, bucket_seconds: float, kinds: Sequence[str], model: str | None
) -> list[LatencyPoint]:
    """Return percentiles by bucket, kind and service; see `LedgerReader.latency`."""
    marks = ", ".join("?" * len(kinds))
    only = " AND model = ?" if model is not None else ""
    rows = db.execute(
        f"SELECT CAST((at - ?) / ? AS INTEGER) AS bucket, kind, CAST(COALESCE(service, '') AS TEXT), value "
        f"FROM measurement WHERE at >= ? AND at < ? AND kind IN ({marks}) AND {_FINITE.format('value')} "
        f"AND outcome IS NOT 'interrupted'{only} "
        "ORDER BY bucket, kind, 3, value",
        (since, bucket_seconds, since, until, *kinds, *(() if model is None else (model,))),
    )
    points = []
    for (bucket, kind, service), group in groupby(rows, key=lambda row: row[:3]):
        seconds = [row[3] for row in group]
        found = figures(len(seconds), sum(seconds), seconds[0], seconds[-1], seconds)
        points.append(
            LatencyPoint(
                since + bucket * bucket_seconds,
                kind,
                service or None,
                found.count,
                found.p50_ms or 0.0,
                found.p95_ms or 0.0,
            )
        )
    return points


def usage(db: sqlite3.Connection, since: float, until: float, bucket_seconds: float) -> list[UsagePoint]:
    """Return sums by bucket; see `LedgerReader.usage`."""
    sums = ", ".join(f"SUM(CASE WHEN {_FINITE.format(name)} THEN CAST({name} AS REAL) END)" for name in _SUMMED)
    rows = db.execute(
        f"SELECT CAST((started_at - ?) / ? AS INTEGER) AS bucket, COUNT(*), {sums} FROM call "
        "WHERE started_at >= ? AND started_at < ? GROUP BY bucket ORDER BY bucket",
        (since, bucket_seconds, since, until),
    )
    return [
        UsagePoint(since + bucket * bucket_seconds, calls, *map(_whole, found[:_WHOLE]), *map(number, found[_WHOLE:]))
        for bucket, calls, *found in rows
    ]


def _whole(total: float | None) -> int | None:
    return None if number(total) is None or total is None else int(total)
