"""The OTLP endpoint of a signal, from `OTEL_EXPORTER_OTLP_*` and its usual misspellings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

from voice_metrics.settings.endpoint import Endpoint
from voice_metrics.settings.header_variables import SPELLING, credentials_mistake, headers
from voice_metrics.settings.parsing import NOTHING, Variables, path_mistake, switch_words
from voice_metrics.settings.secrecy import looks_secret, shown, starts_like_token

_BASE = "OTEL_EXPORTER_OTLP_ENDPOINT"
# Ends of names that only a local network resolves.
_LOCAL = (".localhost", ".local", ".internal", ".lan", ".svc")
_GATEWAY = "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp"
# A base that ends in /api/v1 may be meant as it is.
_SIGNAL_PATH = re.compile(r"(?:/+v1/+(?:metrics?|logs?|traces?))+$|(?<!/api)/+v1$", re.IGNORECASE)
_HOST = re.compile(r"[\w.-]{1,253}|[0-9a-f:.]+(?:%\w+)?", re.IGNORECASE)
_GRPC_PORT = 4317


@dataclass(frozen=True, slots=True)
class Signal:
    """An OTLP signal.

    Parameters:
        name: Its word in the names of variables.
        path: Its path below the general endpoint.
    """

    name: str
    path: str

    def variable(self, suffix: str) -> str:
        """Return the name of a variable for this signal only."""
        return f"OTEL_EXPORTER_OTLP_{self.name}_{suffix}"


METRICS = Signal("METRICS", "/v1/metrics")
LOGS = Signal("LOGS", "/v1/logs")
# The variables with an endpoint of series.
ENDPOINTS = frozenset({METRICS.variable("ENDPOINT"), _BASE})


def endpoint(variables: Variables, signal: Signal) -> Endpoint | None:
    """Return a signal's endpoint, or `None` if it is not configured or unusable; `variables` takes the advice."""
    variable, raw = variables.first(signal.variable("ENDPOINT"), _BASE)
    url = _url(variables, signal, variable, raw) if raw and raw.lower() not in NOTHING else None
    if url is None:
        return None
    sent = headers(variables, signal.name)
    _advise_grafana_cloud(variables, urlsplit(url), sent.get("authorization", ""))
    _advise_protocol(variables, signal)
    certificate = _variable_and_file(variables, signal, "CERTIFICATE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    client_certificate = _variable_and_file(variables, signal, "CLIENT_CERTIFICATE")
    client_key = _variable_and_file(variables, signal, "CLIENT_KEY")
    return Endpoint(
        url,
        sent,
        _timeout_seconds(variables, signal),
        _compression(variables, signal),
        variable,
        certificate[1],
        client_certificate[1],
        client_key[1],
        certificate[0],
        client_certificate[0],
        client_key[0],
    )


def _url(variables: Variables, signal: Signal, variable: str, raw: str) -> str | None:
    raw = raw.strip("'\" <>;,")
    if "://" not in raw:
        insecure, given = variables.first(signal.variable("INSECURE"), "OTEL_EXPORTER_OTLP_INSECURE")
        words = switch_words(on="true", off="false")
        plain = variables.choice(insecure, ("false", "true"), words) == "true" if given else _is_local(raw)
        scheme = "http" if plain else "https"
        raw = f"{scheme}://{raw}"
        assumed = f"{variable} has no scheme; {scheme}:// is assumed. Write it in front of the host."
    else:
        assumed = ""
    parts = _usable_parts(raw)
    if parts is None:
        variables.advise(f"{variable} is not a URL such as {_GATEWAY}; nothing is sent there.")
        return None
    if assumed:
        variables.advise(assumed)
    if parts.port == _GRPC_PORT:
        variables.advise(
            f"{variable} has port 4317, on which servers speak gRPC; OTLP by HTTP has port 4318 almost everywhere."
        )
    if variable == _BASE:
        path = _base_path(variables, parts) + signal.path
    else:
        # OpenTelemetry's specification: a signal's own endpoint is used as it is, but an empty path becomes "/".
        path = parts.path or "/"
        if not path.rstrip("/").endswith(signal.path):
            variables.advise(f"{variable} is used as it is and does not end in {signal.path}; {_BASE} gets that added.")
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def _is_local(address: str) -> bool:
    """True if an address without a scheme is of a local network, where servers speak plain HTTP."""
    try:
        host = urlsplit(f"//{address}").hostname or ""
    except ValueError:
        return False
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(_LOCAL)


def _usable_parts(raw: str) -> SplitResult | None:
    try:
        parts = urlsplit(raw)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    # `hostname` is in lower case, but a token must be compared as written.
    written = parts.netloc.rpartition("@")[2]
    token = starts_like_token(written) or ("." not in host and looks_secret(written))
    # In `https:/host` the host would be the scheme's name.
    is_host = _HOST.fullmatch(host) and host not in ("http", "https") and not re.search(r"\s", raw)
    return parts if parts.scheme in ("http", "https") and is_host and port != 0 and not token else None


def _base_path(variables: Variables, parts: SplitResult) -> str:
    path = parts.path.rstrip("/")
    if found := _SIGNAL_PATH.search(path):
        end = " It should end in /otlp." if _is_grafana_cloud(parts.hostname) else ""
        variables.advise(f"{_BASE} ends in {found[0]}, which is added to it anyway; it was taken off.{end}")
        path = path[: found.start()].rstrip("/")
    if not _is_grafana_cloud(parts.hostname) or path.endswith("/otlp"):
        return path
    if "otlp" in (parts.hostname or "").partition(".")[0]:
        variables.advise(f"{_BASE} is a Grafana Cloud host without /otlp; it was added. Write it at the end.")
        return f"{path}/otlp"
    variables.advise(
        f"{_BASE} is an address of Grafana Cloud, but not of its OTLP gateway: expected the one that the page "
        f"`OpenTelemetry` of the stack shows, such as {_GATEWAY}."
    )
    return path


def _is_grafana_cloud(host: str | None) -> bool:
    return host is not None and f".{host.lower()}".endswith((".grafana.net", ".grafana.com"))


def _advise_grafana_cloud(variables: Variables, parts: SplitResult, authorization: str) -> None:
    if not _is_grafana_cloud(parts.hostname):
        return
    scheme, _, credentials = authorization.partition(" ")
    if not scheme:
        variables.advise(f"Grafana Cloud needs a header: set OTEL_EXPORTER_OTLP_HEADERS to {SPELLING}.")
    elif scheme.lower() == "basic" and (mistake := credentials_mistake(credentials)):
        variables.advise(f"OTEL_EXPORTER_OTLP_HEADERS: {mistake}")
    elif scheme.lower() not in ("basic", "bearer"):
        variables.advise(f"OTEL_EXPORTER_OTLP_HEADERS: the value does not begin with `Basic`. Write {SPELLING}.")


def _advise_protocol(variables: Variables, signal: Signal) -> None:
    variable, value = variables.first(signal.variable("PROTOCOL"), "OTEL_EXPORTER_OTLP_PROTOCOL")
    if value and value.lower() != "http/protobuf":
        variables.advise(
            f"{variable}={shown(value)}: only http/protobuf is spoken here, for which a collector usually listens on "
            "port 4318."
        )


def _variable_and_file(
    variables: Variables, signal: Signal, suffix: str, *others: str
) -> tuple[str | None, str | None]:
    variable, value = variables.first(signal.variable(suffix), f"OTEL_EXPORTER_OTLP_{suffix}", *others)
    if value and (mistake := path_mistake(value)):
        variables.advise(f"{variable} {mistake}; expected the path of a file. It is left out.")
        return None, None
    if value and not _exists(value):
        variables.advise(f"{variable} names a file that does not exist: no request by https can be made.")
    return (variable, value) if value else (None, None)


def _exists(path: str) -> bool:
    """True if a file is there; `Path.exists` raises if its folder may not be read."""
    try:
        Path(path).stat()
    except (OSError, ValueError):
        return False
    return True


def _timeout_seconds(variables: Variables, signal: Signal) -> float:
    variable, value = variables.first(signal.variable("TIMEOUT"), "OTEL_EXPORTER_OTLP_TIMEOUT")
    # OpenTelemetry's specification has milliseconds here, but its Python exporter reads seconds.
    return variables.seconds(variable, 10.0, value)


def _compression(variables: Variables, signal: Signal) -> str:
    variable, _ = variables.first(signal.variable("COMPRESSION"), "OTEL_EXPORTER_OTLP_COMPRESSION")
    return variables.choice(variable, ("none", "gzip", "deflate"))
