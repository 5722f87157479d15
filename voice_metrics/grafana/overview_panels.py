"""The dashboard's first row: the numbers that make an operator act."""

from __future__ import annotations

from voice_metrics.grafana.objectives import NOT_DUE
from voice_metrics.grafana.panels import (
    ALL,
    MILLISECONDS,
    NUMBER,
    SHARE,
    UNCUT,
    USD,
    Query,
    Row,
    bars,
    figure,
    lines,
)
from voice_metrics.grafana.queries import RANGE, SMOOTH, STEP
from voice_metrics.series.table import (
    CALLS_ACTIVE,
    CALLS_ENDED,
    COST,
    ERRORS,
    LOOP_LAG,
    RESPONSE,
    TTFB,
    TURNS_UNANSWERED,
)

STALL_MS = 500
_STEPS_PER_HOUR = "3600000 / $__interval_ms"
_DUE = ALL.where(NOT_DUE)
_UNANSWERED = _DUE.total(TURNS_UNANSWERED, RANGE)
_ANSWERED = ALL.observations(RESPONSE, RANGE)

FIGURES = (
    figure(
        "Active calls",
        "Calls that run now; no data if no bot sends any. The calls of a killed process count for five more minutes.",
        NUMBER,
        Query(ALL.current_or_zero(CALLS_ACTIVE)),
        width=6,
    ),
    figure(
        "Response time",
        "User stopped speaking to bot started speaking: median and 95th percentile.",
        MILLISECONDS,
        Query(ALL.quantile(0.5, RESPONSE, RANGE), "p50"),
        Query(ALL.quantile(0.95, RESPONSE, RANGE), "p95"),
        width=6,
        limits=(1500, 2500),
    ),
    figure(
        "Unanswered turns",
        "Share of the callers' turns that got no answer. A caller that went on or hung up within 3 s does not count.",
        SHARE,
        # Without an answer every turn is unanswered.
        Query(
            ALL.share(_UNANSWERED, f"(({_ANSWERED} or 0 * {_UNANSWERED}) + ({ALL.or_zero(_UNANSWERED, RANGE)}))", RANGE)
        ),
        width=6,
        limits=(0.02, 0.1),
    ),
    figure(
        "Failed calls",
        "Share of the ended calls that an error ended.",
        SHARE,
        Query(
            ALL.share(ALL.where('end_reason="error"').total(CALLS_ENDED, RANGE), ALL.total(CALLS_ENDED, RANGE), RANGE)
        ),
        width=6,
        limits=(0.01, 0.05),
    ),
    figure(
        "Errors",
        "Errors that processors of the pipeline reported.",
        NUMBER,
        Query(ALL.total_or_zero(ERRORS, RANGE)),
        width=6,
        limits=(1, 10),
    ),
    figure(
        "Rate limits",
        "Requests that a provider refused with status 429.",
        NUMBER,
        Query(ALL.or_zero(ALL.where('error_type="429"').total(ERRORS, RANGE), RANGE)),
        width=6,
        limits=(1, 10),
    ),
    figure(
        "Event loop stalls",
        f"Times that something held a bot's event loop for {STALL_MS} ms and more; every call of its process waits.",
        NUMBER,
        Query(f"{ALL.observations(LOOP_LAG, RANGE)} - {ALL.up_to(STALL_MS, LOOP_LAG, RANGE)}"),
        width=6,
        limits=(1, 10),
    ),
    figure(
        "Cost per hour",
        "Cost in the time range, divided by its length. Usage without a known price is not in it.",
        USD,
        Query(f"3600 / $__range_s * {ALL.total(COST, RANGE)}"),
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
        "Time to first byte by service, p95",
        "Request to a service's first output, 95th percentile. Interrupted requests are left out.",
        MILLISECONDS,
        Query(UNCUT.quantile(0.95, TTFB, SMOOTH, ("service",)), "{{service}}"),
    ),
    lines(
        "Active calls over time",
        "Calls that run at the same time; a gap is a time in which no bot sent any data.",
        NUMBER,
        Query(ALL.current_or_zero(CALLS_ACTIVE), "active calls"),
    ),
    bars(
        "Errors and unanswered turns over time",
        "Errors by provider and kind, and turns that got no answer although one was due, in the time of each bar.",
        NUMBER,
        Query(ALL.total(ERRORS, STEP, ("provider", "error_type")), "error: {{provider}} {{error_type}}"),
        Query(_DUE.total(TURNS_UNANSWERED, STEP, ("cause",)), "unanswered: {{cause}}"),
    ),
    bars(
        "Cost per hour over time",
        "Cost in the time of each bar, in dollars per hour.",
        USD,
        Query(f"{_STEPS_PER_HOUR} * {ALL.total(COST, STEP, ('cost_type',))}", "{{cost_type}}"),
        width=24,
    ),
)

ROW = Row("Overview", (*FIGURES, *GRAPHS))
