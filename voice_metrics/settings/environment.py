"""The environment, read once into one immutable record.

Owns every `VOICE_METRICS_*` variable but `VOICE_METRICS_PRICES`, and the `OTEL_*` ones that are
interpreted here. A mistake in a variable of ours raises `SettingsError`; one in OpenTelemetry's falls
back with a warning, as OpenTelemetry asks. Refuses to read the process's environment by itself: it is passed in.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from voice_metrics.call.text import clean
from voice_metrics.settings.endpoint import Endpoint, read

EXPORTERS = ("otlp", "prometheus", "console")
TEMPORALITIES = ("cumulative", "delta", "lowmemory")


class SettingsError(ValueError):
    """A setting that cannot be used; the message names variable, value and what is right."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment asks for.

    Parameters:
        exporters: Where series go: any of "otlp", "prometheus", "console"; empty for nowhere.
        endpoint: The OTLP endpoint, or `None` if none is configured or OTLP is not asked for.
        interval_seconds: Time between two exports.
        export_timeout_seconds: How long the end of a call, or of the process, may wait for an export.
        call_ids: Whether `voice.*` series carry the call's id.
        max_series: Live series beyond which new calls go without their id.
        gen_ai: Whether the `gen_ai.*` metrics are recorded.
        temporality: OpenTelemetry's preference for the OTLP exporter: "cumulative", "delta" or "lowmemory".
        exponential: Whether histograms are exponential.
        exemplars: OpenTelemetry's exemplar filter: "trace_based", "always_on" or "always_off".
        ledger: File of the ledger, or `None` if there is none.
        ledger_days: Days that the ledger keeps a call.
        service_name: `service.name` of the resource, or `None` if the environment names none.
        resource: Further attributes of the resource.
        prometheus_host: Address of the `/metrics` endpoint.
        prometheus_port: Its port.
        disabled: Whether OpenTelemetry is switched off altogether.
        advice: What was misspelt and how it is right; free of secrets.
    """

    exporters: tuple[str, ...]
    endpoint: Endpoint | None
    interval_seconds: float
    export_timeout_seconds: float
    call_ids: bool
    max_series: int
    gen_ai: bool
    temporality: str
    exponential: bool
    exemplars: str
    ledger: Path | None
    ledger_days: int
    service_name: str | None
    resource: Mapping[str, str]
    prometheus_host: str
    prometheus_port: int
    disabled: bool
    advice: tuple[str, ...]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings.

        Args:
            environ: The environment.

        Returns:
            The settings, with advice about what OpenTelemetry's variables have wrong.

        Raises:
            SettingsError: If a `VOICE_METRICS_*` variable cannot be used.
        """
        advice: list[str] = []
        disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        exporters = () if disabled else _exporters(environ, advice)
        otlp = read(environ)
        if "otlp" in exporters:
            advice.extend(otlp.advice)
        resource = _resource(environ, advice)
        service_name = clean(environ.get("OTEL_SERVICE_NAME", "").strip()) or resource.get("service.name")
        return cls(
            exporters=exporters,
            endpoint=otlp.endpoint if "otlp" in exporters else None,
            interval_seconds=_interval(environ, advice),
            export_timeout_seconds=_seconds(environ, "VOICE_METRICS_EXPORT_TIMEOUT", 2.0),
            call_ids=_choice(environ, "VOICE_METRICS_CALL_ID", ("label", "off")) == "label",
            max_series=_count(environ, "VOICE_METRICS_MAX_SERIES", 20_000),
            gen_ai=_choice(environ, "VOICE_METRICS_GENAI", ("on", "off")) == "on",
            temporality=_temporality(environ, advice),
            exponential=_exponential(environ, advice),
            exemplars=_exemplars(environ, advice),
            ledger=_ledger(environ, advice),
            ledger_days=_count(environ, "VOICE_METRICS_DB_DAYS", 30),
            service_name=service_name,
            resource=resource,
            prometheus_host=environ.get("OTEL_EXPORTER_PROMETHEUS_HOST", "").strip() or "localhost",
            prometheus_port=_port(environ, advice),
            disabled=disabled,
            advice=tuple(advice),
        )


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    value = environ.get(name, "").strip()
    if not value:
        return default
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise SettingsError(f"{name}={value!r}: expected a positive number of seconds, such as 5")
    return seconds


def _count(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name, "").strip()
    if not value:
        return default
    try:
        count = int(value)
    except ValueError:
        count = 0
    if count < 1:
        raise SettingsError(f"{name}={value!r}: expected a positive whole number, such as {default}")
    return count


