"""Panels without Grafana's SDK or JSON: title, meaning, look and queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from voice_metrics.grafana.queries import Selection, whole

# Grafana's names of units.
NUMBER = "short"
MILLISECONDS = "ms"
SECONDS = "s"
USD = "currencyUSD"
SHARE = "percentunit"
MOMENT = "dateTimeAsIso"

ALL = Selection(('job=~"$job"',))
NOT_INTERRUPTED = 'interrupted!="true"'
UNCUT = ALL.where(NOT_INTERRUPTED)
CUT = ALL.where('interrupted="true"')
CALL = Selection(('job=~"$job"', 'call_id=~"$call_id"'), whole)


class Look(StrEnum):
    """A panel's type of display."""

    FIGURES = "figures"
    LINES = "lines"
    BARS = "bars"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel.

    Parameters:
        expression: PromQL with Grafana's variables.
        name: Legend, or title of a table's column; empty for no legend, and for a column with labels only.
        unit: Unit of the column if it differs from the panel's, else `None`.
    """

    expression: str
    name: str = ""
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Parameters:
        title: Its title; unique on the dashboard.
        description: Its meaning, for a first-time reader.
        look: Its type of display.
        unit: Grafana's unit of the values.
        queries: Its queries.
        width: Of 24 columns.
        height: In rows of Grafana's grid.
        labels: Titles of a table's label columns; other labels keep their name.
        order: Title of the column to sort a table by, largest first; empty for no order.
        limits: Values above which a figure is orange, then red; empty for no colours.
        first: Titles of the columns that a table begins with; empty for its labels, then its numbers.
    """

    title: str
    description: str
    look: Look
    unit: str
    queries: tuple[Query, ...]
    width: int
    height: int = 8
    labels: Mapping[str, str] = field(default_factory=dict)
    order: str = ""
    limits: tuple[float, ...] = ()
    first: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading, in reading order."""

    title: str
    panels: tuple[Panel, ...]


def figure(
    title: str, description: str, unit: str, *queries: Query, width: int = 4, **more: tuple[float, ...]
) -> Panel:
    """Make a panel of one or a few large figures."""
    return Panel(title, description, Look.FIGURES, unit, queries, width, 4, limits=more.get("limits", ()))


def lines(title: str, description: str, unit: str, *queries: Query, width: int = 12) -> Panel:
    """Make a panel of lines over time."""
    return Panel(title, description, Look.LINES, unit, queries, width)


def bars(title: str, description: str, unit: str, *queries: Query, width: int = 12) -> Panel:
    """Make a panel of stacked bars over time, one per step."""
    return Panel(title, description, Look.BARS, unit, queries, width)


def table(
    title: str,
    description: str,
    *queries: Query,
    labels: Mapping[str, str],
    order: str = "",
    unit: str = NUMBER,
    width: int = 12,
    height: int = 8,
    first: tuple[str, ...] = (),
) -> Panel:
    """Make a panel with one line per combination of labels."""
    return Panel(title, description, Look.TABLE, unit, queries, width, height, labels, order, first=first)
