"""Writes docs/series.md: every series with its kind, unit, attributes, source and name in Prometheus.

`--check` writes nothing and fails if the page is not what would be written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from voice_metrics.retrieval import READY, Retrieval, Webhook
from voice_metrics.series import table
from voice_metrics.series.prometheus_names import label_name, series_names
from voice_metrics.series.table import Series
from voice_metrics.server.server_series import SERVER

PAGE = Path(__file__).parent.parent / "docs" / "series.md"

SOURCES = {
    table.CALLS: "StartFrame",
    table.CALLS_ACTIVE: "StartFrame; 0 in the last export",
    table.CALLS_ENDED: "EndFrame, StopFrame, CancelFrame, a fatal error, or clean-up without any",
    table.SESSION_DURATION: "clock, current at every export",
    table.TTFB: "TTFBMetricsData",
    table.PROCESSING: "ProcessingMetricsData",
    table.TTFA: "TTFAMetricsData",
    table.TTFAT: "TTFATMetricsData",
    table.TEXT_AGGREGATION: "TextAggregationMetricsData",
    table.TURN_DETECTION: "TurnMetricsData",
    table.RESPONSE: "user stopped speaking, bot started speaking",
    table.RESPONSE_PART: "Pipecat's latency breakdown, where this Pipecat has one",
    table.LLM_THROUGHPUT: "completion tokens, over processing less time to first byte",
    table.LLM_TOKENS: "LLMUsageMetricsData",
    table.LLM_TOKEN_DETAILS: "LLMUsageMetricsData",
    table.STT_AUDIO: "STTUsageMetricsData",
    table.TTS_CHARACTERS: "TTSUsageMetricsData",
    table.COST: "usage and the price book",
    table.TURNS: "bot started and stopped speaking",
    table.INTERRUPTIONS: "InterruptionFrame while the bot speaks",
    table.FUNCTION_CALLS: "function-call frames",
    table.FUNCTION_CALL: "function-call frames",
    table.UNPRICED: "usage and the price book",
    table.ERRORS: "ErrorFrame",
    table.SWITCHES: "a switcher's `on_service_switched`",
    table.DROPPED: "the plug-in itself",
    table.GEN_AI_TOKEN_USAGE: "LLMUsageMetricsData",
    table.GEN_AI_OPERATION_DURATION: "ProcessingMetricsData",
    table.GEN_AI_TIME_TO_FIRST_CHUNK: "TTFBMetricsData",
    table.GEN_AI_TIME_PER_OUTPUT_CHUNK: "LLMTextFrame",
    table.GEN_AI_EXECUTE_TOOL: "function-call frames",
    table.GEN_AI_INVOKE_AGENT: "LLMFullResponse frames",
}

BY_OUTCOME = (Retrieval.CACHE_LOOKUPS, Webhook.DELIVERIES)

HEAD = """# Every series

Made by `python scripts/series.py` from the tables that the instruments are made from.

Names are those of OTLP, with the name in Prometheus, Mimir and Grafana Cloud below each. In a label's name a dot
becomes an underscore. All series are cumulative. In Prometheus a histogram has three names, and one series for each
bucket.
"""
COLUMNS = "| name, and in Prometheus | kind | unit | attributes | meaning | from |\n|---|---|---|---|---|---|\n"


def row(series: Series, source: str) -> str:
    """One line of a table.

    Args:
        series: The series.
        source: Where its values come from.
    """
    # A histogram's parts have one beginning.
    names = series_names(series)
    shown = names[0] if len(names) == 1 else names[0].removesuffix("_bucket") + "_bucket, _sum, _count"
    attributes = ", ".join(f"`{name}`" for name in series.attributes) or "–"
    unit = f"`{series.unit}`" if series.unit else "–"
    meaning = series.description
    return f"| `{series.name}`<br>`{shown}` | {series.kind} | {unit} | {attributes} | {meaning} | {source} |"


def section(title: str, text: str, rows: Iterable[str]) -> str:
    """A heading, what holds for all of its series, and their table."""
    return f"\n## {title}\n\n{text}\n\n{COLUMNS}" + "\n".join(rows) + "\n"


def buckets(every: Iterable[Series]) -> str:
    """The bounds of the histograms' buckets, each list once."""
    found: dict[tuple[float, ...], list[str]] = {}
    for series in every:
        if series.buckets:
            found.setdefault(series.buckets, []).append(f"`{series.name}`")
    lines = [
        f"- {' '.join(f'{bound:.15g}' for bound in bounds)}: {', '.join(names)}" for bounds, names in found.items()
    ]
    return "\n## Buckets\n\nUpper bounds in the series' unit.\n\n" + "\n".join(lines) + "\n"


def page() -> str:
    """The whole page."""
    ready = [
        replace(metric.series(key.value), attributes=("outcome",) if key in BY_OUTCOME else ())
        for key, metric in READY.items()
    ]
    common = ", ".join(f"`{name}`" for name in table.COMMON_ATTRIBUTES)
    labels = {name: label_name(name) for series in table.GEN_AI for name in series.attributes}
    example = "`gen_ai.request.model` is the label `" + labels["gen_ai.request.model"] + "`."
    return "".join(
        (
            HEAD,
            section(
                "Calls",
                f"Every point carries {common} and the attributes that you gave. With `VOICE_METRICS_CALL_ID=off` the\n"
                "series are shared by all calls of the process and carry no `call_id`.",
                (row(series, SOURCES[series]) for series in table.VOICE),
            ),
            section(
                "Language models, by OpenTelemetry's conventions",
                f"For dashboards that exist already; without the attributes of the call. {example}\n"
                "`VOICE_METRICS_GENAI=off` stops them.",
                (row(series, SOURCES[series]) for series in table.GEN_AI),
            ),
            section(
                "Retrieval and webhooks",
                "Declared in `voice_metrics.retrieval`, recorded by your code with `record_metric`. They carry the\n"
                "attributes of the call that they are recorded in, and those that you give; `le`, `quantile`, `job`\n"
                "and `instance` are Prometheus' own, and a number with one of them is refused.",
                (row(series, "`record_metric`, `duration`") for series in ready),
            ),
            section(
                "The server",
                "With `instrument_server` and the extra `[server]`; of the process, without the attributes of a call.\n"
                "`OTEL_SEMCONV_STABILITY_OPT_IN` chooses other names for requests.",
                (row(sourced.series, sourced.source) for sourced in SERVER),
            ),
            buckets((*table.VOICE, *table.GEN_AI, *ready, *(sourced.series for sourced in SERVER))),
        )
    )


def main(arguments: Sequence[str]) -> int:
    """Write the page, or check it with `--check`."""
    if "--check" not in arguments:
        PAGE.write_text(page())
        return 0
    if PAGE.read_text() == page():
        return 0
    print(f"{PAGE.name} is not current: run python scripts/series.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
