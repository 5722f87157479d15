"""Calls of other shapes: speech to speech, a model in another worker, turns that start from a transcript."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace

import pytest
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InterruptionFrame,
    SpeechOutputAudioRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import LLMTokenUsage
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.ai_service import AIService
from pipecat.services.llm_service import LLMService
from pipecat.workers.runner import WorkerRunner

from tests.scripted import SHORT, Script, Tool, Turn, knows, run_call, scripted_call
from tests.scripted_providers import CHUNK, CHUNK_SECONDS, SAMPLE_RATE, Bench, Speaker, llm_settings
from tests.store import Store
from tests.test_placements import RESUMED, UNHEARD, happened, told
from tests.virtual_time import in_virtual_time, measure_in_virtual_time, meter_at
from voice_metrics.observer import VoiceMetricsObserver
from voice_metrics.pipecat.breakdowns import EXPLAINS
from voice_metrics.processor import VoiceMetricsProcessor

pytestmark = pytest.mark.slow

# Longer than a silent voice's question waits for its next step.
AVATAR_SECONDS = 1.5
BOOKING = Script(
    greeting="Hello.",
    turns=(
        Turn("what is free tonight", tools=(Tool("find_table"),), reply=("Nine o'clock is.", "By the door.", "Good?")),
        Turn("no", barges_in=True, reply=("Goodbye then.",)),
    ),
)
SCRIPTS_AT_ONCE = (BOOKING, RESUMED, UNHEARD)
LINE_PLACES = ("before_output", "after_output", "at_end", "observers")


@pytest.mark.parametrize("place", LINE_PLACES)
@in_virtual_time
async def test_a_model_in_a_bridged_worker_is_measured_with_the_callers_line(place: str) -> None:
    metrics = meter_at(place)

    truth = await run_call(BOOKING, beside_mind=(), **{place: [metrics]})

    assert told(metrics.summary()) == happened(truth, "completed")


@pytest.mark.skipif(not knows("STTUsageMetricsData"), reason="this Pipecat does not measure the audio")
@pytest.mark.parametrize("place", LINE_PLACES)
@in_virtual_time
async def test_audio_that_is_reported_while_all_workers_end_counts(place: str) -> None:
    metrics = meter_at(place)
    call = scripted_call(SHORT, beside_mind=(), **{place: [metrics]})

    async def drive() -> None:
        await call.line.say(SHORT.turns[0])
        await call.bench.bot_speaks.wait()
        assert call.brain is not None
        await asyncio.gather(call.brain.cancel(), call.worker.cancel())

    truth = await call.run(drive)

    summary = metrics.summary()
    assert summary is not None
    assert summary.to_dict()["stt"]["audio_seconds"] == pytest.approx(truth.audio_seconds)


class Duplex(LLMService):
    """A speech-to-speech service: hears, thinks and speaks, with its provider's own turn detection."""

    def __init__(self) -> None:
        super().__init__(settings=llm_settings())

    def can_generate_metrics(self) -> bool:
        return True

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)

    async def hear(self) -> None:
        await self.broadcast_frame(UserStartedSpeakingFrame)
        await self.broadcast_interruption()
        await asyncio.sleep(0.05)
        await self.broadcast_frame(UserStoppedSpeakingFrame)

    async def speak(self, seconds: float) -> None:
        await self.start_ttfb_metrics()
        await asyncio.sleep(0.04)
        await self.stop_ttfb_metrics()
        await self.push_frame(TTSStartedFrame())
        for _ in range(round(seconds / 0.02)):
            await self.push_frame(TTSAudioRawFrame(CHUNK, SAMPLE_RATE, 1))
        await self.push_frame(TTSStoppedFrame())
        await self.start_llm_usage_metrics(LLMTokenUsage(prompt_tokens=30, completion_tokens=12, total_tokens=42))


@pytest.mark.parametrize("place", ["before", "after", "observer"])
@in_virtual_time
async def test_a_speech_to_speech_call(place: str) -> None:
    bench, duplex = Bench(Script(turns=())), Duplex()
    speaker, measured = Speaker(bench), measure_in_virtual_time(VoiceMetricsProcessor())
    observer = measure_in_virtual_time(VoiceMetricsObserver())
    line: list[FrameProcessor] = [duplex, speaker]
    if place != "observer":
        line.insert(1 if place == "before" else 2, measured)
    params = PipelineParams(enable_metrics=True, enable_usage_metrics=True)
    observers = [observer] if place == "observer" else []
    worker = PipelineWorker(Pipeline(line), params=params, enable_rtvi=False, observers=observers)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    started = asyncio.Event()
    worker.add_event_handler("on_pipeline_started", lambda worker, frame: started.set())

    async def talk() -> None:
        await started.wait()
        await duplex.speak(0.1)  # a greeting
        await bench.bot_speaks.wait()
        await bench.bot_is_quiet.wait()
        for seconds in (0.6, 0.1):
            bench.caller_speaks = True
            await duplex.hear()
            await bench.bot_is_quiet.wait()
            bench.caller_speaks = False
            bench.waits_to_be_cut_off = seconds == 0.6
            await duplex.speak(seconds)
            await bench.bot_speaks.wait()
        await bench.bot_is_quiet.wait()
        await worker.queue_frame(EndFrame())

    talking = asyncio.create_task(talk())
    async with asyncio.timeout(120):
        await runner.run()
    await talking

    story = told((observer if place == "observer" else measured).summary())
    assert story["turns"] == {"completed": 2, "interrupted": 1}
    assert (story["interruptions"], story["responses"]) == (1, 2)
    assert (story["total"], story["requests"], story["latencies"]) == (126, 3, 3)
    assert story["characters"] is None or story["characters"] == 0


