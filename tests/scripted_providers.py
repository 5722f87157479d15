"""The scripted providers of a call: Pipecat's base classes, with the script in the place of a network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

from pipecat.audio.turn.base_turn_analyzer import BaseTurnAnalyzer, BaseTurnParams, EndOfTurnState
from pipecat.frames import frames as pipecat_frames
from pipecat.frames.frames import (
    BotStoppedSpeakingFrame,
    Frame,
    FunctionCallCancelFrame,
    FunctionCallFromLLM,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    MetricsFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import (
    LLMTokenUsage,
    MetricsData,
    ProcessingMetricsData,
    TTFBMetricsData,
    TurnMetricsData,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallParams, LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.utils import string as pipecat_string
from pipecat.utils.text.base_text_aggregator import Aggregation
from pipecat.utils.time import time_now_iso8601

from tests.scripts import Script, Tool, Truth, Turn

SAMPLE_RATE = 16000
CHUNK_SECONDS = 0.02
# A tone, since Pipecat looks for the onset of sound.
CHUNK = (b"\x00\x20" * 20 + b"\x00\xe0" * 20) * int(SAMPLE_RATE * CHUNK_SECONDS / 40)
GIVE_UP_SECONDS = 60.0
# After the reply was made: longer than latencies are held back.
BARGE_IN_SECONDS = 0.1
LATENCIES = (TTFBMetricsData, ProcessingMetricsData)
# Pipecat 1.3 leaves the caller without an answer when a function raises or runs out of time.
ANSWERS_FAILURES = "run_llm" in FunctionCallCancelFrame.__dataclass_fields__
# Pipecat gives up a peer that takes long to take a chunk.
GIVES_UP_WRITING = "audio_out_write_timeout_secs" in TransportParams.model_fields
# The category of errors that leave a service unusable, which a switcher of Pipecat 1.8 and later waits for.
PERMANENT = getattr(getattr(pipecat_frames, "ErrorCategory", None), "AUTHENTICATION", None)


class Bench:
    """What the scripted providers of one call share."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.truth = Truth()
        self.turns = {turn.says: turn for turn in script.turns}
        self.says = ""
        self.turn_is_complete = True
        self.recognition_fails = False
        self.silent_at: float | None = None
        self.caller_speaks = False
        self.sentences_to_make = 0
        self.reply_is_made = asyncio.Event()
        self.waits_to_be_cut_off = False
        self.bot_speaks = asyncio.Event()
        self.bot_is_quiet = asyncio.Event()
        self.bot_is_quiet.set()
        self.thinking = asyncio.Event()
        self.function_is_over = asyncio.Event()
        self.played: list[tuple[float, float]] = []

    def reported(self, processor: FrameProcessor, frame: Frame) -> None:
        """Count what a service reports."""
        if not isinstance(frame, MetricsFrame):
            return
        for item in frame.data:
            if item.processor != processor.name or (isinstance(item, LATENCIES) and item.value == 0):
                continue
            self.truth.metrics[type(item).__name__] += 1
            if isinstance(item, TTFBMetricsData):
                self.truth.ttfb[type(processor).__name__] += 1
            if isinstance(item, ProcessingMetricsData):
                self.truth.processing[type(processor).__name__] += 1


