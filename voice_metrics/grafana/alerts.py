"""The alert rules: what is wrong with a bot, from when on it is, and how long it must be so.

Owns expressions, thresholds and texts; refuses the ways a rule reaches Grafana. Every rule counts as `queries` does,
so it is right with and without call ids, and asks for a minimum of events, so that one slow call wakes nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from voice_metrics.grafana.queries import Selection
from voice_metrics.series.table import (
    CALLS_ACTIVE,
    CALLS_ENDED,
    COST,
    DROPPED,
    ERRORS,
    RESPONSE,
    TTFB,
    TURNS,
    UNPRICED,
    Series,
)

# Fewer answers than this say nothing about a 95th percentile.
FEWEST_ANSWERS = 10
FEWEST_TURNS = 20
FEWEST_ERRORS = 3
FEWEST_CALLS = 3

_JOB = ("job",)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which values on the rules fire.

    Parameters:
        response_p95_ms: 95th percentile of the response time in milliseconds.
        stt_ttfb_p95_ms: 95th percentile of speech recognition's TTFB in milliseconds.
        llm_ttfb_p95_ms: 95th percentile of the language model's TTFB in milliseconds.
        tts_ttfb_p95_ms: 95th percentile of speech synthesis' TTFB in milliseconds.
        error_ratio: Errors per turn of the bot.
        cost_per_hour_usd: Dollars in an hour.
        interruption_ratio: Share of the bot's turns that callers cut off.
    """

    response_p95_ms: float = 2500
    stt_ttfb_p95_ms: float = 1000
    llm_ttfb_p95_ms: float = 1500
    tts_ttfb_p95_ms: float = 1000
    error_ratio: float = 0.05
    cost_per_hour_usd: float = 10
    interruption_ratio: float = 0.4


@dataclass(frozen=True, slots=True)
class Rule:
    """One alert.

    Parameters:
        name: Its name, and the heading of its runbook section.
        expression: PromQL; the alert is active for each series of the answer.
        minutes: How long the expression must hold before the alert fires.
        severity: "critical" or "warning".
        summary: One sentence with the value, a Prometheus template.
    """

    name: str
    expression: str
    minutes: int
    severity: str
    summary: str


def rules(thresholds: Thresholds, job: str | None = None) -> Iterator[Rule]:
    """All rules.

    Args:
        thresholds: From which values on they fire.
        job: The only bot to watch, by its `service.name`, or `None` to watch every bot on its own.
    """
    bots = Selection((f"job={json.dumps(job)}",) if job else ())
    yield from _latencies(bots, thresholds)
    yield from _quality(bots, thresholds)
    yield from _usage(bots, thresholds)
    yield from _telemetry(bots)


def render(thresholds: Thresholds, job: str | None = None, runbook: str | None = None) -> str:
    """The rules as a file for Prometheus, Mimir or Grafana's import.

    Args:
        thresholds: From which values on they fire.
        job: The only bot to watch, or `None` to watch every bot on its own.
        runbook: Address of the page that explains the alerts, or `None` for alerts without a link to it.
    """
    lines = ["groups:", "  - name: voice-metrics", "    interval: 1m", "    rules:"]
    for rule in rules(thresholds, job):
        lines += [
            f"      - alert: {rule.name}",
            "        expr: |-",
            f"          {rule.expression}",
            f"        for: {rule.minutes}m",
            "        labels:",
            f"          severity: {rule.severity}",
            "        annotations:",
            f"          summary: {json.dumps(rule.summary)}",
        ]
        if runbook is not None:
            lines.append(f"          runbook_url: {json.dumps(f'{runbook}#{rule.name.lower()}')}")
    return "\n".join(lines) + "\n"