class Avatar(AIService):
    """A video avatar: keeps the voice's audio, and sends a stream with the same speech, later, in real time."""

    def __init__(self) -> None:
        super().__init__()
        self._due: deque[tuple[float, bytes]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        self._task = asyncio.create_task(self._play())

    async def cleanup(self) -> None:
        await super().cleanup()
        if self._task is not None:
            self._task.cancel()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self._due.append((asyncio.get_running_loop().time() + AVATAR_SECONDS, frame.audio))
            return
        if isinstance(frame, InterruptionFrame):
            self._due.clear()
        await self.push_frame(frame, direction)

    async def _play(self) -> None:
        while True:
            speaks = bool(self._due) and self._due[0][0] <= asyncio.get_running_loop().time()
            audio = self._due.popleft()[1] if speaks else bytes(len(CHUNK))
            await self.push_frame(SpeechOutputAudioRawFrame(audio, SAMPLE_RATE, 1))
            await asyncio.sleep(CHUNK_SECONDS)


@pytest.mark.parametrize("place", LINE_PLACES)
@in_virtual_time
async def test_answer_that_an_avatar_speaks_is_no_silent_one(place: str) -> None:
    metrics = meter_at(place)
    script = Script(turns=(Turn("what is free tonight", reply=("Nine.",)), Turn("goodbye", reply=("Bye.",))))

    truth = await run_call(script, around=lambda voice: [*voice, Avatar()], **{place: [metrics]})

    summary = metrics.summary()
    assert summary is not None
    assert told(summary) == happened(truth, "completed")
    story = summary.to_dict()
    assert (story["turns"]["unanswered"], story["bot_gaps"]["count"]) == (0, 0)


def sums_ms(store: Store, name: str, attribute: str, **wanted: str) -> dict[str, float]:
    """The sums of a histogram's points by an attribute, of those that have the `wanted` ones."""
    points = [point for point in store.of(name) if wanted.items() <= point.attributes.items()]
    return {str(point.attributes[attribute]): point.sum for point in points}


@pytest.mark.skipif(not EXPLAINS, reason="this Pipecat's breakdown has no parts")
@pytest.mark.parametrize("place", ["before_output", "at_end", "observers"])
async def test_the_parts_of_the_responses_add_up_to_them(place: str) -> None:
    store = Store()
    kind = VoiceMetricsObserver if place == "observers" else VoiceMetricsProcessor
    # Pipecat's observer is attached when the voice starts, on a busy machine too before its end is reported.
    script = replace(BOOKING, stop_seconds=0.6)

    await run_call(script, **{place: [kind(telemetry=store.telemetry)]})

    parts = sums_ms(store, "voice.response.part.milliseconds", "part")
    (whole,) = sums_ms(store, "voice.response.milliseconds", "call_id").values()
    assert {"endpointing_wait", "llm_inference", "function_handler", "speech_synthesis"} <= parts.keys()
    assert sum(parts.values()) == pytest.approx(whole, abs=1e-3)


async def test_a_transcript_that_starts_the_turn_does_not_make_its_latency_false() -> None:
    store = Store()
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    script = Script(turns=(Turn("hello there"), Turn("goodbye")), turns_start_from="transcript")

    truth = await run_call(script, before_output=[metrics])

    assert list(sums_ms(store, "voice.ttfb.milliseconds", "interrupted", processor="Ear")) == ["false"]
    assert told(metrics.summary()) == happened(truth, "completed")
    if EXPLAINS:  # Pipecat's own breakdown forgets the caller's silence at the interruption that starts such a turn
        parts = sums_ms(store, "voice.response.part.milliseconds", "part")
        (whole,) = sums_ms(store, "voice.response.milliseconds", "call_id").values()
        assert sum(parts.values()) == pytest.approx(whole, abs=1e-3)


@in_virtual_time
async def test_calls_at_once_keep_their_numbers() -> None:
    async def hold(number: int) -> None:
        await asyncio.sleep(number / 10)
        metrics, script = meter_at(place := LINE_PLACES[number % 4]), SCRIPTS_AT_ONCE[number % 3]
        truth = await run_call(script, name=f"line {number}", **{place: [metrics]})
        assert told(metrics.summary()) == happened(truth, "completed")

    await asyncio.gather(*(hold(number) for number in range(24)))
