"""The making of an answer, read at its origin: models and voices at work, and the transcript of a turn.

A model's frames end in the voice, and a voice's reach the output late, so both are read as their processor pushes them.
Pipecat calls a listener for each frame that passes a processor, the caller's audio too, in 2 to 5 microseconds. If one
voice speaks and its frames pass in time, they are read where they pass. Any other frame costs one look-up by its class.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    FunctionCallCancelFrame,
    FunctionCallInProgressFrame,
    FunctionCallResultFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMMarkerFrame,
    LLMTextFrame,
    OutputDTMFFrame,
    OutputDTMFUrgentFrame,
    SpeechOutputAudioRawFrame,
    TextFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)

from voice_metrics.call.events import (
    CallerIdle,
    KeyPressed,
    ModelEnded,
    ModelSpoke,
    ModelStarted,
    ModelWaits,
    ModelWrote,
    ReplyEnded,
    ReplyStarted,
    SentencesLost,
    SpeechStarted,
    SpeechStreamed,
    TurnHeard,
)
from voice_metrics.call.facts import Leg
from voice_metrics.call.incoming import Event
from voice_metrics.call.playout import Playout
from voice_metrics.pipecat.conversation_frames import event
from voice_metrics.pipecat.pushes import Pushes
from voice_metrics.pipecat.responses import is_duplex
from voice_metrics.pipecat.services import services_in
from voice_metrics.pipecat.workers import is_a, is_bridge, processors_of, worker_of

_Happened = Callable[[Event, Any], None]
# Types of text: that of a `BotBackchannelFrame`, since 1.13.0, and of a model's single tokens.
_BACKCHANNEL, _TOKEN = "backchannel", "token"
# A provider that hears the caller itself stops later than an interruption that Pipecat's detector causes.
REST_SECONDS = 0.25
# Services end the piece that an interruption cuts off just before they pass it on.
_CUT_SECONDS = 0.02


class _Steps(dict[type, "Callable[[_AnswerReader, Any, Any], None] | None"]):
    """The step for each class of frames, by that class or its nearest base; `None` for classes that are not read."""

    def __missing__(self, kind: type) -> Callable[[_AnswerReader, Any, Any], None] | None:
        step = self[kind] = next((self[base] for base in kind.__mro__[1:] if self.get(base)), None)
        return step


class _AnswerReader:
    """Turns the frames that a model or a voice pushes into events."""

    def __init__(
        self,
        happened: _Happened,
        steps: _Steps,
        clock: Callable[[], float],
        *,
        voice: Any = None,
        voiceless: bool = False,
        modelless: bool = False,
        duplex: bool = False,
    ) -> None:
        self._voice = voice
        self._happened = happened
        self._steps = steps
        self._clock = clock
        self._voiceless = voiceless
        self._modelless = modelless
        self._duplex = duplex
        self._is_modelled = self._in_response = False
        self._has_spoken = self._has_written = self._has_streamed = False
        # The voice has begun nothing of the reply under way.
        self._reply_is_empty = False
        self._in_reply = self._in_piece = self._is_unannounced = self._reply_waits = False
        # The voice's context of the latest one, and of the latest piece of speech.
        self._backchannel: str | None = None
        self._piece: str | None = None
        self._piece_ended_at = -math.inf
        self._cut_at: float | None = None
        self._playout = Playout()

    def read(self, processor: Any, frame: Frame) -> None:
        """Read a frame that the processor is about to push."""
        if step := self._steps[type(frame)]:
            step(self, processor, frame)

    def model_started(self, processor: Any, frame: Frame) -> None:
        if self._duplex and self._in_response:
            # Of services that hear and speak some announce a response, and each item of it, and end it once.
            self._happened(ModelEnded(), processor)
        self._has_spoken = self._has_written = False
        self._in_response = True
        self._happened(ModelStarted(), processor)

    def model_spoke(self, processor: Any, frame: Any) -> None:
        if self._has_spoken or (self._has_written and frame.skip_tts):
            return
        if not frame.skip_tts and frame.text.strip():
            self._has_spoken = True
            self._happened(ModelSpoke(), processor)
        # Pipecat's marks of complete and incomplete turns (✓ ○ ◐) are not spoken either.
        if (frame.skip_tts or self._voiceless) and any(map(str.isalnum, frame.text)):
            self._has_written = True
            self._happened(ModelWrote(), processor)

    def model_marked(self, processor: Any, frame: Any) -> None:
        # The mark of an unfinished turn (◐ ○) is the whole answer, that of a complete one goes before its text.
        if frame.append_to_context_immediately:
            self._happened(ModelWaits(), processor)

    def model_ended(self, processor: Any, frame: Frame) -> None:
        self._in_response = False
        self._happened(ModelEnded(), processor)

    def reply_started(self, processor: Any, frame: Any) -> None:
        if frame.skip_tts:
            return
        if self._modelless:
            self._is_modelled = True
            self._happened(ModelStarted(), processor)
        # On Pipecat 1.3 a reply passes a voice that still makes the reply before.
        self._reply_waits = self._in_reply and self._in_piece
        if not self._reply_waits:
            self._begin_reply(processor)

    def _begin_reply(self, processor: Any) -> None:
        self._in_reply = self._reply_is_empty = True
        self._playout.reply_started()
        self._happened(ReplyStarted(), processor)

    def reply_ended(self, processor: Any, frame: Any) -> None:
        if frame.skip_tts:
            return
        self._in_reply = False
        self._report_lost(self._playout.reply_ended(), processor)
        self._happened(ReplyEnded(self._reply_is_empty), processor)
        self._end_model(processor)
        if self._reply_waits:
            self._reply_waits = False
            self._begin_reply(processor)

    def text_passed(self, processor: Any, frame: Any) -> None:
        # A step of an `IVRNavigator`, such as to wait for more of a machine's menu.
        if type(frame) is TextFrame and frame.skip_tts and any(map(str.isalnum, frame.text)):
            self._happened(ModelWrote(), processor)

    def speech_started(self, processor: Any, frame: Any) -> None:
        is_announced_late, self._is_unannounced = self._in_piece and self._is_unannounced, False
        if is_announced_late:
            return
        self._has_streamed = self._reply_is_empty = False
        self._in_piece, self._piece = True, frame.context_id
        is_backchannel = self._backchannel is not None and self._piece == self._backchannel
        self._piece_started(
            is_backchannel or self._is_rest(), is_kept=not getattr(frame, "interruptible", True), processor=processor
        )

    def _piece_started(self, is_backchannel: bool, *, is_kept: bool, processor: Any) -> None:
        self._playout.piece_started(is_apart=is_backchannel, is_kept=is_kept)
        self._happened(SpeechStarted(is_backchannel, is_kept), processor)

    def sentence_started(self, processor: Any, frame: Any) -> None:
        if type(frame) is not AggregatedTextFrame or not frame.context_id or frame.skip_tts:
            return
        self._reply_is_empty = False
        kind = getattr(frame, "text_type", None) or getattr(frame, "aggregated_by", None)
        if kind == _TOKEN:
            return
        if kind == _BACKCHANNEL:
            self._backchannel = frame.context_id
            if self._piece == self._backchannel:
                # A voice that is sent single tokens announces them behind the start.
                self._piece_started(True, is_kept=True, processor=processor)
        self._playout.sentence_started(hash(frame.text.strip()))

    def sentence_ended(self, processor: Any, frame: Any) -> None:
        if frame.pts:
            return  # a word, which may be known before its audio
        # True once such a voice made audio (Pipecat 1.3.0 and 1.14.0, tts_service.py).
        if getattr(processor or self._voice, "_is_yielding_frames_synchronously", False):
            self._playout.text_follows = True
        self._playout.sentence_ended(hash(frame.text.strip()))

    def speech_streamed(self, processor: Any, frame: Frame) -> None:
        if not self._has_streamed:
            self._has_streamed = True
            self._happened(SpeechStreamed(), processor)

    def speech_made(self, processor: Any, frame: Any) -> None:
        if self._duplex and not self._in_piece:
            # OpenAI's and Grok's services announce no piece while the one before is heard, and then in its middle.
            self._in_piece = self._is_unannounced = True
            self._piece_started(self._is_rest(), is_kept=False, processor=processor)
        self.read_audio(frame)

    def _is_rest(self) -> bool:
        """True for audio of an answer that an interruption has cut off."""
        return self._duplex and self._cut_at is not None and self._clock() - self._cut_at <= REST_SECONDS

    def read_audio(self, frame: Any) -> None:
        """Add a frame of speech to the playout; report the first of a piece, or one that is late."""
        seconds = len(frame.audio) / (2 * frame.num_channels * frame.sample_rate)
        if made := self._playout.made(seconds, self._clock()):
            self._happened(made, None)

    def speech_ended(self, processor: Any, frame: Frame) -> None:
        self._in_piece, self._piece_ended_at = False, self._clock()
        self._happened(self._playout.piece_ended(), processor)

    def interrupted(self, processor: Any, frame: Frame) -> None:
        if self._in_piece or self._clock() - self._piece_ended_at <= _CUT_SECONDS:
            self._cut_at = self._clock()
        if self._duplex and self._in_response:
            # Gemini's service ends no response that is cut off.
            self.model_ended(processor, frame)
        self._reply_is_empty = self._in_reply = self._in_piece = self._reply_waits = False
        self._report_lost(self._playout.interrupted(self._clock()), processor)
        self._end_model(processor)

    def _report_lost(self, sentences: int, processor: Any) -> None:
        if sentences:
            self._happened(SentencesLost(sentences), processor)

    def _end_model(self, processor: Any) -> None:
        if self._is_modelled:
            self._is_modelled = False
            self._happened(ModelEnded(), processor)

    def key_pressed(self, processor: Any, frame: Frame) -> None:
        self._happened(KeyPressed(), processor)

    def function_called(self, processor: Any, frame: Frame) -> None:
        self._playout.function_called()
        self.function_call_changed(processor, frame)

    def function_call_changed(self, processor: Any, frame: Frame) -> None:
        if found := event(frame, processor):
            self._happened(found, processor)


_Step = Callable[["_AnswerReader", Any, Any], None]
_KEYS: dict[type, _Step] = dict.fromkeys((OutputDTMFFrame, OutputDTMFUrgentFrame), _AnswerReader.key_pressed)
_SPEECH: dict[type, _Step] = {
    **_KEYS,
    TTSStartedFrame: _AnswerReader.speech_started,
    TTSAudioRawFrame: _AnswerReader.speech_made,
    SpeechOutputAudioRawFrame: _AnswerReader.speech_streamed,
    TTSStoppedFrame: _AnswerReader.speech_ended,
    AggregatedTextFrame: _AnswerReader.sentence_started,
    TTSTextFrame: _AnswerReader.sentence_ended,
    InterruptionFrame: _AnswerReader.interrupted,
}
_VOICE: dict[type, _Step] = {
    LLMFullResponseStartFrame: _AnswerReader.reply_started,
    LLMFullResponseEndFrame: _AnswerReader.reply_ended,
    TextFrame: _AnswerReader.text_passed,
}
_FUNCTIONS: dict[type, _Step] = {
    FunctionCallInProgressFrame: _AnswerReader.function_called,
    FunctionCallResultFrame: _AnswerReader.function_call_changed,
    FunctionCallCancelFrame: _AnswerReader.function_call_changed,
}
_MODEL: dict[type, _Step] = {
    **_KEYS,
    LLMFullResponseStartFrame: _AnswerReader.model_started,
    LLMTextFrame: _AnswerReader.model_spoke,
    LLMMarkerFrame: _AnswerReader.model_marked,
    LLMFullResponseEndFrame: _AnswerReader.model_ended,
    **_FUNCTIONS,
}
# A model that speaks makes both.
_STEPS = {Leg.LLM: _Steps({**_MODEL, **_SPEECH}), Leg.TTS: _Steps({**_VOICE, **_SPEECH})}
_WITHOUT_SPEECH = {Leg.LLM: _Steps(_MODEL)}
_WITHOUT_ANSWERS = {Leg.LLM: _Steps(_FUNCTIONS)}


def speech_reader(voice: Any, happened: _Happened, clock: Callable[[], float], *, modelless: bool) -> _AnswerReader:
    """Return a reader of a voice's frames, for the place where they pass.

    Args:
        voice: The voice.
        happened: Receives each event and the processor, synchronously.
        clock: Monotonic seconds.
        modelless: True if the start and end of a reply show the work of a model, because the pipeline has no service.
    """
    return _AnswerReader(happened, _STEPS[Leg.TTS], clock, voice=voice, modelless=modelless)


def bears_on_speech(kind: type[Frame]) -> bool:
    """True if a voice's speech is read from frames of a class."""
    return _STEPS[Leg.TTS][kind] is not None


