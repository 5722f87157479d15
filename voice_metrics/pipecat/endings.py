"""How a call of a pipeline ends, from what Pipecat's worker and frames tell."""

from __future__ import annotations

from typing import Any

from pipecat.frames.frames import CancelFrame, Frame, StartFrame

from voice_metrics.call.facts import EndReason

# How Pipecat's reason ends when its `ProcessorUnusablePolicy.CANCEL` cancels a call; since 1.8.0.
_GAVE_UP = "can no longer do its job"
# Pipecat 1.8.0 gives up a pipeline that is not set up or not started in time.
_TIMED_OUT = ("on_setup_timeout", "on_pipeline_timeout")


class Ending:
    """Collects what tells the end of one call after the other."""

    def __init__(self) -> None:
        """Start with a call of which nothing is known."""
        self._failed = self._is_running = False
        self._worker: Any = None

    def begin(self, worker: Any) -> None:
        """Forget the last call.

        Args:
            worker: Pipecat's worker that runs the pipeline, or `None` if that is not known.
        """
        self._failed = False
        if worker is None or worker is self._worker:
            return
        self._worker, self._is_running = worker, False
        worker.add_event_handler("on_pipeline_started", self._on_started)
        for event in _TIMED_OUT:
            if has_event(worker, event):
                worker.add_event_handler(event, self._on_timeout)

    def failed(self) -> None:
        """Note an error that ends the call."""
        self._failed = True

    def reason(self, frame: Frame) -> EndReason:
        """How the call ended.

        Args:
            frame: The frame that ends it.
        """
        # A fatal error makes Pipecat cancel the pipeline, and an EndFrame may be faster.
        if self._failed or str(getattr(frame, "reason", "")).endswith(_GAVE_UP):
            return EndReason.ERROR
        return EndReason.CANCELLED if isinstance(frame, CancelFrame) else EndReason.COMPLETED

    def reason_without_frame(self) -> EndReason:
        """How the call ended whose pipeline is cleaned up, although no frame ended it."""
        if self._failed:
            return EndReason.ERROR
        # Pipecat sends no CancelFrame into a pipeline that is cancelled before its start.
        cancelled = not self._is_running and getattr(self._worker, "_cancelled", False) is True
        return EndReason.CANCELLED if cancelled else EndReason.UNKNOWN

    def _on_started(self, worker: Any, frame: Frame) -> None:
        if worker is self._worker:
            self._is_running = True

    def _on_timeout(self, worker: Any, frame: Frame | None = None) -> None:
        if worker is self._worker and (frame is None or isinstance(frame, StartFrame)):
            self._failed = True


def has_event(source: Any, event: str) -> bool:
    """Whether a Pipecat object has an event; asking for one that it lacks is a warning in its log.

    Args:
        source: A processor, transport or worker.
        event: The event's name.
    """
    return event in getattr(source, "_event_handlers", ())
