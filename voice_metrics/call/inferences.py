"""Durations from a language model's frames: whole responses, chunk by chunk, and requests with their functions.

Pipecat reports processing time for some models only, and never chunks or whole requests; start and end of each response
give both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from voice_metrics.call.facts import AgentInvoked, ChunksStreamed, Fact, ModelAnswered, Processing

# In speech to speech a time to first byte longer than its response so far belongs to an earlier request.
_TOLERANCE_SECONDS = 0.02
# Gaps kept of one response.
_MOST_CHUNKS = 5000
# Function calls with an awaited result.
_MOST_FUNCTIONS = 100


@dataclass(slots=True)
class _Response:
    began_at: float
    processing_reported: bool = False
    began_before: bool = False
    last_chunk_at: float | None = None
    gaps: list[float] = field(default_factory=list)


class Inferences:
    """The responses of one service, in sequence; moments are monotonic seconds."""

    def __init__(self, processor: str, instance: str, *, duplex: bool) -> None:
        """Begin empty.

        Args:
            processor: Class name of the service.
            instance: Pipecat's name of it.
            duplex: True if it hears and speaks itself, so that its responses begin with its voice.
        """
        self._processor = processor
        self._instance = instance
        self._duplex = duplex
        self._response: _Response | None = None
        self._invoked_at: float | None = None
        self._failed: str | None = None
        self._functions: set[str] = set()
        self._answered = False
        self.model: str | None = None

    @property
    def has_failed(self) -> bool:
        """True if the service reported an error in its latest request."""
        return self._failed is not None

    def began(self, at: float) -> None:
        """Record the start of a response."""
        self._response = _Response(at)
        if self._invoked_at is None or not self._answered:
            self._invoked_at, self._failed = at, None
        self._answered = False

    def chunk(self, at: float) -> None:
        """Record a chunk of a response."""
        response = self._response
        if response is None:
            return
        if response.last_chunk_at is not None and len(response.gaps) < _MOST_CHUNKS:
            response.gaps.append(max(0.0, at - response.last_chunk_at))
        response.last_chunk_at = at

    def first_byte(self, seconds: float, at: float) -> None:
        """Record the service's time to first byte; if it exceeds the response so far, the response began before."""
        if (response := self._response) is not None and seconds > at - response.began_at + _TOLERANCE_SECONDS:
            response.began_before = True

    def processed(self) -> None:
        """Record that the service reported its processing time."""
        if self._response is not None:
            self._response.processing_reported = True

    def went_on(self) -> None:
        """Record that the response goes on behind its reported processing time, which was not the whole."""
        if self._response is not None:
            self._response.processing_reported = False

    def failed(self, error_type: str) -> bool:
        """Record an error of the service; return True if a response was under way."""
        if self._invoked_at is not None:
            self._failed = error_type
        return self._response is not None

    def called(self, call_id: str) -> None:
        """Record that the model called a function."""
        if len(self._functions) < _MOST_FUNCTIONS:
            self._functions.add(call_id)

    def returned(self, call_id: str, at: float, *, answers: bool) -> Sequence[Fact]:
        """Record a function's end; return the request if this ends it.

        Args:
            call_id: The model's id of the call.
            at: The moment, in monotonic seconds.
            answers: True if the model continues with the result.
        """
        if call_id not in self._functions:
            return ()
        self._functions.discard(call_id)
        self._answered = self._answered or answers
        if self._functions or self._answered or self._response is not None:
            return ()
        return self._end_request(at)

    def cancelled(self, call_id: str) -> None:
        """Record that a function was cancelled; forget the request if it waits for nothing else."""
        if call_id in self._functions:
            self._functions.discard(call_id)
            if not self._functions and not self._answered:
                self._invoked_at = None

    def interrupted(self) -> None:
        """Forget the interrupted request; its response may still end."""
        self._invoked_at, self._answered = None, False
        self._functions.clear()

    def ended(self, at: float) -> Sequence[Fact]:
        """Record the end of a response; return its durations, or that a service that hears and speaks itself spoke."""
        response, self._response = self._response, None
        if response is None or self._duplex or response.began_before:
            is_whole = response is not None and self._duplex and self._invoked_at is not None
            self._invoked_at = None
            return (ModelAnswered(self._processor, self.model, self._instance),) if is_whole else ()
        facts: list[Fact] = []
        seconds = at - response.began_at
        if not response.processing_reported and seconds > 0:
            facts.append(Processing(self._processor, self.model, seconds, instance=self._instance))
        if response.gaps:
            facts.append(ChunksStreamed(self._processor, self.model, tuple(response.gaps), instance=self._instance))
        if not self._functions and not self._answered:
            facts += self._end_request(at)
        return facts

    def _end_request(self, at: float) -> Sequence[Fact]:
        began_at, self._invoked_at = self._invoked_at, None
        if began_at is None or at <= began_at:
            return ()
        return (AgentInvoked(self._processor, self.model, at - began_at, self._failed, instance=self._instance),)
