"""Requests that a language model on a WebSocket makes again within one response, and what it reports of those before.

Pipecat reports the time so far as TTFB and processing time when such a model gives a request up and connects again, or
finds its connection dead at the start of a response.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    FunctionCallsStartedFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    LLMThoughtStartFrame,
    MetricsFrame,
)
from pipecat.metrics.metrics import ProcessingMetricsData, TTFBMetricsData

from voice_metrics.call.proofs import Proof, Report
from voice_metrics.pipecat.endings import ENDS
from voice_metrics.pipecat.service_metrics import CUTS
from voice_metrics.pipecat.workers import is_a

_OUTPUT = (LLMTextFrame, LLMThoughtStartFrame, FunctionCallsStartedFrame)
_OVER: tuple[type[Frame], ...] = (LLMFullResponseStartFrame, LLMFullResponseEndFrame, *CUTS, *ENDS)


def repeats_requests(processor: Any) -> bool:
    """True if a language model may make a request again within one response."""
    return is_a(processor, "WebsocketLLMService")


class Attempts:
    """Judges the latencies of one service: of those that repeat each other in a response, the last count.

    Args:
        proved: Receives the number of a frame with latencies, and their proof.
        went_on: Called when a response goes on behind its reported processing time.
    """

    def __init__(self, proved: Callable[[int, Proof], None], went_on: Callable[[], None]) -> None:
        self._went_on = went_on
        self._first_byte, self._processing = Report(proved), Report(proved)

    def read(self, processor: Any, frame: Frame) -> None:
        """Read a frame that the service is about to push."""
        match frame:
            case MetricsFrame():
                kinds = {type(item) for item in frame.data if item.processor == processor.name}
                if TTFBMetricsData in kinds:
                    self._settle(first_byte=Proof.FALSE, processing=Proof.FALSE)
                    self._first_byte.open(frame.id)
                elif ProcessingMetricsData in kinds:
                    self._processing.open(frame.id)
            case _ if isinstance(frame, _OVER):
                self._settle(first_byte=Proof.TRUE, processing=Proof.TRUE)
            case _:
                self._settle(first_byte=Proof.TRUE, processing=Proof.FALSE)

    def _settle(self, *, first_byte: Proof, processing: Proof) -> None:
        if self._processing.is_open and processing is Proof.FALSE:
            self._went_on()
        self._first_byte.settle(first_byte)
        self._processing.settle(processing)


def reads(kind: type[Frame]) -> bool:
    """True if frames of a class bear on the proof of a latency."""
    return issubclass(kind, (MetricsFrame, ErrorFrame, *_OUTPUT, *_OVER))
