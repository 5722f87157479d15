"""The outputs of services that hear and speak, which show whether their latencies are true.

When such a service drops its connection, at the end of a call or to connect again, Pipecat reports the time so far of
an open question as its TTFB and processing time. A true first byte is followed by the output that it measures.

Some start the measurement when Pipecat ends the caller's turn, and end it with the next audio (Gemini Live, Ultravox).
That is no first byte if the answer had begun before, if the model called a function meanwhile, whose time it contains,
or if the caller's next turn began meanwhile.
"""

from __future__ import annotations

import math
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
    UserStartedSpeakingFrame,
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
_OTHER = (FunctionCallsStartedFrame, UserStartedSpeakingFrame)


class FirstOutputs:
    """Judges the latencies of one service by the outputs that follow them.

    Args:
        proved: Receives the number of a frame with latencies, and their proof.
        clock: Monotonic seconds.
    """

    def __init__(self, proved: Callable[[int, Proof], None], clock: Callable[[], float]) -> None:
        self._proved = proved
        self._clock = clock
        # What each proves to be if an output follows.
        self._open: dict[int, Proof] = {}
        self._awaits_output = False
        # First output of the response under way, or `None`.
        self._output_at: float | None = None
        # The latest function call, or turn of the caller.
        self._other_at = -math.inf

    def read(self, processor: Any, frame: Frame) -> None:
        """Read a frame that the service is about to push."""
        if isinstance(frame, MetricsFrame):
            self._await_proof(processor, frame)
            return
        self._note_moment(frame)
        if isinstance(frame, UserStartedSpeakingFrame):
            return
        if self._open and isinstance(frame, _CUT):
            self._settle(is_followed=False)
        elif self._open and not (self._awaits_output and isinstance(frame, _DONE)):
            self._settle(is_followed=True)

    def _note_moment(self, frame: Frame) -> None:
        if isinstance(frame, _OUTPUT):
            if self._output_at is None:
                self._output_at = self._clock()
            return
        if isinstance(frame, _OTHER):
            self._other_at = self._clock()
        if isinstance(frame, (*_DONE, *_CUT)):
            self._output_at = None

    def _await_proof(self, processor: Any, frame: MetricsFrame) -> None:
        items = [item for item in frame.data if item.processor == processor.name]
        first_byte = next((item for item in items if isinstance(item, TTFBMetricsData)), None)
        if first_byte is not None:
            if self._awaits_output:
                self._settle(is_followed=False)
            self._awaits_output = True
        elif not any(isinstance(item, ProcessingMetricsData) for item in items):
            return
        is_void = first_byte is not None and not self._is_of_request(first_byte.value)
        self._open[frame.id] = Proof.VOID if is_void else Proof.TRUE
        self._proved(frame.id, Proof.OPEN)

    def _is_of_request(self, seconds: float) -> bool:
        began_at = self._clock() - seconds
        return began_at > self._other_at and (self._output_at is None or began_at <= self._output_at)

    def _settle(self, *, is_followed: bool) -> None:
        settled, self._open, self._awaits_output = self._open, {}, False
        for number, proof in settled.items():
            self._proved(number, proof if is_followed else Proof.FALSE)


def reads(kind: type[Frame]) -> bool:
    """True if frames of a class bear on the proof of a latency."""
    return issubclass(kind, (MetricsFrame, *_OUTPUT, *_DONE, *_OTHER, *_CUT))
