"""The meaning of a server's answer: acknowledged or not, worth a retry or not, the server's words, and the cure.

A status alone is not trusted: 2xx may reject points, and 3xx delivers nothing. Secrets are masked in the words before
they are cut.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from voice_metrics.call.text import one_line
from voice_metrics.export.retry_after import behind_seconds, retry_after_seconds

_WORDS = 300
# Thanos' status for points that are out of order or of a time that has one already.
_CONFLICT = "409"
_UNACCEPTABLE = frozenset({"400", _CONFLICT, "422"})
# Characters of an answer that are searched for its words.
_READ = 8_192
# "Out of bounds" is also Prometheus' word for a time beyond the next ten minutes.
_AHEAD = re.compile(r"in.(the.)?future|too.new|out.of.bounds", re.I)
# Fields of an error in JSON with its words, those that say more first: Google's, Prometheus', Datadog's, RFC 9457's.
_WORDS_OF_ERRORS = ("message", "error", "errors", "detail", "title")
# White space, and the mark with which some programs begin a text.
_BEFORE_A_TEXT = b" \t\r\n\xef\xbb\xbf"
_PROTOBUF = ("application/x-protobuf", "application/protobuf")
Masking = Callable[[str], str]
# "Too far behind" is Loki's word, "older end time" Google's.
_AGED = re.compile(r"out.of.(order|bounds)|too.(old|far.behind)|in.(the.)?past|older.end|duplicate.(sample|time)", re.I)
_ADVICE = {
    301: "Set {variable} to the address it points to; telemetry does not follow redirects.",
    400: "The server could not take the data; its words say why.",
    401: "Check OTEL_EXPORTER_OTLP_HEADERS: Authorization=Basic%20<base64 of instanceID:token>, "
    "the number of the OTLP instance first and a token that is still valid.",
    403: "The token is known but may not write metrics: give it the scope metrics:write.",
    404: "Check the path of {variable}: on Grafana Cloud it ends in /otlp{signal}.",
    405: "Check the path of {variable}: this one takes no POST.",
    407: "Check HTTP_PROXY, HTTPS_PROXY and NO_PROXY: the proxy wants other credentials.",
    413: "The request is larger than the server takes; smaller ones are tried.",
    415: "The server takes no OTLP in protobuf at this path; check {variable}.",
    429: "The server limits the rate: raise OTEL_METRIC_EXPORT_INTERVAL, set VOICE_METRICS_CALL_ID=off, "
    "or ask for a higher limit.",
    500: "The server is at fault, not the bot.",
}
_NO_OTLP = "That is no OTLP endpoint; check {variable} and any proxy on the way."
_ADVICE_TLS = "Write https:// in {variable}: this port takes TLS only."
# Go's words, nginx', Apache's and Tomcat's for plain HTTP at a port of TLS.
_WANTS_TLS = re.compile(r"\bto (an )?https (server|port)|plain http to an ssl|requires tls", re.I)
_SIGNALS = {"_METRICS_ENDPOINT": "/v1/metrics", "_LOGS_ENDPOINT": "/v1/logs"}
# Errors of reading JSON that is no answer, with thousands of brackets or digits for instance.
_NO_ANSWER = (ValueError, TypeError, AttributeError, OverflowError, RecursionError)


class Verdict(StrEnum):
    """Result of a request."""

    ACKNOWLEDGED = "acknowledged"
    RETRYABLE = "retryable"
    REFUSED = "refused"
    REJECTED = "rejected"
    TOO_LARGE = "too large"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request's end.

    Parameters:
        verdict: Its result.
        fault: Short stable name of the fault, such as "401" or "timeout"; empty for none.
        words: The server's own words, or those of the network; free of secrets.
        advice: The cure in a sentence; empty for none.
        status: HTTP status, or `None` without an answer.
        rejected: Points that the server rejected of a request that it otherwise took.
        retry_after_seconds: Wait that the server asks for, or `None`.
        seconds: From the request to its answer.
        said: All that the server says, which may tell more than the beginning of it in `words`.
        behind_seconds: Seconds by which this machine's clock is behind the server's, or `None` if unknown.
    """

    verdict: Verdict
    fault: str = ""
    words: str = ""
    advice: str = ""
    status: int | None = None
    rejected: int = 0
    retry_after_seconds: float | None = None
    seconds: float = 0.0
    said: str = field(default="", repr=False)
    behind_seconds: float | None = None

    @property
    def acknowledged(self) -> bool:
        """True if the server has every point."""
        return self.verdict is Verdict.ACKNOWLEDGED

    @property
    def aged(self) -> bool:
        """True if the server rejects the points for their age, and always will."""
        return self._rejects and (self.fault == _CONFLICT or self._says(_AGED))

    @property
    def ahead(self) -> bool:
        """True if the server rejects points because their time may not have come."""
        return self._rejects and self._says(_AHEAD)

    @property
    def _rejects(self) -> bool:
        return self.verdict in (Verdict.REFUSED, Verdict.REJECTED)

    def _says(self, what: re.Pattern[str]) -> bool:
        return what.search(self.said or self.words) is not None

    @property
    def unacceptable(self) -> bool:
        """True if something in the request is bad, so that a part of it may be taken."""
        return self.fault in _UNACCEPTABLE

    @property
    def divisible(self) -> bool:
        """True if a smaller request may be taken."""
        return self.unacceptable or self.verdict is Verdict.TOO_LARGE

    @property
    def concerns_all(self) -> bool:
        """True if another request, with other points, would end alike."""
        return not (self.acknowledged or self.unacceptable or self.fault == "rejected")

    def __str__(self) -> str:
        """The fault in words, for a log line."""
        return " ".join(text for text in (self.words, self.advice) if text)