class Line(FrameProcessor):
    """The caller: voice activity and audio, as a transport and a voice activity detector would send them."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)

    async def say(self, turn: Turn) -> None:
        """Speak a turn, piece by piece, and fall silent."""
        self._bench.says, self._bench.recognition_fails = turn.says, turn.recognition_fails
        self._bench.truth.user_turns += 1
        self._bench.caller_speaks = True
        if not self._bench.script.voice_activity:
            await self._say_unheard()
            return
        for piece in range(turn.pieces):
            self._bench.turn_is_complete = piece == turn.pieces - 1
            self._bench.silent_at = None
            await self.broadcast_frame(VADUserStartedSpeakingFrame, start_secs=0.0, timestamp=time.time())
            await self._speak()
            silent_at = time.monotonic()
            self._bench.caller_speaks = not self._bench.turn_is_complete
            stop_seconds = self._bench.script.stop_seconds
            await asyncio.sleep(stop_seconds)
            self._bench.silent_at = silent_at
            await self.broadcast_frame(VADUserStoppedSpeakingFrame, stop_secs=stop_seconds, timestamp=time.time())
            await asyncio.sleep(0.03)

    async def _say_unheard(self) -> None:
        self._bench.silent_at = None
        await self.broadcast_frame(UserStartedSpeakingFrame)
        await self.broadcast_interruption()
        await self._speak()
        self._bench.silent_at = time.monotonic()
        self._bench.caller_speaks = False
        await self.broadcast_frame(UserStoppedSpeakingFrame)

    async def _speak(self) -> None:
        await asyncio.sleep(0.02)
        for _ in range(5):
            await self.push_frame(InputAudioRawFrame(CHUNK, SAMPLE_RATE, 1))
            await asyncio.sleep(0.004)


class Ear(STTService):
    """Speech recognition that hears what the script says, after the caller falls silent."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(
            ttfs_p99_latency=1.0, sample_rate=SAMPLE_RATE, settings=STTSettings(model="ear-1", language=None)
        )
        self._bench = bench

    def can_generate_metrics(self) -> bool:
        return True

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        self._bench.truth.audio_seconds += len(audio) / 2 / SAMPLE_RATE
        if self._bench.recognition_fails:
            self._bench.recognition_fails = False
            kind = {"category": PERMANENT} if PERMANENT else {}
            self._bench.truth.errors[type(self).__name__, PERMANENT.value if PERMANENT else "unknown"] += 1
            await self.push_error("the line to the recognition is dead", **kind)
        yield None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if isinstance(frame, UserStoppedSpeakingFrame) and not self._bench.script.voice_activity:
            await self._tell()
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame) and self._bench.turn_is_complete:
            await self._tell()

    async def _tell(self) -> None:
        if not self._bench.says:
            return
        heard = TranscriptionFrame(self._bench.says, "caller", time_now_iso8601())
        heard.finalized = True
        await self.push_frame(heard)

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        self._bench.reported(self, frame)
        await super().push_frame(frame, direction)


class SpareEar(Ear):
    """The recognition that takes over when the first one fails."""


