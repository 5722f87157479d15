"""The answers of a call: the caller's wait for each and its parts (pure).

Parts named by Pipecat add up to the wait. Without them, the services' own measurements appear at their times, and the
rest stays unexplained.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, zip_longest
from statistics import median
from typing import Any

from voice_metrics.ledger import Row

# Lane to Pipecat's name of its part.
_PARTS = {"stt": "transcription", "llm": "llm_inference", "functions": "function_handler", "tts": "speech_synthesis"}
_USED = ("prompt_tokens", "completion_tokens", "characters", "cost_usd")

# The limit of the alert about slow responses, in seconds.
SLOW_SECONDS = 2.5

Bars = Sequence[Mapping[str, Any]]
Answer = dict[str, Any]


def answers(rows: Sequence[Row], start: float, lanes: Mapping[str, Bars]) -> list[Answer]:
    """Return every answer in order of time.

    Args:
        rows: The call's rows in order of time.
        start: Unix seconds of the call's start.
        lanes: Bars of each service and of the functions.

    Returns:
        Number, begin, seconds, parts, whether Pipecat named them, whether it was cut off, usage until the next answer,
        whether it was slow, and then the part that took unusually long, by which model or function.
    """
    found: list[Answer] = []
    for row in rows:
        if row.kind == "response" and row.value is not None:
            begin = row.at - start - row.value
            found.append({"number": len(found) + 1, "at": round(begin, 3), "seconds": row.value, "parts": []})
        elif row.kind == "response_part" and found and row.value is not None:
            found[-1]["parts"].append({"part": row.name, "seconds": row.value})
    moments = [row.at - start for row in rows]
    stalls = [row for row in rows if row.kind == "loop_stall" and row.value is not None]
    measured = [_Bars(part, lanes.get(lane, ())) for lane, part in _PARTS.items()]
    for answer, following in zip_longest(found, found[1:]):
        end = math.inf if following is None else following["at"]
        later = rows[bisect_left(moments, answer["at"]) : bisect_left(moments, end)]
        turn = next((row for row in later if row.kind == "turn"), None)
        answer["interrupted"] = turn is not None and turn.outcome == "interrupted"
        answer["used"] = {kind: _sum(later, kind) for kind in _USED}
        answer["named"] = bool(answer["parts"])
        answer["parts"] = _placed_one_after_another(answer["parts"]) or _measured_parts(answer, measured)
        answer["slow"] = answer["seconds"] > SLOW_SECONDS
    ranked = _ranked_seconds([_seconds_by_part(answer) for answer in found if answer["named"]])
    for answer in found:
        answer["longer"] = _unusually_long_part(answer, ranked, measured) if answer["slow"] else None
        answer["held"] = _longest_stall(answer, stalls, start) if answer["slow"] else None
    return found


def _longest_stall(answer: Answer, stalls: Sequence[Row], start: float) -> dict[str, Any] | None:
    """The longest stall of the event loop that overlaps the wait, or `None` if none does."""
    begin, end = answer["at"] + start, answer["at"] + start + answer["seconds"]
    found = [row for row in stalls if row.at > begin and row.at - (row.value or 0.0) < end]
    worst = max(found, key=lambda row: row.value or 0.0, default=None)
    return None if worst is None else {"function": worst.name, "seconds": worst.value}


def _ranked_seconds(answers: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """The seconds of each part in every answer, in order; an answer without a part counts as 0."""
    names = {name for seconds in answers for name in seconds}
    return {name: sorted(seconds.get(name, 0.0) for seconds in answers) for name in names}


def _unusually_long_part(
    answer: Answer, ranked: Mapping[str, list[float]], measured: Sequence[_Bars]
) -> dict[str, Any] | None:
    """The part that exceeds its median in the other answers most, or `None`."""
    usual = {}
    for name, seconds in _seconds_by_part(answer).items() if answer["named"] else ():
        others = ranked[name].copy()
        del others[bisect_left(others, seconds)]
        if not others:
            return None
        usual[name] = median(others)
    if not usual:
        return None
    excess = [(part["seconds"] - usual[part["part"]], part) for part in answer["parts"]]
    most, part = max(excess, key=lambda each: each[0])
    if most <= 0:
        return None
    name, seconds = part["part"], part["seconds"]
    by = next(
        (bars.longest_of(answer["at"], answer["at"] + answer["seconds"]) for bars in measured if bars.part == name),
        None,
    )
    return {"part": name, "by": by, "seconds": seconds, "usual_seconds": usual[name]}


def _seconds_by_part(answer: Answer) -> dict[str, float]:
    return {part["part"]: part["seconds"] for part in answer["parts"]}


def averages(found: Sequence[Answer]) -> list[dict[str, Any]]:
    """Return name and average seconds of each part, in order; empty if no answer has named parts."""
    named = [answer for answer in found if answer["named"]]
    sums: dict[str, float] = {}
    for answer in named:
        for part in answer["parts"]:
            sums[part["part"]] = sums.get(part["part"], 0.0) + part["seconds"]
    # The answer with the most parts shows their order.
    longest_first = sorted(named, key=lambda answer: -len(answer["parts"]))
    order = dict.fromkeys(part["part"] for answer in longest_first for part in answer["parts"])
    return [{"part": name, "seconds": sums[name] / len(named)} for name in order]


def _placed_one_after_another(parts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    begin, placed = 0.0, []
    for part in parts:
        placed.append({**part, "from": round(begin, 4)})
        begin += part["seconds"]
    return placed


class _Bars:
    """The bars of a lane by begin, each until its first byte if known."""

    def __init__(self, part: str, bars: Bars) -> None:
        self.part = part
        bars = sorted(bars, key=lambda bar: float(bar["from"]))
        self._bars = bars
        self._begins = [bar["from"] for bar in bars]
        firsts = [bar["first_byte_seconds"] for bar in bars]
        self._ends = [
            bar["to"] if first is None else bar["from"] + first for bar, first in zip(bars, firsts, strict=True)
        ]
        self._latest_ends = list(accumulate(self._ends, max))

    def within(self, begin: float, end: float) -> Sequence[tuple[float, float]]:
        """Begin and end of the bars that overlap a stretch."""
        return [(self._begins[place], self._ends[place]) for place in self._overlapping(begin, end)]

    def longest_of(self, begin: float, end: float) -> str | None:
        """Model, else name, of the longest bar that overlaps a stretch; `None` without one."""
        places = self._overlapping(begin, end)
        longest = max(places, key=lambda place: self._ends[place] - self._begins[place], default=None)
        return None if longest is None else self._bars[longest]["model"] or self._bars[longest]["name"]

    def _overlapping(self, begin: float, end: float) -> Sequence[int]:
        places = range(bisect_right(self._latest_ends, begin), bisect_left(self._begins, end))
        return [place for place in places if self._ends[place] > begin]


def _measured_parts(answer: Answer, measured: Sequence[_Bars]) -> list[dict[str, Any]]:
    """The services' measurements within a wait, at their times."""
    parts = []
    for bars in measured:
        for bar_begin, bar_end in bars.within(answer["at"], answer["at"] + answer["seconds"]):
            begin = max(0.0, bar_begin - answer["at"])
            length = min(answer["seconds"], bar_end - answer["at"]) - begin
            if length > 0:
                parts.append({"part": bars.part, "from": round(begin, 4), "seconds": round(length, 4)})
    return sorted(parts, key=lambda part: float(part["from"]))


def _sum(rows: Sequence[Row], kind: str) -> float | None:
    values = [row.value for row in rows if row.kind == kind and row.value is not None]
    return sum(values) if values else None
