"""Output to a terminal with its width and colours, or to a pipe with neither."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

# Wider than any table.
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
    for part in parts:
        for line in _lines(part) if isinstance(part, Table) else (str(part),):
            print(line.rstrip())


def _lines(table: Table) -> Iterator[str]:
    # Console takes a second for 2000 rows, and a long call has more.
    heads = [[str(column.header)] if table.show_header else [] for column in table.columns]
    columns = [head + [str(cell) for cell in column.cells] for head, column in zip(heads, table.columns, strict=True)]
    widths = [max(map(cell_len, cells), default=0) for cells in columns]
    rights = [column.justify == "right" for column in table.columns]
    for row in zip(*columns, strict=True):
        blanks = (" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(
            blank + cell if right else cell + blank for cell, blank, right in zip(row, blanks, rights, strict=True)
        )
