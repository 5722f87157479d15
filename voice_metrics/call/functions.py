"""The function calls of a call's language models: outcome and duration, under a bounded set of names.

A model may write any name. One frame may be reported from two places; its id makes it one. Moments are monotonic
seconds and passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voice_metrics.call.facts import Fact, FunctionOutcome, FunctionSettled
from voice_metrics.call.seen import Seen
from voice_metrics.call.text import OTHER, Vocabulary


@dataclass(frozen=True, slots=True)
class FunctionRunning:
    """A function began to run.

    Parameters:
        frame_id: Id of the frame, the same in both directions.
        call_id: The model's id of the call.
        function: Name of the function, as the model wrote it.
        deadline_seconds: Its service's time limit, or `None` for none or an unknown one.
        registered: True if its service has the function; `None` if it takes any name or that is unknown.
    """

    frame_id: int
    call_id: str
    function: str
    deadline_seconds: float | None = None
    registered: bool | None = None


@dataclass(frozen=True, slots=True)
class FunctionAnswered:
    """A function returned, or raised.

    Parameters:
        frame_id: Id of the frame, the same in both directions.
        call_id: The model's id of the call.
        function: Name of the function.
        failed: True if it raised.
        empty: True without a result.
        asks_model: True if the model continues with the result, or with the next node of a flow.
    """

    frame_id: int
    call_id: str
    function: str
    failed: bool = False
    empty: bool = False
    asks_model: bool = True


@dataclass(frozen=True, slots=True)
class FunctionDropped:
    """A function call was cancelled or timed out.

    Parameters:
        frame_id: Id of the frame, the same in both directions.
        call_id: The model's id of the call.
        function: Name of the function.
        timed_out: True if it exceeded its deadline.
    """

    frame_id: int
    call_id: str
    function: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class FunctionRaised:
    """A function raised, seen by its error frame only, as on Pipecat 1.3, whose results have no errors.

    Parameters:
        frame_id: Id of the error's frame.
        function: Name of the function.
    """

    frame_id: int
    function: str


Event = FunctionRunning | FunctionAnswered | FunctionDropped | FunctionRaised
_EVENTS = (FunctionRunning, FunctionAnswered, FunctionDropped, FunctionRaised)

UNKNOWN = "unknown"  # stands for all names that are not registered
# Bound of one call's names that may not be registered; each is a series.
MOST_NAMES = 50
# The same for all calls of the process.
_NAMES_OF_PROCESS = Vocabulary(200)


@dataclass(frozen=True, slots=True)
class _Running:
    function: str
    since: float
    deadline_seconds: float | None
    registered: bool | None


class FunctionCalls:
    """The running function calls of one call."""

    def __init__(self, names: Vocabulary = _NAMES_OF_PROCESS) -> None:
        """Begin empty; `names` bounds the process's names that may not be registered."""
        self._running: dict[str, _Running] = {}
        self._names_of_process = names
        self._frames = Seen()
        self._settled = Seen()
        self._names: set[str] = set()

    def observe(self, event: object, at: float) -> Sequence[Fact]:
        """Record an event at `at`, other kinds ignored; return the call that it settles, if it is still open."""
        if not isinstance(event, _EVENTS) or not self._frames.first(event.frame_id):
            return ()
        match event:
            case FunctionRunning(_, call_id, function, deadline_seconds, registered):
                # Some models number their calls from 0 in every response, so forget the settled one.
                self._settled.forget(call_id)
                self._running[call_id] = _Running(function, at, deadline_seconds, registered)
                return ()
            case FunctionAnswered(_, call_id, function):
                return self._settle(call_id, function, self._outcome(event, at), at)
            case FunctionDropped(_, call_id, function, timed_out):
                outcome = FunctionOutcome.TIMED_OUT if timed_out else FunctionOutcome.CANCELLED
                return self._settle(call_id, function, outcome, at)
            case FunctionRaised(_, function):
                call = next((id for id, running in self._running.items() if running.function == function), None)
                return () if call is None else self._settle(call, function, FunctionOutcome.FAILED, at)

    def end(self, at: float) -> Sequence[Fact]:
        """End the call; return each running function call as cancelled."""
        running = list(self._running.items())
        return [
            fact
            for call_id, call in running
            for fact in self._settle(call_id, call.function, FunctionOutcome.CANCELLED, at)
        ]

    def _outcome(self, event: FunctionAnswered, at: float) -> FunctionOutcome:
        if event.failed:
            return FunctionOutcome.FAILED
        call = self._running.get(event.call_id)
        # Pipecat answers for a function that is not registered, without an error.
        if call and call.registered is False:
            return FunctionOutcome.FAILED
        deadline = call.deadline_seconds if call else None
        # On Pipecat 1.3 a service answers for a timed-out function, with an empty result.
        if event.empty and call and deadline is not None and at - call.since >= deadline:
            return FunctionOutcome.TIMED_OUT
        return FunctionOutcome.COMPLETED

    def _settle(self, call_id: str, function: str, outcome: FunctionOutcome, at: float) -> Sequence[Fact]:
        if not self._settled.first(call_id):
            return ()
        call = self._running.pop(call_id, None)
        name = self._bounded_name(function, call.registered if call else None, at)
        return (FunctionSettled(name, outcome, max(0.0, at - call.since) if call else None),)

    def _bounded_name(self, function: str, registered: bool | None, at: float) -> str:
        if registered is False:
            return UNKNOWN
        if registered:
            return function
        if function not in self._names and len(self._names) >= MOST_NAMES:
            return OTHER
        name = self._names_of_process.word(function, at)
        self._names.add(name)
        return name
