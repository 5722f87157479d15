"""Real Pipecat calls whose truth the script knows.

The services, aggregators, transports and the worker are Pipecat's own classes; only the providers behind them are
scripted. What a call used, said, cut off and failed at is counted where it happens, by the scripted providers, never
read from what is under test.

    truth = await run_call(DEMO, before_output=[metrics])
    assert metrics.summary().interruptions == truth.interruptions
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipecat.audio.turn.base_turn_analyzer import BaseTurnAnalyzer, BaseTurnParams, EndOfTurnState
from pipecat.frames import frames as pipecat_frames
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    EndFrame,
    Frame,
    FunctionCallCancelFrame,
    FunctionCallFromLLM,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    MetricsFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.metrics import metrics as pipecat_metrics
from pipecat.metrics.metrics import (
    LLMTokenUsage,
    MetricsData,
    ProcessingMetricsData,
    TTFBMetricsData,
    TurnMetricsData,
)
from pipecat.observers.base_observer import BaseObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.service_switcher import ServiceSwitcher, ServiceSwitcherStrategyFailover
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallParams, LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import TurnAnalyzerUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.utils import string as pipecat_string
from pipecat.utils.text.base_text_aggregator import Aggregation, AggregationType
from pipecat.utils.text.simple_text_aggregator import SimpleTextAggregator
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

SAMPLE_RATE = 16000
CHUNK_SECONDS = 0.02
CHUNK = b"\x00\x10" * int(SAMPLE_RATE * CHUNK_SECONDS)
STOP_SECONDS = 0.05
LLM_SECONDS = 0.04
TTS_SECONDS = 0.03
GIVE_UP_SECONDS = 15.0
LATENCIES = (TTFBMetricsData, ProcessingMetricsData)
# Pipecat 1.3 leaves the caller without an answer when a function runs out of time.
ANSWERS_TIMEOUTS = "run_llm" in FunctionCallCancelFrame.__dataclass_fields__
# The category of errors that leave a service unusable, which a switcher of Pipecat 1.8 and later waits for.
PERMANENT = getattr(getattr(pipecat_frames, "ErrorCategory", None), "AUTHENTICATION", None)


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model calls before it answers.

    Parameters:
        name: Name of the function.
        seconds: How long it runs.
        outcome: How it ends: completed, failed or timed_out (its deadline is then half of `seconds`).
    """

    name: str
    seconds: float = 0.05
    outcome: str = "completed"


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the caller and the bot's answer to it.

    Parameters:
        says: What the caller says, different in each turn.
        reply: The bot's sentences.
        pieces: Into how many pieces, with pauses between them, the caller's turn falls.
        tools: Functions that the model calls first, all at once.
        barges_in: Whether the caller speaks while the bot still speaks the reply before.
        resumes: Whether the caller goes on while the model is still thinking about the turn before.
        think_seconds: How long the model takes before its first output.
        recognition_fails: Whether the active speech recognition fails for good as the turn begins.
    """

    says: str
    reply: tuple[str, ...] = ("All right, noted.",)
    pieces: int = 1
    tools: tuple[Tool, ...] = ()
    barges_in: bool = False
    resumes: bool = False
    think_seconds: float = LLM_SECONDS
    recognition_fails: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """A whole call.

    Parameters:
        turns: The caller's turns, in order.
        greeting: What the bot says first, unasked; nothing if empty.
        farewell: What the bot says as the call ends, queued together with the end; nothing if empty.
        ending: "end", "cancel", or "cancel mid-sentence", while the bot speaks its last reply.
        sentence_seconds: Length of a spoken sentence.
    """

    turns: tuple[Turn, ...]
    greeting: str = ""
    farewell: str = ""
    ending: str = "end"
    sentence_seconds: float = 0.2


@dataclass
class Truth:
    """What happened in a call, counted where it happened.

    Parameters:
        prompt_tokens: Reported by the models, gross.
        completion_tokens: Reported by the models.
        cache_read_tokens: Part of the prompt tokens.
        inferences: Requests to the models that were answered.
        characters: Sent to speech synthesis.
        audio_seconds: Audio that speech recognition heard.
        ttfb: Latencies reported, by class of the service, those cut by an interruption included.
        processing: The same for processing times.
        cut: Measurements of `ttfb` and `processing` together that an interruption cut.
        metrics: All items of all MetricsFrames, by class, but for the initial zeros.
        responses: The waits of the caller for the bot's first audio, in seconds.
        turns: Bot turns, by outcome.
        interruptions: Times the caller cut the bot off.
        interruption_frames: InterruptionFrames that passed downstream.
        functions: Function calls by name and outcome.
        errors: Errors by class of the processor and category.
        user_turns: Turns of the caller.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cache_read_tokens: int = 0
    inferences: int = 0
    characters: int = 0
    audio_seconds: float = 0.0
    ttfb: Counter[str] = field(default_factory=Counter)
    processing: Counter[str] = field(default_factory=Counter)
    cut: int = 0
    metrics: Counter[str] = field(default_factory=Counter)
    responses: list[float] = field(default_factory=list)
    turns: Counter[str] = field(default_factory=Counter)
    interruptions: int = 0
    interruption_frames: int = 0
    functions: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: Counter[tuple[str, str]] = field(default_factory=Counter)
    user_turns: int = 0


