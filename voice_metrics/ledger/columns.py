"""Cells of the ledger's queries as rows: columns of a call and of its time line.

Another program or a bad disk may have written any type into a cell.
"""

from __future__ import annotations

from typing import Any

from voice_metrics.ledger.rows import CallRow, CallState, Row
from voice_metrics.ledger.stored_summary import number

CALL_COLUMNS = (
    "call_id, {state} AS state, started_at, updated_at, duration_seconds, {end_reason} AS end_reason, llm_model, "
    "stt_model, tts_model, worst_response_ms, turns, interruptions, errors, prompt_tokens, completion_tokens, "
    "characters, audio_seconds, cost_usd, "
    # Python's json writes NaN, which SQLite rejects.
    "CASE WHEN json_valid(summary) THEN json_extract(summary, '$.exported') END, "
    "CASE WHEN json_valid(summary) THEN json_extract(summary, '$.outcome') END, "
    "CASE WHEN json_valid(summary) THEN json_extract(summary, '$.success') END, COALESCE(key, 'row-' || id)"
)
_STATES = frozenset(CallState)


def call_row(row: tuple[Any, ...]) -> CallRow:
    """Return a call from the cells of `CALL_COLUMNS`; further cells are ignored."""
    state = CallState(row[1]) if row[1] in _STATES else CallState.ENDED
    exported, success = (None if row[place] is None else bool(row[place]) for place in (18, 20))
    numbers: list[Any] = list(map(number, row))
    texts: list[Any] = [None if value is None else str(value) for value in row]
    numbers[2:4] = (moment or 0.0 for moment in numbers[2:4])
    ended = (exported, texts[19], success)
    return CallRow(*(str(row[0]), state, *numbers[2:5], *texts[5:9], *numbers[9:18], *ended, str(row[21])))


def timeline_row(measured: tuple[Any, ...]) -> Row | None:
    """Return a time line's row from its cells; `None` without a usable moment."""
    moment, kind, value, *names = measured
    if (at := number(moment)) is None:
        return None
    texts = (None if name is None else str(name) for name in names)
    return Row(at, str(kind), number(value), *texts)