class Mind(LLMService):
    """A language model that answers as the script says, calling the script's functions first."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(settings=llm_settings())
        self._bench = bench
        self._called: set[str] = set()
        for turn in bench.script.turns:
            for tool in turn.tools:
                timeout = {"timeout_secs": tool.seconds / 2} if tool.outcome == "timed_out" else {}
                self.register_function(tool.name, self._runner(tool), **timeout)

    def can_generate_metrics(self) -> bool:
        return True

    def _runner(self, tool: Tool) -> Callable[[FunctionCallParams], Any]:
        async def run(params: FunctionCallParams) -> None:
            self._bench.truth.functions[tool.name, tool.outcome] += 1
            try:
                await asyncio.sleep(tool.seconds)
            finally:
                self._bench.function_is_over.set()
            if tool.outcome == "failed":
                self._bench.truth.errors[type(self).__name__, _application()] += 1
                raise RuntimeError("no such table")
            await params.result_callback({"found": True})

        return run

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        try:
            await self.push_frame(LLMFullResponseStartFrame())
            await self.start_processing_metrics()
            await self._answer(frame.context)
        except asyncio.CancelledError:
            self._bench.truth.cut += 1  # its processing time
            raise
        finally:
            await self.stop_processing_metrics()
            await self.push_frame(LLMFullResponseEndFrame())

    async def _answer(self, context: LLMContext) -> None:
        turn = self._bench.turns[_last_words(context)]
        await self.start_ttfb_metrics()
        self._bench.thinking.set()
        try:
            await asyncio.sleep(turn.think_seconds)
        except asyncio.CancelledError:
            self._bench.truth.cut += 1  # its time to first byte
            raise
        finally:
            self._bench.thinking.clear()
        await self.stop_ttfb_metrics()
        tools = turn.tools if turn.says not in self._called else ()
        self._called.add(turn.says)
        if not tools:
            self._bench.sentences_to_make = len(turn.reply)
            self._bench.reply_is_made.clear()
            for sentence in turn.reply:
                for word in sentence.split(" "):
                    await self._push_llm_text(word + " ")
        await self._use(turn)
        if tools:
            await self.run_function_calls(
                [
                    FunctionCallFromLLM(
                        context=context, tool_call_id=f"call_{number}", function_name=tool.name, arguments={}
                    )
                    for number, tool in enumerate(tools)
                ]
            )

    async def _use(self, turn: Turn) -> None:
        prompt, completion, cached = 100 + len(turn.says), 10 + len(turn.reply), 40
        truth = self._bench.truth
        truth.inferences += 1
        truth.prompt_tokens += prompt
        truth.completion_tokens += completion
        truth.cache_read_tokens += cached
        await self.start_llm_usage_metrics(
            LLMTokenUsage(
                prompt_tokens=prompt,
                completion_tokens=completion,
                total_tokens=prompt + completion,
                cache_read_input_tokens=cached,
            )
        )

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        self._bench.reported(self, frame)
        await super().push_frame(frame, direction)


class Mouth(TTSService):
    """Speech synthesis that makes audible audio of the script's length for each sentence."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            stop_frame_timeout_s=0.5 + bench.script.synthesis_seconds,
            sample_rate=SAMPLE_RATE,
            settings=TTSSettings(model="mouth-1", voice="anna", language=None),
        )
        self._bench = bench
        take_sentences(self)

    def can_generate_metrics(self) -> bool:
        return True

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        self._bench.truth.characters += len(text)
        await self.start_tts_usage_metrics(text)
        await asyncio.sleep(self._bench.script.late.get(text.strip(), self._bench.script.synthesis_seconds))
        await self.stop_ttfb_metrics()
        chunks = 0 if text.strip() in self._bench.script.lost else self._bench.script.sentence_seconds / CHUNK_SECONDS
        for _ in range(round(chunks)):
            yield TTSAudioRawFrame(CHUNK, SAMPLE_RATE, 1, context_id=context_id)
        self._bench.sentences_to_make -= 1
        if self._bench.sentences_to_make <= 0:
            self._bench.reply_is_made.set()

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        self._bench.reported(self, frame)
        await super().push_frame(frame, direction)


