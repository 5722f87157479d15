"""The rows of the dashboard, in their order."""

from __future__ import annotations

from voice_metrics.grafana import (
    call_panels,
    conversation_panels,
    delivery_panels,
    objective_panels,
    overview_panels,
    reasons,
    service_panels,
    usage_panels,
)

ROWS = (
    overview_panels.ROW,
    reasons.ROW,
    conversation_panels.ROW,
    objective_panels.ROW,
    service_panels.ROW,
    usage_panels.ROW,
    call_panels.RECENT,
    call_panels.ONE,
    delivery_panels.GEN_AI,
    delivery_panels.PLUG_IN,
)
