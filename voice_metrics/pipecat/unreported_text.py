"""Characters that voices are sent and that nobody reports.

Of a voice that takes token by token, Pipecat drops what it has not reported yet at an interruption and a cancellation
(1.3.0 to 1.14.0, `tts_service.py`). A few of its voices, such as Deepgram's over a WebSocket, report no usage at all.
Those over HTTP report a text when the provider has taken it, or behind its audio, and so not at all if an interruption
cuts the request off; a few report it before, and so too if the provider refuses it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType
from typing import Any

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InterruptionFrame,
    MetricsFrame,
    StopFrame,
    TTSAudioRawFrame,
)
from pipecat.metrics.metrics import ProcessingMetricsData, TTSUsageMetricsData

from voice_metrics.call.facts import Leg
from voice_metrics.call.proofs import Proof, Report
from voice_metrics.pipecat.answer_frames import leg_of
from voice_metrics.pipecat.conversation_frames import shared_id
from voice_metrics.pipecat.endings import ENDS
from voice_metrics.pipecat.pushes import Pushes
from voice_metrics.pipecat.services import services_in
from voice_metrics.pipecat.workers import is_a

_ENDS_AND_REPORTS = (CancelFrame, EndFrame, ErrorFrame, MetricsFrame, StopFrame)
# A voice with this base hands a text on, and reports it at once.
_HANDS_ON = "WebsocketTTSService"
# In an error about a speech without audio, whose texts were taken; since 1.8.
_SILENT = "completed with no audio"
# In an error of a voice without reports that could not send its text (1.3.0 to 1.14.0).
_NOT_SENT = ("Unknown error occurred", "client unavailable")
# Pipecat's base classes of voices have the method that reports usage, and leave it to each voice to call it.
_BASES = (
    "pipecat.processors.",
    "pipecat.services.ai_service",
    "pipecat.services.tts_service",
    "pipecat.services.websocket_service",
    "pipecat.utils.",
)
_Measured = Callable[[Frame], None]


class UnreportedText:
    """Listens to such voices, once each, for as long as they live.

    Args:
        measured: Receives a MetricsFrame as the voice should have sent it, on the event loop.
        proved: Receives the number of a frame with characters, and whether they count.
        faulted: Receives where a fault arose, and the fault.
        pushes: Listens to what they push.
    """

    def __init__(
        self,
        measured: _Measured,
        proved: Callable[[int, Proof], None],
        faulted: Callable[[str, Exception], None],
        pushes: Pushes,
    ) -> None:
        self._measured = measured
        self._proved = proved
        self._faulted = faulted
        self._pushes = pushes
        self._known: set[int] = set()

    def listen(self, processors: Iterable[Any]) -> None:
        """Listen to the voices among the processors that are new, unless all their characters are reported."""
        for processor in processors:
            if processor.id in self._known or leg_of(processor) is not Leg.TTS:
                continue
            self._known.add(processor.id)
            if getattr(processor, "_is_streaming_tokens", False):
                processor.add_event_handler("on_before_process_frame", self._report_dropped_tokens)
            elif not reports_usage(type(processor)):
                self._count(processor, _SentText(self._measured, self._faulted))
            elif _made_by_pipecat(type(processor)) and not is_a(processor, _HANDS_ON):
                self._count(processor, _Request(self._measured, self._proved, self._faulted))

    def _count(self, voice: Any, texts: _SentText | _Request) -> None:
        voice.add_event_handler("on_tts_request", texts.add)
        self._pushes.listen(voice, texts.read, lambda kind: issubclass(kind, texts.reads))

    def _report_dropped_tokens(self, voice: Any, frame: Frame) -> None:
        if not isinstance(frame, (InterruptionFrame, CancelFrame)):
            return
        try:
            _report(voice, {_model_of(voice): len(getattr(voice, "_streamed_text", ""))}, self._measured)
        except Exception as fault:
            self._faulted(type(frame).__name__, fault)


class _SentText:
    """The texts sent to one voice; they count once the voice gives audio or is told to stop."""

    reads = (*_ENDS_AND_REPORTS, InterruptionFrame, TTSAudioRawFrame)

    def __init__(self, measured: _Measured, faulted: Callable[[str, Exception], None]) -> None:
        self._measured = measured
        self._faulted = faulted
        self._texts: list[tuple[str | None, int]] = []
        self._voice_reports = False

    def add(self, voice: Any, context_id: str, text: str) -> None:
        """Add a text that is about to be sent, with the model that speaks it."""
        try:
            # Pipecat sends nothing to a voice that can no longer work.
            if not self._voice_reports and getattr(voice, "is_usable", True):
                self._texts.append((_model_of(voice), len(text)))
        except Exception as fault:
            self._faulted("on_tts_request", fault)

    def read(self, voice: Any, frame: Frame) -> None:
        """Read a frame that the voice is about to push."""
        if isinstance(frame, ErrorFrame):
            if frame.processor is voice and str(frame.error).startswith(_NOT_SENT):
                del self._texts[-1:]
            return
        if isinstance(frame, MetricsFrame):
            # The application may report in its place.
            self._voice_reports = self._voice_reports or _has_usage_of(voice, frame)
            if not self._voice_reports:
                return
        texts, self._texts = self._texts, []
        # Of many chunks of audio for a text, the first counts it.
        if texts and not self._voice_reports:
            characters: Counter[str | None] = Counter()
            for model, length in texts:
                characters[model] += length
            _report(voice, characters, self._measured)


class _Request:
    """The text that one voice works on, which it reports once, early or late, unless an interruption cuts it off.

    The voice works on one text after the other, so the next text or the end of the call shows that nothing more comes.
    """

    reads = (*_ENDS_AND_REPORTS, InterruptionFrame, TTSAudioRawFrame)

    def __init__(
        self,
        measured: _Measured,
        proved: Callable[[int, Proof], None],
        faulted: Callable[[str, Exception], None],
    ) -> None:
        self._measured = measured
        self._faulted = faulted
        # Its length by its model; empty without one, or once it is reported or refused.
        self._text: dict[str | None, int] = {}
        self._is_open = self._is_over = self._is_cut = False
        # Number of the frame that ended the latest work.
        self._ended = 0
        # Of a text without audio so far.
        self._report = Report(proved)

    def add(self, voice: Any, context_id: str, text: str) -> None:
        """Settle the former text, and keep one that is about to be sent."""
        try:
            if self._is_over:
                return
            self._settle(voice)
            if getattr(voice, "is_usable", True):
                self._text, self._is_open = {_model_of(voice): len(text)}, True
        except Exception as fault:
            self._faulted("on_tts_request", fault)

    def read(self, voice: Any, frame: Frame) -> None:
        """Read a frame that the voice is about to push."""
        match frame:
            case MetricsFrame():
                self._read_metrics(voice, frame)
            case TTSAudioRawFrame():
                self._report.settle(Proof.TRUE)
            case ErrorFrame() if frame.processor in (voice, None):
                self._text = {}
                self._report.settle(Proof.TRUE if _SILENT in str(frame.error) else Proof.FALSE)
            case ErrorFrame():
                pass
            case InterruptionFrame() | CancelFrame():
                # The work that it ends, ends behind it.
                self._is_cut = self._is_cut or self._is_open or self._ended > shared_id(frame)
                self._report.settle(Proof.TRUE)
        if isinstance(frame, ENDS):
            self._settle(voice)

    def _read_metrics(self, voice: Any, frame: MetricsFrame) -> None:
        if _has_usage_of(voice, frame):
            self._report.settle(Proof.TRUE)
            self._text = {}
            self._report.open(frame.id)
            self._expect_late_beginning()
        elif any(isinstance(item, ProcessingMetricsData) and item.processor == voice.name for item in frame.data):
            self._expect_late_beginning()
            self._is_open, self._ended = False, frame.id

    def _expect_late_beginning(self) -> None:
        # Pipecat runs `add` as a task, before which a voice may have reported the text, or may be done with it.
        if not self._is_open:
            self._is_over = True
            asyncio.get_running_loop().call_soon(self._begin_in_time)

    def _begin_in_time(self) -> None:
        self._is_over = False

    def _settle(self, voice: Any) -> None:
        self._report.settle(Proof.TRUE)
        text, is_cut = self._text, self._is_cut
        self._text, self._is_open, self._is_cut = {}, False, False
        if is_cut:
            _report(voice, text, self._measured)


def _has_usage_of(voice: Any, frame: MetricsFrame) -> bool:
    return any(isinstance(item, TTSUsageMetricsData) and item.processor == voice.name for item in frame.data)


def reports_usage(kind: type) -> bool:
    """True unless a voice of Pipecat's has no method that reports its usage; the application's own may never do so."""
    if not _made_by_pipecat(kind):
        return True
    members = (inspect.unwrap(member) for base in _made(kind) for member in vars(base).values() if callable(member))
    return any("start_tts_usage_metrics" in _names(each.__code__) for each in members if inspect.isfunction(each))


def _made_by_pipecat(kind: type) -> bool:
    """True for a voice of Pipecat's, or one that the application makes of it."""
    return any(base.__module__.startswith("pipecat.") for base in _made(kind))


def _made(kind: type) -> list[type]:
    return [base for base in kind.__mro__ if not base.__module__.startswith(_BASES)]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _model_of(voice: Any) -> str | None:
    (service,) = services_in((voice,))
    return service.model


def _report(voice: Any, characters: Mapping[str | None, int], measured: _Measured) -> None:
    if any(characters.values()) and voice.usage_metrics_enabled and voice.can_generate_metrics():
        items = (TTSUsageMetricsData(processor=voice.name, model=each, value=characters[each]) for each in characters)
        measured(MetricsFrame(data=[item for item in items if item.value]))
