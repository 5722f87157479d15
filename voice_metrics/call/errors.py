"""The errors of a call, each counted once whatever the number of places that report it.

An error is its processor, its category and its type; its text stays where it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from voice_metrics.call.facts import Fact, Failed
from voice_metrics.call.seen import Seen

# As many errors may wait for the pipeline's own word of them.
MOST_WAITING = 8192
UNKNOWN = "unknown"
# Clients wrap the exception that has the status, rarely more than twice.
_MOST_CAUSES = 5
_STATUSES = range(100, 600)
# Close codes of WebSockets that say something: RFC 6455, section 7.4, and those of applications.
_CLOSE_CODES = range(1002, 5000)
_NO_CODE = frozenset({1005, 1006})
# "status: 401", "HTTP 503", "Error code: 429", "status_code=400": services of Pipecat that report no exception.
_IN_TEXT = re.compile(r"\b(?:status(?:[ _]?code)?|http(?:/\d\.\d)?|code)\W{0,3}([45]\d\d)\b", re.IGNORECASE)
_MOST_TEXT = 500


@dataclass(frozen=True, slots=True)
class ErrorRaised:
    """A processor reported an error.

    Parameters:
        frame_id: Id of the error's frame.
        processor: Class name of the processor where it arose.
        category: Pipecat's category, or "unknown".
        fatal: Whether Pipecat ends the call because of it.
        error_type: The provider's status, else the exception's class, else "unknown".
    """

    frame_id: int
    processor: str
    category: str
    fatal: bool = False
    error_type: str = UNKNOWN


class Failures:
    """The errors of one call."""

    def __init__(self) -> None:
        self._frames = Seen(MOST_WAITING)

    def take(self, event: object) -> Sequence[Fact]:
        """Note an error.

        Args:
            event: What happened; events of other kinds are left alone.

        Returns:
            The failure, unless it is known already.
        """
        if isinstance(event, ErrorRaised) and self._frames.first(event.frame_id):
            return (Failed(event.processor, event.category, event.error_type),)
        return ()


def status_of(fault: BaseException | None, text: str = "") -> str | None:
    """The status with which a provider refused, as its client's exception or an error's text has it.

    Args:
        fault: The exception, or `None` if there is none.
        text: The error's text; it is read only where there is no exception.

    Returns:
        An HTTP status, a WebSocket's close code or the name of a gRPC status; `None` if there is none.
    """
    for cause in _causes(fault):
        for candidate in _candidates(cause):
            if (status := _status(candidate)) is not None:
                return status
    if fault is None and (found := _IN_TEXT.search(text[:_MOST_TEXT])):
        return found[1]
    return None


def _causes(fault: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_MOST_CAUSES):
        if fault is None:
            return
        yield fault
        fault = fault.__cause__ or (None if fault.__suppress_context__ else fault.__context__)


def _candidates(fault: BaseException) -> Iterator[Any]:
    # openai, anthropic, httpx and deepgram; websockets and httpx; aiohttp; google-genai and google-api-core; grpc.
    response = _attribute(fault, "response")
    yield _attribute(fault, "status_code")
    yield _attribute(response, "status_code")
    yield _attribute(response, "status")
    yield _attribute(fault, "status")
    # `ConnectionClosed.code` of websockets is deprecated; what the server sent has it.
    received = _attribute(fault, "rcvd")
    code = _attribute(fault, "code") if received is None else None
    yield code() if callable(code) else code
    if isinstance(response, dict):  # botocore
        metadata = response.get("ResponseMetadata")
        yield metadata.get("HTTPStatusCode") if isinstance(metadata, dict) else None
    close = _attribute(received, "code")
    if isinstance(close, int) and close in _CLOSE_CODES and close not in _NO_CODE:
        yield str(int(close))


def _attribute(source: Any, name: str) -> Any:
    try:
        return getattr(source, name, None)
    except Exception:  # httpx raises for a response that was never received
        return None


def _status(candidate: Any) -> str | None:
    if isinstance(candidate, bool):
        return None
    if isinstance(candidate, int):  # an HTTPStatus is one
        return str(int(candidate)) if candidate in _STATUSES else None
    if isinstance(candidate, str):
        return candidate if candidate.isascii() and candidate.isdigit() and len(candidate) <= 4 else None
    name = _attribute(candidate, "name")  # grpc.StatusCode
    return name if isinstance(name, str) and name.isupper() else None