def judge(status: int, headers: Mapping[str, str], body: bytes, variable: str, mask: Masking = str) -> Outcome:
    """Return the outcome that an answer means.

    Args:
        status: HTTP status.
        headers: Its headers.
        body: Its body, or the beginning of it.
        variable: The environment variable with the endpoint, for the advice.
        mask: Masks secrets in a text, such as a `Mask`.
    """
    behind = behind_seconds(time.time(), headers.get("date", ""))
    return replace(_judged(status, headers, body, variable, mask), behind_seconds=behind)


def _judged(status: int, headers: Mapping[str, str], body: bytes, variable: str, mask: Masking) -> Outcome:
    content = headers.get("content-type", "").partition(";")[0].strip().lower()
    if 200 <= status < 300:
        return _outcome_of_success(status, content, body, variable, mask)
    words, message = f"it answered {status}", ""
    if 300 <= status < 400:
        location = headers.get("location", "")
        words += f" and points to {plain(_without_credentials(location), mask)}" if location else ""
        advice = _ADVICE[301] if location else _NO_OTLP
    else:
        message = _masked(_servers_message(content, body), mask)
        said = one_line(message, _WORDS)
        words += f": {said}" if said else ""
        advice = _ADVICE.get(status, _ADVICE[500] if status >= 500 else _ADVICE[400])
        if advice == _ADVICE[400] and not said:
            advice = "The server could not take the data and does not say why."
    verdict, fault = Verdict.REFUSED, str(status)
    if status in (429, 502, 503, 504):
        verdict = Verdict.RETRYABLE
    elif status == 413:
        verdict = Verdict.TOO_LARGE
    elif status == 400 and _WANTS_TLS.search(message):
        # A smaller request would end alike.
        fault, advice = "tls", _ADVICE_TLS
    retry_after = retry_after_seconds(headers.get("retry-after"), time.time(), headers.get("date", ""))
    words = words if words.endswith(".") else f"{words}."
    # Only the endpoint of one signal is used as it is.
    signal = next((path for name, path in _SIGNALS.items() if variable.endswith(name)), "")
    advice = _cure(message, advice.format(variable=variable, signal=signal))
    return Outcome(verdict, fault, words, advice, status, retry_after_seconds=retry_after, said=message)


