"""Output to a terminal with its width and colours, or to a pipe with neither."""

from __future__ import annotations

import io
import sys
from collections.abc import Collection

from rich.console import Console
from rich.table import Table
from rich.text import Text

# Wider than any table, because a pipe has no width.
_ENDLESS = 10_000


def is_terminal() -> bool:
    """True if standard output is a terminal."""
    return sys.stdout.isatty()


def plain_table(*columns: str, right: Collection[str] = ()) -> Table:
    """Make a table of aligned columns without lines; `right` names the right-aligned ones."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    return table


def fits(table: Table) -> bool:
    """True if a table can be printed whole, as in a pipe always."""
    # With a width alone Console takes a terminal without abilities (TERM=dumb) for 80 columns wide.
    return not is_terminal() or Console(width=_ENDLESS, height=1).measure(table).maximum <= Console().width


def show(*parts: Table | Text | str) -> None:
    """Print parts one under the other; a string is plain text. A terminal gets colours and lines cut to its width."""
    if is_terminal():
        console = Console()
        for part in parts:
            console.print(Text(part) if isinstance(part, str) else part)
        return
    page = io.StringIO()
    console = Console(file=page, width=_ENDLESS, color_system=None, force_terminal=False)
    for part in parts:
        console.print(Text(part) if isinstance(part, str) else part)
    for line in page.getvalue().splitlines():
        print(line.rstrip())
