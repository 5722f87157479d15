"""The meaning of an exception in place of an answer: faults of network, TLS and proxy in words.

An exception's own text is not repeated if it may hold a header or an address with a password.
"""

from __future__ import annotations

import errno
import http.client
import os
import re
import socket
import ssl
from collections.abc import Iterator

import requests.exceptions
import urllib3.exceptions

from voice_metrics.export.answers import Masking, Outcome, Verdict, plain
from voice_metrics.settings.endpoint import Endpoint

_RESET = (ConnectionResetError, BrokenPipeError, ConnectionAbortedError, http.client.IncompleteRead)
_TIMEOUT = (TimeoutError, urllib3.exceptions.TimeoutError, requests.exceptions.Timeout)
_PROXY = (urllib3.exceptions.ProxyError, requests.exceptions.ProxyError)
_CHECK_PROXY = "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY."
# OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH; _CERT_NOT_YET_VALID and _CERT_HAS_EXPIRED.
_ANOTHER_HOST = (62, 64)
_ANOTHER_TIME = (9, 10)
_UNUSABLE = (requests.exceptions.RequestException, ValueError)


def late(endpoint: Endpoint) -> Outcome:
    """Return the outcome of a request without a whole answer in time."""
    return Outcome(
        Verdict.RETRYABLE,
        "timeout",
        f"no complete answer came within {endpoint.timeout_seconds:g} s.",
        "Check the network and OTEL_EXPORTER_OTLP_TIMEOUT (seconds; milliseconds above 300).",
    )


def shut_down() -> Outcome:
    """Return the outcome of a request that a shutdown cut."""
    return Outcome(
        Verdict.RETRYABLE,
        "shutdown",
        "the shutdown left no time for a complete answer.",
        "Check the network, or give the shutdown more time: at exit it has VOICE_METRICS_EXPORT_TIMEOUT.",
    )


def describe(error: BaseException, endpoint: Endpoint, mask: Masking) -> Outcome:
    """Return the outcome for an exception of the HTTP library; `mask` masks secrets in a text."""
    causes = list(_causes(error))
    return _tls(causes, endpoint, mask) or _network(causes, endpoint, mask) or _unusable(error, endpoint)


def _first_of(causes: list[BaseException], *kinds: type[BaseException]) -> BaseException | None:
    return next((cause for cause in causes if isinstance(cause, kinds)), None)


def _tls(causes: list[BaseException], endpoint: Endpoint, mask: Masking) -> Outcome | None:
    certificate = _first_of(causes, ssl.SSLCertVerificationError)
    if isinstance(certificate, ssl.SSLCertVerificationError):
        return _untrusted(certificate, endpoint, mask)
    fault = _first_of(causes, ssl.SSLError) or _first_of(causes, urllib3.exceptions.SSLError)
    if fault is None:
        return None
    # OpenSSL's name of the error precedes its words, and a line of Python's source follows.
    reason = plain(re.sub(r"^\[.*?\] | \(_ssl\.c:\d+\)$", "", str(fault)[:1000]), mask)
    if reason == "PEM lib":
        lacking = ", or the key is missing" if endpoint.client_certificate else ""
        return _unusable_file(endpoint, f": it is not in PEM form{lacking}")
    if "key is encrypted" in reason:
        return _unusable_file(endpoint, ": the key has a password, which no variable can give")
    if getattr(fault, "library", None) == "X509":
        return _unusable_file(endpoint, f": {reason}")
    if _first_of(causes, *_PROXY):
        return Outcome(Verdict.REFUSED, "proxy", f"no TLS connection to the proxy came about: {reason}.", _CHECK_PROXY)
    if re.search("alert|EOF", reason):
        advice = "If the server asks for a client's certificate, OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE names it."
    else:
        advice = f"Check whether {endpoint.variable} should start with http:// or https://."
    return Outcome(Verdict.REFUSED, "tls", f"no TLS connection came about: {reason}.", advice)


