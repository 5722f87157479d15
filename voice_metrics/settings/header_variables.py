"""The headers of OTLP requests, as people spell them. Advice names variables and mistakes, never a value."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from urllib.parse import unquote

from voice_metrics.settings.parsing import Variables
from voice_metrics.settings.secrecy import looks_secret
from voice_metrics.settings.wrapping import without_quotes

SPELLING = "Authorization=Basic%20<base64 of instanceID:token>"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# At the end of a header; OpenTelemetry allows no semicolon in a value.
_SEMICOLON = re.compile(r";(?=\s*(?:[\w-]+\s*[=:]|,|$))")
_BLANKS = re.compile(r"[^\S\r\n]+")
_ENCODED_TWICE = re.compile(r"(basic|bearer)(?:%(?:25)*20|\+)(?=\S)", re.IGNORECASE)
# Headers that describe the body, which the exporter makes.
_OF_THE_BODY = frozenset({"content-type", "content-encoding", "content-length", "transfer-encoding"})
# Header names from the back ends' documentation; any other name may be a misplaced secret.
_KNOWN_NAMES = frozenset({
    "api-key", "authorization", "dd-api-key", "dd-otlp-metric-config", "dd-otlp-source",
    "lightstep-access-token", "organization", "signoz-access-token", "signoz-ingestion-key", "stream-name",
    "uptrace-dsn", "user-agent", "x-api-key", "x-honeycomb-dataset", "x-honeycomb-team", "x-oneuptime-token",
    "x-scope-orgid", "x-sf-token",
})  # fmt: skip


def headers(variables: Variables, signal: str) -> dict[str, str]:
    """Read a signal's headers by lower-case name; its own variable replaces the general one, per OpenTelemetry.

    Args:
        variables: The environment.
        signal: "METRICS" or "LOGS".
    """
    variable, raw = variables.first(f"OTEL_EXPORTER_OTLP_{signal}_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
    found: dict[str, str] = {}
    items = _SEMICOLON.split(raw)
    if len(items) > 1:
        variables.advise(f"{variable} has a `;`; it was taken for a `,`, with which OpenTelemetry separates headers.")
    for item in ",".join(items).split(","):
        if item.strip():
            _add_header(variable, item.strip(), found, variables)
    return found


def _add_header(variable: str, item: str, found: dict[str, str], variables: Variables) -> None:
    plain = without_quotes(item)
    name, _, value = plain.partition("=")
    if ":" in name:
        name, _, value = plain.partition(":")
        variables.advise(f"{variable} is spelt `Key: value`; OpenTelemetry's spelling is {SPELLING}.")
    name, value = unquote(name).strip(), _BLANKS.sub(" ", unquote(value).strip())
    if encoded := _ENCODED_TWICE.match(value):
        value = f"{encoded[1]} {value[encoded.end() :]}"
        variables.advise(f"{variable} has a blank that is encoded twice or as `+`. Write {SPELLING}.")
    if plain != item or without_quotes(value) != value:
        value = without_quotes(value)
        variables.advise(f"{variable} has a value in quotes; they were taken off. Write {SPELLING}.")
    # A bare base64 token ends in "=" and would parse as a name without a value.
    if not value.strip("=") or not _NAME.fullmatch(name) or looks_secret(name):
        variables.advise(f"{variable} has an item without a value or a usable name; it was left out. Write {SPELLING}.")
    elif not value.isascii() or not value.isprintable():
        variables.advise(
            f"{variable} has a value with characters that no header can hold; it was left out. "
            "A line break comes from `base64` without `-w0`."
        )
    elif name.lower() not in _OF_THE_BODY:
        found[name.lower()] = value
    elif value.lower() != "application/x-protobuf":
        variables.advise(f"{variable} has the header {name.lower()}, which the exporter sets itself; it was left out.")


def shown_names(found: Mapping[str, str]) -> str:
    """Return the headers' names for people to read, without any that may be a misplaced secret."""
    known = sorted(found.keys() & _KNOWN_NAMES)
    others = len(found) - len(known)
    return ", ".join([*known, *([f"{others} more"] if others else [])]) or "none"


def credentials_mistake(credentials: str) -> str | None:
    """Return the mistake in HTTP basic credentials for Grafana Cloud, or `None` if they look right.

    Args:
        credentials: The text after `Basic `; no part of it is returned.
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
