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
    """Return stretches of a call, each with begin and end in seconds from the call's start.

    Args:
        rows: The call's rows.
        start: Unix seconds of the call's start.

    Returns:
        "speech" (of caller and bot), "silences" (by the speaker before), "gaps" (late or missing audio), "stalls" (of
        the event loop, with the function that held it).
    """
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in _STRETCHES.values()}
    for row in rows:
        if (name := _STRETCHES.get(row.kind)) is None or row.value is None:
            continue
        end = row.at - start
        stretch = {"from": round(max(0.0, end - row.value), 3), "to": round(end, 3), "what": row.outcome or row.name}
        found[name].append(stretch)
    return found
