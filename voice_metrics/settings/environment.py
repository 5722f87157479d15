"""The environment as one immutable record. A variable that cannot be understood gives advice, and its default holds."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from voice_metrics.call.text import clean
from voice_metrics.settings import otlp_variables
from voice_metrics.settings.dotenv_file import unread_endpoint
from voice_metrics.settings.endpoint import Endpoint
from voice_metrics.settings.known_names import unknown_names
from voice_metrics.settings.parsing import NOTHING, OFF, ON, Variables, is_template, path_mistake
from voice_metrics.settings.quantities import seconds_in
from voice_metrics.settings.secrecy import shown
from voice_metrics.settings.wrapping import without_quotes

EXPORTERS = ("otlp", "prometheus", "console")
_HTTP_NAMES = ("otlp_proto_http", "otlp-proto-http", "otlp_http", "otlp-http", "otlp/http", "otlphttp", "http/protobuf")
_GRPC_NAMES = ("otlp_proto_grpc", "otlp_grpc", "otlp-grpc", "otlp/grpc")
_SHORTEST_INTERVAL_SECONDS = 0.05
_DUBIOUS_INTERVAL_SECONDS = 0.1
_DAY_SECONDS = 86_400.0


class SettingsError(ValueError):
    """A setting that cannot be used; the message names the variable, its value and the expected form."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a process.

    Parameters:
        exporters: Destinations of series: any of "otlp", "prometheus", "console"; empty for none.
        endpoint: The OTLP endpoint; `None` if not configured or not among the exporters.
        interval_seconds: Time between two exports.
        export_timeout_seconds: Longest wait for an export at the end of a call or process.
        call_ids: True if `voice.*` series carry the call's id.
        max_series: Live series above which new calls go without their id.
        gen_ai: True to record the `gen_ai.*` metrics.
        temporality: OpenTelemetry's preference for the OTLP exporter: "cumulative", "delta" or "lowmemory".
        exponential: True for exponential histograms.
        exemplars: OpenTelemetry's exemplar filter: "trace_based", "always_on" or "always_off".
        events: Events sent as log records: "none", "calls" or "turns", which includes the calls.
        logs_endpoint: Their endpoint, or `None` for none.
        trace_url: Address of a trace with `{trace_id}` in it, or `None`.
        ledger: File of the ledger, or `None` for no ledger.
        ledger_days: Days that the ledger keeps a call.
        prices: File of the user's own prices, or `None`.
        service_name: `service.name` of the resource, or `None` if not set.
        resource: Further attributes of the resource.
        prometheus_host: Address of the `/metrics` endpoint.
        prometheus_port: Its port.
        disabled: True if OpenTelemetry is switched off altogether.
        advice: Misspelt variables with their right spelling; free of secrets.
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
    events: str
    logs_endpoint: Endpoint | None
    trace_url: str | None
    ledger: Path | None
    ledger_days: int
    prices: str | None
    service_name: str | None
    resource: Mapping[str, str]
    prometheus_host: str
    prometheus_port: int
    disabled: bool
    advice: tuple[str, ...]

    @classmethod
    def of_process(cls) -> Settings:
        """Read this process's settings; a `.env` in its folder that it has not read gives advice."""
        return cls._from_variables(Variables(os.environ), advise_about_dotenv=True)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings, with advice about misspelt variables. Never raises."""
        return cls._from_variables(Variables(environ), advise_about_dotenv=False)

    @property
    def price_variables(self) -> Mapping[str, str]:
        """The variable with the user's prices, as the price book reads it."""
        return {} if self.prices is None else {"VOICE_METRICS_PRICES": self.prices}

    @classmethod
    def _from_variables(cls, variables: Variables, *, advise_about_dotenv: bool) -> Settings:
        disabled = variables.choice("OTEL_SDK_DISABLED", ("false", "true")) == "true"
        exporters = () if disabled else _exporters(variables)
        events = "none" if disabled else _events(variables)
        resource = _resource(variables)
        endpoint = otlp_variables.endpoint(variables, otlp_variables.METRICS) if "otlp" in exporters else None
        # python-dotenv leaves a variable that is set as it is, even an empty one.
        unset = otlp_variables.ENDPOINTS.isdisjoint(variables.names())
        if advise_about_dotenv and unset and "otlp" in exporters and (advice := unread_endpoint()):
            variables.advise(advice)
        for advice in unknown_names(variables.names()):
            variables.advise(advice)
        return cls(
            exporters=exporters,
            endpoint=endpoint,
            interval_seconds=_interval_seconds(variables),
            export_timeout_seconds=variables.seconds("VOICE_METRICS_EXPORT_TIMEOUT", 2.0),
            call_ids=variables.switch("VOICE_METRICS_CALL_ID", "label"),
            max_series=variables.count("VOICE_METRICS_MAX_SERIES", 20_000),
            gen_ai=variables.switch("VOICE_METRICS_GENAI", "on"),
            temporality=variables.choice(
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", ("cumulative", "delta", "lowmemory")
            ),
            exponential=_wants_exponential(variables),
            exemplars=variables.choice("OTEL_METRICS_EXEMPLAR_FILTER", ("trace_based", "always_on", "always_off")),
            events=events,
            logs_endpoint=None if events == "none" else otlp_variables.endpoint(variables, otlp_variables.LOGS),
            trace_url=_trace_url(variables),
            ledger=_ledger(variables),
            ledger_days=variables.days("VOICE_METRICS_DB_DAYS", 30),
            prices=_price_file(variables),
            service_name=clean(variables.text("OTEL_SERVICE_NAME")) or resource.get("service.name"),
            resource=resource,
            prometheus_host=variables.text("OTEL_EXPORTER_PROMETHEUS_HOST") or "localhost",
            prometheus_port=_prometheus_port(variables),
            disabled=disabled,
            advice=variables.advice,
        )


