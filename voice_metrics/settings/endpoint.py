"""Where series go: the OTLP endpoint and its headers, as the environment spells them.

Owns the reading of `OTEL_EXPORTER_OTLP_*` and the advice about misspelt values. Refuses to show a
header's value: advice names variables and mistakes only, and `repr` hides what may hold a secret.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

_BASE = "OTEL_EXPORTER_OTLP_ENDPOINT"
_SIGNAL = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
_QUOTES = ("'", '"')
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
# Shorter words stand in ordinary sentences.
_SHORTEST_SECRET = 6
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SPELLING = "Authorization=Basic%20<base64 of instanceID:token>"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OTLP/HTTP endpoint for metrics.

    Parameters:
        url: Where requests are posted, the signal's path included; may hold a password, so never shown.
        headers: Headers of every request by lower-case name; secrets, so never shown.
        timeout_seconds: Longest time for one request, its retries included; positive.
        compression: "none", "gzip" or "deflate".
        variable: The environment variable that named the endpoint.
        certificate: File of the authorities to trust, or `None` for the bundled ones.
        client_certificate: File of the client's certificate, or `None`.
        client_key: File of its key, or `None` if the certificate's file holds it.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    timeout_seconds: float
    compression: str
    variable: str
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None

    @property
    def destination(self) -> str:
        """Host, and port if one was given, for people to read."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def address(self) -> str:
        """The URL to post to; a configured header wins over a password in the URL."""
        parts = urlsplit(self.url)
        netloc = self.destination if "authorization" in self.headers else parts.netloc
        return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))

    def secrets(self, *proxies: str) -> tuple[str, ...]:
        """Everything that must not be shown, longest first, decoded credentials included.

        Args:
            *proxies: URLs of proxies, whose credentials a server may repeat too.
        """
        values = [*self.headers.values(), *_userinfo(self.url), urlsplit(self.url).query]
        words = [word for value in values for word in (value, *value.split(), *value.partition("=")[2:])]
        words += [word for value in list(words) for word in _decoded(value)]
        words += [word for url in proxies for word in _userinfo(url)]
        # Shorter ones stand in ordinary sentences.
        return tuple(sorted({word for word in words if len(word) >= _SHORTEST_SECRET}, key=len, reverse=True))

    @property
    def credentials(self) -> str | None:
        """The value of the Authorization header that requests have, the address's password included, or `None`."""
        return self.headers.get("authorization") or next(iter(_userinfo(self.url)), None)

    @property
    def shown(self) -> str:
        """The URL without a password and without a query, safe to print."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, self.destination, parts.path, "", ""))


@dataclass(frozen=True, slots=True)
class Read:
    """What was made of the OTLP variables.

    Parameters:
        endpoint: The endpoint, or `None` if none is configured.
        advice: What was misspelt and how it is right, one sentence or two each; free of secrets.
    """

    endpoint: Endpoint | None
    advice: tuple[str, ...]


def _userinfo(url: str) -> list[str]:
    """The credentials in a URL: as a header's value, that without its first word, name and password."""
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        name, password = parts.username, parts.password
    except ValueError:
        return []
    if name is None:
        return []
    plain = [unquote(name), unquote(password or "")]
    packed = base64.b64encode(":".join(plain).encode()).decode()
    return [f"Basic {packed}", packed, *plain, name, password or ""]


def _decoded(value: str) -> list[str]:
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return []
    return [text, text.partition(":")[2]]


def read(environ: Mapping[str, str]) -> Read:
    """Read the endpoint, its headers, timeout and compression.

    Args:
        environ: The environment.

    Returns:
        The endpoint with the advice about what was misspelt.
    """
    advice: list[str] = []
    variable = _SIGNAL if environ.get(_SIGNAL, "").strip() else _BASE
    raw = environ.get(variable, "").strip()
    if not raw:
        return Read(None, ())
    url = _url(variable, raw, advice)
    if url is None:
        return Read(None, tuple(advice))
    headers = _headers(environ, advice)
    _grafana_cloud(urlsplit(url), headers, advice)
    _unsupported(environ, advice)
    endpoint = Endpoint(
        url,
        headers,
        _timeout(environ, advice),
        _compression(environ, advice),
        variable,
        _first(environ, "CERTIFICATE")[1] or environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or None,
        _first(environ, "CLIENT_CERTIFICATE")[1] or None,
        _first(environ, "CLIENT_KEY")[1] or None,
    )
    return Read(endpoint, tuple(advice))


def _url(variable: str, raw: str, advice: list[str]) -> str | None:
    if raw[0] in _QUOTES:
        raw = raw.strip("".join(_QUOTES)).strip()
        advice.append(f"{variable} stands in quotes; they were taken off. Write it without.")
    if "://" not in raw:
        scheme = "http" if raw.startswith(_LOOPBACK) else "https"
        raw = f"{scheme}://{raw}"
        advice.append(f"{variable} has no scheme; {scheme}:// is assumed. Write it in front of the host.")
    try:
        parts = urlsplit(raw)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        advice.append(
            f"{variable} is not a URL such as https://otlp-gateway-prod-eu-west-2.grafana.net/otlp; "
            "nothing is sent by OTLP."
        )
        return None
    path = parts.path.rstrip("/")
    if variable == _BASE:
        path = _grafana_path(variable, parts, path, advice)
        path = f"{path}/v1/metrics"
    elif not path.endswith("/v1/metrics"):
        advice.append(f"{variable} is used as it is and does not end in /v1/metrics; {_BASE} gets that added.")
    return urlunsplit((parts.scheme, parts.netloc, path or "/", parts.query, ""))


