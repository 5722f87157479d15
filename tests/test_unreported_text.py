"""Characters that Pipecat does not report count once: of tokens before an interruption, of voices without usage."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from loguru import logger
from pipecat.frames import frames as pipecat_frames
from pipecat.frames.frames import (
    ErrorFrame,
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    StopFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    TTSUpdateSettingsFrame,
)
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.deepgram.tts import DeepgramHttpTTSService, DeepgramTTSService
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TextAggregationMode, TTSService

from tests.local_providers import FakeDeepgram
from tests.scripted_providers import take_sentences
from tests.test_services_of_a_call import PLACES, Measure, call
from tests.waiting import until
from voice_metrics.pipecat import unreported_text
from voice_metrics.pipecat.unreported_text import reports_usage

pytestmark = pytest.mark.slow

GIVES_UP_SILENT_VOICES = hasattr(pipecat_frames, "ErrorCategory")  # since 1.8
SILENT = pytest.mark.skipif(not GIVES_UP_SILENT_VOICES, reason="this Pipecat waits for ever for a silent voice")
GREETING, WORDS = "Welcome.", ("There ", "is ", "a ", "table.")
RATE = 16000


class Voice(TTSService):
    """Makes 20 ms of audio of each text that it is sent."""

    def __init__(self, mode: TextAggregationMode) -> None:
        super().__init__(
            text_aggregation_mode=mode,
            push_start_frame=True,
            push_stop_frames=True,
            stop_frame_timeout_s=0.2,
            sample_rate=RATE,
            settings=TTSSettings(model="voice-1", voice="anna", language=None),
        )
        self.sent = 0

    def can_generate_metrics(self) -> bool:
        return True

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        self.sent += len(text)
        await self.start_tts_usage_metrics(text)
        yield TTSAudioRawFrame(b"\0" * (RATE // 25), RATE, 1, context_id=context_id)


async def speak(worker: PipelineWorker, voice: Voice, end: str) -> None:
    so_far = voice.sent
    await worker.queue_frame(TTSSpeakFrame(GREETING))
    await until(lambda: voice.sent >= so_far + len(GREETING))
    all_of_it = voice.sent + len("".join(WORDS))
    await worker.queue_frames([LLMFullResponseStartFrame(), *map(LLMTextFrame, WORDS)])
    if end == "whole":
        await worker.queue_frame(LLMFullResponseEndFrame())
    await until(lambda: voice.sent >= all_of_it)
    match end:
        case "barge-in":
            await worker.queue_frame(InterruptionFrame())
        case "cancel":
            await worker.cancel()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("end", ["whole", "barge-in", "cancel"])
async def test_characters_sent_token_by_token_count_once(place: str, end: str) -> None:
    measure, voice = Measure(place), Voice(TextAggregationMode.TOKEN)

    await call(measure, [voice], lambda worker: speak(worker, voice, end))

    assert voice.sent == len(GREETING + "".join(WORDS))
    assert measure.summary["tts"]["characters"] == voice.sent
    assert measure.store.total("voice.tts.characters.total", processor="Voice", model="voice-1") == voice.sent


async def test_characters_of_turns_that_are_cut_off_add_up() -> None:
    measure, voice = Measure("before_output"), Voice(TextAggregationMode.TOKEN)

    async def three_times(worker: PipelineWorker) -> None:
        for end in ("barge-in", "whole", "barge-in"):
            await speak(worker, voice, end)

    await call(measure, [voice], three_times)

    assert measure.summary["tts"]["characters"] == voice.sent


async def test_characters_are_not_counted_where_usage_is_off() -> None:
    measure, voice = Measure("before_output"), Voice(TextAggregationMode.TOKEN)

    await call(measure, [voice], lambda worker: speak(worker, voice, "barge-in"), metrics=False)

    assert measure.summary["tts"]["characters"] is None


async def test_voice_that_takes_sentences_reports_them_itself() -> None:
    measure, voice = Measure("before_output"), Voice(TextAggregationMode.SENTENCE)

    await call(measure, [voice], lambda worker: speak(worker, voice, "whole"))

    assert measure.summary["tts"]["characters"] == voice.sent > 0


class Reporting(DeepgramTTSService):
    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        await self.start_tts_usage_metrics(text)
        async for frame in super().run_tts(text, context_id):
            yield frame


def deepgram(server: FakeDeepgram, kind: type[DeepgramTTSService] = DeepgramTTSService) -> DeepgramTTSService:
    voice = kind(api_key="x", base_url=server.url, settings=DeepgramTTSService.Settings(voice="aura-2-thalia-en"))
    take_sentences(voice)
    return voice


async def answer(worker: PipelineWorker, server: FakeDeepgram, words: str) -> None:
    told = server.characters
    await worker.queue_frames([LLMFullResponseStartFrame(), LLMTextFrame(words), LLMFullResponseEndFrame()])
    await until(lambda: server.characters >= told + len(words))


async def begin_answer(worker: PipelineWorker, server: FakeDeepgram) -> None:
    await worker.queue_frames([LLMFullResponseStartFrame(), LLMTextFrame("Nine is free. "), LLMTextFrame("Or ")])
    await until(lambda: server.characters > 0)


@pytest.mark.parametrize("place", PLACES)
async def test_characters_of_a_voice_that_reports_none_are_those_it_was_sent(place: str) -> None:
    measure = Measure(place)

    async with FakeDeepgram() as server:

        async def drive(worker: PipelineWorker) -> None:
            await answer(worker, server, "nine is free")
            await worker.queue_frame(TTSSpeakFrame("Are you there?"))
            await until(lambda: server.characters >= len("nine is free Are you there?"))
            await answer(worker, server, "goodbye")
            await worker.queue_frame(InterruptionFrame())

        await call(measure, [deepgram(server)], drive)

    summary = measure.summary
    assert summary["tts"]["characters"] == server.characters >= len("nine is free Are you there? goodbye")
    assert summary["cost"]["unpriced"] == []
    assert summary["cost"]["tts_usd"] > 0


@pytest.mark.parametrize("mute", [False, pytest.param(True, marks=SILENT)])
async def test_errors_of_other_kinds_leave_the_characters_that_were_sent(mute: bool) -> None:
    measure = Measure("before_output")

    async with FakeDeepgram(mute=mute) as server:
        voice = deepgram(server)

        async def drive(worker: PipelineWorker) -> None:
            await begin_answer(worker, server)
            before = measure.summary["errors"]
            await voice.queue_frame(ErrorFrame("the line is bad"), FrameDirection.UPSTREAM)
            await until(lambda: measure.summary["errors"] > before)
            await answer(worker, server, "ten?")

        await call(measure, [voice], drive)

    assert measure.summary["tts"]["characters"] == server.characters


async def test_characters_count_for_the_voice_that_was_sent_them() -> None:
    measure = Measure("before_output")

    async with FakeDeepgram() as server:

        async def drive(worker: PipelineWorker) -> None:
            await begin_answer(worker, server)
            await worker.queue_frame(TTSUpdateSettingsFrame(delta=TTSSettings(voice="aura-2-zeus-en")))
            await answer(worker, server, "ten?")

        await call(measure, [deepgram(server)], drive)

    assert len(server.by_voice) == 2
    for voice, characters in server.by_voice.items():
        assert measure.store.total("voice.tts.characters.total", model=voice) == characters


@SILENT
async def test_characters_count_in_a_call_that_is_stopped() -> None:
    measure = Measure("before_output")

    async with FakeDeepgram(mute=True) as server:
        voice = deepgram(server)

        async def drive(worker: PipelineWorker) -> None:
            await answer(worker, server, "nine is free")
            await worker.queue_frame(StopFrame())

        await call(measure, [voice], drive)
        await voice.cleanup()

    assert measure.summary["tts"]["characters"] == server.characters


async def test_fault_of_counting_a_text_leaves_the_call_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    measure = Measure("before_output")

    def fault(voice: object) -> None:
        raise ValueError("no model")

    monkeypatch.setattr(unreported_text, "_model_of", fault)
    errors: list[str] = []
    sink = logger.add(lambda message: errors.append(str(message)), level="ERROR")
    try:
        async with FakeDeepgram() as server:
            await call(measure, [deepgram(server)], lambda worker: answer(worker, server, "nine is free"))
    finally:
        logger.remove(sink)

    assert server.characters > 0
    assert not errors
    assert measure.store.total("voice.telemetry.dropped.total", reason="fault") == 1


@pytest.mark.parametrize("by", ["its-class", "the-application"])
async def test_characters_that_the_application_reports_count_once(by: str) -> None:
    measure = Measure("before_output")

    async with FakeDeepgram() as server:
        voice = deepgram(server, Reporting if by == "its-class" else DeepgramTTSService)

        async def report(voice: DeepgramTTSService, context_id: str, text: str) -> None:
            await voice.start_tts_usage_metrics(text)

        if by == "the-application":
            voice.add_event_handler("on_tts_request", report)

        async def drive(worker: PipelineWorker) -> None:
            await answer(worker, server, "nine is free")
            await answer(worker, server, "goodbye")

        await call(measure, [voice], drive)

    assert measure.summary["tts"]["characters"] == server.characters


async def test_text_that_does_not_reach_the_voice_costs_nothing() -> None:
    measure = Measure("before_output")

    async with FakeDeepgram() as server:
        voice = deepgram(server)

    async def drive(worker: PipelineWorker) -> None:
        before = measure.summary["errors"]
        await worker.queue_frame(TTSSpeakFrame("Are you there?"))
        await until(lambda: measure.summary["errors"] > before)
        await worker.cancel()

    await call(measure, [voice], drive)

    assert measure.summary["tts"]["characters"] is None


@pytest.mark.parametrize(
    ("kind", "reports"),
    [
        pytest.param(DeepgramTTSService, False, id="pipecats-own-that-does-not"),
        pytest.param(DeepgramHttpTTSService, True, id="pipecats-own-that-does"),
        pytest.param(Reporting, True, id="subclass-that-does"),
        pytest.param(Voice, True, id="the-applications-own"),
    ],
)
def test_which_voice_reports_its_usage(kind: type, reports: bool) -> None:
    assert reports_usage(kind) is reports