DEMO = Script(
    greeting="Hello, how can I help you?",
    turns=(
        Turn("I would like to book a table", pieces=2),
        Turn("for four people tonight", tools=(Tool("find_table"),)),
        Turn("no wait", barges_in=True, reply=("Of course.", "What would you like instead?")),
        Turn("tomorrow at eight", tools=(Tool("slow_search", seconds=0.4, outcome="timed_out"),)),
        Turn("thank you", recognition_fails=True, reply=("You are welcome.", "See you tomorrow.", "Goodbye.")),
    ),
    ending="cancel mid-sentence",
)
SHORT = Script(turns=(Turn("hello there"),))


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
        self.bot_speaks = asyncio.Event()
        self.bot_is_quiet = asyncio.Event()
        self.bot_is_quiet.set()
        self.thinking = asyncio.Event()
        self.function_is_over = asyncio.Event()

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
        for piece in range(turn.pieces):
            self._bench.turn_is_complete = piece == turn.pieces - 1
            self._bench.silent_at = None
            await self.broadcast_frame(VADUserStartedSpeakingFrame, start_secs=0.0)
            await asyncio.sleep(0.02)
            for _ in range(5):
                await self.push_frame(InputAudioRawFrame(CHUNK, SAMPLE_RATE, 1))
                await asyncio.sleep(0.004)
            silent_at = time.monotonic()
            await asyncio.sleep(STOP_SECONDS)
            self._bench.silent_at = silent_at
            await self.broadcast_frame(VADUserStoppedSpeakingFrame, stop_secs=STOP_SECONDS)
            await asyncio.sleep(0.03)


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
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStoppedSpeakingFrame) and self._bench.turn_is_complete:
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
        super().__init__(settings=_llm_settings())
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
            for sentence in turn.reply:
                for word in sentence.split(" "):
                    await self.push_frame(LLMTextFrame(word + " "))
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


class Sentences(SimpleTextAggregator):
    """Ends a sentence at its punctuation; Pipecat 1.3 would ask for a model that must be downloaded."""

    async def _check_sentence_with_lookahead(self, char: str) -> Aggregation | None:
        if not char.strip() and self._text.rstrip().endswith((".", "?", "!")):
            sentence, self._text = self._text.strip(), ""
            return Aggregation(text=sentence, type=AggregationType.SENTENCE)
        return None


class Mouth(TTSService):
    """Speech synthesis that makes audible audio of the script's length for each sentence."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            stop_frame_timeout_s=0.5,
            sample_rate=SAMPLE_RATE,
            settings=TTSSettings(model="mouth-1", voice="anna", language=None),
        )
        self._bench = bench
        if hasattr(pipecat_string, "nltk"):
            self._text_aggregator = Sentences()

    def can_generate_metrics(self) -> bool:
        return True

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        self._bench.truth.characters += len(text)
        await self.start_tts_usage_metrics(text)
        await asyncio.sleep(TTS_SECONDS)
        await self.stop_ttfb_metrics()
        for _ in range(round(self._bench.script.sentence_seconds / CHUNK_SECONDS)):
            yield TTSAudioRawFrame(CHUNK, SAMPLE_RATE, 1, context_id=context_id)

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        self._bench.reported(self, frame)
        await super().push_frame(frame, direction)


class Speaker(BaseOutputTransport):
    """The line to the caller, which takes as long as the audio does."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(TransportParams(audio_out_enabled=True, audio_out_sample_rate=SAMPLE_RATE))
        self._bench = bench
        self._speaking = self._interrupted = False

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        await asyncio.sleep(len(frame.audio) / 2 / SAMPLE_RATE)
        return True

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        if direction is FrameDirection.DOWNSTREAM:
            self._note(frame)
        await super().push_frame(frame, direction)

    def _note(self, frame: Frame) -> None:
        bench = self._bench
        if isinstance(frame, BotStartedSpeakingFrame):
            self._speaking = True
            if bench.silent_at is not None:
                bench.truth.responses.append(time.monotonic() - bench.silent_at)
                bench.silent_at = None
            bench.bot_is_quiet.clear()
            bench.bot_speaks.set()
        elif isinstance(frame, InterruptionFrame):
            bench.truth.interruption_frames += 1
            self._interrupted = self._speaking
        elif isinstance(frame, BotStoppedSpeakingFrame):
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


