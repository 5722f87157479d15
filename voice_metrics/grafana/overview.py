"""First row of the dashboard: how the bot does, at a glance."""

from __future__ import annotations

from voice_metrics.grafana.panels import ALL, MILLISECONDS, NUMBER, UNCUT, USD, Query, Row, bars, figure, lines
from voice_metrics.grafana.queries import RANGE, SMOOTH, STEP
from voice_metrics.series.table import (
    CALLS,
    CALLS_ACTIVE,
    COST,
    ERRORS,
    INTERRUPTIONS,
    LLM_TOKENS,
    RESPONSE,
    TTFB,
    TTS_CHARACTERS,
)

_STEPS_PER_HOUR = "3600000 / $__interval_ms"

FIGURES = (
    figure(
        "Calls", "Calls that started in the time range.", NUMBER, Query(ALL.or_zero(ALL.total(CALLS, RANGE), RANGE))
    ),
    figure(
        "Active calls",
        "Calls that run now. The calls of a process that was killed count for five more minutes.",
        NUMBER,
        Query(ALL.current(CALLS_ACTIVE)),
    ),
    figure(
        "Response time",
        "User stopped speaking to bot started speaking: median and 95th percentile.",
        MILLISECONDS,
        Query(ALL.quantile(0.5, RESPONSE, RANGE), "p50"),
        Query(ALL.quantile(0.95, RESPONSE, RANGE), "p95"),
        width=8,
        limits=(1500, 2500),
    ),
    figure(
        "Errors",
        "Errors that processors of the pipeline reported.",
        NUMBER,
        Query(ALL.or_zero(ALL.total(ERRORS, RANGE), RANGE)),
        limits=(1, 10),
    ),
    figure(
        "Interruptions",
        "Times a caller cut the bot off while it was speaking.",
        NUMBER,
        Query(ALL.or_zero(ALL.total(INTERRUPTIONS, RANGE), RANGE)),
    ),
    figure(
        "Cost per hour",
        "Cost in the time range, divided by its length. Usage without a known price is not in it.",
        USD,
        Query(f"3600 / $__range_s * {ALL.total(COST, RANGE)}"),
        width=6,
    ),
    figure(
        "Cost per call",
        "Cost in the time range, divided by the calls that started in it.",
        USD,
        Query(f"{ALL.total(COST, RANGE)} / ({ALL.total(CALLS, RANGE)} > 0)"),
        width=6,
    ),
    figure(
        "Tokens",
        "Prompt tokens (cached ones included) and completion tokens together.",
        NUMBER,
        Query(ALL.or_zero(ALL.total(LLM_TOKENS, RANGE), RANGE)),
        width=6,
    ),
    figure(
        "Characters",
        "Characters sent to speech synthesis.",
        NUMBER,
        Query(ALL.or_zero(ALL.total(TTS_CHARACTERS, RANGE), RANGE)),
        width=6,
    ),
)

GRAPHS = (
    lines(
        "Response time over time",
        "User stopped speaking to bot started speaking: median and 95th percentile of the last few minutes.",
        MILLISECONDS,
        Query(ALL.quantile(0.5, RESPONSE, SMOOTH), "p50"),
        Query(ALL.quantile(0.95, RESPONSE, SMOOTH), "p95"),
    ),
    lines(
        "TTFB by service, p95",
        "Request to a service's first output, 95th percentile. Interrupted requests are left out.",
        MILLISECONDS,
        Query(UNCUT.quantile(0.95, TTFB, SMOOTH, ("service",)), "{{service}}"),
    ),
    lines(
        "Active calls over time",
        "Calls that run at the same time.",
        NUMBER,
        Query(ALL.current(CALLS_ACTIVE), "active calls"),
    ),
    bars("Calls started", "Calls that started in each step.", NUMBER, Query(ALL.total(CALLS, STEP), "calls")),
    bars(
        "Cost per hour over time",
        "Cost of each step, in dollars per hour.",
        USD,
        Query(f"{_STEPS_PER_HOUR} * {ALL.total(COST, STEP, ('cost_type',))}", "{{cost_type}}"),
    ),
    bars(
        "Tokens over time",
        "Tokens of each step.",
        NUMBER,
        Query(ALL.total(LLM_TOKENS, STEP, ("token_type",)), "{{token_type}}"),
    ),
    bars(
        "Characters over time",
        "Characters sent to speech synthesis in each step.",
        NUMBER,
        Query(ALL.total(TTS_CHARACTERS, STEP), "characters"),
    ),
    bars(
        "Errors and interruptions over time",
        "Errors by category, and interruptions, of each step.",
        NUMBER,
        Query(ALL.total(ERRORS, STEP, ("category",)), "error: {{category}}"),
        Query(ALL.total(INTERRUPTIONS, STEP), "interruptions"),
    ),
)

ROW = Row("Overview", (*FIGURES, *GRAPHS))
