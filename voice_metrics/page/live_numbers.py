"""A running call's numbers from its time line, which is newer than its last summary (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from voice_metrics.ledger import CallDetail, CallRow, CallState, Row


def so_far(detail: CallDetail, now: float) -> CallRow:
    """Return a call's row; for a live call, with the sums of its time line at `now` (unix seconds)."""
    rows = detail.timeline
    # A page of a longer time line has no sums.
    if detail.row.state is not CallState.LIVE or detail.before or detail.after:
        return detail.row
    waits = [row.value for row in rows if row.kind == "response" and row.value is not None]
    return replace(
        detail.row,
        duration_seconds=max(0.0, now - detail.row.started_at),
        worst_response_ms=1000 * max(waits) if waits else detail.row.worst_response_ms,
        turns=_count_at_least(rows, "turn", detail.row.turns),
        interruptions=_count_at_least(rows, "interruption", detail.row.interruptions),
        errors=_count_at_least(rows, "error", detail.row.errors),
        prompt_tokens=_whole(_sum_at_least(rows, "prompt_tokens", detail.row.prompt_tokens)),
        completion_tokens=_whole(_sum_at_least(rows, "completion_tokens", detail.row.completion_tokens)),
        characters=_whole(_sum_at_least(rows, "characters", detail.row.characters)),
        audio_seconds=_sum_at_least(rows, "audio_seconds", detail.row.audio_seconds),
        cost_usd=_sum_at_least(rows, "cost_usd", detail.row.cost_usd),
    )


def _count_at_least(rows: Sequence[Row], kind: str, known: int | None) -> int:
    # Rows may be pruned or dropped, so keep the larger number.
    return max(known or 0, sum(row.kind == kind for row in rows))


def _sum_at_least(rows: Sequence[Row], kind: str, known: float | None) -> float | None:
    values = [row.value for row in rows if row.kind == kind and row.value is not None]
    return max(known or 0.0, sum(values)) if values else known


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