def _exporters(variables: Variables) -> tuple[str, ...]:
    value = variables.text("OTEL_METRICS_EXPORTER") or "otlp"
    names = [name for name in re.split(r"[,;\s]+", value.lower()) if name]
    for name in set(names).intersection(_GRPC_NAMES):
        variables.advise(
            f"OTEL_METRICS_EXPORTER={shown(value)}: {name} is not spoken here; series go by HTTP, "
            "for which a collector usually listens on port 4318."
        )
    synonyms = {**dict.fromkeys(_HTTP_NAMES + _GRPC_NAMES, "otlp"), **dict.fromkeys(OFF, "none"), "logging": "console"}
    known = [synonyms.get(name, name) for name in names if synonyms.get(name, name) in (*EXPORTERS, "none")]
    if len(known) < len(names):
        instead = "" if known else " otlp is used."
        variables.wrong(
            "OTEL_METRICS_EXPORTER",
            value,
            f"otlp, prometheus, console, none or a list of them; what is unknown is left out.{instead}",
        )
    return tuple(dict.fromkeys(name for name in known or ["otlp"] if name != "none"))


def _events(variables: Variables) -> str:
    wanted = variables.choice("VOICE_METRICS_EVENTS", ("calls", "turns"), {"call": "calls", "turn": "turns"})
    exporter = variables.choice("OTEL_LOGS_EXPORTER", ("none", "otlp"), dict.fromkeys(_HTTP_NAMES, "otlp"))
    if exporter == "otlp":
        return wanted
    if variables.text("VOICE_METRICS_EVENTS"):
        variables.advise("VOICE_METRICS_EVENTS has no effect without OTEL_LOGS_EXPORTER=otlp.")
    return "none"


