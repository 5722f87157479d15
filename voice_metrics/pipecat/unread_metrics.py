"""MetricsFrames that wait to be read together: each alone would cost twice as much."""

from __future__ import annotations

from collections.abc import Callable

from pipecat.frames.frames import MetricsFrame
from pipecat.utils.utils import obj_id

from voice_metrics.call.call import Call
from voice_metrics.call.facts import Refused
from voice_metrics.call.holdback import Cut
from voice_metrics.call.outputs import SpanIds
from voice_metrics.pipecat.faults import Faults
from voice_metrics.pipecat.metrics_frames import MetricsReader


class UnreadMetrics:
    """The frames of one recorder, in the order in which they came.

    Args:
        faults: Receives what goes wrong.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._frames: list[tuple[Call, MetricsFrame, float, SpanIds | None]] = []

    def __bool__(self) -> bool:
        return bool(self._frames)

    def add(self, call: Call, frame: MetricsFrame, at: float, span: SpanIds | None) -> None:
        """Keep a frame of a call that came at `at`, in monotonic seconds, during a span."""
        self._frames.append((call, frame, at, span))

    def read(self, reader: MetricsReader, now: Callable[[], float], cut: Cut | None) -> None:
        """Record what the frames say. Never raises.

        Args:
            reader: Reads the frames.
            now: Monotonic seconds.
            cut: The interruption that is read next, or `None`.
        """
        frames, self._frames = self._frames, []
        latest = obj_id()
        for call, frame, at, span in frames:
            try:
                add, number, read_at = call.measurements.add, frame.id, now()
                if number > latest:
                    number = 0  # another process counted it
                for fact in reader.facts(frame):
                    try:
                        add(fact, at, span, read_at, number, cut)
                    except Exception as fault:
                        self._faults.add(type(fact).__name__, fault)
                    if isinstance(fact, Refused):
                        # The value is no part of the kind: each false one differs.
                        self._faults.warn_once(fact.detail.partition(":")[0], f"Refused a measurement: {fact.detail}")
            except Exception as fault:
                self._faults.add(type(frame).__name__, fault)
