"""A call's time line for a person: what belongs together on one line.

Owns what is left out: what a single request cost, as the call's cost is told above, and each stretch of speech, as
the floor is; `--json` has every row.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from voice_metrics.cli import terminal
from voice_metrics.cli.wording import count, length, milliseconds, printable
from voice_metrics.ledger import Row

_TOKENS = {
    "prompt_tokens": "prompt",
    "completion_tokens": "completion",
    "cache_read_tokens": "read from cache",
    "cache_creation_tokens": "written to cache",
    "reasoning_tokens": "reasoning",
}
_LEFT_OUT = {"cost_usd", "unpriced", "speech"}
_LENGTHS = {"turn", "audio_seconds", "silence"}
_COUNTS = {"characters"}


def table(rows: Iterable[Row], started_at: float) -> Table:
    """The time line as a table.

    Args:
        rows: Its rows in the order of time.
        started_at: Start of the call, unix seconds.

    Returns:
        A line for each thing that happened.
    """
    lines = terminal.plain_table("after", "what", "value", "service", "name", "detail", right=("after", "value"))
    # A narrow terminal folds the long columns, and the others stay whole.
    for column in lines.columns[-2:]:
        column.no_wrap, column.overflow = False, "fold"
    for row, details in _together(row for row in rows if row.kind not in _LEFT_OUT):
        cells = (
            f"{row.at - started_at:.2f} s",
            "tokens" if row.kind in _TOKENS else row.kind.replace("_", " "),
            _value(row, details),
            row.service or "",
            " ".join(part for part in (row.name, row.model) if part),
            _detail(row, details),
        )
        lines.add_row(*(Text(printable(cell)) for cell in cells))
    return lines


def _together(rows: Iterable[Row]) -> list[tuple[Row, list[Row]]]:
    """Each row with those that say more about it: parts of a response, kinds of tokens of one request."""
    lines: list[tuple[Row, list[Row]]] = []
    response: list[Row] | None = None
    for row in rows:
        head, details = lines[-1] if lines else (row, [])
        if row.kind == "response_part" and response is not None:
            # Pipecat tells the parts a moment later, and the silence that the response ended comes in between.
            response.append(row)
        elif head.kind in _TOKENS and row.kind in _TOKENS and row.kind != head.kind and row.name == head.name:
            details.append(row)
        else:
            lines.append((row, []))
            response = lines[-1][1] if row.kind == "response" else response
    return lines


def _value(row: Row, details: Iterable[Row]) -> str:
    if row.value is None:
        return ""
    if row.kind in _TOKENS:
        # The other kinds are parts of these two.
        return count(
            sum(part.value or 0 for part in (row, *details) if part.kind in ("prompt_tokens", "completion_tokens"))
        )
    if row.kind in _COUNTS:
        return count(row.value)
    return length(row.value) if row.kind in _LENGTHS else milliseconds(row.value * 1000)


def _detail(row: Row, details: Iterable[Row]) -> str:
    if row.kind in _TOKENS:
        return ", ".join(f"{count(part.value)} {_TOKENS[part.kind]}" for part in (row, *details))
    if row.kind == "response":
        return ", ".join(f"{(part.name or '').replace('_', ' ')} {(part.value or 0) * 1000:.0f}" for part in details)
    told = (row.outcome or "").replace("_", " ")
    return f"after {told}" if row.kind == "silence" else told
