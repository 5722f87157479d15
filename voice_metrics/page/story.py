"""One call as bars: who spoke or waited when, what each service did meanwhile, and what each answer took (pure).

Owns where a bar begins, as the ledger's rows know only when a thing was over. Refuses to invent: a stretch that no
row accounts for stays empty. Moments are seconds from the call's start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from voice_metrics.ledger import CallDetail, CallState, Row
from voice_metrics.page.answers import answers, averages

# A request's first byte and its end are reported apart by some milliseconds, held back for a moment or not.
_SAME_REQUEST_SECONDS = 0.1
_LANES = ("stt", "llm", "tts", "other")

Bar = dict[str, Any]


def story(detail: CallDetail, now: float) -> dict[str, Any]:
    """What can be drawn of a call.

    Args:
        detail: The call with its time line.
        now: Unix seconds; a live call lasts until then.

    Returns:
        "seconds", the "strip" of the conversation, "marks" (interruptions, errors), "lanes" of bars, "answers" with
        their parts, and the "averages" of the parts.
    """
    start, rows = detail.row.started_at, sorted(detail.timeline, key=lambda row: row.at)
    live = detail.row.state is CallState.LIVE
    last = max((row.at - start for row in rows), default=0.0)
    seconds = max(last, now - start if live else detail.row.duration_seconds or 0.0)
    waits = [_ended(row, start) for row in rows if row.kind == "response" and row.value is not None]
    lanes = {name: _lane(rows, name, start, waits) for name in _LANES}
    lanes["functions"] = [_bar(row, start) for row in rows if row.kind == "function_call" and row.value is not None]
    told = answers(rows, start, lanes)
    return {
        "seconds": round(seconds, 3),
        "strip": _strip(rows, start, None if live else seconds),
        "marks": list(_marks(rows, start)),
        "lanes": [{"name": name, "bars": lanes[name]} for name in ("stt", "llm", "functions", "tts") if lanes[name]],
        "answers": told,
        "averages": averages(told),
    }


def _ended(row: Row, start: float) -> tuple[float, float]:
    """Begin and end of what a row measured."""
    end = row.at - start
    return max(0.0, end - (row.value or 0.0)), end


def _bar(row: Row, start: float, first_byte: float | None = None) -> Bar:
    begin, end = _ended(row, start)
    return {
        "from": round(begin, 3),
        "to": round(end, 3),
        "kind": row.kind,
        "first_byte_seconds": first_byte,
        "name": row.name,
        "model": row.model,
        "outcome": row.outcome,
    }


def _lane(rows: Sequence[Row], service: str, start: float, waits: Sequence[tuple[float, float]]) -> list[Bar]:
    """A bar for each request: its whole time where that is known, with its first byte, else only until that."""
    firsts = [row for row in rows if row.kind == "ttfb" and row.service == service and row.value is not None]
    bars = []
    for row in rows:
        if row.kind != "processing" or row.service != service or row.value is None:
            continue
        first = next((each for each in firsts if _same_request(each, row)), None)
        if first is not None:
            firsts.remove(first)
        bars.append(_bar(row, start, first.value if first else None))
    for row in firsts:
        bar = _bar(row, start, row.value)
        if service == "stt":
            _put_where_speech_ended(bar, waits)
        bars.append(bar)
    return sorted(bars, key=lambda bar: float(bar["from"]))


def _same_request(first: Row, whole: Row) -> bool:
    assert first.value is not None
    assert whole.value is not None
    begins, ends = first.at - first.value, first.at
    return (
        first.name == whole.name
        and begins >= whole.at - whole.value - _SAME_REQUEST_SECONDS
        and ends <= whole.at + _SAME_REQUEST_SECONDS
    )


def _put_where_speech_ended(bar: Bar, waits: Iterable[tuple[float, float]]) -> None:
    # Pipecat reports speech recognition some seconds late, and counts it from the end of the caller's speech.
    length = bar["to"] - bar["from"]
    begins = max((begin for begin, _ in waits if begin <= bar["from"] + _SAME_REQUEST_SECONDS), default=None)
    if begins is not None:
        bar["from"], bar["to"] = round(begins, 3), round(begins + length, 3)


def _strip(rows: Sequence[Row], start: float, seconds: float | None) -> list[dict[str, Any]]:
    """Whose turn it is: the bot's while it speaks, nobody's while the caller waits, the caller's before a wait."""
    spoken = [
        (*_ended(row, start), "wait" if row.kind == "response" else "bot", row.outcome)
        for row in rows
        if row.kind in ("response", "turn") and row.value is not None
    ]
    stretches: list[tuple[float, float, str, str | None]] = []
    for begin, end, who, outcome in sorted(spoken, key=lambda stretch: stretch[:2]):
        begin = max(begin, stretches[-1][1] if stretches else 0.0)
        if end > begin:
            stretches.append((begin, end, who, outcome))
    return [
        {"from": round(begin, 3), "to": round(end, 3), "who": who, "outcome": outcome}
        for begin, end, who, outcome in sorted([*stretches, *_caller(stretches, seconds)])
    ]


def _caller(
    stretches: Sequence[tuple[float, float, str, str | None]], seconds: float | None
) -> Iterator[tuple[float, float, str, None]]:
    """Stretches that are the caller's turn: from the bot's last word to the next wait, or from a cut on."""
    edge = (0.0, 0.0, "", None)
    last = (seconds, seconds, "", None) if seconds is not None else None
    for before, after in pairwise([edge, *stretches, *([last] if last else [])]):
        if after[0] > before[1] and (after[2] == "wait" or before[3] == "interrupted"):
            yield before[1], after[0], "caller", None


def _marks(rows: Iterable[Row], start: float) -> Iterator[dict[str, Any]]:
    for row in rows:
        failed = row.kind == "function_call" and row.outcome not in (None, "completed")
        if row.kind in ("interruption", "error") or failed:
            yield {"at": round(row.at - start, 3), "kind": row.kind, "name": row.name, "outcome": row.outcome}
