"""`voice-metrics resend --local`: events of calls that ended while no server was configured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from voice_metrics.call.call_events import CallEvent, call_event, tags_of
from voice_metrics.cli.printable import several
from voice_metrics.ledger import CallDetail, CallFilter, CallState, Fate, LedgerReader, NoCallYet, NoSuchCall, Pages
from voice_metrics.settings.environment import Settings, SettingsError

if TYPE_CHECKING:
    from voice_metrics.ledger import Ledger

_AT_ONCE = 200


def send_local(settings: Settings, path: Path, since: float | None, *, dry_run: bool) -> int:
    """Send the events of local calls, which become delivered; their series were never kept.

    Args:
        settings: The environment's.
        path: The ledger.
        since: Only calls started at or after this, Unix seconds; `None` for all.
        dry_run: True to print their number only.

    Returns:
        Exit status: 0 if no local call is left.
    """
    try:
        with LedgerReader(path) as reader:
            calls = reader.calls(CallFilter(since=since, state=CallState.ENDED), descending=False)
    except NoCallYet:
        calls = []
    found = [call.key for call in calls if call.fate is Fate.LOCAL]
    if not found:
        print("No call that ended without a server is left to send.")
        return 0
    if dry_run:
        print(f"{several(len(found), 'call')} ended without a server and can be sent as events.")
        return 1
    if settings.logs_endpoint is None:
        raise SettingsError(
            "OTEL_LOGS_EXPORTER is not otlp, or no endpoint is set: the series of calls that ended without a server "
            "were not kept, and events need OTEL_LOGS_EXPORTER=otlp"
        )
    return _send_events(settings, path, found)


def _details(path: Path, keys: list[str]) -> Iterator[CallDetail]:
    """Yield calls without their time lines; those that were pruned by now are left out."""
    with LedgerReader(path) as reader:
        for key in keys:
            with suppress(NoSuchCall):
                yield reader.call_of(key, Pages(0))


def _send_events(settings: Settings, path: Path, found: list[str]) -> int:
    from voice_metrics.export.about import About
    from voice_metrics.export.delivery import Delivery
    from voice_metrics.export.event_queue import EventQueue
    from voice_metrics.export.requests import Requests
    from voice_metrics.ledger import Ledger
    from voice_metrics.telemetry import DEFAULT_SERVICE_NAME

    assert settings.logs_endpoint is not None
    requests = Requests(About(settings, settings.service_name or DEFAULT_SERVICE_NAME).resource())
    delivery = Delivery(settings.logs_endpoint, repeatable=False)
    ledger = Ledger(path)
    sent = 0
    try:
        for start in range(0, len(found), _AT_ONCE):
            some = list(_details(path, found[start : start + _AT_ONCE]))
            queue = EventQueue(delivery, _ignore_drop)
            for call in some:
                queue.add(call.row.key, call.row.call_id, _event(call))
            failure = queue.ship(requests)
            delivered = queue.reached(call.row.key for call in some)
            sent += len(delivered)
            _mark_delivered(ledger, delivered)
            if failure is not None:
                print(f"The server: {failure}")
                break
    finally:
        delivery.close()
        ledger.close()
    print(f"{several(sent, 'call')} of {len(found)} delivered to {settings.logs_endpoint.destination} as events.")
    return 0 if sent == len(found) else 1


def _event(call: CallDetail) -> CallEvent:
    summary = dict(call.summary)
    ended_at = call.row.started_at + (call.row.duration_seconds or 0.0)
    return call_event(summary, tags_of(summary), ended_at)


def _mark_delivered(ledger: Ledger, keys: set[str]) -> None:
    if keys:
        ledger.delivered(keys)
        ledger.flush()


def _ignore_drop(reason: str, items: int) -> None:
    """Ignore drops: the printed line counts them."""
