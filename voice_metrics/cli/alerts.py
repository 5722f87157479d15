"""`voice-metrics alerts`: the alert rules, with your thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voice_metrics.cli.written import written
from voice_metrics.grafana.alerts import Thresholds, render

EXAMPLES = """\b
Examples:
  voice-metrics alerts alerts.yml
  voice-metrics alerts --job restaurant-bot --response-p95-ms 2000 --cost-per-hour 5 alerts.yml
  voice-metrics alerts --runbook https://wiki.example.com/voice-alerts alerts.yml
"""
_THEN = "In Grafana: Alerting > Alert rules > More > Import. Prometheus reads it as a rule file."
_STANDARD = Thresholds()


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
    cost_per_hour: Annotated[
        float, typer.Option(min=0, metavar="USD", help="Cost of the last hour.")
    ] = _STANDARD.cost_per_hour_usd,
    interruption_ratio: Annotated[
        float, typer.Option(min=0, max=1, metavar="RATIO", help="Share of turns that callers cut off.")
    ] = _STANDARD.interruption_ratio,
    runbook: Annotated[
        str | None, typer.Option(metavar="URL", help="Your copy of docs/alerts.md, for notifications to link to.")
    ] = None,
) -> None:
    """Write the alert rules as YAML for Prometheus, Mimir or Grafana's import."""
    thresholds = Thresholds(
        response_p95_ms,
        stt_ttfb_p95_ms,
        llm_ttfb_p95_ms,
        tts_ttfb_p95_ms,
        error_ratio,
        cost_per_hour,
        interruption_ratio,
    )
    written(render(thresholds, job, runbook), file, _THEN)
