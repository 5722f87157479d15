"""The outputs of services that hear and speak, which show whether their latencies are true.

When such a service drops its connection, at the end of a call or to connect again, Pipecat reports the time so far of
an open question as its TTFB and processing time. A true first byte is followed by the output that it measures.

Some start the measurement when Pipecat ends the caller's turn, and end it with the next audio (Gemini Live, Ultravox).
That is no first byte if the answer had begun before, if the model called a function meanwhile, whose time it contains,
or if the caller's next turn began meanwhile.

Some end no measurement with a text (OpenAI, Grok), nor with a response without an output: they report it with the next
interruption, the end of the connection, or another response's output. The text was the first byte then.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from pipecat.frames.frames import (
    Frame,
    FunctionCallsStartedFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
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
# Between two reports.
_MOST_OUTPUTS = 50


class _Output(NamedTuple):
    """The first output of a response, behind its function calls.

    Parameters:
        at: Its moment.
        since: Moment after which its request began: the latest function call, turn of the caller, or empty response.
    """

    at: float
    since: float

    def answers(self, began_at: float) -> bool:
        """True if it is the first byte of a request that began at a moment."""
        return self.since < began_at < self.at


class _Report(NamedTuple):
    """Latencies that wait for their proof.

    Parameters:
        proof: What they prove to be if an output follows.
        late_seconds: Time to the first byte that came before them, or `None`.
    """

    proof: Proof
    late_seconds: float | None

    def settled(self, *, is_followed: bool) -> Proof:
        """Return what they prove to be; `is_followed` if an output follows."""
        if is_followed or self.proof is Proof.VOID:
            return self.proof
        return Proof.FALSE if self.late_seconds is None else Proof.VOID


class FirstOutputs:
    """Judges the latencies of one service by the outputs that follow them.

    Args:
        proved: Receives the number of a frame with latencies, and their proof.
        measured: Receives the seconds to a first byte that the service reports late.
        clock: Monotonic seconds.
    """

    def __init__(
        self, proved: Callable[[int, Proof], None], measured: Callable[[float], None], clock: Callable[[], float]
    ) -> None:
        self._proved = proved
        self._measured = measured
        self._clock = clock
        self._open: dict[int, _Report] = {}
        self._awaits_output = False
        # Output of the response under way, and those of the responses before, since the latest report.
        self._output: _Output | None = None
        self._earlier: deque[_Output] = deque(maxlen=_MOST_OUTPUTS)
        self._other_at = -math.inf
        self._is_begun = self._has_called = False

    def read(self, processor: Any, frame: Frame) -> None:
        """Read a frame that the service is about to push."""
        if isinstance(frame, MetricsFrame):
            self._await_proof(processor, frame)
            return
        self._note_moment(frame)
        if isinstance(frame, (UserStartedSpeakingFrame, LLMFullResponseStartFrame)):
            return
        if self._open and isinstance(frame, _CUT):
            self._settle(is_followed=False)
        elif self._open and not (self._awaits_output and isinstance(frame, _DONE)):
            self._settle(is_followed=True)

    def _note_moment(self, frame: Frame) -> None:
        if isinstance(frame, _OUTPUT):
            if self._output is None:
                self._output = _Output(self._clock(), self._other_at)
            return
        if isinstance(frame, LLMFullResponseStartFrame):
            self._is_begun = True
        elif isinstance(frame, LLMFullResponseEndFrame):
            # An interrupted response may end much later, and one with a function behind the start of the next (Grok).
            if self._is_begun and self._output is None and not self._has_called:
                self._other_at = self._clock()
            self._is_begun = self._has_called = False
        elif isinstance(frame, _CUT):
            self._is_begun = False
        elif isinstance(frame, _OTHER):
            self._other_at = self._clock()
            self._has_called = self._has_called or isinstance(frame, FunctionCallsStartedFrame)
        if self._output is not None and isinstance(frame, (LLMFullResponseEndFrame, FunctionCallsStartedFrame, *_CUT)):
            self._earlier.append(self._output)
            self._output = None

    def _await_proof(self, processor: Any, frame: MetricsFrame) -> None:
        items = [item for item in frame.data if item.processor == processor.name]
        first_byte, processing = (
            next((item for item in items if isinstance(item, kind)), None)
            for kind in (TTFBMetricsData, ProcessingMetricsData)
        )
        late_seconds = None
        if first_byte is not None:
            if self._awaits_output:
                self._settle(is_followed=False)
            self._awaits_output = True
            is_true, late_seconds = self._judge_first_byte(self._clock() - first_byte.value)
        elif processing is not None:
            is_true = not self._is_of_next_request(self._clock() - processing.value)
        else:
            return
        self._open[frame.id] = _Report(Proof.TRUE if is_true else Proof.VOID, late_seconds)
        self._proved(frame.id, Proof.OPEN)

    def _is_of_next_request(self, began_at: float) -> bool:
        """True if the end of a response with a function ended the measurement of the next (Grok, Inworld)."""
        return self._has_called and self._output is None and began_at > self._other_at

    def _judge_first_byte(self, began_at: float) -> tuple[bool, float | None]:
        """Judge a first byte of a request that began at a moment.

        Returns:
            True if it is the one of that request; the seconds to the true one that came before, or `None`.
        """
        earlier = next((output for output in self._earlier if output.at > began_at), None)
        self._earlier.clear()
        first = earlier or self._output
        late_seconds = first.at - began_at if first is not None and first.answers(began_at) else None
        is_first = earlier is None and (self._output is None or began_at <= self._output.at)
        return is_first and began_at > self._other_at, late_seconds

    def _settle(self, *, is_followed: bool) -> None:
        settled, self._open, self._awaits_output = self._open, {}, False
        for number, report in settled.items():
            proof = report.settled(is_followed=is_followed)
            self._proved(number, proof)
            if report.late_seconds is not None and proof is not Proof.TRUE:
                self._measured(report.late_seconds)


def reads(kind: type[Frame]) -> bool:
    """True if frames of a class bear on the proof of a latency."""
    return issubclass(kind, (MetricsFrame, LLMFullResponseStartFrame, *_OUTPUT, *_DONE, *_OTHER, *_CUT))
