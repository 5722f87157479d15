"""Usage that a language model reports again and again while it answers, of which the last report has it all.

Some providers send a snapshot with each chunk of an answer. Before 1.8 Pipecat passed each on; services with a loop of
their own still may.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipecat.frames.frames import (
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    MetricsFrame,
)
from pipecat.metrics.metrics import LLMTokenUsage, LLMUsageMetricsData, ProcessingMetricsData

from voice_metrics.call.proofs import Proof, Report
from voice_metrics.pipecat.endings import ENDS
from voice_metrics.pipecat.service_metrics import CUTS

_OVER = (LLMFullResponseEndFrame, *ENDS, *CUTS)


class UsageSnapshots:
    """Judges the usage reports of one service: of those that repeat each other, the last counts.

    Args:
        proved: Receives the number of a frame with usage, and whether it counts.
    """

    def __init__(self, proved: Callable[[int, Proof], None]) -> None:
        self._report = Report(proved)
        self._in_response = False
        self._latest: LLMTokenUsage | None = None

    def read(self, processor: Any, frame: Frame) -> None:
        """Read a frame that the service is about to push."""
        if not isinstance(frame, MetricsFrame):
            self._settle(Proof.TRUE)
            self._in_response = isinstance(frame, LLMFullResponseStartFrame)
        elif len(frame.data) == 1 and frame.data[0].processor == processor.name:
            match frame.data[0]:
                case LLMUsageMetricsData(value=usage):
                    self._add_report(frame.id, usage)
                case ProcessingMetricsData():
                    self._settle(Proof.TRUE)

    def _add_report(self, number: int, usage: LLMTokenUsage) -> None:
        if self._latest is not None:
            self._settle(Proof.FALSE if _contains(usage, self._latest) else Proof.TRUE)
        if self._in_response:
            self._latest = usage
            self._report.open(number)

    def _settle(self, proof: Proof) -> None:
        self._latest = None
        self._report.settle(proof)


def reads(kind: type[Frame]) -> bool:
    """True if frames of a class bear on the usage of an answer."""
    return issubclass(kind, (MetricsFrame, LLMFullResponseStartFrame, *_OVER))


def _contains(usage: LLMTokenUsage, earlier: LLMTokenUsage) -> bool:
    # Another inference of the same answer has another prompt.
    return usage.prompt_tokens == earlier.prompt_tokens > 0 and usage.completion_tokens >= earlier.completion_tokens