def _interval_seconds(variables: Variables) -> float:
    name = "OTEL_METRIC_EXPORT_INTERVAL"
    value = variables.text(name)
    if not value:
        return 10.0
    number, has_unit = seconds_in(value) or (0.0, True)
    seconds = number if has_unit else number / 1000
    if not 0 < seconds <= _DAY_SECONDS:
        variables.wrong(name, value, "milliseconds as a positive number, such as 10000; 10000 is used.")
        return 10.0
    used = max(seconds, _SHORTEST_INTERVAL_SECONDS)
    if has_unit:
        variables.wrong(name, value, f"milliseconds without a unit; {used * 1000:g} is used.")
    elif seconds < _DUBIOUS_INTERVAL_SECONDS:
        variables.advise(
            f"{name}={shown(value)} is in milliseconds: {number * 1000:g} means {number:g} s. "
            f"Series go out every {used * 1000:g} ms."
        )
    return used


def _wants_exponential(variables: Variables) -> bool:
    name = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
    exponential = "base2_exponential_bucket_histogram"
    return variables.choice(name, ("explicit_bucket_histogram", exponential)) == exponential


def _trace_url(variables: Variables) -> str | None:
    name = "VOICE_METRICS_TRACE_URL"
    value = variables.text(name)
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and value.count("{trace_id}") == 1
    except ValueError:
        usable = False
    if value.lower() in NOTHING or usable:
        return value if usable else None
    if value:
        # The address may contain a key, so the advice does not show it.
        variables.advise(f"{name} is not used: expected a URL with {{trace_id}} in it, such as https://x/{{trace_id}}.")
    return None


def _ledger(variables: Variables) -> Path | None:
    name = "VOICE_METRICS_DB"
    value = variables.text(name)
    # SQLite's word for a database without a file; here it would name a file.
    if value.lower() in NOTHING | {":memory:"}:
        return None
    given = None if not value or value.lower() in ON else variables.path(name, value)
    if given is not None:
        return given
    try:
        return data_directory({each: variables.text(each) for each in _FOLDERS}) / "voice-metrics" / "calls.db"
    except RuntimeError:
        variables.advise(
            f"{name} is not set and no home directory is known: there is no ledger; "
            "expected a file, such as /var/lib/voice-metrics/calls.db, or off."
        )
    return None


def _price_file(variables: Variables) -> str | None:
    value = variables.text("VOICE_METRICS_PRICES")
    if mistake := path_mistake(value):
        variables.advise(f"VOICE_METRICS_PRICES {mistake}; expected the path of a TOML file. It is left out.")
        return None
    return None if value.lower() in NOTHING else value or None


_FOLDERS = ("LOCALAPPDATA", "XDG_DATA_HOME")


def data_directory(environ: Mapping[str, str]) -> Path:
    """Return the folder in which programs of this user keep data.

    Raises:
        RuntimeError: No home directory is known.
    """
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def _prometheus_port(variables: Variables) -> int:
    name = "OTEL_EXPORTER_PROMETHEUS_PORT"
    value = variables.text(name)
    if value.isdecimal() and value.isascii() and len(value) < 6 and int(value) < 65536:
        return int(value)
    if value:
        variables.wrong(name, value, "a port, such as 9464; 9464 is used.")
    return 9464


def _resource(variables: Variables) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for number, item in enumerate(variables.list_text("OTEL_RESOURCE_ATTRIBUTES").split(","), start=1):
        key, separator, value = without_quotes(item).partition("=")
        if is_template(item):
            variables.advise(
                f"OTEL_RESOURCE_ATTRIBUTES: item {number} names another variable, which nothing replaced by its value; "
                "it was left out. In Kubernetes that one must stand further up."
            )
        elif separator and key.strip():
            if without_quotes(value) != value.strip() or without_quotes(item) != item.strip():
                variables.advise(f"OTEL_RESOURCE_ATTRIBUTES: item {number} has quotes; they were taken off.")
            attributes[clean(unquote(key).strip())] = clean(unquote(without_quotes(value)).strip())
        elif item.strip():
            # The item may be the second half of a password with a comma, so the advice does not show it.
            variables.advise(f"OTEL_RESOURCE_ATTRIBUTES: item {number} is not key=value; it was left out.")
    return attributes
