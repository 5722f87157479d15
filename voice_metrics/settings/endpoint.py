"""An OTLP endpoint with its headers, and the parts of it that may be shown."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from voice_metrics.settings.secrecy import hidden_in_path, shown_path

# Shorter secrets occur in ordinary sentences, where masking would destroy the text.
_SHORTEST_SECRET = 6
_SHORTEST_NUMBER = 4
# Enough to tell a machine's few servers apart, too few to find a weak key by.
_DIGEST_LETTERS = 4


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OTLP/HTTP endpoint for one signal.

    Parameters:
        url: Address of requests, with the signal's path; may hold a password, so never shown.
        headers: Headers of every request by lower-case name; secrets, so never shown.
        timeout_seconds: Longest time for one request with its retries; positive.
        compression: "none", "gzip" or "deflate".
        variable: The environment variable with the endpoint.
        certificate: File of trusted authorities, or `None` for the bundled ones.
        client_certificate: File of the client's certificate, or `None`.
        client_key: File of its key, or `None` if the certificate's file holds it.
        certificate_variable: The variable with `certificate`, for advice; `None` if none has it.
        client_certificate_variable: The same for `client_certificate`.
        client_key_variable: The same for `client_key`.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    timeout_seconds: float
    compression: str
    variable: str
    certificate: str | None = field(default=None, repr=False)
    client_certificate: str | None = field(default=None, repr=False)
    client_key: str | None = field(default=None, repr=False)
    certificate_variable: str | None = None
    client_certificate_variable: str | None = None
    client_key_variable: str | None = None

    @property
    def destination(self) -> str:
        """Host, and port if given, for people to read."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def address(self) -> str:
        """The URL to post to; a configured header wins over a password in the URL."""
        parts = urlsplit(self.url)
        netloc = self.destination if "authorization" in self.headers else parts.netloc
        return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))

    def secrets(self, *proxies: str) -> tuple[str, ...]:
        """Return everything that must not be shown, longest first, decoded credentials included.

        Args:
            *proxies: URLs of proxies, whose credentials a server may repeat too.
        """
        parts = urlsplit(self.url)
        values = [*self.headers.values(), *_userinfo(self.url), parts.query, *hidden_in_path(parts.path)]
        words = [word for value in values for word in (value, *value.split(), *value.partition("=")[2:])]
        words += [word for value in list(words) for word in _decoded_credentials(value)]
        words += [word for url in proxies for word in _userinfo(url)]
        return tuple(sorted({word for word in words if _is_long_enough_to_mask(word)}, key=len, reverse=True))

    @property
    def credentials(self) -> str | None:
        """Value of the Authorization header, the address's password included, or `None`."""
        return self.headers.get("authorization") or next(iter(_userinfo(self.url)), None)

    @property
    def digest(self) -> str:
        """A short word for the server and the account there, from which no key can be found."""
        parts = urlsplit(self.url)
        others = sorted(item for item in self.headers.items() if item[0] != "authorization")
        scheme, _, value = (self.credentials or "").partition(" ")
        # The name tells accounts apart, and stays when a token is replaced.
        name = _decoded(value).partition(":")[0] if scheme.lower() == "basic" else value
        about = (parts.scheme, self.destination.lower(), parts.path, parts.query, scheme.lower(), name, others)
        return hashlib.sha256(repr(about).encode()).hexdigest()[:_DIGEST_LETTERS]

    @property
    def shown(self) -> str:
        """The URL without password, query and parts of the path that may be a key; safe to print."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, self.destination, shown_path(parts.path), "", ""))


def _is_long_enough_to_mask(word: str) -> bool:
    return len(word) >= _SHORTEST_SECRET or (len(word) >= _SHORTEST_NUMBER and any(sign.isdigit() for sign in word))


def _userinfo(url: str) -> list[str]:
    """The credentials in a URL, as header value, as its base64 part, and as name and password."""
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        name, password = parts.username, parts.password
    except ValueError:
        return []
    if name is None:
        return []
    plain = [unquote(name), unquote(password or "")]
    packed = base64.b64encode(":".join(plain).encode(errors="replace")).decode()
    return [f"Basic {packed}", packed, *plain, name, password or ""]


def _decoded_credentials(value: str) -> list[str]:
    text = _decoded(value)
    return [text, text.partition(":")[2]]


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
