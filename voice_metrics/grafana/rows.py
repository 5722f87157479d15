"""The rows of the dashboard, in their order."""

from __future__ import annotations

from voice_metrics.grafana import calls, conversation, delivery, overview, promises, reasons, services, usage

ROWS = (
    overview.ROW,
    reasons.ROW,
    conversation.ROW,
    promises.ROW,
    services.ROW,
    usage.ROW,
    calls.RECENT,
    calls.ONE,
    delivery.GEN_AI,
    delivery.PLUG_IN,
)
