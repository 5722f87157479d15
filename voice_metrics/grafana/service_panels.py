"""A row of the dashboard about time, by service and model."""

from __future__ import annotations

from voice_metrics.grafana.panels import ALL, CUT, MILLISECONDS, NUMBER, UNCUT, Panel, Query, Row, lines, table
from voice_metrics.grafana.queries import RANGE, SMOOTH, Selection
from voice_metrics.series.table import (
    FUNCTION_CALL,
    FUNCTION_CALLS,
    LLM_THROUGHPUT,
    PROCESSING,
    RESPONSE_PART,
    TEXT_AGGREGATION,
    TTFA,
    TTFAT,
    TTFB,
    TURN_DETECTION,
    Series,
)

_SERVICE = {"service": "Service", "processor": "Processor", "model": "Model"}
_MODEL = {"processor": "Processor", "model": "Model"}


def summary(
    selection: Selection, series: Series, by: tuple[str, ...], unit: str = MILLISECONDS, window: str = RANGE
) -> tuple[Query, ...]:
    """Return columns of a histogram: count, average, median, 95th percentile."""
    return (
        Query(selection.observations(series, window, by), "Count", NUMBER),
        Query(selection.average(series, window, by), "Average", unit),
        Query(selection.quantile(0.5, series, window, by), "p50", unit),
        Query(selection.quantile(0.95, series, window, by), "p95", unit),
    )


def _latency_table(
    title: str, description: str, series: Series, labels: dict[str, str], selection: Selection = ALL, height: int = 8
) -> Panel:
    queries = summary(selection, series, tuple(labels))
    return table(title, description, *queries, labels=labels, order="p95", unit=MILLISECONDS, height=height)


def averages(
    selection: Selection, series: Series, by: tuple[str, ...], unit: str = MILLISECONDS, window: str = RANGE
) -> tuple[Query, ...]:
    """Return columns of a histogram that may have no bounds: count and average."""
    return (
        Query(selection.observations(series, window, by), "Count", NUMBER),
        Query(selection.average(series, window, by), "Average", unit),
    )


def _average_table(
    title: str,
    description: str,
    series: Series,
    labels: dict[str, str],
    *,
    selection: Selection = ALL,
    width: int = 8,
    height: int = 8,
) -> Panel:
    queries = averages(selection, series, tuple(labels))
    return table(
        title, description, *queries, labels=labels, order="Average", unit=MILLISECONDS, width=width, height=height
    )


ROW = Row(
    "Services",
    (
        _latency_table(
            "TTFB", "Request to first output. Interrupted requests are left out.", TTFB, _SERVICE, selection=UNCUT
        ),
        lines(
            "TTFB by model, p95",
            "Request to first output, 95th percentile of the last few minutes. Interrupted requests are left out.",
            MILLISECONDS,
            Query(UNCUT.quantile(0.95, TTFB, SMOOTH, ("service", "model")), "{{service}} {{model}}"),
        ),
        _latency_table(
            "Processing",
            "A whole request, start to end. Interrupted requests are left out.",
            PROCESSING,
            _SERVICE,
            selection=UNCUT,
        ),
        lines(
            "Processing by model, p95",
            "A whole request, 95th percentile of the last few minutes. Interrupted requests are left out.",
            MILLISECONDS,
            Query(UNCUT.quantile(0.95, PROCESSING, SMOOTH, ("service", "model")), "{{service}} {{model}}"),
        ),
        _latency_table(
            "TTFA", "Request to the first audible audio; silence before it is included.", TTFA, _MODEL, height=6
        ),
        _latency_table(
            "TTFAT", "Request to the first token of the answer; thinking is included.", TTFAT, _MODEL, height=6
        ),
        _average_table(
            "TTFB of interrupted requests",
            "Requests that a caller cut off: the time until then, not a latency of the service.",
            TTFB,
            _SERVICE,
            selection=CUT,
            width=12,
            height=6,
        ),
        _average_table(
            "Processing of interrupted requests",
            "Requests that a caller cut off: the time until then.",
            PROCESSING,
            _SERVICE,
            selection=CUT,
            width=12,
            height=6,
        ),
        table(
            "Tokens per second",
            "Completion tokens per second of generation.",
            *averages(ALL, LLM_THROUGHPUT, tuple(_MODEL), NUMBER),
            labels=_MODEL,
            order="Average",
            height=6,
        ),
        _average_table(
            "Function call time",
            "From a function call's start to its result, timeout or cancellation; with percentiles below (gen_ai).",
            FUNCTION_CALL,
            {"function": "Function"},
            width=12,
            height=6,
        ),
        _average_table("Response parts", "Parts of the response time, on average.", RESPONSE_PART, {"part": "Part"}),
        _average_table(
            "Text aggregation",
            "Time to collect a speakable piece of text.",
            TEXT_AGGREGATION,
            {"processor": "Processor"},
        ),
        _average_table(
            "Turn detection",
            "Time that a turn detector takes to decide. Complete: it took the user's turn for finished.",
            TURN_DETECTION,
            {"processor": "Processor", "complete": "Complete"},
        ),
        table(
            "Function calls",
            "Function calls by how they ended.",
            Query(ALL.total(FUNCTION_CALLS, RANGE, ("function", "outcome")), "Count"),
            labels={"function": "Function", "outcome": "Outcome"},
            order="Count",
            width=24,
            height=6,
        ),
    ),
)
