"""Pipecat's frames of a conversation as events; no other module knows their shapes.

Reads speaking, interruption, function-call and error frames, without clock or state. Every frame of a call passes here,
and costs one look-up by its class.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pipecat.frames import frames
from pipecat.frames.frames import ErrorFrame, Frame, FunctionCallResultFrame
from pipecat.processors.frame_processor import FrameDirection

from voice_metrics.call.events import (
    Backchanneled,
    BotSpeaking,
    BotStarted,
    BotStopped,
    CallerKeyed,
    CallerMuted,
    CallerUnmuted,
    Connected,
    Interruption,
    UserStarted,
    UserStopped,
    VoiceStarted,
    VoiceStopped,
    Withdrawn,
)
from voice_metrics.call.functions import FunctionAnswered, FunctionDropped, FunctionRaised, FunctionRunning
from voice_metrics.call.incoming import Event
from voice_metrics.call.text import clean
from voice_metrics.pipecat.failures import error_raised, function_of_error

__all__ = ["Interruption", "event", "function_raised", "is_echo"]

_EventMaker = Callable[[Any, Any], Event | None]

# Before, an exception in a function is reported as an error and its call is never settled.
RESULTS_NAME_ERRORS = "error" in FunctionCallResultFrame.__dataclass_fields__
# Pipecat's answer to the model if an MCP server gives no text (1.14.0, mcp_service.py).
_NO_ANSWER_OF_MCP = "Sorry, could not call the mcp tool"


def event(frame: Frame, source: Any = None) -> Event | None:
    """Return the event that a frame reports, or `None`; `source` is the processor that made it, if known."""
    make = _event_maker_for(type(frame))
    return make(frame, source) if make else None


def reads(kind: type[Frame]) -> bool:
    """True if frames of a class may become an event."""
    return _event_maker_for(kind) is not None


def _event_maker_for(kind: type[Frame]) -> _EventMaker | None:
    try:
        return _MAKERS[kind]
    except KeyError:
        make = _MAKERS[kind] = next((_MAKERS[base] for base in kind.__mro__[1:] if base in _MAKERS), None)
        return make


def is_echo(frame: Frame, direction: FrameDirection) -> bool:
    """True for the upstream twin of a frame that was also sent downstream, for readers of both."""
    return direction is FrameDirection.UPSTREAM and frame.broadcast_sibling_id is not None


def function_raised(frame: ErrorFrame) -> FunctionRaised | None:
    """Return the failed function that an error names, on a Pipecat that reports its failure in no other way."""
    name = None if RESULTS_NAME_ERRORS else function_of_error(frame)
    return None if name is None else FunctionRaised(frame.id, name)


def _interruption(frame: Frame, source: Any) -> Interruption:
    return Interruption(shared_id(frame))


def _withdrawn(frame: Frame, source: Any) -> Withdrawn:
    return Withdrawn(shared_id(frame))


def _voice_started(frame: Any, source: Any) -> VoiceStarted:
    return VoiceStarted(float(frame.start_secs or 0.0))


def _voice_stopped(frame: Any, source: Any) -> VoiceStopped:
    return VoiceStopped(float(frame.stop_secs or 0.0))


def _function_running(frame: Any, source: Any) -> FunctionRunning:
    name = frame.function_name
    deadline, registered = _timeout_seconds(source, name), _is_registered(source, name)
    return FunctionRunning(shared_id(frame), frame.tool_call_id, clean(str(name)), deadline, registered)


def _function_answered(frame: Any, source: Any) -> FunctionAnswered | None:
    properties = getattr(frame, "properties", None)
    is_final = properties.is_final if properties else getattr(frame, "is_final", True)
    if not is_final:
        return None
    failed = bool(getattr(frame, "error", None)) or _tells_failure(frame.function_name, frame.result)
    function, empty = clean(str(frame.function_name)), frame.result is None
    return FunctionAnswered(
        shared_id(frame), frame.tool_call_id, function, failed, empty, _result_runs_llm(frame, properties)
    )


def _tells_failure(function: str, result: Any) -> bool:
    """True if a result stands for an exception that Pipecat Flows or an MCP client caught."""
    if isinstance(result, Mapping):
        return result.get("status") == "error"
    words = (f"Error calling mcp tool {function}", f"Error executing tool {function}", _NO_ANSWER_OF_MCP)
    return isinstance(result, str) and result.startswith(words)


def _result_runs_llm(frame: Any, properties: Any) -> bool:
    if getattr(properties, "on_context_updated", None):
        # Pipecat Flows moves to its next node there, and asks the model behind that node's actions.
        return True
    # As Pipecat's assistant aggregator decides; without a result it never asks.
    choices = (getattr(properties, "run_llm", None), getattr(frame, "run_llm", None))
    return bool(frame.result) and next((bool(choice) for choice in choices if choice is not None), True)


def _function_dropped(frame: Any, source: Any) -> FunctionDropped:
    # Pipecat asks for inference after a call that ran past its deadline, and after no other that is cancelled.
    timed_out = bool(getattr(frame, "run_llm", False))
    return FunctionDropped(shared_id(frame), frame.tool_call_id, clean(str(frame.function_name)), timed_out)


def shared_id(frame: Frame) -> int:
    """Return the number of a frame and of its twin in the other direction, which carry each other's."""
    return min(frame.id, frame.broadcast_sibling_id or frame.id)


