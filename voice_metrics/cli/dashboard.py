"""`voice-metrics dashboard`: the Grafana dashboard, ready to import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voice_metrics.cli.written import written
from voice_metrics.grafana import documents

EXAMPLES = """\b
Examples:
  voice-metrics dashboard dashboard.json
  voice-metrics dashboard --job restaurant-bot --title "Restaurant bot" restaurant.json
"""
_THEN = "In Grafana: Dashboards > New > Import."


def dashboard(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to write; standard output without.")
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="Another title, so that it lies beside a dashboard that is there.")
    ] = None,
    job: Annotated[str | None, typer.Option(help="Bot that is chosen at first: its service.name.")] = None,
) -> None:
    """Write the Grafana dashboard as JSON."""
    try:
        document = documents.dashboard(title, job)
    except ValueError as mistake:
        raise typer.BadParameter(str(mistake)) from None
    written(document, file, _THEN)
