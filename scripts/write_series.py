"""Writes docs/series.md: every series with its kind, unit, attributes, source and name in Prometheus."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from voice_metrics.retrieval import READY, Retrieval, Webhook
from voice_metrics.series import table
from voice_metrics.series.prometheus_names import label_name, series_names
from voice_metrics.series.table import Series
from voice_metrics.server.server_series import SERVER

PAGE = Path(__file__).parent.parent / "docs" / "series.md"

BY_OUTCOME = (Retrieval.CACHE_LOOKUPS, Webhook.DELIVERIES)

HEAD = """# Every series

Made by `python scripts/write_series.py` from the tables that the instruments are made from.

Names are those of OTLP, with the name in Prometheus, Mimir and Grafana Cloud below each. In a label's name a dot
becomes an underscore. Series are cumulative unless `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` asks for
deltas. In Prometheus a histogram has three names, and one series for each bucket. Histograms marked *average* have no
buckets in the series of a call, some only where the attribute named behind it has the value named there: their sum over
their count is what is read.
"""
COLUMNS = "| name, and in Prometheus | kind | unit | attributes | meaning | from |\n|---|---|---|---|---|---|\n"


def row(series: Series, source: str) -> str:
    """Return one line of a table: a series and the source of its values."""
    names = series_names(series)
    # The parts of a histogram share their prefix.
    shown = names[0] if len(names) == 1 else names[0].removesuffix("_bucket") + "_bucket, _sum, _count"
    attributes = ", ".join(f"`{name}`" for name in series.attributes) or "–"
    unit = f"`{series.unit}`" if series.unit else "–"
    meaning = series.description + averaged(series)
    return f"| `{series.name}`<br>`{shown}` | {series.kind} | {unit} | {attributes} | {meaning} | {source} |"


def averaged(series: Series) -> str:
    """The mark of a histogram that is read as an average, or of those of its series that are."""
    match series.read_as_average:
        case (name, value):
            return f" *average* where `{name}` is `{value}`"
        case averaged:
            return " *average*" if averaged else ""


def section(title: str, text: str, rows: Iterable[str]) -> str:
    """Return a section: heading, a text about all of its series, and their table."""
    return f"\n## {title}\n\n{text}\n\n{COLUMNS}" + "\n".join(rows) + "\n"


def buckets(every: Iterable[Series]) -> str:
    """Return the section of the histograms' bounds, each list once."""
    found: dict[tuple[float, ...], list[str]] = {}
    for series in every:
        if series.buckets:
            found.setdefault(series.buckets, []).append(f"`{series.name}`")
    lines = [
        f"- {' '.join(f'{bound:.15g}' for bound in bounds)}: {', '.join(names)}" for bounds, names in found.items()
    ]
    return "\n## Buckets\n\nUpper bounds in the series' unit.\n\n" + "\n".join(lines) + "\n"


def page() -> str:
    """Return the whole page."""
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
                (row(series, series.source) for series in table.VOICE),
            ),
            section(
                "The process",
                "Of all calls of a process together, without the attributes of one.",
                (row(series, series.source) for series in table.PROCESS),
            ),
            section(
                "Language models, by OpenTelemetry's conventions",
                f"For dashboards that exist already; without the attributes of the call. {example}\n"
                "`VOICE_METRICS_GENAI=off` stops them.",
                (row(series, series.source) for series in table.GEN_AI),
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
            buckets((*table.VOICE, *table.PROCESS, *table.GEN_AI, *ready, *(sourced.series for sourced in SERVER))),
        )
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
