"""One call as bars: turns, waits, requests of each service, and the parts of each answer (pure).

The ledger's rows have ends only, so beginnings are computed here. A stretch without rows stays empty. Moments are
seconds from the call's start.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from voice_metrics.ledger import CallDetail, CallState, Row, start_up
from voice_metrics.page.answer_waits import answers, averages
from voice_metrics.page.floor_bars import floor

# Pipecat reports a request's first byte and its end some milliseconds apart.
_SAME_REQUEST_SECONDS = 0.1
_UNANSWERED = "unanswered"
_LANES = ("stt", "llm", "tts", "other")

Bar = dict[str, Any]


def story(detail: CallDetail, now: float) -> dict[str, Any]:
    """Return the drawable parts of a call.

    Args:
        detail: The call with its time line.
        now: Unix seconds; the end of a live call.

    Returns:
        "seconds", the "strip" of turns, "marks" (interruptions, errors, unanswered turns), "lanes" of bars, "answers"
        with their parts, the parts' "averages" over "averaged" answers, and the "floor".
    """
    start, rows = detail.row.started_at, sorted(detail.timeline, key=lambda row: row.at)
    live = detail.row.state is CallState.LIVE
    last = max((row.at - start for row in rows), default=0.0)
    # The speaker before the first of these rows is unknown.
    begin = max(0.0, rows[0].at - start) if rows and detail.before else 0.0
    seconds = max(last, now - start if live else detail.row.duration_seconds or 0.0)
    waits = [_begin_and_end(row, start) for row in rows if row.kind == "response" and row.value is not None]
    lanes = {name: _lane(rows, name, start, waits) for name in _LANES}
    lanes["functions"] = [_bar(row, start) for row in rows if row.kind == "function_call" and row.value is not None]
    found_answers = answers(rows, start, lanes)
    return {
        "seconds": round(seconds, 3),
        "strip": _strip(rows, start, begin, None if live or detail.after else seconds),
        "marks": list(_marks(rows, start)),
        "lanes": [{"name": name, "bars": lanes[name]} for name in ("stt", "llm", "functions", "tts") if lanes[name]],
        "answers": found_answers,
        "averages": averages(found_answers),
        "averaged": sum(answer["named"] for answer in found_answers),
        "floor": floor(rows, start),
        "start_up": _start_up(rows),
    }


def _start_up(rows: Sequence[Row]) -> dict[str, Any] | None:
    taken = start_up(rows)
    if taken is None:
        return None
    waited = taken.of_greeting_seconds
    return {
        "seconds": round(taken.seconds, 3),
        "of_greeting_seconds": None if waited is None else round(waited, 3),
        "services": [{"name": name, "seconds": round(seconds, 3)} for name, seconds in taken.services],
    }


def _begin_and_end(row: Row, start: float) -> tuple[float, float]:
    """Begin and end of a row's measurement, in seconds from the call's start."""
    end = row.at - start
    return max(0.0, end - (row.value or 0.0)), max(0.0, end)


def _bar(row: Row, start: float, first_byte: float | None = None) -> Bar:
    begin, end = _begin_and_end(row, start)
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
    """A bar per request: its whole time if known, with its first byte, else the time to its first byte."""
    of_service = [row for row in rows if row.service == service and row.value is not None]
    firsts = _FirstBytes(row for row in of_service if row.kind == "ttfb")
    bars = []
    for row in of_service:
        if row.kind == "processing":
            first = firsts.within(row)
            bars.append(_bar(row, start, first.value if first else None))
    speech_ends = sorted(begin for begin, _ in waits)
    for row in firsts.unmatched():
        bar = _bar(row, start, row.value)
        if service == "stt":
            _move_to_speech_end(bar, speech_ends)
        bars.append(bar)
    return sorted(bars, key=lambda bar: float(bar["from"]))


class _FirstBytes:
    """First bytes in order of time, each matched to one request at most."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows: dict[str | None, list[Row]] = defaultdict(list)
        for row in rows:
            self._rows[row.name].append(row)
        self._moments = {name: [row.at for row in known] for name, known in self._rows.items()}
        self._found: set[int] = set()

    def within(self, whole: Row) -> Row | None:
        """Match the first byte within a request's time and return it, or `None`."""
        known = self._rows.get(whole.name)
        if known is None:
            return None
        begin = whole.at - (whole.value or 0.0) - _SAME_REQUEST_SECONDS
        moments = self._moments[whole.name]
        for place in range(bisect_left(moments, begin), bisect_right(moments, whole.at + _SAME_REQUEST_SECONDS)):
            row = known[place]
            if id(row) not in self._found and row.at - (row.value or 0.0) >= begin:
                self._found.add(id(row))
                return row
        return None

    def unmatched(self) -> Iterator[Row]:
        """Unmatched first bytes."""
        return (row for known in self._rows.values() for row in known if id(row) not in self._found)


def _move_to_speech_end(bar: Bar, speech_ends: Sequence[float]) -> None:
    # Pipecat reports speech recognition seconds late, measured from the end of the caller's speech.
    before = bisect_right(speech_ends, bar["from"] + _SAME_REQUEST_SECONDS)
    if before:
        begins, length = speech_ends[before - 1], bar["to"] - bar["from"]
        bar["from"], bar["to"] = round(begins, 3), round(begins + length, 3)


def _strip(rows: Sequence[Row], start: float, edge: float, seconds: float | None) -> list[dict[str, Any]]:
    """Turns in order: the bot's while it speaks, none while the caller waits, the caller's before a wait."""
    spoken = [
        (*_begin_and_end(row, start), "wait" if row.kind == "response" else "bot", row.outcome)
        for row in rows
        if row.kind in ("response", "turn") and row.value is not None
    ] + [(row.at - start, row.at - start, _UNANSWERED, None) for row in rows if row.kind == _UNANSWERED]
    stretches: list[tuple[float, float, str, str | None]] = []
    for begin, end, kind, outcome in sorted(spoken, key=lambda stretch: stretch[:2]):
        begin = max(begin, stretches[-1][1] if stretches else edge)
        if end > begin or (kind == _UNANSWERED and end == begin):
            stretches.append((begin, end, kind, outcome))
    return [
        {"from": round(begin, 3), "to": round(end, 3), "kind": kind, "outcome": outcome}
        for begin, end, kind, outcome in sorted([*stretches, *_caller_turns(stretches, edge, seconds)])
        if kind != _UNANSWERED
    ]


def _caller_turns(
    stretches: Sequence[tuple[float, float, str, str | None]], begin: float, seconds: float | None
) -> Iterator[tuple[float, float, str, None]]:
    """The caller's turns: from the bot's last word to the next wait or unanswered end, or from an interruption on."""
    edge = (begin, begin, "", None)
    last = (seconds, seconds, "", None) if seconds is not None else None
    for before, after in pairwise([edge, *stretches, *([last] if last else [])]):
        if after[0] > before[1] and (after[2] in ("wait", _UNANSWERED) or before[3] == "interrupted"):
            yield before[1], after[0], "caller", None


def _marks(rows: Iterable[Row], start: float) -> Iterator[dict[str, Any]]:
    for row in rows:
        failed = row.kind == "function_call" and row.outcome not in (None, "completed")
        if row.kind in ("interruption", "error", "unanswered") or failed:
            # A fault during the services' set-up precedes the call's start.
            yield {"at": max(0.0, round(row.at - start, 3)), "kind": row.kind, "name": row.name, "outcome": row.outcome}
