"""What it means when a request ends in an exception instead of an answer.

Owns the words for faults of network, TLS and proxy. Refuses to repeat an exception's own text where
that may hold a header or an address with a password.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator

import requests.exceptions
import urllib3.exceptions

from voice_metrics.endpoint import Endpoint
from voice_metrics.export.answers import Outcome, Verdict, plain

_RESET = (ConnectionResetError, BrokenPipeError, ConnectionAbortedError, http.client.IncompleteRead)
_TIMEOUT = (TimeoutError, urllib3.exceptions.TimeoutError, requests.exceptions.Timeout)
_UNUSABLE = (requests.exceptions.RequestException, ValueError)


def late(endpoint: Endpoint) -> Outcome:
    """No whole answer came in time."""
    return Outcome(
        Verdict.RETRYABLE,
        "timeout",
        f"no complete answer came within {endpoint.timeout_seconds:g} s.",
        "Check the network and OTEL_EXPORTER_OTLP_TIMEOUT (seconds).",
    )


def shut_down() -> Outcome:
    """The process ended the request before its time."""
    return Outcome(Verdict.RETRYABLE, "shutdown", "the shutdown left no time for a complete answer.")


def describe(error: BaseException, endpoint: Endpoint) -> Outcome:
    """Say what an exception means.

    Args:
        error: What the HTTP library raised.
        endpoint: Where the request went.

    Returns:
        The fault, in words that hold no secret.
    """
    causes = list(_causes(error))
    return _tls(causes, endpoint) or _network(causes, endpoint) or _unusable(error, endpoint)


def _among(causes: list[BaseException], *kinds: type[BaseException]) -> BaseException | None:
    return next((cause for cause in causes if isinstance(cause, kinds)), None)


def _tls(causes: list[BaseException], endpoint: Endpoint) -> Outcome | None:
    certificate = _among(causes, ssl.SSLCertVerificationError)
    if isinstance(certificate, ssl.SSLCertVerificationError):
        return Outcome(
            Verdict.REFUSED,
            "tls",
            f"its certificate is not trusted: {plain(certificate.verify_message)}.",
            "Set OTEL_EXPORTER_OTLP_CERTIFICATE to the file of its authority.",
        )
    fault = _among(causes, ssl.SSLError, urllib3.exceptions.SSLError)
    if fault is None:
        return None
    reason = getattr(fault, "reason", None) or "the handshake failed"
    return Outcome(
        Verdict.REFUSED,
        "tls",
        f"no TLS connection came about: {plain(str(reason))}.",
        f"Check whether {endpoint.variable} should start with http:// or https://.",
    )


def _network(causes: list[BaseException], endpoint: Endpoint) -> Outcome | None:
    check = f"Check {endpoint.variable} and the network."
    if _among(causes, urllib3.exceptions.ProxyError, requests.exceptions.ProxyError):
        advice = "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY."
        return Outcome(Verdict.RETRYABLE, "proxy", "the proxy could not be used.", advice)
    if _among(causes, socket.gaierror, urllib3.exceptions.NameResolutionError):
        return Outcome(Verdict.RETRYABLE, "dns", "its name cannot be resolved.", check)
    if _among(causes, ConnectionRefusedError):
        return Outcome(Verdict.RETRYABLE, "refused", "it refuses the connection: nothing listens there.", check)
    if _among(causes, *_RESET):
        return Outcome(Verdict.RETRYABLE, "reset", "it closed the connection without an answer.", check)
    if _among(causes, *_TIMEOUT):
        return late(endpoint)
    if _among(causes, http.client.HTTPException, urllib3.exceptions.HTTPError):
        return Outcome(Verdict.RETRYABLE, "garbage", "what it answers is not HTTP.", check)
    return None


def _unusable(error: BaseException, endpoint: Endpoint) -> Outcome:
    if isinstance(error, OSError) and "certificate" in str(error) and not isinstance(error, _UNUSABLE):
        return Outcome(
            Verdict.REFUSED,
            "tls-file",
            "a file of certificates or keys cannot be read.",
            "Check OTEL_EXPORTER_OTLP_CERTIFICATE, OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and ..._CLIENT_KEY.",
        )
    # The text of an invalid header's exception is the header.
    words = f"the request could not be made ({type(error).__name__})."
    return Outcome(Verdict.REFUSED, "request", words, f"Check {endpoint.variable} and OTEL_EXPORTER_OTLP_HEADERS.")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    pending = [error]
    while pending:
        cause = pending.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        pending.extend((getattr(cause, "reason", None), cause.__cause__, cause.__context__))
        pending.extend(argument for argument in cause.args if isinstance(argument, BaseException))