def _untrusted(fault: ssl.SSLCertVerificationError, endpoint: Endpoint, mask: Masking) -> Outcome:
    if fault.verify_code in _ANOTHER_HOST:
        advice = f"Set {endpoint.variable} to a host that the certificate names."
    elif fault.verify_code in _ANOTHER_TIME:
        advice = "Check the clock of this machine, or renew the certificate on the server."
    else:
        advice = "Set OTEL_EXPORTER_OTLP_CERTIFICATE to the file of its authority."
    reason = plain(fault.verify_message, mask).rstrip(".")
    return Outcome(Verdict.REFUSED, "tls", f"its certificate is not trusted: {reason}.", advice)


def _network(causes: list[BaseException], endpoint: Endpoint, mask: Masking) -> Outcome | None:
    check = f"Check {endpoint.variable} and the network."
    if proxy := _proxy(causes, endpoint, mask):
        return proxy
    if _first_of(causes, socket.gaierror, urllib3.exceptions.NameResolutionError):
        return Outcome(Verdict.RETRYABLE, "dns", "its name cannot be resolved.", check)
    if _first_of(causes, ConnectionRefusedError):
        return Outcome(Verdict.RETRYABLE, "refused", "it refuses the connection: nothing listens there.", check)
    if _first_of(causes, *_RESET):
        return Outcome(Verdict.RETRYABLE, "reset", "it closed the connection without an answer.", check)
    if failed := _failed_connection(causes, check):
        return failed
    if _first_of(causes, *_TIMEOUT):
        return late(endpoint)
    if _first_of(causes, http.client.HTTPException, urllib3.exceptions.HTTPError):
        return Outcome(Verdict.RETRYABLE, "garbage", "what it answers is not HTTP.", check)
    return None


def _failed_connection(causes: list[BaseException], check: str) -> Outcome | None:
    """Return the outcome for an error of the system that was there at once; `None` if it is another fault."""
    if not _first_of(causes, urllib3.exceptions.NewConnectionError, urllib3.exceptions.ProtocolError):
        return None
    codes = [cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno in errno.errorcode]
    code = next((code for code in codes if code is not None), errno.ETIMEDOUT)
    if code == errno.ETIMEDOUT:
        return None
    advice = "Raise the limit of open files (ulimit -n)." if code in (errno.EMFILE, errno.ENFILE) else check
    return Outcome(Verdict.RETRYABLE, "connection", f"no connection came about: {os.strerror(code)}.", advice)


def _proxy(causes: list[BaseException], endpoint: Endpoint, mask: Masking) -> Outcome | None:
    advice = _CHECK_PROXY
    if _first_of(causes, requests.exceptions.InvalidSchema):
        return Outcome(Verdict.REFUSED, "proxy", "a SOCKS proxy needs the package PySocks.", advice)
    if _first_of(causes, requests.exceptions.InvalidProxyURL):
        return Outcome(Verdict.REFUSED, "proxy", "the proxy's address is no URL.", advice)
    if _first_of(causes, urllib3.exceptions.LocationParseError):
        words = "the address of the server or of the proxy is no URL."
        return Outcome(Verdict.REFUSED, "address", words, f"Check {endpoint.variable}, HTTP_PROXY and HTTPS_PROXY.")
    if not _first_of(causes, *_PROXY):
        return None
    for cause in causes:
        if answer := re.fullmatch(r"Tunnel connection failed: (\d{3}.*)", str(cause)):
            return Outcome(
                Verdict.RETRYABLE, "proxy", f"the proxy answered {plain(answer[1], mask).rstrip('.')}.", advice
            )
    return Outcome(Verdict.RETRYABLE, "proxy", "the proxy could not be used.", advice)


def _unusable_file(endpoint: Endpoint, why: str = "") -> Outcome:
    variables = (endpoint.certificate_variable, endpoint.client_certificate_variable, endpoint.client_key_variable)
    named = " and ".join(filter(None, variables)) or "OTEL_EXPORTER_OTLP_CERTIFICATE"
    words = f"a file of certificates or keys cannot be read{why}."
    return Outcome(Verdict.REFUSED, "tls-file", words, f"Check {named}.")


def _unusable(error: BaseException, endpoint: Endpoint) -> Outcome:
    if isinstance(error, OSError) and "certificate" in str(error) and not isinstance(error, _UNUSABLE):
        return _unusable_file(endpoint)
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
