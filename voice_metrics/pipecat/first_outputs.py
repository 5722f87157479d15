"""The outputs of services that hear and speak, which show whether their latencies are true.

When such a service drops its connection, at the end of a call or to connect again, Pipecat reports the time so far of
an open question as its TTFB and processing time. A true first byte is followed by the output that it measures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipecat.frames.frames import (
    Frame,
    FunctionCallsStartedFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    LLMThoughtStartFrame,
    MetricsFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)
from pipecat.metrics.metrics import ProcessingMetricsData, TTFBMetricsData

from voice_metrics.call.proofs import Proof
from voice_metrics.pipecat.endings import ENDS
from voice_metrics.pipecat.service_metrics import CUTS

_CUT = (*CUTS, *ENDS)
_OUTPUT = (
    LLMTextFrame,
    LLMThoughtStartFrame,
    TTSStartedFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
# A response that ends has a true processing time, with or without an output.
_DONE = (LLMFullResponseEndFrame, TTSStoppedFrame, FunctionCallsStartedFrame)


class FirstOutputs:
    """Judges the latencies of one service by the outputs that follow them.

    Args:
        proved: Receives the number of a frame with latencies, and their proof.
    """

    def __init__(self, proved: Callable[[int, Proof], None]) -> None:
        self._proved = proved
        self._open: list[int] = []
        self._awaits_output = False

    def read(self, processor: Any, frame: Frame) -> None:
        """Read a frame that the service is about to push."""
        if isinstance(frame, MetricsFrame):
            self._await_proof(processor, frame)
        elif self._open and isinstance(frame, _CUT):
            self._settle(Proof.FALSE)
        elif self._open and not (self._awaits_output and isinstance(frame, _DONE)):
            self._settle(Proof.TRUE)

    def _await_proof(self, processor: Any, frame: MetricsFrame) -> None:
        kinds = {type(item) for item in frame.data if item.processor == processor.name}
        if TTFBMetricsData in kinds:
            if self._awaits_output:
                self._settle(Proof.FALSE)
            self._awaits_output = True
        elif ProcessingMetricsData not in kinds:
            return
        self._open.append(frame.id)
        self._proved(frame.id, Proof.OPEN)

    def _settle(self, proof: Proof) -> None:
        settled, self._open, self._awaits_output = self._open, [], False
        for number in settled:
            self._proved(number, proof)


def reads(kind: type[Frame]) -> bool:
    """True if frames of a class bear on the proof of a latency."""
    return issubclass(kind, (MetricsFrame, *_OUTPUT, *_DONE, *_CUT))