def _choice(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = environ.get(name, "").strip()
    if not value:
        return choices[0]
    if value.lower() not in choices:
        raise SettingsError(f"{name}={value!r}: expected {' or '.join(choices)}")
    return value.lower()


def _ledger(environ: Mapping[str, str], advice: list[str]) -> Path | None:
    value = environ.get("VOICE_METRICS_DB", "").strip()
    if value.lower() == "off":
        return None
    try:
        return Path(value).expanduser() if value else data_directory(environ) / "voice-metrics" / "calls.db"
    except RuntimeError:
        # pathlib's error for a user whom the system does not know, such as a bare number in a container.
        expected = "expected a file, such as /var/lib/voice-metrics/calls.db, or off"
        if value:
            raise SettingsError(f"VOICE_METRICS_DB={value!r}: no such home directory is known; {expected}") from None
    advice.append(f"VOICE_METRICS_DB is not set and no home directory is known: there is no ledger; {expected}.")
    return None


def data_directory(environ: Mapping[str, str]) -> Path:
    """The folder in which programs of this user keep data.

    Args:
        environ: Environment variables.

    Raises:
        RuntimeError: No home directory is known.
    """
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def _exporters(environ: Mapping[str, str], advice: list[str]) -> tuple[str, ...]:
    value = environ.get("OTEL_METRICS_EXPORTER", "").strip() or "otlp"
    names = [name.strip().lower() for name in value.split(",") if name.strip()]
    unknown = [name for name in names if name not in (*EXPORTERS, "none")]
    if unknown:
        advice.append(
            f"OTEL_METRICS_EXPORTER={value!r}: {', '.join(unknown)} is unknown and left out; "
            "expected otlp, prometheus, console, none or a list of them."
        )
    return tuple(dict.fromkeys(name for name in names if name in EXPORTERS))


def _interval(environ: Mapping[str, str], advice: list[str]) -> float:
    value = environ.get("OTEL_METRIC_EXPORT_INTERVAL", "").strip()
    try:
        milliseconds = float(value or 10_000)
    except ValueError:
        milliseconds = math.nan
    if not 0 < milliseconds < math.inf:
        advice.append(
            f"OTEL_METRIC_EXPORT_INTERVAL={value!r}: expected milliseconds as a positive number, such as 10000; "
            "10000 is used."
        )
        return 10.0
    return milliseconds / 1000


def _temporality(environ: Mapping[str, str], advice: list[str]) -> str:
    name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
    value = environ.get(name, "").strip()
    if value and value.lower() not in TEMPORALITIES:
        advice.append(f"{name}={value!r}: expected cumulative, delta or lowmemory; cumulative is used.")
    return value.lower() if value.lower() in TEMPORALITIES else "cumulative"


def _exponential(environ: Mapping[str, str], advice: list[str]) -> bool:
    name = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
    value = environ.get(name, "").strip().lower() or "explicit_bucket_histogram"
    if value not in ("explicit_bucket_histogram", "base2_exponential_bucket_histogram"):
        advice.append(
            f"{name}={value!r}: expected explicit_bucket_histogram or base2_exponential_bucket_histogram; "
            "the former is used."
        )
    return value == "base2_exponential_bucket_histogram"


def _exemplars(environ: Mapping[str, str], advice: list[str]) -> str:
    value = environ.get("OTEL_METRICS_EXEMPLAR_FILTER", "").strip().lower() or "trace_based"
    if value in ("trace_based", "always_on", "always_off"):
        return value
    advice.append(
        f"OTEL_METRICS_EXEMPLAR_FILTER={value!r}: expected trace_based, always_on or always_off; trace_based is used."
    )
    return "trace_based"


def _port(environ: Mapping[str, str], advice: list[str]) -> int:
    value = environ.get("OTEL_EXPORTER_PROMETHEUS_PORT", "").strip()
    if not value:
        return 9464
    if value.isdecimal() and int(value) < 65536:
        return int(value)
    advice.append(f"OTEL_EXPORTER_PROMETHEUS_PORT={value!r}: expected a port, such as 9464; 9464 is used.")
    return 9464


def _resource(environ: Mapping[str, str], advice: list[str]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for item in environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, separator, value = item.partition("=")
        if separator and key.strip():
            attributes[clean(unquote(key).strip())] = clean(unquote(value).strip())
        elif item.strip():
            advice.append(f"OTEL_RESOURCE_ATTRIBUTES: {item.strip()!r} is not key=value; it was left out.")
    return attributes
