"""What a panel is, before Grafana's word for it: a title, what it means, how it looks, and what it asks.

Owns the vocabulary of the rows of the dashboard; refuses JSON and the SDK.
"""

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
UNCUT = ALL.where('interrupted!="true"')
CUT = ALL.where('interrupted="true"')
CALL = Selection(('job=~"$job"', 'call_id=~"$call_id"'), whole)


class Look(StrEnum):
    """How a panel shows its answers."""

    FIGURES = "figures"
    LINES = "lines"
    BARS = "bars"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Query:
    """One question of a panel.

    Parameters:
        expression: PromQL with Grafana's variables.
        name: Legend of the answer, or title of the column in a table; empty for no legend, and for a column of
            which only the labels are shown.
        unit: Unit of the column where it differs from the panel's; `None` where it does not.
    """

    expression: str
    name: str = ""
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Parameters:
        title: Its title; unique on the dashboard.
        description: What it means, for a person who sees it for the first time.
        look: How it shows its answers.
        unit: Grafana's unit of the values.
        queries: What it asks.
        width: Of 24 columns.
        height: In rows of Grafana's grid.
        labels: Titles of a table's label columns; labels that are not named keep their name.
        order: Title of the column that a table is sorted by, largest first; empty for no order.
        limits: Values from which on a figure is orange, then red; empty for no colours.
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


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading.

    Parameters:
        title: The heading.
        panels: In reading order.
    """

    title: str
    panels: tuple[Panel, ...]


def figure(
    title: str, description: str, unit: str, *queries: Query, width: int = 4, **more: tuple[float, ...]
) -> Panel:
    """A panel of one or a few large figures."""
    return Panel(title, description, Look.FIGURES, unit, queries, width, 4, limits=more.get("limits", ()))


def lines(title: str, description: str, unit: str, *queries: Query, width: int = 12) -> Panel:
    """A panel of lines over time."""
    return Panel(title, description, Look.LINES, unit, queries, width)


def bars(title: str, description: str, unit: str, *queries: Query, width: int = 12) -> Panel:
    """A panel of stacked bars over time, one per step."""
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
) -> Panel:
    """A panel with one line per combination of labels."""
    return Panel(title, description, Look.TABLE, unit, queries, width, height, labels, order)
