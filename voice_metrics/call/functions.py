"""The function calls of a call's language models: how each was settled, and after how long.

Owns what settles a call and under which name, since a model may write any. Knows no Pipecat and no clock: moments
are passed in, in monotonic seconds. The same frame may be reported from where it arises and from where it passes;
its id makes it one.
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
        frame_id: Id of the frame that told, the same in both directions.
        call_id: The model's id of the call.
        function: Name of the function, as the model wrote it.
        deadline_seconds: After which its service gives up on it, or `None` if it waits for ever or does not say.
        registered: Whether its service has a function of this name, or `None` if it takes any name or is not known.
    """

    frame_id: int
    call_id: str
    function: str
    deadline_seconds: float | None = None
    registered: bool | None = None


@dataclass(frozen=True, slots=True)
class FunctionAnswered:
    """A function gave its result, or raised.

    Parameters:
        frame_id: Id of the frame that told, the same in both directions.
        call_id: The model's id of the call.
        function: Name of the function.
        failed: Whether it raised.
        empty: Whether the result is nothing at all.
        asks_model: Whether the model is asked to go on with the result.
    """

    frame_id: int
    call_id: str
    function: str
    failed: bool = False
    empty: bool = False
    asks_model: bool = True


@dataclass(frozen=True, slots=True)
class FunctionDropped:
    """A function call was cancelled or ran out of time.

    Parameters:
        frame_id: Id of the frame that told, the same in both directions.
        call_id: The model's id of the call.
        function: Name of the function.
        timed_out: Whether it ran past its deadline.
    """

    frame_id: int
    call_id: str
    function: str
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class FunctionRaised:
    """A function raised, told by its error alone, as on Pipecat 1.3, whose results name no errors.

    Parameters:
        frame_id: Id of the error's frame.
        function: Name of the function.
    """

    frame_id: int
    function: str


Event = FunctionRunning | FunctionAnswered | FunctionDropped | FunctionRaised
_EVENTS = (FunctionRunning, FunctionAnswered, FunctionDropped, FunctionRaised)

UNKNOWN = "unknown"  # stands for all names that are not registered
# As many names of one call are told of which nobody knows whether they are registered; each is a series.
MOST_NAMES = 50
# The same of all calls of the process.
_NAMES_OF_PROCESS = Vocabulary(200)


@dataclass(frozen=True, slots=True)
class _Running:
    function: str
    since: float
    deadline_seconds: float | None
    registered: bool | None


class FunctionCalls:
    """The function calls of one call that are running."""

    def __init__(self, names: Vocabulary = _NAMES_OF_PROCESS) -> None:
        """Begin with none.

        Args:
            names: Names that the process tells apart of those of which nobody knows whether they are registered.
        """
        self._running: dict[str, _Running] = {}
        self._names_of_process = names
        self._frames = Seen()
        self._settled = Seen()
        self._names: set[str] = set()

    def take(self, event: object, at: float) -> Sequence[Fact]:
        """Note an event.

        Args:
            event: What happened; an event of another kind is nobody's business here.
            at: When, in monotonic seconds.

        Returns:
            The settled call, if the event settles one that is not settled yet.
        """
        if not isinstance(event, _EVENTS) or not self._frames.first(event.frame_id):
            return ()
        match event:
            case FunctionRunning(_, call_id, function, deadline_seconds, registered):
                # Some models number their calls from 0 in every response.
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
        """Note the end of the call: what still runs is cancelled.

        Args:
            at: When, in monotonic seconds.

        Returns:
            One settled call for each that was running.
        """
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
        # Pipecat answers in the place of a function that is not registered, and names no error.
        if call and call.registered is False:
            return FunctionOutcome.FAILED
        deadline = call.deadline_seconds if call else None
        # On Pipecat 1.3 a service answers for a function that ran out of time, with nothing.
        if event.empty and call and deadline is not None and at - call.since >= deadline:
            return FunctionOutcome.TIMED_OUT
        return FunctionOutcome.COMPLETED

    def _settle(self, call_id: str, function: str, outcome: FunctionOutcome, at: float) -> Sequence[Fact]:
        if not self._settled.first(call_id):
            return ()
        call = self._running.pop(call_id, None)
        name = self._name(function, call.registered if call else None, at)
        return (FunctionSettled(name, outcome, max(0.0, at - call.since) if call else None),)

    def _name(self, function: str, registered: bool | None, at: float) -> str:
        if registered is False:
            return UNKNOWN
        if registered:
            return function
        if function not in self._names and len(self._names) >= MOST_NAMES:
            return OTHER
        name = self._names_of_process.word(function, at)
        self._names.add(name)
        return name
