"""The floor of a call: speech, silences, gaps, stalls and unanswered turns (pure).

Ledgers of older versions have no such rows; the lists are then empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from voice_metrics.ledger import Row

# Kind of row to the name of its list.
_STRETCHES = {"speech": "speech", "silence": "silences", "bot_gap": "gaps", "loop_stall": "stalls"}


def floor(rows: Sequence[Row], start: float) -> dict[str, list[dict[str, Any]]]:
    """Return stretches of a call, each with begin and end in seconds from the call's start, and its length.

    A stretch may lie in the services' set-up before the start, where begin and end are 0.

    Args:
        rows: The call's rows.
        start: Unix seconds of the call's start.

    Returns:
        "speech" with the speaker's name, "silences" with the speaker before as outcome, "gaps" with late or missing as
        outcome, and "stalls" of the event loop with the name of the function that held it.
    """
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in _STRETCHES.values()}
    for row in rows:
        if (name := _STRETCHES.get(row.kind)) is None or row.value is None:
            continue
        begin, end = (round(max(0.0, at - start), 3) for at in (row.at - row.value, row.at))
        found[name].append({"from": begin, "to": end, "seconds": row.value, "name": row.name, "outcome": row.outcome})
    return found