def _outcome_of_success(status: int, content: str, body: bytes, variable: str, mask: Masking) -> Outcome:
    # In protobuf a line feed is the tag of the first field, and what follows it a length.
    begins = (body if content in _PROTOBUF else body.lstrip(_BEFORE_A_TEXT))[:1]
    if begins == b"<":
        return Outcome(
            Verdict.REFUSED,
            "page",
            f"it answered {status} with a web page.",
            _NO_OTLP.format(variable=variable),
            status,
        )
    # Not every server that answers in JSON says so.
    rejected, message = (_rejected_and_message_in_json if begins == b"{" else _rejected_and_message)(body)
    message = _masked(message, mask)
    said = one_line(message, _WORDS)
    if rejected <= 0:
        return Outcome(Verdict.ACKNOWLEDGED, words=said, status=status)
    points = "point" if rejected == 1 else "points"
    return Outcome(
        Verdict.REJECTED,
        "rejected",
        f"it took the request and rejected {rejected} {points} of it{f': {said}' if said else ''}.",
        _cure(message, "Limits of the plan are the usual reason: VOICE_METRICS_CALL_ID=off needs far fewer series."),
        status,
        rejected,
        said=message,
    )


def _cure(message: str, usual: str) -> str:
    """Return the advice for what a server says: `usual`, unless its words tell more."""
    if "temporality" in message.lower():
        return "Set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE to the one that it takes: delta or cumulative."
    return usual


def _rejected_and_message_in_json(body: bytes) -> tuple[int, str]:
    try:
        partial = _by_plain_name(_by_plain_name(json.loads(body))["partialsuccess"])
        rejected = partial.get("rejecteddatapoints") or partial.get("rejectedlogrecords") or 0
        return int(rejected), str(partial.get("errormessage", ""))
    except (*_NO_ANSWER, KeyError):
        return 0, ""


def _by_plain_name(message: Any) -> dict[str, Any]:
    """Return the fields of a message in JSON, in which names are spelt `errorMessage` or `error_message`."""
    return {name.replace("_", "").lower(): part for name, part in message.items()}


def _rejected_and_message(body: bytes) -> tuple[int, str]:
    try:
        message = ExportMetricsServiceResponse.FromString(body).partial_success
    except DecodeError:
        return 0, ""
    return message.rejected_data_points, message.error_message


def _without_credentials(address: str) -> str:
    """Return an address without user, password, query and fragment, any of which may hold a token."""
    return re.sub(r"//[^/]*@", "//", re.split(r"[?#]", address, maxsplit=1)[0], count=1)


def _servers_message(content: str, body: bytes) -> str:
    if content in _PROTOBUF:
        try:
            return str(Status.FromString(body).message)
        except DecodeError:
            return ""
    text = body.decode("utf-8", "replace")
    if content.endswith("json"):
        with suppress(*_NO_ANSWER):
            text = _words_in(json.loads(text)) or text
    elif text.lstrip().startswith("<"):
        text = _without_markup(text)
    return text


def _words_in(answer: Any) -> str:
    """Return the words of an error in JSON, in whatever field of it they are; empty if in none."""
    if isinstance(answer, list):
        return "; ".join(filter(None, map(_words_in, answer)))
    if isinstance(answer, dict):
        fields = _by_plain_name(answer)
        return next((words for name in _WORDS_OF_ERRORS if (words := _words_in(fields.get(name)))), "")
    return answer if isinstance(answer, str) else ""


def _without_markup(page: str) -> str:
    """Return the text of a page; each search continues at the end of the one before, so the work is linear."""
    parts, done = [], 0
    lower = page.lower() if page.isascii() else page
    while (begin := page.find("<", done)) >= 0:
        parts.append(page[done:begin])
        done = begin
        for hidden in ("script", "style"):
            if lower.startswith(f"<{hidden}", begin):
                done = lower.find(f"</{hidden}", begin)
        end = page.find(">", done) if done >= 0 else -1
        if end < 0:
            return " ".join(parts)
        done = end + 1
    return " ".join((*parts, page[done:]))


def plain(text: str, mask: Masking) -> str:
    """Return foreign words for one line of a log: masked by `mask`, printable, and only then cut."""
    return one_line(_masked(text, mask), _WORDS)


def _masked(text: str, mask: Masking) -> str:
    return mask(text[:_READ])
