"""Checks of the set-up, which send a real point and, where events are sent, a real event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies

from voice_metrics.cli import machine
from voice_metrics.cli.environment_file import FromFile
from voice_metrics.cli.findings import Examination, Finding, Mark
from voice_metrics.export.answers import Outcome
from voice_metrics.export.probe import send_test_event, send_test_point
from voice_metrics.series.footprint import footprint
from voice_metrics.settings.endpoint import Endpoint
from voice_metrics.settings.environment import Settings
from voice_metrics.settings.header_variables import credentials_mistake, shown_names
from voice_metrics.settings.parsing import NOTHING
from voice_metrics.settings.wrapping import unwrapped
from voice_metrics.telemetry import DEFAULT_SERVICE_NAME

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_RIGHT_FORM = (
    "The form of the Authorization header is right. So the number before the colon is not that of the stack's "
    "OTLP instance, or the token has expired, was deleted, or belongs to another stack or region."
)


# Dates are in whole seconds, and an answer may take some.
_WRONG_CLOCK_SECONDS = 60.0


def examine(environ: Mapping[str, str], from_file: FromFile = FromFile()) -> Examination:  # noqa: B008  # immutable
    """Examine the set-up and send one test point and event, each for its endpoint's timeout at most.

    Args:
        environ: The environment.
        from_file: The part of it from a `.env`.
    """
    settings = Settings.from_environment(environ)
    cost = footprint(settings)
    findings = [Finding(Mark.ADVICE, advice) for advice in settings.advice]
    findings += machine.sources(environ, from_file)
    findings += machine.price_file(settings)
    findings += machine.metrics_page(settings)
    endpoint, outcome = settings.endpoint, None
    if endpoint is None:
        findings.append(_no_server(settings, _first_set(environ, *_ENDPOINTS)))
    else:
        findings += _route(settings, endpoint)
        outcome = send_test_point(settings, endpoint, settings.service_name or DEFAULT_SERVICE_NAME)
        findings += _verdict(endpoint, outcome)
        findings += _clock(outcome)
        if outcome.status == 401 and (own := _first_set(environ, "OTEL_EXPORTER_OTLP_METRICS_HEADERS")):
            findings.append(Finding(Mark.BAD, f"{own} is set and replaces OTEL_EXPORTER_OTLP_HEADERS: correct it."))
        findings.append(Finding(Mark.ADVICE if settings.call_ids else Mark.GOOD, str(cost)))
    findings += _events(
        settings, _first_set(environ, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    )
    findings += machine.ledger(settings, cost)
    found = Examination(tuple(findings), outcome, cost)
    if outcome is not None or found.wrong:
        return found
    last = Finding(Mark.GOOD, "Nothing is wrong. No server accepted a test point, so the exit status is 1.")
    return Examination((*findings, last), outcome, cost)


def _route(settings: Settings, endpoint: Endpoint) -> Iterator[Finding]:
    yield Finding(Mark.GOOD, f"{endpoint.variable}: series go to {endpoint.shown}.")
    headers, timeout = shown_names(endpoint.headers), f"{endpoint.timeout_seconds:g} s"
    yield Finding(Mark.GOOD, f"Headers: {headers}. Compression: {endpoint.compression}. Timeout: {timeout}.")
    if settings.exponential:
        # Dashboard and alerts read `_bucket` series, which exponential histograms lack.
        yield Finding(
            Mark.ADVICE,
            "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION makes histograms exponential: "
            "the latencies of this package's Grafana dashboard and alerts stay empty.",
        )
    proxy = get_environ_proxies(endpoint.address).get(urlsplit(endpoint.url).scheme)
    if proxy:
        yield Finding(Mark.ADVICE, f"Requests go through the proxy {_host(proxy)}; NO_PROXY excepts hosts.")


def _host(url: str) -> str:
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or "of an unknown host"
    except ValueError:
        return "of an unknown host"


def _first_set(environ: Mapping[str, str], *names: str) -> str | None:
    """The first variable that is set; `None` if it is to name nothing, or none is set."""
    values = ((name, unwrapped(name, environ.get(name, ""))[0]) for name in names)
    name, value = next(((name, value) for name, value in values if value), (None, ""))
    return None if value.lower() in NOTHING else name


def _no_server(settings: Settings, variable: str | None) -> Finding:
    if settings.disabled:
        return Finding(Mark.ADVICE, "OTEL_SDK_DISABLED is true: nothing is sent.")
    if "otlp" not in settings.exporters:
        return Finding(Mark.GOOD, "OTEL_METRICS_EXPORTER leaves out otlp: no series are sent to a server.")
    if variable is not None:
        return Finding(Mark.BAD, f"{variable} cannot be used: no series are sent to a server.")
    kept = "calls are kept here only"
    if settings.logs_endpoint is not None or settings.ledger is None:
        kept = "no series are sent"
    return Finding(
        Mark.ADVICE,
        f"OTEL_EXPORTER_OTLP_ENDPOINT names no endpoint: {kept}. To send them, set it to the address "
        "that Grafana Cloud shows on the page `OpenTelemetry` of a stack, such as "
        "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp.",
    )


def _events(settings: Settings, variable: str | None) -> Iterator[Finding]:
    endpoint = settings.logs_endpoint
    if endpoint is not None:
        yield Finding(Mark.GOOD, f"{endpoint.variable}: events go to {endpoint.shown}.")
        outcome = send_test_event(settings, endpoint, settings.service_name or DEFAULT_SERVICE_NAME)
        yield _fate("event", outcome)
    elif settings.events != "none" and variable is not None:
        yield Finding(Mark.BAD, f"{variable} cannot be used: no events are sent, which OTEL_LOGS_EXPORTER asks for.")


def _clock(outcome: Outcome) -> Iterator[Finding]:
    behind = outcome.behind_seconds
    if behind is not None and abs(behind) >= _WRONG_CLOCK_SECONDS:
        yield Finding(
            Mark.ADVICE,
            f"The clock of this machine is {abs(behind):.0f} s {'slow' if behind > 0 else 'fast'} by the server's. "
            "Set it: alerts do not see points of a clock that is five minutes slow, and see those of a fast one late.",
        )


def _verdict(endpoint: Endpoint, outcome: Outcome) -> Iterator[Finding]:
    yield _fate("point", outcome)
    if outcome.acknowledged:
        return
    if outcome.status in (401, 403) and (mistake := _authorization_mistake(endpoint)):
        yield Finding(Mark.BAD, mistake)
    elif outcome.status == 401:
        yield Finding(Mark.BAD, _RIGHT_FORM)
    elif outcome.fault in ("garbage", "reset"):
        yield Finding(Mark.BAD, "A port that speaks gRPC answers like this, often 4317: that of HTTP is often 4318.")
        if urlsplit(endpoint.url).scheme == "http":
            yield Finding(Mark.BAD, f"So does a port that speaks TLS: {endpoint.variable} then begins with https://.")
    elif outcome.status == 404 and (lack := _lacking(urlsplit(endpoint.url).path)):
        yield Finding(Mark.BAD, f"The path of {endpoint.shown} lacks {lack}.")


def _fate(item: str, outcome: Outcome) -> Finding:
    milliseconds = outcome.seconds * 1000
    if not outcome.acknowledged:
        return Finding(Mark.BAD, f"A test {item} was not accepted after {milliseconds:.0f} ms: {outcome}")
    said = f" The server says: {outcome.words}" if outcome.words else ""
    return Finding(Mark.GOOD, f"A test {item} was accepted with {outcome.status} after {milliseconds:.0f} ms.{said}")


def _lacking(path: str) -> str | None:
    """The part that a path of an unknown address may lack, and its use."""
    if not path.endswith("/v1/metrics"):
        return "/v1/metrics, where servers take metrics by OTLP"
    return None if path.endswith("/otlp/v1/metrics") else "/otlp, which Grafana Cloud and others need"


def _authorization_mistake(endpoint: Endpoint) -> str | None:
    scheme, _, credentials = (endpoint.credentials or "").partition(" ")
    if not scheme:
        return "No Authorization header is set: see OTEL_EXPORTER_OTLP_HEADERS."
    if scheme.lower() != "basic":
        return "The Authorization header does not begin with `Basic`, which Grafana Cloud expects."
    mistake = credentials_mistake(credentials)
    return f"The Authorization header: {mistake}" if mistake is not None else None
