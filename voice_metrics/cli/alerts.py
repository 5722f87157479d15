"""`voice-metrics alerts`: the alert rules, with the user's thresholds."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from voice_metrics.cli.written import written
from voice_metrics.grafana.objectives import INDICATORS, BadObjective, read_objectives, window_days
from voice_metrics.grafana.threshold_alerts import Thresholds, render

EXAMPLES = """\b
Examples:
  voice-metrics alerts alerts.yml
  voice-metrics alerts --job restaurant-bot --response-p95-ms 2000 --cost-per-hour 5 alerts.yml
  voice-metrics alerts --slo response=1500ms:95% --slo answered=99% --slo errors=99.5% --window 30d alerts.yml
  voice-metrics alerts --runbook https://wiki.example.com/voice-alerts alerts.yml
"""
_THEN = "In Grafana: Alerting > Alert rules > More > Import. Prometheus reads it as a rule file."
_STANDARD = Thresholds()
_WINDOW = "30d"
_KNOWN = ", ".join(
    f"{name}={f'{indicator.limit_ms:g}ms:' if indicator.limit_ms else ''}{100 * (indicator.share or 0.9):g}%"
    for name, indicator in INDICATORS.items()
)


def alerts(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to write; standard output without.")
    ] = None,
    job: Annotated[str | None, typer.Option(help="The only bot to watch: its service.name. All without.")] = None,
    response_p95_ms: Annotated[
        float, typer.Option(min=0, metavar="MS", help="Response time, 95th percentile.")
    ] = _STANDARD.response_p95_ms,
    stt_ttfb_p95_ms: Annotated[
        float, typer.Option(min=0, metavar="MS", help="TTFB of speech recognition, 95th percentile.")
    ] = _STANDARD.stt_ttfb_p95_ms,
    llm_ttfb_p95_ms: Annotated[
        float, typer.Option(min=0, metavar="MS", help="TTFB of the language model, 95th percentile.")
    ] = _STANDARD.llm_ttfb_p95_ms,
    tts_ttfb_p95_ms: Annotated[
        float, typer.Option(min=0, metavar="MS", help="TTFB of speech synthesis, 95th percentile.")
    ] = _STANDARD.tts_ttfb_p95_ms,
    error_ratio: Annotated[
        float, typer.Option(min=0, metavar="RATIO", help="Errors per turn of the bot.")
    ] = _STANDARD.error_ratio,
    unanswered_ratio: Annotated[
        float, typer.Option(min=0, max=1, metavar="RATIO", help="Share of callers' turns without an answer.")
    ] = _STANDARD.unanswered_ratio,
    cost_per_hour: Annotated[
        float, typer.Option(min=0, metavar="USD", help="Cost of the last hour.")
    ] = _STANDARD.cost_per_hour_usd,
    cost_per_day: Annotated[
        float, typer.Option(min=0, metavar="USD", help="Cost of the last 24 hours.")
    ] = _STANDARD.cost_per_day_usd,
    interruption_ratio: Annotated[
        float, typer.Option(min=0, max=1, metavar="RATIO", help="Share of turns that callers cut off.")
    ] = _STANDARD.interruption_ratio,
    slo: Annotated[
        list[str] | None, typer.Option(metavar="OBJECTIVE", help=f"An objective, once for each: {_KNOWN}.")
    ] = None,
    window: Annotated[str, typer.Option(metavar="DAYS", help="Over how long objectives hold, 7d to 90d.")] = _WINDOW,
    runbook: Annotated[
        str | None, typer.Option(metavar="URL", help="Your copy of docs/alerts.md, for notifications to link to.")
    ] = None,
) -> None:
    """Write the alert rules as YAML, for Prometheus or Grafana."""
    thresholds = Thresholds(
        response_p95_ms=response_p95_ms,
        stt_ttfb_p95_ms=stt_ttfb_p95_ms,
        llm_ttfb_p95_ms=llm_ttfb_p95_ms,
        tts_ttfb_p95_ms=tts_ttfb_p95_ms,
        error_ratio=error_ratio,
        unanswered_ratio=unanswered_ratio,
        cost_per_hour_usd=cost_per_hour,
        cost_per_day_usd=cost_per_day,
        interruption_ratio=interruption_ratio,
    )
    if unusable := [name for name, value in asdict(thresholds).items() if not math.isfinite(value)]:
        raise typer.BadParameter(f"expected a finite number for {', '.join(unusable)}")
    if runbook is not None and not runbook.startswith(("https://", "http://")):
        raise typer.BadParameter("--runbook: expected an address such as https://wiki.example.com/voice-alerts")
    try:
        objectives, days = read_objectives(slo or ()), window_days(window)
    except BadObjective as mistake:
        raise typer.BadParameter(str(mistake)) from None
    if window != _WINDOW and not slo:
        raise typer.BadParameter("--window is for objectives; name one with --slo")
    written(render(thresholds, job, runbook, objectives, days), file, _THEN)
