"""A call's time line for a person, with related rows on one line.

Costs of single requests are left out, because the summary has the call's cost; `--json` has every row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from voice_metrics.cli import terminal
from voice_metrics.cli.printable import count, length, milliseconds, printable
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
_COLUMNS = ("after", "what", "value", "service", "name", "detail")
_LONGEST_NAME = 24


def table(rows: Iterable[Row], started_at: float) -> Table:
    """Make a table of rows in order of time; `started_at` is the call's start in unix seconds."""
    cells = [
        _cells(row, details, started_at)
        for row, details in _together(each for each in rows if each.kind not in _LEFT_OUT)
    ]
    whole = _table(cells, _COLUMNS)
    # The name says the service too.
    return whole if terminal.fits(whole) else _table(cells, [name for name in _COLUMNS if name != "service"])


def _table(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> Table:
    lines = terminal.plain_table(*columns, right=("after", "value"))
    # A narrow terminal folds these two long columns only, names between their words.
    for column in lines.columns[-2:]:
        column.no_wrap, column.overflow = False, "fold"
    words = [len(word) for row in rows for word in row["name"].split()]
    lines.columns[-2].min_width = min(max(words, default=0), _LONGEST_NAME)
    for row in rows:
        lines.add_row(*(Text(row[name]) for name in columns))
    return lines


def _cells(row: Row, details: Sequence[Row], started_at: float) -> dict[str, str]:
    texts = (
        f"{row.at - started_at:.2f} s",
        "tokens" if row.kind in _TOKENS else row.kind.replace("_", " "),
        _value(row, details),
        row.service or "",
        " ".join(part for part in (row.name, row.model) if part),
        _detail(row, details),
    )
    return dict(zip(_COLUMNS, map(printable, texts), strict=True))


def _together(rows: Iterable[Row]) -> list[tuple[Row, list[Row]]]:
    """Each row with its details: parts of a response, kinds of tokens of one request."""
    lines: list[tuple[Row, list[Row]]] = []
    response: list[Row] | None = None
    for row in rows:
        head, details = lines[-1] if lines else (row, [])
        if row.kind == "response_part" and response is not None:
            # Pipecat reports the parts a moment later, after the silence that the response ended.
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
        # Other kinds of tokens are parts of these two.
        return count(
            sum(part.value or 0 for part in (row, *details) if part.kind in ("prompt_tokens", "completion_tokens"))
        )
    if row.kind in _COUNTS:
        return count(row.value)
    return length(row.value) if row.kind in _LENGTHS else milliseconds(row.value * 1000)


def _detail(row: Row, details: Sequence[Row]) -> str:
    if row.kind in _TOKENS:
        return ", ".join(f"{count(part.value)} {_TOKENS[part.kind]}" for part in (row, *details))
    if row.kind == "response" and details:
        parts = (f"{(part.name or '').replace('_', ' ')} {(part.value or 0) * 1000:.0f}" for part in details)
        return f"{', '.join(parts)} ms"
    outcome = (row.outcome or "").replace("_", " ")
    return f"after {outcome}" if row.kind == "silence" else outcome