class Speaker(BaseOutputTransport):
    """The line to the caller, which takes as long as the audio does."""

    def __init__(self, bench: Bench) -> None:
        chunks = round(bench.script.chunk_seconds * 100)
        super().__init__(
            TransportParams(
                audio_out_enabled=True,
                audio_out_sample_rate=SAMPLE_RATE,
                audio_out_10ms_chunks=chunks,
                audio_out_destinations=list(bench.script.tracks),
                **{"audio_out_write_timeout_secs": GIVE_UP_SECONDS} if GIVES_UP_WRITING else {},
            )
        )
        self._bench = bench
        self._speaking = self._interrupted = False

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        # A chunk that was in hand when the caller cut the bot off is no answer; zeros are the silence at the end.
        if not self._speaking and not self._bench.caller_speaks and any(frame.audio):
            self._begin()
        waits = self._speaking and self._bench.waits_to_be_cut_off
        begun, seconds = asyncio.get_running_loop().time(), len(frame.audio) / 2 / SAMPLE_RATE
        if any(frame.audio):
            self._bench.played.append((begun, begun + seconds))
        await asyncio.sleep(seconds)
        if waits:
            # Between two chunks, Pipecat's transport would play one more and tell no breakdown of the answer.
            await self._bench.bot_is_quiet.wait()
        return True

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        if direction is FrameDirection.DOWNSTREAM:
            self._note(frame)
        await super().push_frame(frame, direction)

    def _begin(self) -> None:
        bench = self._bench
        self._speaking = True
        if bench.silent_at is not None:
            bench.truth.responses.append(time.monotonic() - bench.silent_at)
            bench.silent_at = None
        bench.bot_is_quiet.clear()
        bench.bot_speaks.set()

    def _note(self, frame: Frame) -> None:
        bench = self._bench
        if isinstance(frame, InterruptionFrame):
            bench.truth.interruption_frames += 1
            self._interrupted = self._speaking
        elif isinstance(frame, BotStoppedSpeakingFrame) and self._speaking:
            bench.truth.turns["interrupted" if self._interrupted else "completed"] += 1
            bench.truth.interruptions += self._interrupted
            self._speaking = self._interrupted = False
            bench.bot_speaks.clear()
            bench.bot_is_quiet.set()

    def cut_off(self) -> None:
        """Note that the call ends in the middle of what the bot says."""
        if self._speaking:
            self._bench.truth.turns["interrupted"] += 1


class Judge(BaseTurnAnalyzer):
    """A turn detector that knows where the caller pauses."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(sample_rate=SAMPLE_RATE)
        self._bench = bench

    @property
    def speech_triggered(self) -> bool:
        return False

    @property
    def params(self) -> BaseTurnParams:
        return BaseTurnParams()

    def append_audio(self, buffer: bytes, is_speech: bool) -> EndOfTurnState:
        return EndOfTurnState.INCOMPLETE

    async def analyze_end_of_turn(self) -> tuple[EndOfTurnState, MetricsData | None]:
        complete = self._bench.turn_is_complete
        self._bench.truth.metrics["TurnMetricsData"] += 1
        verdict = TurnMetricsData(processor="Judge", is_complete=complete, probability=0.9, e2e_processing_time_ms=12.0)
        return EndOfTurnState.COMPLETE if complete else EndOfTurnState.INCOMPLETE, verdict

    def clear(self) -> None:
        return None


def _last_words(context: LLMContext) -> str:
    said = [message["content"] for message in context.get_messages() if message.get("role") == "user"]
    content = said[-1]
    return content if isinstance(content, str) else content[-1]["text"]


def _application() -> str:
    category = getattr(getattr(pipecat_frames, "ErrorCategory", None), "APPLICATION", None)
    return category.value if category else "unknown"


def llm_settings() -> LLMSettings:
    """Settings of a language model, all of them given."""
    return LLMSettings(
        model="mind-1",
        system_instruction=None,
        temperature=None,
        max_tokens=None,
        top_p=None,
        top_k=None,
        frequency_penalty=None,
        presence_penalty=None,
        seed=None,
        filter_incomplete_user_turns=False,
        user_turn_completion_config=None,
    )


def take_sentences(voice: TTSService) -> None:
    """Have a voice of a Pipecat that would load data for it find the ends of sentences."""
    if hasattr(pipecat_string, "nltk"):
        voice._text_aggregator = _sentences()


def _sentences() -> Any:
    from pipecat.utils.text.base_text_aggregator import Aggregation, AggregationType
    from pipecat.utils.text.simple_text_aggregator import SimpleTextAggregator

    class Sentences(SimpleTextAggregator):
        """Ends a sentence at its punctuation; Pipecat 1.3 would ask for a model that must be downloaded."""

        async def _check_sentence_with_lookahead(self, char: str) -> Aggregation | None:
            if not char.strip() and self._text.rstrip().endswith((".", "?", "!")):
                sentence, self._text = self._text.strip(), ""
                return Aggregation(text=sentence, type=AggregationType.SENTENCE)
            return None

    return Sentences()