def _timeout_seconds(source: Any, function: str) -> float | None:
    functions = _registered_functions(source) or {}
    item = functions.get(function) or functions.get(None)
    seconds = getattr(item, "timeout_secs", None) or getattr(source, "_function_call_timeout_secs", None)
    return float(seconds) if isinstance(seconds, (int, float)) else None


def _is_registered(source: Any, function: str) -> bool | None:
    functions = _registered_functions(source)
    if functions is None:
        return None
    # A function that is registered as `None` answers to every name.
    return True if function in functions else None if None in functions else False


def _registered_functions(source: Any) -> dict[str | None, Any] | None:
    registered = getattr(source, "_functions", None)
    return registered if isinstance(registered, dict) else None


def _constant(made: Event) -> _EventMaker:
    return lambda frame, source: made


_BY_NAME: dict[str, _EventMaker] = {
    "BotStartedSpeakingFrame": _constant(BotStarted()),
    "BotSpeakingFrame": _constant(BotSpeaking()),
    "BotStoppedSpeakingFrame": _constant(BotStopped()),
    "UserStartedSpeakingFrame": _constant(UserStarted()),
    "UserStoppedSpeakingFrame": _constant(UserStopped()),
    "VADUserStartedSpeakingFrame": _voice_started,
    "VADUserStoppedSpeakingFrame": _voice_stopped,
    "InputDTMFFrame": _constant(CallerKeyed()),
    "UserMuteStartedFrame": _constant(CallerMuted()),
    "UserMuteStoppedFrame": _constant(CallerUnmuted()),
    "InterruptionFrame": _interruption,
    "EagerEndOfTurnCancelFrame": _withdrawn,
    "ClientConnectedFrame": _constant(Connected()),
    "UserBackchannelFrame": _constant(Backchanneled()),  # since 1.13.0
    "ErrorFrame": error_raised,
    "FunctionCallInProgressFrame": _function_running,
    "FunctionCallResultFrame": _function_answered,
    "FunctionCallCancelFrame": _function_dropped,
    # Calls that another worker's model makes, announced to this pipeline; since 1.13.0.
    "ExternalFunctionCallInProgressFrame": _function_running,
    "ExternalFunctionCallResultFrame": _function_answered,
    "ExternalFunctionCallCancelFrame": _function_dropped,
}
_MAKERS: dict[type, _EventMaker | None] = {
    getattr(frames, name): make for name, make in _BY_NAME.items() if hasattr(frames, name)
}
