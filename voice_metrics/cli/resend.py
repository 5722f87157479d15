"""`voice-metrics resend`: sends the unacknowledged requests of dead processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voice_metrics.cli.local_events import send_local
from voice_metrics.cli.moments import option_moment
from voice_metrics.cli.places import ledger_file
from voice_metrics.cli.printable import several
from voice_metrics.ledger import LedgerReader, NoCallYet, PendingState
from voice_metrics.settings.environment import Settings, SettingsError

if TYPE_CHECKING:
    from voice_metrics.export.earlier_requests import Resent

EXAMPLES = """\b
Examples:
  voice-metrics resend --dry-run
  voice-metrics resend && echo everything has arrived
  voice-metrics resend --local --since 2d

Exit status: 0 if nothing is left to send, 1 if something is, or was refused.
"""


def resend(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what waits to be sent.")] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Send events of calls that ended while no server was configured.")
    ] = False,
    since: Annotated[str | None, typer.Option("--since", help="With --local: calls of then and later.")] = None,
) -> None:
    """Send what is pending, with its original timestamps."""
    if since is not None and not local:
        raise typer.BadParameter("--since is for --local; what waits is sent whole")
    settings = Settings.from_environment(os.environ)
    path = ledger_file(settings)
    if local:
        raise typer.Exit(send_local(settings, path, option_moment(since, "--since"), dry_run=dry_run))
    waiting = _waiting(path)
    if waiting is None or not waiting.requests:
        print("Nothing waits to be sent.")
        return
    if dry_run:
        print(f"{_in_words(waiting)} to be sent.")
        raise typer.Exit(1)
    if settings.endpoint is None and settings.logs_endpoint is None:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT names no server: expected the address of an OTLP endpoint, such as "
            "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp"
        )
    raise typer.Exit(_send_all(settings))


def _waiting(path: Path) -> PendingState | None:
    """Size of the unsent requests; `None` before the first call."""
    try:
        with LedgerReader(path) as reader:
            return reader.pending()
    except NoCallYet:
        return None


def _send_all(settings: Settings) -> int:
    from voice_metrics.export.delivery import Delivery
    from voice_metrics.export.earlier_requests import Resent
    from voice_metrics.export.earlier_requests import resend as send
    from voice_metrics.ledger import Ledger

    path = ledger_file(settings)
    ledger, total = Ledger(path), Resent()
    # What was kept may be increments or events.
    delivery, events = (
        None if endpoint is None else Delivery(endpoint, repeatable=False)
        for endpoint in (settings.endpoint, settings.logs_endpoint)
    )
    try:
        # A claim is limited in size, so claim until nothing is left.
        while not total.left:
            resent = send(delivery, ledger, events=events)
            if not (resent.delivered or resent.refused or resent.left):
                break
            total.delivered += resent.delivered
            total.refused += resent.refused
            total.left = resent.left
            total.outcome = resent.outcome or total.outcome
    finally:
        for way in (delivery, events):
            if way is not None:
                way.close()
        ledger.close()
    with LedgerReader(path) as reader:
        left = reader.pending()
    endpoint = settings.endpoint or settings.logs_endpoint
    _print_result(total, left, endpoint.destination if endpoint else "")
    return 1 if left.requests or total.refused else 0


def _print_result(resent: Resent, left: PendingState, destination: str) -> None:
    if resent.delivered:
        print(f"{_calls_in_words(resent.delivered)} delivered to {destination}.")
    if resent.refused:
        print(f"{_calls_in_words(resent.refused)} refused for good.")
    if left.requests:
        print(f"{_in_words(left)} still, {'left for the next try' if resent.left else 'held by processes that run'}.")
    if resent.outcome is not None:
        print(f"The server: {resent.outcome}")


def _calls_in_words(call_ids: list[str]) -> str:
    # The empty id stands for series that calls share.
    number = len({call_id for call_id in call_ids if call_id})
    shared = "shared series" if "" in call_ids else ""
    calls = several(number, "call") if number else ""
    return " and ".join(part for part in (calls, shared) if part)


def _in_words(waiting: PendingState) -> str:
    requests, calls = several(waiting.requests, "request"), several(waiting.calls, "call")
    return f"{requests} of {calls} ({waiting.bytes / 1000:.0f} kB) wait{'s' if waiting.requests == 1 else ''}"
