"""Summaries as `CallSummary.to_dict()` makes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


def summary(call_id: str = "a-call", **changes: Any) -> dict[str, Any]:
    """A summary of a completed call of one minute, with changes by name."""
    latency = {"count": 2, "average_ms": 700.0, "min_ms": 500.0, "max_ms": 900.0, "p50_ms": 700.0, "p95_ms": 880.0}
    return {
        "call_id": call_id,
        "started_at": "2026-11-22T12:00:00.000Z",
        "duration_seconds": 60.0,
        "end_reason": "completed",
        "models": {"llm": "gpt-4.1", "stt": "nova-3", "tts": "sonic-2"},
        "attributes": {},
        "llm": {"requests": 3, "prompt_tokens": 1200, "completion_tokens": 80, "total_tokens": 1280},
        "tts": {"characters": 300},
        "stt": {"audio_seconds": 58.5},
        "response": latency,
        "turns": {"completed": 3, "interrupted": 1},
        "interruptions": 1,
        "errors": 0,
        "cost": {"llm_usd": 0.004, "stt_usd": 0.003, "tts_usd": 0.009, "total_usd": 0.016, "unpriced": []},
        "exported": True,
    } | changes
