"""The time that the set-up of a call's services took (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from voice_metrics.ledger.rows import Row


@dataclass(frozen=True, slots=True)
class StartUp:
    """The set-up of a call's services, which runs at the same time for all.

    Parameters:
        seconds: Beginning of the first to the end of the last.
        of_greeting_seconds: Its share of the caller's wait for the greeting; `None` without a greeting.
        services: Class name and seconds of each, longest first.
    """

    seconds: float
    of_greeting_seconds: float | None
    services: tuple[tuple[str, float], ...]


def start_up(rows: Iterable[Row]) -> StartUp | None:
    """Return the set-up of a call, or `None` if this Pipecat does not report it or no service took any time.

    Args:
        rows: The call's time line.
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
