"""Calls with known numbers, written as a bot writes them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from tests.ledger.summaries import summary
from voice_metrics.ledger import Ledger, Row


def ended(ledger: Ledger, call_id: str, *, ago: float = 600.0, state: str = "ended", **changes: Any) -> float:
    """A call that started some seconds ago and is over; its start in unix seconds."""
    started_at = time.time() - ago
    ledger.call_started(call_id, datetime.fromtimestamp(started_at, UTC), {})
    ledger.call_ended(call_id, summary(call_id, **changes), state)
    return started_at


def live(ledger: Ledger, call_id: str, *, ago: float = 20.0, **changes: Any) -> dict[str, Any]:
    """A call that runs; its summary."""
    told = summary(call_id, **{"end_reason": None, "exported": None} | changes)
    ledger.call_started(call_id, datetime.fromtimestamp(time.time() - ago, UTC), told)
    return told


def conversation(start: float) -> list[Row]:
    """A greeting, an answer with its parts, and one that the caller cut off."""
    parts = {"endpointing_wait": 0.2, "transcription": 0.3, "llm_inference": 0.4, "speech_synthesis": 0.1}
    return [
        Row(start + 0.5, "ttfb", 0.4, "llm", "OpenAILLMService", "gpt-4.1"),
        Row(start + 0.6, "processing", 0.5, "llm", "OpenAILLMService", "gpt-4.1"),
        Row(start + 0.8, "ttfb", 0.2, "tts", "CartesiaTTSService", "sonic-2"),
        Row(start + 3.0, "turn", 2.0, outcome="completed"),
        Row(start + 5.9, "ttfb", 0.4, "llm", "OpenAILLMService", "gpt-4.1"),
        Row(start + 6.0, "prompt_tokens", 300, "llm", "OpenAILLMService", "gpt-4.1"),
        Row(start + 6.0, "completion_tokens", 20, "llm", "OpenAILLMService", "gpt-4.1"),
        Row(start + 6.0, "cost_usd", 0.0012, "llm", "OpenAILLMService", "gpt-4.1"),
        Row(start + 6.0, "response", 1.0),
        *(Row(start + 6.0, "response_part", seconds, name=name) for name, seconds in parts.items()),
        Row(start + 7.5, "ttfb", 0.5, "stt", "DeepgramSTTService", "nova-3"),
        Row(start + 8.0, "turn", 2.0, outcome="interrupted"),
        Row(start + 8.0, "interruption"),
        Row(start + 9.5, "function_call", 0.3, name="book_table", outcome="timed_out"),
        Row(start + 10.0, "response", 0.8),
        Row(start + 12.0, "turn", 2.0, outcome="completed"),
        Row(start + 12.5, "error", name="CartesiaTTSService", outcome="network"),
    ]


def eventful(start: float) -> list[Row]:
    """A conversation with speech of both sides, a silence, a gap, a held loop, and a turn without an answer."""
    return [
        *conversation(start),
        Row(start + 3.0, "speech", 2.0, name="bot"),
        Row(start + 5.0, "speech", 1.8, name="caller"),
        Row(start + 8.0, "speech", 2.0, name="bot"),
        Row(start + 9.2, "speech", 1.6, name="caller"),
        Row(start + 12.0, "speech", 2.0, name="bot"),
        Row(start + 11.2, "bot_gap", 0.4, outcome="late"),
        Row(start + 15.5, "speech", 1.5, name="caller"),
        Row(start + 17.0, "unanswered", outcome="no_transcript"),
        Row(start + 24.0, "silence", 8.5, outcome="caller"),
        Row(start + 27.0, "loop_stall", 0.9, name="look_up"),
        Row(start + 28.0, "ttfb", 2.2, "llm", "OpenAILLMService", "gpt-4.1"),
        Row(start + 28.4, "response", 3.4),
        *(
            Row(start + 28.4, "response_part", seconds, name=name)
            for name, seconds in (
                ("endpointing_wait", 0.2),
                ("transcription", 0.3),
                ("llm_inference", 2.7),
                ("speech_synthesis", 0.2),
            )
        ),
        Row(start + 31.0, "turn", 2.6, outcome="completed"),
        Row(start + 31.0, "speech", 2.6, name="bot"),
    ]
