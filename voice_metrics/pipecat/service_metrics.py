"""MetricsFrames and interruptions, read as services push them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pipecat.frames import frames
from pipecat.frames.frames import Frame, InterruptionFrame, MetricsFrame

from voice_metrics.pipecat.conversation_frames import shared_id
from voice_metrics.pipecat.pushes import Pushes

# Frames that make a service drop its request. An answer made before the turn's end may be withdrawn, by later versions.
_WITHDRAWAL: type[Frame] | None = getattr(frames, "EagerEndOfTurnCancelFrame", None)
CUTS: tuple[type[Frame], ...] = (InterruptionFrame, *([_WITHDRAWAL] if _WITHDRAWAL else []))


class ServiceMetrics:
    """Listens for MetricsFrames and interruptions at services, once each, for as long as they live.

    Args:
        measured: Receives each MetricsFrame, on the event loop.
        passed: Receives Pipecat's name of a service that passes an interruption on, and the interruption's number.
        pushes: Listens to what they push.
    """

    def __init__(self, measured: Callable[[Frame], None], passed: Callable[[str, int], None], pushes: Pushes) -> None:
        self._measured = measured
        self._passed = passed
        self._pushes = pushes
        self._known: set[int] = set()

    def listen(self, services: Iterable[Any]) -> None:
        """Listen to the services that are new."""
        for service in services:
            if service.id not in self._known:
                self._known.add(service.id)
                self._pushes.listen(service, self._report_push, _reads)

    def _report_push(self, service: Any, frame: Frame) -> None:
        if isinstance(frame, MetricsFrame):
            self._measured(frame)
        else:
            self._passed(service.name, shared_id(frame))


def _reads(kind: type[Frame]) -> bool:
    return issubclass(kind, (MetricsFrame, *CUTS))
