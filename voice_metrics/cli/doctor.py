"""`voice-metrics doctor`: a test point's way to the server, and the cure if it does not arrive."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from voice_metrics.cli import terminal
from voice_metrics.cli.printable import printable

if TYPE_CHECKING:
    from voice_metrics.cli.findings import Finding

EXAMPLES = """\b
Examples:
  voice-metrics doctor
  voice-metrics doctor --json | jq -r '.findings[] | select(.mark == "bad") | .text'

Exit status: 0 if a server accepted the test point and nothing is wrong, else 1. A set-up that sends to no server
has 1 too, without a line that begins with `wrong`.
What it prints holds no secret and may be pasted into a public issue.
"""
_WORDS = {"good": ("ok", "green"), "advice": ("note", "yellow"), "bad": ("wrong", "red")}


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of lines.")] = False,
) -> None:
    """Check the environment and send one test point."""
    from voice_metrics.cli.checks import examine
    from voice_metrics.cli.environment_file import FromFile

    examination = examine(os.environ, context.obj or FromFile())
    if as_json:
        round_trip = examination.round_trip_seconds
        report = {
            "ok": examination.ok,
            "wrong": examination.wrong,
            "round_trip_ms": None if round_trip is None else round(round_trip * 1000, 1),
            "findings": [{"mark": finding.mark.value, "text": finding.text} for finding in examination.findings],
        }
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _show(examination.findings)
    raise typer.Exit(0 if examination.ok else 1)


def _show(findings: Sequence[Finding]) -> None:
    table = terminal.plain_table("", "")
    table.show_header = False
    table.columns[1].no_wrap, table.columns[1].overflow = False, "fold"
    for finding in findings:
        word, style = _WORDS[finding.mark.value]
        table.add_row(Text(word, style=style), Text(printable(finding.text)))
    terminal.show(table)