def _latencies(bots: Selection, thresholds: Thresholds) -> Iterator[Rule]:
    yield Rule(
        "VoiceResponseSlow",
        _slow(bots, RESPONSE, thresholds.response_p95_ms),
        5,
        "critical",
        'Callers of {{ $labels.job }} wait {{ printf "%.0f" $value }} ms (p95) for an answer.',
    )
    for leg, limit_ms in (
        ("stt", thresholds.stt_ttfb_p95_ms),
        ("llm", thresholds.llm_ttfb_p95_ms),
        ("tts", thresholds.tts_ttfb_p95_ms),
    ):
        yield Rule(
            f"Voice{leg.capitalize()}Slow",
            _slow(bots.where(f'service="{leg}"', 'interrupted!="true"'), TTFB, limit_ms),
            5,
            "warning",
            f"The {leg.upper()} of {{{{ $labels.job }}}} takes "
            '{{ printf "%.0f" $value }} ms (p95) to its first output.',
        )


def _quality(bots: Selection, thresholds: Thresholds) -> Iterator[Rule]:
    errors, turns = bots.total(ERRORS, "15m", _JOB), bots.total(TURNS, "15m", _JOB)
    cut = bots.where('outcome="interrupted"').total(TURNS, "30m", _JOB)
    spoken = bots.total(TURNS, "30m", _JOB)
    yield Rule(
        "VoiceErrors",
        # Errors without a single turn are +Inf per turn.
        f"{errors} / ({turns} or 0 * {errors}) > {thresholds.error_ratio:g} and {errors} >= {FEWEST_ERRORS}",
        5,
        "critical",
        '{{ $labels.job }} reports {{ printf "%.2f" $value }} errors per turn.',
    )
    yield Rule(
        "VoiceInterruptions",
        f"{cut} / {spoken} > {thresholds.interruption_ratio:g} and {spoken} >= {FEWEST_TURNS}",
        5,
        "warning",
        "Callers of {{ $labels.job }} cut off {{ $value | humanizePercentage }} of the bot's turns.",
    )


def _usage(bots: Selection, thresholds: Thresholds) -> Iterator[Rule]:
    yield Rule(
        "VoiceCostHigh",
        f"{bots.total(COST, '1h', _JOB)} > {thresholds.cost_per_hour_usd:g}",
        0,
        "warning",
        '{{ $labels.job }} cost {{ printf "%.2f" $value }} dollars in the last hour.',
    )
    yield Rule(
        "VoiceUsageUnpriced",
        f"{bots.total(UNPRICED, '1h', ('job', 'service', 'model'))} > 0",
        0,
        "warning",
        "No price is known for {{ $labels.model }} ({{ $labels.service }}) of {{ $labels.job }}: costs are incomplete.",
    )


def _telemetry(bots: Selection) -> Iterator[Rule]:
    ended, measured = bots.total(CALLS_ENDED, "30m", _JOB), bots.observations(TTFB, "30m", _JOB)
    yield Rule(
        "VoiceMetricsStopped",
        f"count by (job) ({bots.last(CALLS_ACTIVE, '1h')} > 0 unless {bots.last(CALLS_ACTIVE, '5m')}) > 0",
        0,
        "critical",
        "Metrics of {{ $labels.job }} stopped while calls were running.",
    )
    yield Rule(
        "VoiceMeasurementsMissing",
        f"{ended} >= {FEWEST_CALLS} unless {measured} > 0",
        5,
        "warning",
        "{{ $value }} calls of {{ $labels.job }} ended without a single TTFB: is enable_metrics on?",
    )
    yield Rule(
        "VoiceTelemetryDropped",
        f"{bots.total(DROPPED, '15m', ('job', 'reason'))} > 0",
        0,
        "warning",
        "The metrics plug-in of {{ $labels.job }} dropped {{ $value }} items: {{ $labels.reason }}.",
    )


def _slow(bots: Selection, series: Series, limit_ms: float) -> str:
    return (
        f"{bots.quantile(0.95, series, '10m', _JOB)} > {limit_ms:g}"
        f" and {bots.observations(series, '10m', _JOB)} >= {FEWEST_ANSWERS}"
    )
