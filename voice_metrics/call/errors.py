"""The errors of a call: processor, category and type, never the text; each counted once for all its reports."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from voice_metrics.call.facts import Fact, Failed
from voice_metrics.call.seen import Seen

# Errors that may wait for the pipeline's own report of them.
MOST_WAITING = 8192
UNKNOWN = "unknown"
# Clients wrap the exception with the status, rarely more than twice.
_MOST_CAUSES = 5
_STATUSES = range(100, 600)
# Close codes of WebSockets with a meaning: RFC 6455, section 7.4, and those of applications.
_CLOSE_CODES = range(1002, 5000)
_NO_CODE = frozenset({1005, 1006})
# "status: 401", "HTTP 503", "Error code: 429", "status_code=400": services of Pipecat that report no exception.
_IN_TEXT = re.compile(r"\b(?:status(?:[ _]?code)?|http(?:/\d\.\d)?|code)\W{0,3}([45]\d\d)\b", re.IGNORECASE)
_MOST_TEXT = 500


@dataclass(frozen=True, slots=True)
class ErrorRaised:
    """A processor's error.

    Parameters:
        frame_id: Id of the error's frame.
        processor: Class name of the processor that raised it.
        category: Pipecat's category, or "unknown".
        fatal: True if Pipecat ends the call because of it.
        error_type: The provider's status, else the exception's class, else "unknown".
        instance: Pipecat's name of the processor that failed; empty if unknown, or if no response of it fails.
    """

    frame_id: int
    processor: str
    category: str
    fatal: bool = False
    error_type: str = UNKNOWN
    instance: str = ""


class Failures:
    """The errors of one call."""

    def __init__(self) -> None:
        self._frames = Seen(MOST_WAITING)

    def observe(self, event: object) -> Sequence[Fact]:
        """Return the failure of an error event, unless it was reported before; other events are ignored."""
        if isinstance(event, ErrorRaised) and self._frames.first(event.frame_id):
            instance = event.instance or None
            return (Failed(event.processor, event.category, event.error_type, instance=instance),)
        return ()


def status_of(fault: BaseException | None, text: str = "") -> str | None:
    """Return a provider's status from its client's exception, or without one from an error's text.

    Returns:
        An HTTP status, a WebSocket's close code or the name of a gRPC status; `None` if there is none.
    """
    for cause in _with_causes(fault):
        for candidate in _status_candidates(cause):
            if (status := _as_status(candidate)) is not None:
                return status
    if fault is None and (found := _IN_TEXT.search(text[:_MOST_TEXT])):
        return found[1]
    return None


def _with_causes(fault: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_MOST_CAUSES):
        if fault is None:
            return
        yield fault
        fault = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)


def _status_candidates(fault: BaseException) -> Iterator[Any]:
    # openai, anthropic, httpx and deepgram; websockets and httpx; aiohttp; google-genai and google-api-core; grpc.
    response = _attribute_or_none(fault, "response")
    yield _attribute_or_none(fault, "status_code")
    yield _attribute_or_none(response, "status_code")
    yield _attribute_or_none(response, "status")
    yield _attribute_or_none(fault, "status")
    # `ConnectionClosed.code` of websockets is deprecated; `rcvd` has the server's code.
    received = _attribute_or_none(fault, "rcvd")
    code = _attribute_or_none(fault, "code") if received is None else None
    yield code() if callable(code) else code
    if isinstance(response, dict):  # botocore
        metadata = response.get("ResponseMetadata")
        yield metadata.get("HTTPStatusCode") if isinstance(metadata, dict) else None
    close = _attribute_or_none(received, "code")
    if isinstance(close, int) and close in _CLOSE_CODES and close not in _NO_CODE:
        yield str(int(close))


def _attribute_or_none(source: Any, name: str) -> Any:
    try:
        return getattr(source, name, None)
    except Exception:  # httpx raises for a response that was never received
        return None


def _as_status(candidate: Any) -> str | None:
    if isinstance(candidate, bool):
        return None
    if isinstance(candidate, int):  # an HTTPStatus is one
        return str(int(candidate)) if candidate in _STATUSES else None
    if isinstance(candidate, str):
        return candidate if candidate.isascii() and candidate.isdigit() and len(candidate) <= 4 else None
    name = _attribute_or_none(candidate, "name")  # grpc.StatusCode
    return name if isinstance(name, str) and name.isupper() else None
