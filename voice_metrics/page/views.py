"""The page's views, as JSON-ready dictionaries read from the ledger; a senseless query is an error."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, get_args

from voice_metrics.call.facts import EndReason
from voice_metrics.call.wording import summary_lines, usd
from voice_metrics.ledger import CallFilter, CallRow, CallState, LatencyPoint, LedgerReader, Pages, Row, Trouble
from voice_metrics.ledger.fates import FATES
from voice_metrics.ledger.reader import Order
from voice_metrics.page.answer_waits import SLOW_SECONDS
from voice_metrics.page.live_numbers import so_far
from voice_metrics.page.spelling import spelled
from voice_metrics.page.story import story

Query = Mapping[str, str]
_HOUR, _DAY = 3600.0, 86_400.0
# Length of a period and of its buckets, in seconds; a chart shows this many buckets apart.
_PERIODS = {
    "hour": (_HOUR, 60.0),
    "day": (_DAY, 900.0),
    "week": (7 * _DAY, 7200.0),
    "month": (30 * _DAY, 21_600.0),
}
_LATEST = 10
# Rows of a page of a time line: about two hours of a busy call, read and drawn in a quarter of a second.
_ROWS = 20_000
# Running calls that may precede the latest ended ones.
_LIVE = 200
_MOST = 5000
# Latest calls, whose models are offered as a filter.
_CALLS_WITH_MODELS = 2000


class BadQuestion(ValueError):
    """The query makes no sense; the message says the right form."""


def now(reader: LedgerReader, query: Query, at: float) -> dict[str, Any]:
    """Live calls, the latest ended ones, and sums of the last 24 hours."""
    # The period of the charts, so that their sums are the same.
    since, until, _ = _span({}, at)
    wanted = CallFilter(since=since)
    latest = [row for row in reader.calls(limit=_LATEST + _LIVE) if row.state is not CallState.LIVE][:_LATEST]
    response = reader.latency(since, until, until - since, kinds=("response",))
    used = reader.usage(since, until, until - since)
    return {
        "live": [_row(call.row) | {"summary": call.summary} for call in reader.live()],
        "latest": [_row(row) for row in latest],
        "day": spelled(
            {
                "calls": reader.count(wanted),
                "errors": reader.count(CallFilter(since=since, end_reason=EndReason.ERROR)),
                "response": _figures(response[0]) if response else None,
                "cost_usd": used[0].cost_usd if used else None,
            }
        ),
        "pending": asdict(reader.pending()),
    }


def calls(reader: LedgerReader, query: Query, at: float) -> dict[str, Any]:
    """Calls that pass a filter, in an order, with their number."""
    wanted = CallFilter(
        since=None if query.get("period") is None else _span(query, at)[0],
        model=query.get("model") or None,
        end_reason=_choice(query, "end_reason", EndReason),
        slower_than_ms=_number(query, "slower_than_ms"),
        cost_over_usd=_number(query, "cost_over_usd"),
        state=_choice(query, "state", CallState),
        trouble=_choice(query, "trouble", Trouble),
    )
    order = query.get("order", "started_at")
    if order not in get_args(Order):
        raise BadQuestion(f"order={order!r}: expected one of {', '.join(get_args(Order))}")
    rows: list[CallRow] = reader.calls(
        wanted,
        order=order,  # type: ignore[arg-type]
        descending=query.get("way", "desc") != "asc",
        limit=int(min(_number(query, "limit") or 100, _MOST)),
    )
    return {"total": reader.count(wanted), "all": reader.count(), "calls": [_row(row) for row in rows]}


def latency(reader: LedgerReader, query: Query, at: float) -> dict[str, Any]:
    """Percentiles of responses and of each service's first byte, over a period and over time."""
    since, until, bucket = _span(query, at)
    model = query.get("model") or None
    points = reader.latency(since, until, bucket, model=model)
    whole = reader.latency(since, until, until - since, model=model)
    seen = reader.calls(CallFilter(since=since), limit=_CALLS_WITH_MODELS)
    return {
        "since": since,
        "until": until,
        "bucket_seconds": bucket,
        "models": sorted({name for row in seen for name in (row.llm_model, row.stt_model, row.tts_model) if name}),
        "whole": [asdict(point) for point in whole],
        "points": [asdict(point) for point in points],
    }


def usage(reader: LedgerReader, query: Query, at: float) -> dict[str, Any]:
    """Calls, tokens, characters, audio and cost, over a period and over time."""
    since, until, bucket = _span(query, at)
    whole = reader.usage(since, until, until - since)
    return {
        "since": since,
        "until": until,
        "bucket_seconds": bucket,
        "whole": spelled(asdict(whole[0])) if whole else None,
        "points": [spelled(asdict(point)) for point in reader.usage(since, until, bucket)],
    }


def call(reader: LedgerReader, query: Query, at: float) -> dict[str, Any]:
    """One call in full: its row, summary, measurements and story; of a long call the latest page."""
    pages = Pages(_ROWS, int(min(_number(query, "page") or 0, _MOST)))
    key = query.get("key")
    detail = reader.call_of(key, pages) if key else reader.call(query.get("id", ""), pages)
    total = detail.before + len(detail.timeline) + detail.after
    return {
        "call": _row(so_far(detail, at)),
        "summary": detail.summary,
        "lines": list(summary_lines(detail.summary)),
        "story": spelled(story(detail, at)),
        "measurements": [_measurement(row) for row in detail.timeline],
        "page": pages.number,
        "pages": max(1, math.ceil(total / _ROWS)),
        "rows": total,
    }


def _measurement(row: Row) -> dict[str, Any]:
    found = row._asdict()
    return found | {"value_text": usd(row.value)} if row.kind == "cost_usd" else found


def _row(call: CallRow) -> dict[str, Any]:
    words = FATES[call.fate]
    shown: dict[str, Any] = spelled(asdict(call))
    slow = call.worst_response_ms is not None and call.worst_response_ms > 1000 * SLOW_SECONDS
    return shown | {"slow": slow, "fate": call.fate, "fate_words": words.short, "fate_sentence": words.sentence}


def _figures(point: LatencyPoint) -> dict[str, Any]:
    return {"count": point.count, "p50_ms": point.p50_ms, "p95_ms": point.p95_ms}


View = Callable[[LedgerReader, Query, float], dict[str, Any]]
VIEWS: Mapping[str, View] = {"now": now, "calls": calls, "latency": latency, "usage": usage, "call": call}


def _span(query: Query, at: float) -> tuple[float, float, float]:
    """Start, end and bucket of a period; buckets begin at round moments, so that points stay in place."""
    length, bucket = _period_and_bucket_seconds(query.get("period", "day"))
    until = math.floor(at / bucket + 1) * bucket
    return until - length, until, bucket


def _period_and_bucket_seconds(name: str) -> tuple[float, float]:
    if name not in _PERIODS:
        raise BadQuestion(f"period={name!r}: expected one of {', '.join(_PERIODS)}")
    return _PERIODS[name]


def _choice(query: Query, name: str, choices: type[EndReason | CallState | Trouble]) -> Any:
    value = query.get(name)
    if not value:
        return None
    try:
        return choices(value)
    except ValueError:
        raise BadQuestion(f"{name}={value!r}: expected one of {', '.join(choices)}") from None


def _number(query: Query, name: str) -> float | None:
    value = query.get(name)
    if not value:
        return None
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise BadQuestion(f"{name}={value!r}: expected a number that is not negative")
    return number
