"""What is right and what is wrong with the set-up, found out by sending a real point.

Owns the questions and the answers in words; the command line only prints them. Refuses to show a
secret: everything here is safe to paste into a public issue.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies

from voice_metrics.export.answers import Outcome
from voice_metrics.export.probe import send_test_point
from voice_metrics.ledger import LedgerReader, LedgerUnreadable, NoCallYet
from voice_metrics.prices import PriceBook
from voice_metrics.series.footprint import Footprint, footprint
from voice_metrics.settings.endpoint import Endpoint
from voice_metrics.settings.environment import Settings, SettingsError
from voice_metrics.settings.header_variables import credentials_mistake
from voice_metrics.telemetry import DEFAULT_SERVICE_NAME

_RIGHT_FORM = (
    "The form of the Authorization header is right. So the number before the colon is not that of the stack's "
    "OTLP instance, or the token has expired, was deleted, or belongs to another stack or region."
)


class Mark(StrEnum):
    """How good a finding is."""

    GOOD = "good"
    ADVICE = "advice"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Parameters:
        mark: How good it is.
        text: What it is, and what to change if it is not good.
    """

    mark: Mark
    text: str


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything that was found.

    Parameters:
        findings: In the order in which they were looked at.
        outcome: What became of the test point, or `None` if none could be sent.
        footprint: What a call costs at the back end, or `None` if the settings cannot be read.
    """

    findings: tuple[Finding, ...]
    outcome: Outcome | None
    footprint: Footprint | None

    @property
    def ok(self) -> bool:
        """Whether a server accepted a point and nothing else is wrong."""
        accepted = self.outcome is not None and self.outcome.acknowledged
        return accepted and all(finding.mark is not Mark.BAD for finding in self.findings)

    @property
    def round_trip_seconds(self) -> float | None:
        """From the request to its answer; `None` without an answer."""
        return self.outcome.seconds if self.outcome is not None and self.outcome.status is not None else None


def examine(environ: Mapping[str, str]) -> Examination:
    """Look at the environment and send one point the way that series go.

    Args:
        environ: The environment.

    Returns:
        What was found; takes no longer than the endpoint's timeout.
    """
    try:
        settings = Settings.from_environment(environ)
    except SettingsError as error:
        return Examination((Finding(Mark.BAD, str(error)),), None, None)
    findings = [Finding(Mark.ADVICE, advice) for advice in settings.advice]
    findings += _prices(environ)
    findings += _surroundings(settings)
    cost = footprint(settings)
    endpoint = settings.endpoint
    outcome = (
        None if endpoint is None else send_test_point(settings, endpoint, settings.service_name or DEFAULT_SERVICE_NAME)
    )
    if endpoint is None or outcome is None:
        findings.append(Finding(Mark.BAD, _nowhere(settings)))
    else:
        findings += _verdict(endpoint, outcome)
        findings.append(Finding(Mark.ADVICE if settings.call_ids else Mark.GOOD, str(cost)))
    return Examination((*findings, _ledger(settings.ledger)), outcome, cost)


def _prices(environ: Mapping[str, str]) -> Iterator[Finding]:
    try:
        PriceBook.from_environment(environ)
    except SettingsError as error:
        yield Finding(Mark.BAD, str(error))


def _ledger(path: Path | None) -> Finding:
    if path is None:
        return Finding(Mark.ADVICE, "There is no ledger: what is not delivered when a process ends is lost.")
    if fault := _fault(path):
        text = f"Ledger {_shown(path)} cannot be written: {fault}. Calls go on, but nothing of them is kept."
        return Finding(Mark.BAD, f"{text} Set VOICE_METRICS_DB to another file.")
    try:
        with LedgerReader(path) as reader:
            waiting, calls = reader.pending(), reader.count()
    except LedgerUnreadable as error:
        mark = Mark.GOOD if isinstance(error, NoCallYet) else Mark.BAD
        return Finding(mark, f"Ledger {error}.".replace(str(path), _shown(path)))
    held = f"Ledger {_shown(path)}: {_number(calls)}, "
    if not waiting.requests:
        return Finding(Mark.GOOD, f"{held}nothing waits to be sent.")
    wait = f"series of {_number(waiting.calls)}" if waiting.calls else "shared series"
    return Finding(Mark.ADVICE, f"{held}{wait} wait to be sent: `voice-metrics resend` sends them.")


def _number(calls: int) -> str:
    return f"{calls} call{'' if calls == 1 else 's'}"


def _fault(path: Path) -> str | None:
    # Opened and closed here, an SQLite file would lose the locks that this process holds on it.
    if os.access(path, os.F_OK) and not os.access(path, os.W_OK):
        return "it is read-only"
    if path.is_dir():
        return "it is a folder"
    folder = next((place for place in path.absolute().parents if os.access(place, os.F_OK)), Path(path.anchor))
    try:
        # Permissions do not say that a file system takes no files, such as /proc, or is full; the file has no name.
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(b"x" * 4096)
            return None
    except OSError as error:
        return f"no file can be made in {_shown(folder)} ({error.strerror})"


def _shown(path: Path) -> str:
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)


def _surroundings(settings: Settings) -> Iterator[Finding]:
    endpoint = settings.endpoint
    if endpoint is None:
        return
    yield Finding(Mark.GOOD, f"{endpoint.variable}: series go to {endpoint.shown}.")
    names = ", ".join(sorted(endpoint.headers)) or "none"
    yield Finding(Mark.GOOD, f"Headers: {names}. Compression: {endpoint.compression}.")
    if settings.exponential:
        # Their queries ask for `_bucket` series, which exponential histograms do not have.
        yield Finding(
            Mark.ADVICE,
            "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION makes histograms exponential: "
            "the latencies of our Grafana dashboard and alerts stay empty.",
        )
    for path in (endpoint.certificate, endpoint.client_certificate, endpoint.client_key):
        if path is not None and not Path(path).exists():
            yield Finding(Mark.BAD, f"{path}: the file of a certificate or key does not exist.")
    proxy = get_environ_proxies(endpoint.address).get(urlsplit(endpoint.url).scheme)
    if proxy:
        host = urlsplit(proxy if "://" in proxy else f"//{proxy}").hostname
        yield Finding(Mark.ADVICE, f"Requests go through the proxy {host}; NO_PROXY excepts hosts.")


def _nowhere(settings: Settings) -> str:
    if settings.disabled:
        return "OTEL_SDK_DISABLED is true: nothing is sent."
    if "otlp" not in settings.exporters:
        return "OTEL_METRICS_EXPORTER leaves out otlp: nothing is sent to a server."
    return (
        "OTEL_EXPORTER_OTLP_ENDPOINT names no endpoint: expected the address that Grafana Cloud shows on the page "
        "`OpenTelemetry` of a stack, such as https://otlp-gateway-prod-eu-west-2.grafana.net/otlp."
    )


def _verdict(endpoint: Endpoint, outcome: Outcome) -> Iterator[Finding]:
    milliseconds = outcome.seconds * 1000
    if outcome.acknowledged:
        said = f" The server says: {outcome.words}" if outcome.words else ""
        yield Finding(Mark.GOOD, f"A test point was accepted with {outcome.status} after {milliseconds:.0f} ms.{said}")
        return
    yield Finding(Mark.BAD, f"A test point was not accepted after {milliseconds:.0f} ms: {outcome}")
    if outcome.status in (401, 403) and (mistake := _mistake(endpoint)):
        yield Finding(Mark.BAD, mistake)
    elif outcome.status == 401:
        yield Finding(Mark.BAD, _RIGHT_FORM)
    elif outcome.status == 404 and not urlsplit(endpoint.url).path.endswith("/otlp/v1/metrics"):
        yield Finding(Mark.BAD, f"The path of {endpoint.shown} lacks /otlp, which Grafana Cloud and others need.")


def _mistake(endpoint: Endpoint) -> str | None:
    scheme, _, credentials = (endpoint.credentials or "").partition(" ")
    if not scheme:
        return "No Authorization header is set: see OTEL_EXPORTER_OTLP_HEADERS."
    if scheme.lower() != "basic":
        return "The Authorization header does not begin with `Basic`, which Grafana Cloud expects."
    mistake = credentials_mistake(credentials)
    return f"The Authorization header: {mistake}" if mistake is not None else None
