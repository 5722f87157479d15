"""`voice-metrics calls`: recent calls as a table, or one call in full."""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from contextlib import suppress
from dataclasses import asdict, fields
from typing import Annotated, Any

import typer

from voice_metrics.call.facts import EndReason
from voice_metrics.cli.moments import iso, option_moment
from voice_metrics.cli.places import ledger_file
from voice_metrics.ledger import CallDetail, CallFilter, CallRow, CallState, LedgerReader, NoSuchCall, Trouble
from voice_metrics.settings.environment import Settings

EXAMPLES = """\b
Examples:
  voice-metrics calls --since today
  voice-metrics calls --since 7d --slower-than 1500 --end-reason error
  voice-metrics calls --since 2h --with unanswered
  voice-metrics calls --cost-over 0.10 --csv > dear.csv
  voice-metrics calls 3f9a
  voice-metrics calls 3f9a --json | jq .summary.ttfb
"""


def calls(
    call: Annotated[
        str | None, typer.Argument(metavar="ID", help="One call in full: its id or the beginning of it, or its key.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Started at or after: 2026-11-22, today, 2h, 7d, …")] = None,
    until: Annotated[str | None, typer.Option(help="Started before.")] = None,
    model: Annotated[str | None, typer.Option(help="Part of the name of any of its models.")] = None,
    end_reason: Annotated[EndReason | None, typer.Option(help="How it ended.")] = None,
    state: Annotated[CallState | None, typer.Option(help="How far it and its series have come.")] = None,
    slower_than: Annotated[
        float | None, typer.Option(metavar="MS", help="Its worst response took longer than this.")
    ] = None,
    cost_over: Annotated[float | None, typer.Option(metavar="USD", help="It cost more than this.")] = None,
    trouble: Annotated[
        Trouble | None,
        typer.Option("--with", help="What went wrong in it: an error, or a turn of the caller without a due answer."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV instead of a table.")] = False,
) -> None:
    """Show recent calls, or one call in full."""
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    wanted = CallFilter(
        since=option_moment(since, "--since"),
        until=option_moment(until, "--until"),
        model=model,
        end_reason=end_reason,
        slower_than_ms=_finite(slower_than, "--slower-than"),
        cost_over_usd=_finite(cost_over, "--cost-over"),
        state=state,
        trouble=trouble,
    )
    if call is not None and wanted != CallFilter():
        raise typer.BadParameter("the options that choose calls are for the list; one call is chosen by its id")
    with LedgerReader(ledger_file(Settings.from_environment(os.environ))) as reader:
        if call is not None:
            if as_csv:
                raise typer.BadParameter("--csv is for the list of calls; one call has --json")
            _show_one(reader, call, as_json=as_json)
            return
        found = reader.calls(wanted, limit=min(limit, sys.maxsize))
        total = reader.count(wanted)
    _show_list(found, total, as_json=as_json, as_csv=as_csv)


def _finite(value: float | None, option: str) -> float | None:
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{option} {value}: expected a finite number")
    return value


def _show_one(reader: LedgerReader, call: str, *, as_json: bool) -> None:
    detail = _call_by_id_or_key(reader, call)
    if as_json:
        _print_json(
            {
                "key": detail.row.key,
                "state": detail.row.state.value,
                "series": detail.row.fate.value,
                "updated_at": iso(detail.row.updated_at),
                "summary": dict(detail.summary),
                "timeline": [row._asdict() | {"at": iso(row.at)} for row in detail.timeline],
            }
        )
        return
    from voice_metrics.cli.one_call import show

    show(detail)


def _call_by_id_or_key(reader: LedgerReader, call: str) -> CallDetail:
    """Return the call with an id, else with a key, because several calls may have one id."""
    try:
        return reader.call(call)
    except NoSuchCall:
        with suppress(NoSuchCall):
            return reader.call_of(call)
        raise


def _show_list(found: list[CallRow], total: int, *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        _print_json([_as_json(row) for row in found])
    elif as_csv:
        names = [*(field.name for field in fields(CallRow)), "series"]
        writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _formula_as_text(value) for name, value in _as_json(row).items()} for row in found)
    else:
        from voice_metrics.cli.call_table import show

        show(found, total)


def _as_json(row: CallRow) -> dict[str, Any]:
    return asdict(row) | {
        "state": row.state.value,
        "started_at": iso(row.started_at),
        "updated_at": iso(row.updated_at),
        "series": row.fate.value,
    }


def _formula_as_text(value: Any) -> Any:
    # A spreadsheet runs a cell that begins with one of these: https://owasp.org/www-community/attacks/CSV_Injection
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _print_json(value: Any) -> None:
    # Earlier versions wrote lone surrogates, which UTF-8 cannot encode.
    print(json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "replace").decode())