def leg_of(processor: Any) -> Leg | None:
    """Return a service's leg, that of a model for a bridge to other workers; `None` for any other processor."""
    # A model in another worker is heard where its frames enter this one's pipeline.
    if is_bridge(processor):
        return Leg.LLM
    return next((service.leg for service in services_in((processor,))), None)


def has_model(processors: Iterable[Any]) -> bool:
    """True if some processor is a language model's service, or may connect one that is."""
    return any(leg_of(one) is Leg.LLM for one in processors)


def has_voice(processors: Iterable[Any]) -> bool:
    """True if some processor speaks, or may connect one that does."""
    return any(leg_of(one) is Leg.TTS or is_bridge(one) or is_duplex(one) for one in processors)


def listen_to_maker(
    processor: Any,
    pushes: Pushes,
    happened: _Happened,
    clock: Callable[[], float],
    *,
    speech: bool = True,
    voiceless: bool = False,
    modelless: bool = False,
    answers: bool = True,
) -> None:
    """Listen to a processor that makes answers or parts of them; ignore any other.

    Args:
        processor: Any processor.
        pushes: Listens to what it pushes.
        happened: Receives each event and the processor, synchronously, in the processor's task.
        clock: Monotonic seconds.
        speech: False if its speech is read where it passes.
        voiceless: True if its text is read, because the pipeline has no voice.
        modelless: True if the start and end of a reply show the work of a model, because the pipeline has no service.
        answers: False if the caller hears nothing of it, so that only its function calls are read.
    """
    steps_of = (_STEPS if speech else _WITHOUT_SPEECH) if answers else _WITHOUT_ANSWERS
    steps = steps_of.get(leg_of(processor) or Leg.OTHER)
    if steps is not None:
        reader = _AnswerReader(
            happened, steps, clock, voiceless=voiceless, modelless=modelless, duplex=is_duplex(processor)
        )
        pushes.listen(processor, reader.read, lambda kind: steps[kind] is not None)


def listen_to_turns(processor: Any, happened: _Happened) -> bool:
    """Listen to a user aggregator's turns; return True if the processor is one, and so announces turns.

    Args:
        processor: Any processor.
        happened: Receives each event and the processor, on the event loop.
    """
    if not is_a(processor, "LLMUserAggregator"):
        return False

    def report_turn(aggregator: Any, strategy: Any, message: Any) -> None:
        # A model that hears the caller itself gives its transcript later, or never: `None`, or no words yet.
        content = message.content
        if isinstance(content, str) and ((words := bool(content.strip())) or _transcribes(aggregator)):
            happened(TurnHeard(words), aggregator)

    processor.add_event_handler("on_user_turn_stopped", report_turn)
    processor.add_event_handler("on_user_turn_idle", lambda aggregator: happened(CallerIdle(), aggregator))
    return True


def _transcribes(aggregator: Any) -> bool:
    """True if a recogniser stands in the aggregator's pipeline."""
    pipeline = getattr(worker_of(aggregator), "pipeline", None)
    return any(service.leg is Leg.STT for service in services_in(processors_of(pipeline)))