def _grafana_path(variable: str, parts: SplitResult, path: str, advice: list[str]) -> str:
    if not _is_grafana_cloud(parts.hostname) or path.endswith("/otlp"):
        return path
    if path.endswith("/otlp/v1/metrics"):
        advice.append(f"{variable} ends in /v1/metrics, which is added to it anyway. It should end in /otlp.")
        return path.removesuffix("/v1/metrics")
    advice.append(f"{variable} is a Grafana Cloud host without /otlp; it was added. Write it at the end.")
    return f"{path}/otlp"


def _is_grafana_cloud(host: str | None) -> bool:
    return host is not None and host.lower().endswith(".grafana.net")


def _headers(environ: Mapping[str, str], advice: list[str]) -> dict[str, str]:
    # The signal's own variable replaces the general one, as OpenTelemetry asks.
    variable = "OTEL_EXPORTER_OTLP_METRICS_HEADERS"
    if not environ.get(variable, "").strip():
        variable = "OTEL_EXPORTER_OTLP_HEADERS"
    raw = environ.get(variable, "").strip()
    if len(raw) > 1 and raw[0] in _QUOTES and raw[-1] == raw[0]:
        raw = raw[1:-1]
        advice.append(f"{variable} stands in quotes; they were taken off. Write {_SPELLING}.")
    headers: dict[str, str] = {}
    for item in raw.split(","):
        if item.strip():
            _header(variable, item.strip(), headers, advice)
    return headers


def _header(variable: str, item: str, headers: dict[str, str], advice: list[str]) -> None:
    name, _, value = item.partition("=")
    if ":" in name:
        name, _, value = item.partition(":")
        advice.append(f"{variable} is spelt `Key: value`; OpenTelemetry's spelling is {_SPELLING}.")
    name, value = unquote(name).strip().lower(), unquote(value).strip()
    if len(value) > 1 and value[0] in _QUOTES and value[-1] == value[0]:
        value = value[1:-1].strip()
        advice.append(f"{variable} has a value in quotes; they were taken off. Write {_SPELLING}.")
    # Base64 that stands alone ends in equals signs: its beginning is no name.
    if not value.strip("=") or not _HEADER_NAME.fullmatch(name):
        advice.append(f"{variable} has an item without a value or a usable name; it was left out. Write {_SPELLING}.")
    elif not value.isascii() or not value.isprintable():
        advice.append(
            f"{variable} has a value with characters that no header can hold; it was left out. "
            "A line break comes from `base64` without `-w0`."
        )
    else:
        headers[name] = value


def _grafana_cloud(parts: SplitResult, headers: Mapping[str, str], advice: list[str]) -> None:
    if not _is_grafana_cloud(parts.hostname):
        return
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if not scheme:
        advice.append(f"Grafana Cloud needs a header: set OTEL_EXPORTER_OTLP_HEADERS to {_SPELLING}.")
    elif scheme.lower() == "basic" and (mistake := credentials_mistake(credentials)):
        advice.append(f"OTEL_EXPORTER_OTLP_HEADERS: {mistake}")


def _unsupported(environ: Mapping[str, str], advice: list[str]) -> None:
    variable, value = _first(environ, "PROTOCOL")
    if value and value.lower() != "http/protobuf":
        advice.append(
            f"{variable}={value!r}: only http/protobuf is spoken here, for which a collector usually listens on "
            "port 4318."
        )


def credentials_mistake(credentials: str) -> str | None:
    """Say what is wrong with the credentials of HTTP basic authentication for Grafana Cloud.

    Args:
        credentials: What follows `Basic `.

    Returns:
        The mistake in words, without any part of the value, or `None` if they look right.
    """
    try:
        decoded = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, ValueError):
        return "the value is not base64. It must be the base64 of instanceID:token, not the token itself."
    instance, separator, token = decoded.partition(":")
    if not separator:
        return "the base64 holds no colon. Encode instanceID:token, not the token alone."
    if not instance.isdigit():
        return "what stands before the colon is not a number. Encode instanceID:token, the instance's number first."
    if token != token.strip() or not token:
        return "the token ends in a newline or is empty. Encode it with `echo -n` or `printf`."
    return None


def _first(environ: Mapping[str, str], suffix: str) -> tuple[str, str]:
    for variable in (f"OTEL_EXPORTER_OTLP_METRICS_{suffix}", f"OTEL_EXPORTER_OTLP_{suffix}"):
        if value := environ.get(variable, "").strip():
            return variable, value
    return "", ""


def _timeout(environ: Mapping[str, str], advice: list[str]) -> float:
    variable, value = _first(environ, "TIMEOUT")
    if not value:
        return 10.0
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        advice.append(f"{variable}={value!r}: expected a positive number of seconds, such as 10; 10 is used.")
        return 10.0
    if seconds > 300:
        # OpenTelemetry's text says milliseconds, its Python exporter reads seconds.
        advice.append(f"{variable}={value!r} are seconds in Python; 10 means ten seconds.")
    return seconds


def _compression(environ: Mapping[str, str], advice: list[str]) -> str:
    variable, value = _first(environ, "COMPRESSION")
    if value.lower() in ("none", "gzip", "deflate"):
        return value.lower()
    if value:
        advice.append(f"{variable}={value!r}: expected none, gzip or deflate; none is used.")
    return "none"
