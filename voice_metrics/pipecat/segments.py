"""The segments of speech that a recogniser asks about one by one; one that the provider refuses is not billed.

Pipecat reports the audio of a segment before it asks (1.7.0 to 1.14.0).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pipecat.frames.frames import ErrorFrame, Frame, MetricsFrame, TranscriptionFrame
from pipecat.metrics import metrics as pipecat_metrics

from voice_metrics.call.proofs import Proof, Report
from voice_metrics.pipecat.endings import ENDS
from voice_metrics.pipecat.pushes import Pushes
from voice_metrics.pipecat.workers import is_a

_BASE = "SegmentedSTTService"
_USAGE = "STTUsageMetricsData"
_READ = (MetricsFrame, TranscriptionFrame, ErrorFrame, *ENDS)


class Segments:
    """Listens to such recognisers, once each, for as long as they live.

    Args:
        proved: Receives the number of a frame with a segment's audio, and whether it counts.
        pushes: Listens to what they push.
    """

    def __init__(self, proved: Callable[[int, Proof], None], pushes: Pushes) -> None:
        self._proved = proved
        self._pushes = pushes
        self._known: set[int] = set()

    def listen(self, processors: Iterable[Any]) -> None:
        """Listen to the recognisers among the processors that are new."""
        for processor in processors:
            if hasattr(pipecat_metrics, _USAGE) and processor.id not in self._known and is_a(processor, _BASE):
                self._known.add(processor.id)
                self._pushes.listen(processor, _Segment(self._proved).read, lambda kind: issubclass(kind, _READ))


class _Segment:
    """The latest segment of one recogniser."""

    def __init__(self, proved: Callable[[int, Proof], None]) -> None:
        self._report = Report(proved)

    def read(self, recogniser: Any, frame: Frame) -> None:
        """Read a frame that the recogniser is about to push."""
        match frame:
            case ErrorFrame():
                if frame.processor in (recogniser, None):
                    self._report.settle(Proof.FALSE)
            case MetricsFrame():
                if any(type(item).__name__ == _USAGE and item.processor == recogniser.name for item in frame.data):
                    self._report.settle(Proof.TRUE)
                    self._report.open(frame.id)
            case _:
                self._report.settle(Proof.TRUE)
