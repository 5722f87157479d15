"""Pipecat's ErrorFrames as events: where an error arose, of which category and type, whether it ends the call."""

from __future__ import annotations

import time
from typing import Any

from pipecat.frames.frames import ErrorFrame

from voice_metrics.call.errors import UNKNOWN, ErrorRaised, status_of
from voice_metrics.call.text import Vocabulary, clean
from voice_metrics.pipecat.switches import is_switcher

_CATEGORIES = Vocabulary(50)
_CLASSES = Vocabulary(100)
# How Pipecat begins to report, in the name of a switcher, what a service of it has reported; since 1.8.0.
_REPORTED_AGAIN = " can no longer do its job: "
_FUNCTION_ERROR = "Error executing function call ["
_POLICIES_THAT_END = ("END", "CANCEL")


def error_raised(frame: ErrorFrame, source: Any, classes: Vocabulary = _CLASSES) -> ErrorRaised | None:
    """The error that a frame reports.

    Args:
        frame: The frame.
        source: The processor that made it, or `None` if that is not known.
        classes: The classes of exceptions that are told apart.

    Returns:
        The error, or `None` for one that a switcher reports again.
    """
    origin = frame.processor or source
    text = frame.error if isinstance(frame.error, str) else ""
    if origin is not None and _REPORTED_AGAIN in text and is_switcher(origin):
        return None
    processor = clean(type(origin).__name__) if origin else UNKNOWN
    category = getattr(getattr(frame, "category", None), "value", None)  # since 1.8.0
    word = _CATEGORIES.word(str(category), time.monotonic()) if category else UNKNOWN
    return ErrorRaised(frame.id, processor, word, is_fatal(frame), _type(frame.exception, text, classes))


def function_of_error(frame: ErrorFrame) -> str | None:
    """The function whose exception an error reports, or `None` for an error of a processor itself."""
    text = frame.error
    if not isinstance(text, str) or not text.startswith(_FUNCTION_ERROR):
        return None
    return clean(text[len(_FUNCTION_ERROR) :].partition("]")[0])


def is_fatal(frame: ErrorFrame) -> bool:
    """Whether Pipecat ends the call whatever its policy; the word is deprecated since 1.8.0."""
    return bool(getattr(frame, "fatal", False))


def gives_up(worker: Any, frame: ErrorFrame) -> bool:
    """Whether a worker ends the call because of an error that reached it.

    Args:
        worker: The pipeline's worker.
        frame: What reached it: behind switchers, which go on with another service.
    """
    # Since 1.8.0; before, no processor is ever unusable and there is no policy.
    policy = getattr(getattr(worker, "_processor_unusable_policy", None), "name", None)
    usable = getattr(frame.processor, "is_usable", True)
    return is_fatal(frame) or (policy in _POLICIES_THAT_END and not usable)


def _type(exception: Any, text: str, classes: Vocabulary) -> str:
    fault = exception if isinstance(exception, BaseException) else None
    if (status := status_of(fault, text)) is not None:
        return status
    return UNKNOWN if fault is None else classes.word(type(fault).__name__, time.monotonic())
