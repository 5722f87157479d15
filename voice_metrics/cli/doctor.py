"""`voice-metrics doctor`: whether a point arrives, and what to change if it does not."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from voice_metrics.cli import terminal
from voice_metrics.cli.wording import printable
from voice_metrics.ledger import LedgerReader, LedgerUnreadable
from voice_metrics.settings import Settings, SettingsError

if TYPE_CHECKING:
    from voice_metrics.doctor import Finding

EXAMPLES = """\b
Examples:
  voice-metrics doctor
  voice-metrics doctor --json | jq -r '.findings[] | select(.mark == "bad") | .text'

Exit status: 0 if a server accepted the test point and nothing is wrong, else 1.
What it prints holds no secret and may be pasted into a public issue.
"""
_WORDS = {"good": ("ok", "green"), "advice": ("note", "yellow"), "bad": ("wrong", "red")}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of lines.")] = False,
) -> None:
    """Check the environment, send one test point, and say what the server said."""
    from voice_metrics.doctor import Mark, examine

    examination = examine(os.environ)
    said = any(finding.mark is Mark.BAD and finding.text.startswith("Ledger ") for finding in examination.findings)
    ledger = None if said else _ledger()
    findings = [*examination.findings, *([ledger] if ledger else [])]
    ok = examination.ok and (ledger is None or ledger.mark is not Mark.BAD)
    if as_json:
        round_trip = examination.round_trip_seconds
        report = {
            "ok": ok,
            "round_trip_ms": None if round_trip is None else round(round_trip * 1000, 1),
            "findings": [{"mark": finding.mark.value, "text": finding.text} for finding in findings],
        }
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        _show(findings)
    raise typer.Exit(0 if ok else 1)


def _ledger() -> Finding | None:
    from voice_metrics.doctor import Finding, Mark

    try:
        path = Settings.from_environment(os.environ).ledger
    except SettingsError:
        return None  # the examination has said so
    if path is None:
        return Finding(Mark.ADVICE, "There is no ledger: what is not delivered when a process ends is lost.")
    try:
        with LedgerReader(path) as reader:
            waiting, calls = reader.pending(), reader.count()
    except LedgerUnreadable as error:
        return Finding(Mark.BAD if path.exists() else Mark.GOOD, _without_home(f"Ledger {error}."))
    held = _without_home(f"Ledger {path}: {calls} call{'' if calls == 1 else 's'}, ")
    if not waiting.requests:
        return Finding(Mark.GOOD, f"{held}nothing waits to be sent.")
    return Finding(Mark.ADVICE, f"{held}{waiting.calls} of them wait to be sent: `voice-metrics resend` sends them.")


def _without_home(text: str) -> str:
    # The name of a user is nobody's business in a public issue.
    home = os.path.expanduser("~")  # noqa: PTH111 (`Path.home` raises where there is none)
    return text.replace(f"{home}{os.sep}", f"~{os.sep}") if home not in {"~", os.sep} else text


def _show(findings: Sequence[Finding]) -> None:
    table = terminal.plain_table("", "")
    table.show_header = False
    table.columns[1].no_wrap, table.columns[1].overflow = False, "fold"
    for finding in findings:
        word, style = _WORDS[finding.mark.value]
        table.add_row(Text(word, style=style), Text(printable(finding.text)))
    terminal.show(table)
