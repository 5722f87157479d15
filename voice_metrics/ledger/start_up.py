"""What of a call's beginning the services' set-up took (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from voice_metrics.ledger.rows import Row


@dataclass(frozen=True, slots=True)
class StartUp:
    """The set-up of a call's services, all at once.

    Parameters:
        seconds: From the begin of the first to the end of the last.
        of_greeting_seconds: How much of the caller's wait for the greeting that was, or `None` without a greeting.
        services: The class name of each and its seconds, the longest first.
    """

    seconds: float
    of_greeting_seconds: float | None
    services: tuple[tuple[str, float], ...]


def start_up(rows: Iterable[Row]) -> StartUp | None:
    """The start-up of a call.

    Args:
        rows: The call's rows.

    Returns:
        How long it took, or `None` if this Pipecat does not tell, or no service took any time.
    """
    known = [row for row in rows if row.value is not None and row.kind in ("set_up", "greeting")]
    taken = [(row.at - (row.value or 0.0), row.at, row.name or "") for row in known if row.kind == "set_up"]
    if not taken:
        return None
    begun, ended = min(begin for begin, _, _ in taken), max(end for _, end, _ in taken)
    waits = [(row.at - (row.value or 0.0), row.at) for row in known if row.kind == "greeting"]
    return StartUp(
        ended - begun,
        max(0.0, min(ended, waits[0][1]) - max(begun, waits[0][0])) if waits else None,
        tuple(sorted(((name, end - begin) for begin, end, name in taken), key=lambda each: -each[1])),
    )
