"""A row of the dashboard about causes: errors, rate limits, switches, providers and the event loop."""

from __future__ import annotations

from voice_metrics.grafana.panels import ALL, MILLISECONDS, NUMBER, UNCUT, USD, Query, Row, bars, lines, table
from voice_metrics.grafana.queries import RANGE, SMOOTH, STEP
from voice_metrics.grafana.service_panels import summary
from voice_metrics.series.table import COST, ERRORS, LOOP_LAG, PROCESSING, SWITCHES, TTFB

_REFUSED = ALL.where('error_type="429"')

ROW = Row(
    "Why",
    (
        table(
            "Errors by provider",
            "Errors by provider and kind: the provider's status, or the exception's class.",
            Query(ALL.total(ERRORS, RANGE, ("provider", "error_type", "category")), "Count"),
            labels={"provider": "Provider", "error_type": "Error", "category": "Category"},
            order="Count",
        ),
        bars(
            "Rate limits over time",
            "Requests that a provider refused with status 429, in the time of each bar.",
            NUMBER,
            Query(_REFUSED.total(ERRORS, STEP, ("provider",)), "{{provider}}"),
        ),
        table(
            "Errors by processor",
            "Errors, counted where they arose.",
            Query(ALL.total(ERRORS, RANGE, ("processor", "category")), "Count"),
            labels={"processor": "Processor", "category": "Category"},
            order="Count",
            height=6,
        ),
        table(
            "Switches",
            "Times that a switcher changed the service in use.",
            Query(ALL.total(SWITCHES, RANGE, ("service", "from", "to")), "Count"),
            labels={"service": "Service", "from": "From", "to": "To"},
            order="Count",
            height=6,
        ),
        table(
            "Providers compared",
            "TTFB by provider of each service. Interrupted requests are left out.",
            *summary(UNCUT, TTFB, ("service", "provider")),
            Query(UNCUT.average(PROCESSING, RANGE, ("service", "provider")), "Processing", MILLISECONDS),
            labels={"service": "Service", "provider": "Provider"},
            order="p95",
            unit=MILLISECONDS,
            height=6,
        ),
        table(
            "Cost by provider",
            "Cost in the time range, where a price is known.",
            Query(ALL.total(COST, RANGE, ("cost_type", "provider")), "Cost"),
            labels={"cost_type": "Service", "provider": "Provider"},
            order="Cost",
            unit=USD,
            height=6,
        ),
        lines(
            "TTFB by provider, p95",
            "Request to first output, 95th percentile of the last few minutes. Interrupted requests are left out.",
            MILLISECONDS,
            Query(UNCUT.quantile(0.95, TTFB, SMOOTH, ("service", "provider")), "{{service}} {{provider}}"),
        ),
        lines(
            "Event loop lag, p99",
            "How late a bot's event loop is, 99th percentile of the last few minutes; callers hear 100 ms.",
            MILLISECONDS,
            Query(ALL.quantile(0.99, LOOP_LAG, SMOOTH, ("job",)), "{{job}}"),
        ),
    ),
)