@dataclass
class ScriptedCall:
    """A call that is put together and not yet run.

    Parameters:
        bench: What its providers share.
        line: The caller.
        speaker: The output transport.
        worker: Pipecat's worker.
    """

    bench: Bench
    line: Line
    speaker: Speaker
    worker: PipelineWorker

    async def run(self) -> Truth:
        """Run the call to its end and return its truth."""
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self.worker)
        driver = asyncio.create_task(self._drive())
        async with asyncio.timeout(60):
            await runner.run()
            await driver
        return self.bench.truth

    async def _drive(self) -> None:
        bench, script = self.bench, self.bench.script
        try:
            await self._started()
            if script.greeting:
                await self.worker.queue_frame(pipecat_frames.TTSSpeakFrame(script.greeting))
                await self._within(bench.bot_speaks)
            for number, turn in enumerate(script.turns):
                after = script.turns[number + 1] if number + 1 < len(script.turns) else None
                await self._take(turn, after)
            await self._finish()
        except BaseException:
            await self.worker.cancel()
            raise

    async def _started(self) -> None:
        started = asyncio.Event()
        self.worker.add_event_handler("on_pipeline_started", lambda worker, frame: started.set())
        await self._within(started)

    async def _take(self, turn: Turn, after: Turn | None) -> None:
        self.bench.function_is_over.clear()
        if not turn.barges_in and not turn.resumes:
            await self._within(self.bench.bot_is_quiet)
        await self.line.say(turn)
        if after and after.resumes:
            await self._within(self.bench.thinking)
            return
        if not ANSWERS_TIMEOUTS and any(tool.outcome == "timed_out" for tool in turn.tools):
            await self._within(self.bench.function_is_over)
            return
        await self._within(self.bench.bot_speaks)

    async def _finish(self) -> None:
        if self.bench.script.ending == "cancel mid-sentence":
            await self._within(self.bench.bot_speaks)
            self.speaker.cut_off()
            await self.worker.cancel()
            return
        await self._within(self.bench.bot_is_quiet)
        if self.bench.script.ending == "cancel":
            await self.worker.cancel()
            return
        farewell = self.bench.script.farewell
        await self.worker.queue_frames([*([pipecat_frames.TTSSpeakFrame(farewell)] if farewell else []), EndFrame()])

    async def _within(self, event: asyncio.Event) -> None:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await event.wait()


def scripted_call(
    script: Script = DEMO,
    *,
    before_output: Sequence[FrameProcessor] = (),
    after_output: Sequence[FrameProcessor] = (),
    at_end: Sequence[FrameProcessor] = (),
    observers: Sequence[BaseObserver] = (),
    params: PipelineParams | None = None,
    around: Callable[[list[FrameProcessor]], list[FrameProcessor]] | None = None,
    **worker: Any,
) -> ScriptedCall:
    """Put a call together.

    Args:
        script: What happens.
        before_output: Processors between speech synthesis and the output transport.
        after_output: Processors between the output transport and the assistant's aggregator.
        at_end: Processors behind the assistant's aggregator.
        observers: Observers of the worker.
        params: Its parameters; with both kinds of metrics if left out.
        around: Rearranges the processors between the user's aggregator and `before_output` (model, synthesis).
        worker: Further arguments for the worker.
    """
    bench = Bench(script)
    line, speaker, mind, mouth = Line(bench), Speaker(bench), Mind(bench), Mouth(bench)
    pair = LLMContextAggregatorPair(
        LLMContext(messages=[]),
        user_params=LLMUserAggregatorParams(
            user_turn_strategies=UserTurnStrategies(
                start=[VADUserTurnStartStrategy()],
                stop=[TurnAnalyzerUserTurnStopStrategy(turn_analyzer=Judge(bench))],
            )
        ),
    )
    ear: FrameProcessor = Ear(bench)
    if any(turn.recognition_fails for turn in script.turns):
        ear = ServiceSwitcher([ear, SpareEar(bench)], ServiceSwitcherStrategyFailover)
    voice = around([mind, mouth]) if around else [mind, mouth]
    pipeline = Pipeline(
        [line, ear, pair.user(), *voice, *before_output, speaker, *after_output, pair.assistant(), *at_end]
    )
    params = params or PipelineParams(enable_metrics=True, enable_usage_metrics=True)
    return ScriptedCall(
        bench,
        line,
        speaker,
        PipelineWorker(pipeline, params=params, observers=list(observers), **{"enable_rtvi": False, **worker}),
    )


async def run_call(script: Script = DEMO, **arrangement: Any) -> Truth:
    """Run a call; the arguments are those of `scripted_call`.

    Returns:
        What happened in it.
    """
    return await scripted_call(script, **arrangement).run()


def knows(metrics_class: str) -> bool:
    """Whether this Pipecat has a class of metrics."""
    return hasattr(pipecat_metrics, metrics_class)


def _last_words(context: LLMContext) -> str:
    said = [message["content"] for message in context.get_messages() if message.get("role") == "user"]
    content = said[-1]
    return content if isinstance(content, str) else content[-1]["text"]


def _application() -> str:
    category = getattr(getattr(pipecat_frames, "ErrorCategory", None), "APPLICATION", None)
    return category.value if category else "unknown"


def _llm_settings() -> LLMSettings:
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
