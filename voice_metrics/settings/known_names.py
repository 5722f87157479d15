"""Variables that are read, and an environment's variables that only look like one of them (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from voice_metrics.settings.wrapping import miswritten

OURS = (
    "VOICE_METRICS_CALL_ID",
    "VOICE_METRICS_DB",
    "VOICE_METRICS_DB_DAYS",
    "VOICE_METRICS_EVENTS",
    "VOICE_METRICS_EXPORT_TIMEOUT",
    "VOICE_METRICS_GENAI",
    "VOICE_METRICS_MAX_SERIES",
    "VOICE_METRICS_PRICES",
    "VOICE_METRICS_TRACE_URL",
)
# Variables of the demo and the tests.
_OTHERS = ("VOICE_METRICS_BACKENDS", "VOICE_METRICS_DEMO_RECORD")
_OPENTELEMETRY = (
    "OTEL_SDK_DISABLED",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_METRICS_EXPORTER",
    "OTEL_LOGS_EXPORTER",
    "OTEL_METRIC_EXPORT_INTERVAL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS",
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    "OTEL_EXPORTER_PROMETHEUS_HOST",
    "OTEL_EXPORTER_PROMETHEUS_PORT",
)
# OpenTelemetry's variables resemble each other, so only a difference of a letter counts as a mistake.
_ALMOST_EQUAL = 0.95
_SIMILAR = 0.6
_ANOTHER_WORD = {
    "DATABASE": "VOICE_METRICS_DB",
    "DATABASE_DAYS": "VOICE_METRICS_DB_DAYS",
    "LEDGER": "VOICE_METRICS_DB",
    "LEDGER_DAYS": "VOICE_METRICS_DB_DAYS",
    "RETENTION_DAYS": "VOICE_METRICS_DB_DAYS",
    "ENDPOINT": "OTEL_EXPORTER_OTLP_ENDPOINT",
    "HEADERS": "OTEL_EXPORTER_OTLP_HEADERS",
    "INTERVAL": "OTEL_METRIC_EXPORT_INTERVAL",
    "EXPORT_INTERVAL": "OTEL_METRIC_EXPORT_INTERVAL",
    "EXPORTER": "OTEL_METRICS_EXPORTER",
    "SERVICE_NAME": "OTEL_SERVICE_NAME",
}
_MOST_SHOWN = 10
_SHOWABLE = re.compile(r"\w{1,60}", re.ASCII)
_PREFIX = re.compile(r"VOICE_?METRICS?_", re.IGNORECASE)


def unknown_names(names: Iterable[str]) -> Iterator[str]:
    """Yield a sentence for each unknown variable that looks like a known one, with the nearest name."""
    names = list(names)
    for name, plain in miswritten(names, OURS + _OPENTELEMETRY):
        if not _PREFIX.match(name):
            names.remove(name)
            yield f"{plain} is written in small letters, or with a blank or an invisible character: it has no effect."
    unknown = sorted(name for name in names if name not in OURS + _OTHERS and _PREFIX.match(name))
    for name in unknown[:_MOST_SHOWN]:
        nearest = _nearest(name)
        shown = name if _SHOWABLE.fullmatch(name) else "A variable whose name begins with VOICE_METRICS_"
        if nearest:
            yield f"{shown} is unknown and has no effect; perhaps {nearest} is meant."
        elif name.startswith("VOICE_METRICS_"):
            yield f"{shown} is unknown and has no effect; known are {', '.join(OURS)}."
    for name in sorted(name for name in names if name.startswith("OTEL_") and name not in _OPENTELEMETRY):
        if "TRACES" not in name and (near := get_close_matches(name, _OPENTELEMETRY, 1, _ALMOST_EQUAL)):
            yield f"{name} is unknown and has no effect; perhaps {near[0]} is meant."


def _nearest(name: str) -> str | None:
    rest = _PREFIX.sub("", name, count=1).upper()
    if rest in _ANOTHER_WORD:
        return _ANOTHER_WORD[rest]
    words = {known.removeprefix("VOICE_METRICS_").replace("_", ""): known for known in OURS}
    near = get_close_matches(rest.replace("_", "")[:60], words, 1, _SIMILAR)
    return words[near[0]] if near else None
