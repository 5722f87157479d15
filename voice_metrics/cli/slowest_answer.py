"""The slowest answer of a call in words, with the part that made it slow, as the page says it."""

from __future__ import annotations

from typing import Any

from voice_metrics.cli.printable import milliseconds
from voice_metrics.ledger import CallDetail
from voice_metrics.page.story import story


def slowest_answer(detail: CallDetail) -> str | None:
    """Return when it was, how long it took and why; `None` if no answer was slow."""
    slow = [answer for answer in story(detail, detail.row.updated_at)["answers"] if answer["slow"]]
    if not slow:
        return None
    answer = max(slow, key=lambda each: float(each["seconds"]))
    minutes, seconds = divmod(int(answer["at"]), 60)
    head = f"answer {answer['number']} at {minutes}:{seconds:02}, {_duration(answer)}"
    return "; ".join([head, *_cause(answer["longer"]), *_stall(answer["held"])])


def _cause(longer: dict[str, Any] | None) -> list[str]:
    if longer is None:
        return []
    by = f" ({longer['by']})" if longer["by"] else ""
    usual = longer["usual_seconds"]
    usually = f"usually {milliseconds(usual * 1000)}" if usual else "and most other answers had none"
    return [f"{longer['part'].replace('_', ' ')}{by} took {_duration(longer)} of it, {usually}"]


def _stall(held: dict[str, Any] | None) -> list[str]:
    if held is None:
        return []
    return [f"the event loop was held for {_duration(held)}" + (f" by {held['function']}" if held["function"] else "")]


def _duration(measured: dict[str, Any]) -> str:
    return milliseconds(measured["seconds"] * 1000)
