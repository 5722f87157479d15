"""Calls as a table for a person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise, zip_longest

from rich.table import Table
from rich.text import Text

from voice_metrics.cli import terminal
from voice_metrics.cli.moments import local
from voice_metrics.cli.printable import NOTHING, achieved, count, length, milliseconds, printable, usd
from voice_metrics.ledger import CallRow, CallState, Fate

# Characters of an id that a terminal shows, if they tell the calls apart.
_SHORT_ID = 8
_NUMBERS = {"length", "worst", "turns", "tokens", "characters", "cost"}
# Columns that a narrow terminal leaves out, in this order.
_DISPENSABLE = ("models", "characters", "turns", "tokens", "series", "outcome", "length", "cost", "worst")
_SERIES = {Fate.LIVE: NOTHING, Fate.LOCAL: "local only"}
_STYLES = {"running": "green", "error": "red", "unknown": "yellow", "pending": "yellow"}
_SUCCESS_STYLES = {True: "green", False: "red", None: ""}


def show(calls: Sequence[CallRow], total: int) -> None:
    """Print calls in order; `total` counts the calls not shown too."""
    if not calls:
        terminal.show("No calls.")
        return
    left_out: list[str] = []
    while not terminal.fits(table := _table(calls, left_out)) and len(left_out) < len(_DISPENSABLE):
        left_out.append(_DISPENSABLE[len(left_out)])
    # The last one left out may have made room for those before it.
    for name in reversed(left_out[:-1]):
        without = [each for each in left_out if each != name]
        if terminal.fits(wider := _table(calls, without)):
            left_out, table = without, wider
    more = f"{len(calls)} of {total} calls; --limit {total} shows all." if len(calls) < total else None
    terminal.show(table, *([more] if more else []))


def _table(calls: Sequence[CallRow], left_out: Collection[str]) -> Table:
    # A terminal shows the beginning of an id, which `calls ID` accepts; a pipe gets all of it.
    shown = _characters_shown({call.call_id for call in calls}) if terminal.is_terminal() else None
    rows = [_cells(call, shown) for call in calls]
    # Few bots say what a call achieved.
    if all(call.outcome is None for call in calls):
        left_out = {*left_out, "outcome"}
    columns = [name for name in rows[0] if name not in left_out]
    table = terminal.plain_table(*columns, right=_NUMBERS)
    for call, row in zip(calls, rows, strict=True):
        styles = {name: _STYLES.get(text, "") for name, text in row.items()}
        styles["outcome"] = _SUCCESS_STYLES[call.success]
        table.add_row(*(Text(printable(row[name]), style=styles[name]) for name in columns))
    return table


def _characters_shown(ids: Collection[str]) -> int:
    """The least number of characters, at least `_SHORT_ID`, that tells ids apart."""
    differ = (
        next(place for place, (one, other) in enumerate(zip_longest(*pair), start=1) if one != other)
        for pair in pairwise(sorted(ids))
    )
    return max([_SHORT_ID, *differ])


def _cells(call: CallRow, shown: int | None) -> dict[str, str]:
    tokens = None
    if call.prompt_tokens is not None or call.completion_tokens is not None:
        tokens = (call.prompt_tokens or 0) + (call.completion_tokens or 0)
    return {
        "call": call.call_id[:shown],
        # Say local, because the log has UTC.
        "started (local)": local(call.started_at),
        "length": length(call.duration_seconds),
        "end": "running" if call.state is CallState.LIVE else call.end_reason or NOTHING,
        "outcome": achieved(call.outcome, call.success),
        "worst": milliseconds(call.worst_response_ms),
        "turns": count(call.turns),
        "tokens": count(tokens),
        "characters": count(call.characters),
        "cost": usd(call.cost_usd),
        "series": _SERIES.get(call.fate, call.fate.value),
        "models": ", ".join(model for model in (call.llm_model, call.stt_model, call.tts_model) if model) or NOTHING,
    }
