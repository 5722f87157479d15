"""Characters that voices are sent and that nobody reports.

Of a voice that takes token by token, Pipecat drops what it has not reported yet at an interruption and a cancellation
(1.3.0 to 1.14.0, `tts_service.py`). A few of its voices, such as Deepgram's over a WebSocket, report no usage at all.
One reports a text behind its audio, and so not at all if an interruption cuts it off.
"""

from __future__ import annotations

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
from pipecat.metrics.metrics import TTSUsageMetricsData

from voice_metrics.call.facts import Leg
from voice_metrics.pipecat.answer_frames import leg_of
from voice_metrics.pipecat.pushes import Pushes
from voice_metrics.pipecat.services import services_in
from voice_metrics.pipecat.workers import is_a

_ENDS_AND_REPORTS = (CancelFrame, EndFrame, ErrorFrame, MetricsFrame, StopFrame)
# Reports behind the audio (1.3.0 to 1.14.0).
_REPORTS_LATE = "InworldHttpTTSService"
# In an error of such a voice that could not send its text (1.3.0 to 1.14.0).
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
        faulted: Receives where a fault arose, and the fault.
        pushes: Listens to what they push.
    """

    def __init__(self, measured: _Measured, faulted: Callable[[str, Exception], None], pushes: Pushes) -> None:
        self._measured = measured
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
            elif is_a(processor, _REPORTS_LATE):
                self._count(processor, _LateReports(self._measured, self._faulted))

    def _count(self, voice: Any, texts: _SentText | _LateReports) -> None:
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


class _LateReports:
    """The text that one voice works on and reports at its end; an interruption that cuts it off leaves it unreported.

    The voice works on one text after the other, so the next text or the end of the call shows that nothing more comes.
    """

    reads = _ENDS_AND_REPORTS

    def __init__(self, measured: _Measured, faulted: Callable[[str, Exception], None]) -> None:
        self._measured = measured
        self._faulted = faulted
        # Its length by its model; empty without one.
        self._text: dict[str | None, int] = {}

    def add(self, voice: Any, context_id: str, text: str) -> None:
        """Report the former text, if the voice has not, and keep one that is about to be sent."""
        try:
            self._settle(voice)
            if getattr(voice, "is_usable", True):
                self._text = {_model_of(voice): len(text)}
        except Exception as fault:
            self._faulted("on_tts_request", fault)

    def read(self, voice: Any, frame: Frame) -> None:
        """Read a frame that the voice is about to push."""
        if isinstance(frame, MetricsFrame):
            if _has_usage_of(voice, frame):
                self._text = {}
        elif isinstance(frame, ErrorFrame):
            if frame.processor in (voice, None):
                self._text = {}
        else:
            self._settle(voice)

    def _settle(self, voice: Any) -> None:
        text, self._text = self._text, {}
        _report(voice, text, self._measured)


def _has_usage_of(voice: Any, frame: MetricsFrame) -> bool:
    return any(isinstance(item, TTSUsageMetricsData) and item.processor == voice.name for item in frame.data)


def reports_usage(kind: type) -> bool:
    """True unless a voice of Pipecat's has no method that reports its usage; the application's own may never do so."""
    made = [base for base in kind.__mro__ if not base.__module__.startswith(_BASES)]
    if not any(base.__module__.startswith("pipecat.") for base in made):
        return True
    members = (inspect.unwrap(member) for base in made for member in vars(base).values() if callable(member))
    return any("start_tts_usage_metrics" in _names(each.__code__) for each in members if inspect.isfunction(each))


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
