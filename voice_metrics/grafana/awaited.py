"""Rows of the table of series that the dashboard and the rules read, under the names of the documentation."""

from __future__ import annotations

from voice_metrics.series.table import LATENCY_MS, Kind, Series

UNANSWERED = Series(
    "voice.turns.unanswered.total", Kind.COUNTER, "{turn}", "Caller's turns without an answer.", ("cause",)
)
GREETING = Series(
    "voice.greeting.milliseconds", Kind.HISTOGRAM, "ms", "Caller connected to the bot's first audio.", (), LATENCY_MS
)
LOOP_LAG = Series(
    "voice.event_loop.lag.milliseconds", Kind.HISTOGRAM, "ms", "How late the event loop is.", (), LATENCY_MS
)
SWITCHES = Series(
    "voice.service.switches.total", Kind.COUNTER, "{switch}", "Changes of service.", ("service", "from", "to")
)
