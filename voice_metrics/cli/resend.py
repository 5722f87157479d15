"""`voice-metrics resend`: sends what no server has acknowledged yet, left by processes that are gone."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from voice_metrics.cli.places import ledger_file
from voice_metrics.ledger import LedgerReader, PendingState
from voice_metrics.settings import Settings, SettingsError

EXAMPLES = """\b
Examples:
  voice-metrics resend --dry-run
  voice-metrics resend && echo everything has arrived

Exit status: 0 if nothing is left to send, 1 if something is, or was refused.
"""


def resend(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what waits to be sent.")] = False,
) -> None:
    """Send what is pending, with its original timestamps."""
    settings = Settings.from_environment(os.environ)
    path = ledger_file(settings)
    with LedgerReader(path) as reader:
        waiting = reader.pending()
    if not waiting.requests:
        print("Nothing waits to be sent.")
        return
    if dry_run:
        print(f"{_told(waiting)} to be sent.")
        raise typer.Exit(1)
    if settings.endpoint is None:
        raise SettingsError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is not set: expected the address of an OTLP endpoint, such as "
            "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp"
        )
    raise typer.Exit(_sent(settings))


def _sent(settings: Settings) -> int:
    from voice_metrics.delivery import Delivery
    from voice_metrics.ledger import Ledger
    from voice_metrics.resend import resend as send

    assert settings.endpoint is not None
    ledger = Ledger(ledger_file(settings))
    delivery = Delivery(settings.endpoint)
    try:
        resent = send(delivery, ledger)
    finally:
        delivery.close()
        ledger.close()
    for number, words in (
        (_calls(resent.delivered), f"delivered to {settings.endpoint.destination}"),
        (_calls(resent.refused), "refused for good"),
    ):
        if number:
            print(f"{number} {words}.")
    with LedgerReader(settings.ledger or ledger.path) as reader:
        left = reader.pending()
    if left.requests:
        print(f"{_told(left)} still, {'left for the next try' if resent.left else 'held by processes that run'}.")
    if resent.outcome is not None:
        print(f"The server: {resent.outcome}")
    return 1 if left.requests or resent.refused else 0


def _calls(call_ids: list[str]) -> str:
    # Series that calls share have the empty id.
    number = len({call_id for call_id in call_ids if call_id})
    shared = "shared series" if "" in call_ids else ""
    calls = f"{number} call{'' if number == 1 else 's'}" if number else ""
    return " and ".join(part for part in (calls, shared) if part)


def _told(waiting: PendingState) -> str:
    requests = f"{waiting.requests} request{'' if waiting.requests == 1 else 's'}"
    calls = f"{waiting.calls} call{'' if waiting.calls == 1 else 's'}"
    return f"{requests} of {calls} ({waiting.bytes / 1000:.0f} kB) wait{'s' if waiting.requests == 1 else ''}"
