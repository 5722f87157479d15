"""The trace of a call and the span of its turn, if Pipecat's tracing is on."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace

from voice_metrics.call.outputs import SpanIds


class Traces:
    """Reads the tracing context of one pipeline after the other."""

    def __init__(self) -> None:
        """Begin without a pipeline."""
        self._context: Any = None

    def begin(self, worker: Any) -> None:
        """Read another pipeline's tracing context from now on.

        Args:
            worker: Pipecat's worker that runs it, or `None` if unknown.
        """
        # The same object as `FrameProcessorSetup.tracing_context`, which Pipecat 1.3 does not have.
        self._context = getattr(worker, "_tracing_context", None)

    def span(self) -> SpanIds | None:
        """Return the span of the turn, between turns that of the conversation; `None` if it is not sampled."""
        if self._context is None:
            return None
        for context in (self._context.get_turn_context(), self._context.get_conversation_context()):
            if context is not None:
                found = trace.get_current_span(context).get_span_context()
                if found.is_valid and found.trace_flags.sampled:
                    return found.trace_id, found.span_id
        return None
