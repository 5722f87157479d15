"""What a model hears and says: turns without a transcript, and text that is spoken, written or a mark."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    FunctionCallInProgressFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMMarkerFrame,
    LLMTextFrame,
    OutputDTMFUrgentFrame,
    SpeechOutputAudioRawFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from tests.virtual_time import in_virtual_time
from voice_metrics.call.events import (
    KeyPressed,
    ModelEnded,
    ModelSpoke,
    ModelStarted,
    ModelWaits,
    ModelWrote,
    SpeechEnded,
    SpeechLate,
    SpeechStarted,
    SpeechStreamed,
    TurnHeard,
)
from voice_metrics.pipecat.answer_frames import listen_to_maker, listen_to_turns
from voice_metrics.pipecat.pushes import Pushes


class Deaf(STTService):
    """A recogniser that understands nothing."""

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        yield None


@in_virtual_time
async def heard(*services: Any) -> list[object]:
    """What is made of a turn without words behind these services."""
    params = LLMUserAggregatorParams(user_turn_strategies=ExternalUserTurnStrategies())
    user = LLMContextAggregatorPair(LLMContext(), user_params=params).user()
    events: list[object] = []
    over = asyncio.Event()
    listen_to_turns(user, lambda event, processor: events.append(event))
    worker = PipelineWorker(Pipeline([*services, user]))

    @user.event_handler("on_user_turn_stopped")
    async def stopped(*told: Any) -> None:
        over.set()

    @worker.event_handler("on_pipeline_started")
    async def started(*told: Any) -> None:
        await worker.queue_frames([UserStartedSpeakingFrame(), UserStoppedSpeakingFrame()])

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await asyncio.wait_for(over.wait(), 120)
    await worker.queue_frame(EndFrame())
    await running
    return events


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        pytest.param((), [], id="the-model-hears"),
        pytest.param((Deaf,), [TurnHeard(False)], id="a-recogniser-hears"),
    ],
)
def test_a_turn_without_a_transcript_is_noise_only_where_a_recogniser_hears(
    services: tuple[type[Any], ...], expected: list[object]
) -> None:
    assert heard(*(made() for made in services)) == expected


def text(words: str, *, skip_tts: bool = False) -> LLMTextFrame:
    frame = LLMTextFrame(words)
    frame.skip_tts = skip_tts
    return frame


@pytest.mark.parametrize(
    ("frames", "voiceless", "expected"),
    [
        pytest.param([text("At "), text("nine.")], False, [ModelSpoke()], id="spoken"),
        pytest.param([text("At "), text("nine.")], True, [ModelSpoke(), ModelWrote()], id="no-voice"),
        pytest.param([text("At ", skip_tts=True), text("nine.", skip_tts=True)], False, [ModelWrote()], id="voice-off"),
        pytest.param([text("✓", skip_tts=True), text("At nine.")], False, [ModelSpoke()], id="mark-of-a-whole-turn"),
        pytest.param([OutputDTMFUrgentFrame(button=KeypadEntry.ONE)], False, [KeyPressed()], id="a-key"),
        pytest.param([text("○", skip_tts=True)], False, [], id="mark-of-half-a-turn"),
        pytest.param([LLMMarkerFrame("○")], False, [ModelWaits()], id="verdict-of-half-a-turn"),
        pytest.param(
            [LLMMarkerFrame("✓", append_to_context_immediately=False), text("At nine.")],
            False,
            [ModelSpoke()],
            id="verdict-of-a-whole-turn",
        ),
        pytest.param([text(" \n")], True, [], id="blank"),
        pytest.param([SpeechOutputAudioRawFrame(b"", 24000, 1)] * 2, False, [SpeechStreamed()], id="a-stream"),
    ],
)
async def test_text_is_spoken_written_or_a_mark(frames: list[Frame], voiceless: bool, expected: list[object]) -> None:
    assert await made(LLMService(), frames, voiceless=voiceless) == expected


async def made(
    model: LLMService, frames: Sequence[Frame], *, voiceless: bool = False, clock: Callable[[], float] = lambda: 0.0
) -> list[object]:
    """What is made of the frames that a model pushes."""
    events: list[object] = []
    pushes = Pushes(lambda where, fault: None)
    listen_to_maker(model, pushes, lambda event, processor: events.append(event), clock, voiceless=voiceless)
    for frame in frames:
        await model._call_event_handler("on_before_push_frame", frame)
    return events


async def test_a_pause_behind_a_function_of_a_model_that_speaks_is_no_gap() -> None:
    call = FunctionCallInProgressFrame(
        function_name="find", tool_call_id="c", arguments={}, cancel_on_interruption=True
    )
    # 10 ms of audio, half a second apart.
    audio = [TTSAudioRawFrame(bytes(320), 16000, 1) for _ in range(4)]
    moments = iter((1.0, 1.5, 2.0, 2.5))
    events = await made(Grok(), [TTSStartedFrame(), *audio[:2], call, *audio[2:]], clock=lambda: next(moments))
    late = [event.awaited for event in events if isinstance(event, SpeechLate)]
    assert late == [False, True, False]


@pytest.mark.parametrize(
    ("behind", "seconds", "rest"),
    [
        pytest.param([TTSStartedFrame, TTSAudioRawFrame], 0.1, [True], id="announced-again"),
        pytest.param([TTSAudioRawFrame], 0.1, [True], id="not-announced-again"),
        pytest.param([TTSStartedFrame, TTSAudioRawFrame], 0.6, [False], id="another-answer"),
    ],
)
@pytest.mark.parametrize("ends", [True, False])
async def test_what_a_model_says_right_behind_an_interruption_is_the_rest_of_an_answer(
    behind: list[type[Frame]], seconds: float, rest: list[bool], ends: bool
) -> None:
    def frame(kind: type[Frame]) -> Frame:
        return TTSAudioRawFrame(bytes(320), 16000, 1) if kind is TTSAudioRawFrame else kind()

    kinds = [LLMFullResponseStartFrame, TTSStartedFrame, TTSAudioRawFrame, *([TTSStoppedFrame] if ends else [])]
    cut = [*kinds, InterruptionFrame]
    now = iter([1.0] * 20)
    model, events = Grok(), list[object]()
    pushes = Pushes(lambda where, fault: None)
    listen_to_maker(model, pushes, lambda event, processor: events.append(event), lambda: next(now))
    for kind in cut:
        await model._call_event_handler("on_before_push_frame", frame(kind))
    now = iter([1.0 + seconds] * 20)
    for kind in behind:
        await model._call_event_handler("on_before_push_frame", frame(kind))

    assert [event.is_backchannel for event in events if isinstance(event, SpeechStarted)] == [False, *rest]
    # Gemini's service ends no response that is cut off.
    assert [type(event) for event in events if isinstance(event, ModelStarted | ModelEnded)] == [
        ModelStarted,
        ModelEnded,
    ]


async def test_a_models_audio_that_nothing_announces_is_a_piece_of_its_own() -> None:
    audio = TTSAudioRawFrame(bytes(320), 16000, 1)
    first = [TTSStartedFrame(), audio, TTSStoppedFrame()]
    events = await made(Grok(), [*first, audio, TTSStartedFrame(), audio, TTSStoppedFrame()])
    assert [type(event) for event in events if isinstance(event, SpeechStarted | SpeechEnded)] == [
        SpeechStarted,
        SpeechEnded,
    ] * 2


class Grok(LLMService):
    """A service that announces a response when it asks for it, and again with each of its items."""


Grok.__module__ = "pipecat.services.xai.realtime.llm"


async def test_a_response_that_is_announced_several_times_ends_with_its_only_end() -> None:
    events = await made(Grok(), [*(LLMFullResponseStartFrame() for _ in range(3)), LLMFullResponseEndFrame()])
    assert events == [ModelStarted(), ModelEnded()] * 3
