"""Pipecat's ErrorFrames as events: origin, category and type of an error, and whether it ends the call."""

from __future__ import annotations

import time
from typing import Any

from pipecat.frames.frames import ErrorFrame

from voice_metrics.call.errors import UNKNOWN, ErrorRaised, status_of
from voice_metrics.call.text import Vocabulary, clean
from voice_metrics.pipecat.switches import is_switcher

# Most models report an error behind the event of a time-out; Anthropic's and Bedrock's report none (1.3.0 to 1.14.0).
TIMEOUT_EVENT = "on_completion_timeout"

_CATEGORIES = Vocabulary(50)
_CLASSES = Vocabulary(100)
# In an error of a switcher: Pipecat repeats the error of one of its services; since 1.8.0.
_REPORTED_AGAIN = " can no longer do its job: "
_FUNCTION_ERROR = "Error executing function call ["
# In errors of a model that sums a context up beside its responses.
_SUMMARY_ERRORS = ("Error generating context summary", "Context summarization timed out")
_POLICIES_THAT_END = ("END", "CANCEL")


def error_raised(frame: ErrorFrame, source: Any, classes: Vocabulary = _CLASSES) -> ErrorRaised | None:
    """Return the error in a frame, or `None` if a switcher reports it again.

    Args:
        frame: The frame.
        source: The processor that made it, or `None` if unknown.
        classes: The bounded vocabulary of exception classes.
    """
    origin = frame.processor or source
    text = frame.error if isinstance(frame.error, str) else ""
    if origin is not None and _REPORTED_AGAIN in text and is_switcher(origin):
        return None
    processor = clean(type(origin).__name__) if origin else UNKNOWN
    category = getattr(getattr(frame, "category", None), "value", None)  # since 1.8.0
    word = _CATEGORIES.word(str(category), time.monotonic()) if category else UNKNOWN
    error_type = _error_type(frame.exception, text, classes)
    # A model reports the exception of a function that it called, or of a summary, and its response continues.
    is_aside = word == "application" or function_of_error(frame) is not None or text.startswith(_SUMMARY_ERRORS)
    instance = "" if origin is None or is_aside else origin.name
    return ErrorRaised(frame.id, processor, word, is_fatal(frame), error_type, instance)


def timeout_error(processor: Any) -> ErrorFrame:
    """Return an error as a model's service should report that its provider's answer did not come in time."""
    return ErrorFrame("LLM completion timeout", exception=TimeoutError(), processor=processor)


def function_of_error(frame: ErrorFrame) -> str | None:
    """Return the function whose exception an error reports, or `None` for a processor's own error."""
    text = frame.error
    if not isinstance(text, str) or not text.startswith(_FUNCTION_ERROR):
        return None
    return clean(text[len(_FUNCTION_ERROR) :].partition("]")[0])


def is_fatal(frame: ErrorFrame) -> bool:
    """True if an error ends the call whatever Pipecat's policy for errors is."""
    # Deprecated since 1.8.0.
    return bool(getattr(frame, "fatal", False))


def gives_up(worker: Any, frame: ErrorFrame) -> bool:
    """True if a worker ends the call because of an error that reached it, past any switcher."""
    # Since 1.8.0; before, no processor is ever unusable and there is no policy.
    policy = getattr(getattr(worker, "_processor_unusable_policy", None), "name", None)
    usable = getattr(frame.processor, "is_usable", True)
    return is_fatal(frame) or (policy in _POLICIES_THAT_END and not usable)


def _error_type(exception: Any, text: str, classes: Vocabulary) -> str:
    fault = exception if isinstance(exception, BaseException) else None
    if (status := status_of(fault, text)) is not None:
        return status
    return UNKNOWN if fault is None else classes.word(type(fault).__name__, time.monotonic())
