"""The terminal, or the pipe in its place.

Owns width and colour: a pipe has neither, so that nothing is cut off and nothing needs to be stripped.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Collection

from rich.console import Console
from rich.table import Table
from rich.text import Text

# Wider than any table: a pipe has no edge.
_ENDLESS = 10_000


def is_terminal() -> bool:
    """Whether a person looks at standard output."""
    return sys.stdout.isatty()


def plain_table(*columns: str, right: Collection[str] = ()) -> Table:
    """A table of aligned columns without lines.

    Args:
        *columns: Their headings.
        right: Those that are aligned to the right.

    Returns:
        The table, without rows.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    return table


def fits(table: Table) -> bool:
    """Whether a table can be printed whole; in a pipe it always can."""
    return not is_terminal() or Console(width=_ENDLESS).measure(table).maximum <= Console().width


def show(*parts: Table | Text | str) -> None:
    """Print to standard output, with colours and cut to the width if that is a terminal.

    Args:
        *parts: What to print, one under the other; a string is text, whatever it looks like.
    """
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
