"""Names of OTLP series and attributes in Prometheus, Mimir and Grafana Cloud.

Follows prometheus/otlptranslator 1.0 in its default strategy (underscores, with suffixes). Names of `voice.*` end in
their unit or in "total" already, so they are the same without suffixes (except the throughput, whose unit has no word).
"""

from __future__ import annotations

import re

from voice_metrics.series.table import Kind, Series

# prometheus/otlptranslator 1.0.0, unitMap and perUnitMap of metric_namer.go, read 2026-11-22.
UNIT_WORDS = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds",
    "ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes",
    "TiBy": "tibibytes", "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes",
    "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius",
    "Hz": "hertz", "1": "", "%": "percent",
}  # fmt: skip
_PER_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")
# Prometheus sets `job` and `instance` on ingestion, and `le` and `quantile` on the parts of a metric.
LABELS_OF_PROMETHEUS = ("le", "quantile", "job", "instance")


def metric_name(name: str, unit: str, kind: Kind) -> str:
    """Return the name of a metric, without the suffixes of a histogram's parts.

    Args:
        name: OTLP name.
        unit: UCUM unit; words in braces are left out.
        kind: The instrument's kind.
    """
    words = [word for word in re.split(r"[^a-zA-Z0-9:]+", name) if word]
    words += [word for word in _unit_words(unit) if word and word not in words]
    if kind is Kind.COUNTER:
        words = [word for word in words if word != "total"] + ["total"]
    if kind is Kind.GAUGE and unit == "1":
        words = [word for word in words if word != "ratio"] + ["ratio"]
    joined = "_".join(words)
    return f"_{joined}" if joined[:1].isdigit() else joined


def label_name(attribute: str) -> str:
    """Return the label for an OTLP attribute name."""
    label = re.sub(r"_{2,}", "_", re.sub(r"[^a-zA-Z0-9_]", "_", attribute))
    return f"key_{label}" if label[:1].isdigit() else label


def series_names(series: Series) -> tuple[str, ...]:
    """Return all metric names of a row: three for a histogram with explicit buckets."""
    name = metric_name(series.name, series.unit, series.kind)
    return tuple(name + part for part in _HISTOGRAM_PARTS) if series.kind is Kind.HISTOGRAM else (name,)


def _unit_words(unit: str) -> tuple[str, str]:
    main, _, per = (part.strip() for part in unit.partition("/"))
    main_word = "" if "{" in main or "}" in main else _metric_word(UNIT_WORDS.get(main, main))
    per_word = "" if "{" in per or "}" in per else _metric_word(_PER_UNITS.get(per, per))
    return main_word, f"per_{per_word}" if per_word else ""


def _metric_word(word: str) -> str:
    return re.sub(r"[^a-zA-Z0-9:]+", "_", word).strip("_")
