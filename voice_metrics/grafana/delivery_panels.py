"""The dashboard's last rows: OpenTelemetry's generative AI series, and the plug-in's own health."""

from __future__ import annotations

from voice_metrics.grafana.panels import ALL, NUMBER, SECONDS, Query, Row, bars, figure, table
from voice_metrics.grafana.queries import RANGE, STEP
from voice_metrics.grafana.service_panels import summary
from voice_metrics.series.table import (
    DROPPED,
    GEN_AI_EXECUTE_TOOL,
    GEN_AI_OPERATION_DURATION,
    GEN_AI_TIME_TO_FIRST_CHUNK,
    GEN_AI_TOKEN_USAGE,
)

_MODEL = ("gen_ai_provider_name", "gen_ai_request_model")
_TOOL = {"gen_ai_tool_name": "Function"}
_TITLES = {"gen_ai_provider_name": "Provider", "gen_ai_request_model": "Model", "gen_ai_token_type": "Type"}
_STOPPED = "VOICE_METRICS_GENAI=off stops these series."

GEN_AI = Row(
    "OpenTelemetry's conventions for generative AI",
    (
        table(
            "Tokens per request (gen_ai)",
            f"Tokens of one inference. {_STOPPED}",
            *summary(ALL, GEN_AI_TOKEN_USAGE, (*_MODEL, "gen_ai_token_type"), NUMBER),
            labels=_TITLES,
            order="Count",
        ),
        table(
            "Operation duration (gen_ai)",
            f"One inference, start to end. {_STOPPED}",
            *summary(ALL, GEN_AI_OPERATION_DURATION, _MODEL, SECONDS),
            labels=_TITLES,
            order="p95",
            unit=SECONDS,
        ),
        table(
            "Time to first chunk (gen_ai)",
            f"Request to the first streamed chunk. {_STOPPED}",
            *summary(ALL, GEN_AI_TIME_TO_FIRST_CHUNK, _MODEL, SECONDS),
            labels=_TITLES,
            order="p95",
            unit=SECONDS,
        ),
        table(
            "Function call time (gen_ai)",
            f"From a function call's start to its result, timeout or cancellation. {_STOPPED}",
            *summary(ALL, GEN_AI_EXECUTE_TOOL, tuple(_TOOL), SECONDS),
            labels=_TOOL,
            order="p95",
            unit=SECONDS,
        ),
    ),
)

PLUG_IN = Row(
    "The plug-in itself",
    (
        figure(
            "Dropped",
            "Measurements that the plug-in refused or lost in the time range; 0 in good health.",
            NUMBER,
            Query(ALL.total_or_zero(DROPPED, RANGE)),
            width=12,
            limits=(1,),
        ),
        figure(
            "Live series",
            "Series with a point in the last five minutes. Grafana Cloud bills those of the last 20 minutes.",
            NUMBER,
            Query('count({__name__=~"voice_.*|gen_ai_.*", job=~"$job"})'),
            width=12,
        ),
        table(
            "Dropped by reason",
            "Measurements that the plug-in refused or lost, by reason.",
            Query(ALL.total(DROPPED, RANGE, ("reason",)), "Items"),
            labels={"reason": "Reason"},
            order="Items",
        ),
        bars(
            "Dropped over time",
            "Measurements that the plug-in refused or lost in the time of each bar.",
            NUMBER,
            Query(ALL.total(DROPPED, STEP, ("reason",)), "{{reason}}"),
        ),
    ),
)
