"""The alert rules: condition, threshold and duration of each.

Rules count as `queries` does, so they are right with and without call ids, and need a minimum of events, so that one
slow call alerts no operator.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from voice_metrics.call.text import clean
from voice_metrics.grafana.burn import COST_COUNTED, UNUSUAL, counted, objective_groups, recordings, unusual
from voice_metrics.grafana.objectives import JOB, NOT_DUE, Objective
from voice_metrics.grafana.queries import Selection, quoted
from voice_metrics.grafana.rules import Group, Rule, text
from voice_metrics.series.table import (
    CALLS_ACTIVE,
    CALLS_ENDED,
    COST,
    DROPPED,
    ERRORS,
    LOOP_LAG,
    RESPONSE,
    SWITCHES,
    TTFB,
    TURNS,
    TURNS_UNANSWERED,
    UNPRICED,
    Series,
)

# Fewer answers have no meaningful 95th percentile.
FEWEST_ANSWERS = 10
FEWEST_TURNS = 20
FEWEST_ERRORS = 3
FEWEST_CALLS = 3
FEWEST_UNANSWERED = 5
FEWEST_REFUSED = 3
FEWEST_STALLS = 3
# A blocked event loop: the caller hears a gap, and the bot notices the end of a turn late.
STALL_MS = 500


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Values above which the rules fire.

    Parameters:
        response_p95_ms: 95th percentile of the response time in milliseconds.
        stt_ttfb_p95_ms: 95th percentile of speech recognition's TTFB in milliseconds.
        llm_ttfb_p95_ms: 95th percentile of the language model's TTFB in milliseconds.
        tts_ttfb_p95_ms: 95th percentile of speech synthesis' TTFB in milliseconds.
        error_ratio: Errors per turn of the bot.
        unanswered_ratio: Share of the caller's turns without an answer although one is due.
        cost_per_hour_usd: Dollars in an hour.
        cost_per_day_usd: Dollars in a day.
        interruption_ratio: Share of the bot's turns that callers cut off.
    """

    response_p95_ms: float = 2500
    stt_ttfb_p95_ms: float = 1000
    llm_ttfb_p95_ms: float = 1500
    tts_ttfb_p95_ms: float = 1000
    error_ratio: float = 0.05
    unanswered_ratio: float = 0.1
    cost_per_hour_usd: float = 10
    cost_per_day_usd: float = 100
    interruption_ratio: float = 0.4


def rules(thresholds: Thresholds, job: str | None = None) -> Iterator[Rule]:
    """Yield every alert that needs no objective, for the bot `job`, its `service.name`, or for each bot on its own."""
    bots = _bots(job)
    yield from _latency_rules(bots, thresholds)
    yield from _quality_rules(bots, thresholds)
    yield from _reason_rules(bots)
    yield from _usage_rules(bots, thresholds)
    yield from _telemetry_rules(bots)


def render(
    thresholds: Thresholds,
    job: str | None = None,
    runbook: str | None = None,
    objectives: Sequence[Objective] = (),
    days: int = 30,
) -> str:
    """Return the rules as a file for Prometheus, Mimir or Grafana's import.

    Args:
        thresholds: Values above which they fire.
        job: The only bot to watch, or `None` to watch every bot on its own.
        runbook: Address of the page that explains the alerts, or `None` for no link.
        objectives: The bots' objectives; one for the response replaces the comparison with last week.
        days: Length of every objective's window.
    """
    bots = _bots(job)
    promised = {objective.name for objective in objectives}
    alerts = [rule for rule in rules(thresholds, job) if rule.name != UNUSUAL or "response" not in promised]
    groups = (recordings(bots), *objective_groups(bots, objectives, days), Group("voice-metrics", tuple(alerts)))
    return text(groups, runbook)


def _bots(job: str | None) -> Selection:
    return Selection((f"job={quoted(clean(job))}",) if job else ())


def _latency_rules(bots: Selection, thresholds: Thresholds) -> Iterator[Rule]:
    yield Rule(
        "VoiceResponseSlow",
        _p95_over(bots, RESPONSE, thresholds.response_p95_ms),
        5,
        "critical",
        'Callers of {{ $labels.job }} wait {{ printf "%.0f" $value }} ms (p95) for an answer.',
    )
    yield unusual()
    for leg, limit_ms in (
        ("stt", thresholds.stt_ttfb_p95_ms),
        ("llm", thresholds.llm_ttfb_p95_ms),
        ("tts", thresholds.tts_ttfb_p95_ms),
    ):
        yield Rule(
            f"Voice{leg.capitalize()}Slow",
            _p95_over(bots.where(f'service="{leg}"', 'interrupted!="true"'), TTFB, limit_ms),
            5,
            "warning",
            f"The {leg.upper()} of {{{{ $labels.job }}}} takes "
            '{{ printf "%.0f" $value }} ms (p95) to its first output.',
        )


