"""A model that hears the caller itself: its turns have no transcript, and are questions all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from pipecat.frames.frames import EndFrame, Frame, UserStartedSpeakingFrame, UserStoppedSpeakingFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.services.stt_service import STTService
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from voice_metrics.call.events import TurnHeard
from voice_metrics.pipecat.answer_frames import listen_to_turns


class Deaf(STTService):
    """A recogniser that understands nothing."""

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        yield None


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
async def test_a_turn_without_a_transcript_is_noise_only_where_a_recogniser_hears(
    services: tuple[type[Any], ...], expected: list[object]
) -> None:
    assert await heard(*(made() for made in services)) == expected