def _quality_rules(bots: Selection, thresholds: Thresholds) -> Iterator[Rule]:
    errors, turns = bots.total(ERRORS, "15m", JOB), bots.total(TURNS, "15m", JOB)
    cut = bots.where('outcome="interrupted"').total(TURNS, "30m", JOB)
    spoken = bots.total(TURNS, "30m", JOB)
    yield Rule(
        "VoiceErrors",
        # Errors without a turn are +Inf per turn.
        f"{errors} / ({turns} or 0 * {errors}) > {thresholds.error_ratio:g} and {errors} >= {FEWEST_ERRORS}",
        5,
        "critical",
        '{{ $labels.job }} reports {{ printf "%.2f" $value }} errors per turn.',
    )
    silent = bots.where(NOT_DUE).total(TURNS_UNANSWERED, "15m", JOB)
    spoken_to = f"{silent} + ({bots.observations(RESPONSE, '15m', JOB)} or 0 * {silent})"
    yield Rule(
        "VoiceUnanswered",
        f"{silent} / ({spoken_to}) > {thresholds.unanswered_ratio:g} and {silent} >= {FEWEST_UNANSWERED}",
        5,
        "critical",
        "{{ $value | humanizePercentage }} of what callers of {{ $labels.job }} say gets no answer.",
    )
    yield Rule(
        "VoiceInterruptions",
        f"{cut} / {spoken} > {thresholds.interruption_ratio:g} and {spoken} >= {FEWEST_TURNS}",
        5,
        "warning",
        "Callers of {{ $labels.job }} cut off {{ $value | humanizePercentage }} of the bot's turns.",
    )


def _reason_rules(bots: Selection) -> Iterator[Rule]:
    refused = bots.where('error_type="429"').total(ERRORS, "15m", ("job", "provider"))
    yield Rule(
        "VoiceRateLimited",
        f"{refused} >= {FEWEST_REFUSED}",
        0,
        "warning",
        '{{ $labels.provider }} refused {{ printf "%.0f" $value }} requests of {{ $labels.job }}: '
        "its rate limit is reached.",
    )
    yield Rule(
        "VoiceServiceSwitched",
        f"{bots.total(SWITCHES, '15m', ('job', 'service', 'from', 'to'))} > 0",
        0,
        "warning",
        "{{ $labels.job }} switched its {{ $labels.service }} from {{ $labels.from }} to {{ $labels.to }}.",
    )
    ticks, in_time = bots.observations(LOOP_LAG, "10m", JOB), bots.up_to(STALL_MS, LOOP_LAG, "10m", JOB)
    yield Rule(
        "VoiceLoopHeld",
        f"{ticks} - {in_time} >= {FEWEST_STALLS}",
        0,
        "warning",
        f"Something held the event loop of {{{{ $labels.job }}}} for {STALL_MS} ms and more, "
        '{{ printf "%.0f" $value }} times in 10 minutes.',
    )


def _usage_rules(bots: Selection, thresholds: Thresholds) -> Iterator[Rule]:
    yield Rule(
        "VoiceCostHigh",
        f"{bots.total(COST, '1h', JOB)} > {thresholds.cost_per_hour_usd:g}",
        0,
        "warning",
        '{{ $labels.job }} cost {{ printf "%.2f" $value }} dollars in the last hour.',
    )
    yield Rule(
        "VoiceCostHighToday",
        f"{counted(COST_COUNTED, '1d')} > {thresholds.cost_per_day_usd:g}",
        0,
        "warning",
        '{{ $labels.job }} cost {{ printf "%.2f" $value }} dollars in the last 24 hours.',
    )
    yield Rule(
        "VoiceUsageUnpriced",
        f"{bots.total(UNPRICED, '1h', ('job', 'service', 'model'))} > 0",
        0,
        "warning",
        "No price is known for {{ $labels.model }} ({{ $labels.service }}) of {{ $labels.job }}: costs are incomplete.",
    )


def _telemetry_rules(bots: Selection) -> Iterator[Rule]:
    ended, measured = bots.total(CALLS_ENDED, "30m", JOB), bots.observations(TTFB, "30m", JOB)
    yield Rule(
        "VoiceMetricsStopped",
        f"sum by (job) ({bots.last(CALLS_ACTIVE, '1h')} > 0 unless {bots.last(CALLS_ACTIVE, '5m')}) > 0",
        0,
        "critical",
        'Metrics of {{ $labels.job }} stopped while calls were running ({{ printf "%.0f" $value }}).',
    )
    yield Rule(
        "VoiceMeasurementsMissing",
        f"{ended} >= {FEWEST_CALLS} unless {measured} > 0",
        5,
        "warning",
        '{{ printf "%.0f" $value }} calls of {{ $labels.job }} ended without a single TTFB: is enable_metrics on?',
    )
    yield Rule(
        "VoiceTelemetryDropped",
        f"{bots.total(DROPPED, '15m', ('job', 'reason'))} > 0",
        0,
        "warning",
        'The metrics plug-in of {{ $labels.job }} dropped {{ printf "%.0f" $value }} items: {{ $labels.reason }}.',
    )


def _p95_over(bots: Selection, series: Series, limit_ms: float) -> str:
    return (
        f"{bots.quantile(0.95, series, '10m', JOB)} > {limit_ms:g}"
        f" and {bots.observations(series, '10m', JOB)} >= {FEWEST_ANSWERS}"
    )
