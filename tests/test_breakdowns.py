"""When Pipecat's latency observer is attached to a pipeline, and what it then explains."""

from __future__ import annotations

import asyncio

import pytest
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    EndFrame,
    Frame,
    LLMFullResponseStartFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.observers.user_bot_latency_observer import UserBotLatencyObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from tests.waiting import until
from voice_metrics.call.response_parts import Breakdown
from voice_metrics.pipecat.breakdowns import EXPLAINS, Breakdowns

pytestmark = pytest.mark.skipif(not EXPLAINS, reason="this Pipecat's breakdown has no parts")


class Meter(FrameProcessor):
    """Says when the caller's voice starts, if it is to, and lets frames be pushed from where they begin."""

    def __init__(self, *, hears: bool) -> None:
        super().__init__(enable_direct_mode=True)
        self.breakdowns: Breakdowns | None = None
        self._hears = hears

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if self._hears and self.breakdowns and isinstance(frame, VADUserStartedSpeakingFrame):
            self.breakdowns.voice_started(frame)
        await self.push_frame(frame, direction)


class Source(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Stage:
    """A worker with breakdowns, whose clock is turned by hand."""

    def __init__(self, *, hears: bool) -> None:
        self.explained: list[Breakdown] = []
        self.now = 0.0
        self.source, self._meter = Source(), Meter(hears=hears)
        self.worker = PipelineWorker(
            Pipeline([self.source, self._meter]), enable_rtvi=False, enable_turn_tracking=False, idle_timeout_secs=None
        )

    async def start(self) -> asyncio.Task[None]:
        started = asyncio.Event()
        self.worker.add_event_handler("on_pipeline_started", lambda worker, frame: started.set())
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self.worker)
        running = asyncio.create_task(runner.run())
        await started.wait()
        breakdowns = Breakdowns(self.worker, self.explained.append, self.faulted, lambda: self.now)
        await breakdowns.attach(self.source.processor_setup.task_manager)
        self._meter.breakdowns = breakdowns
        return running

    def faulted(self, where: str, fault: Exception) -> None:
        raise fault

    @property
    def is_observed(self) -> bool:
        return any(isinstance(observer, UserBotLatencyObserver) for observer in self.worker._observer._observers)

    async def turn(self, *, seconds: float = 1.0) -> None:
        """A turn and its answer, which comes `seconds` after the caller's voice started."""
        answers = len(self.explained) + 1
        await self.source.push_frame(VADUserStartedSpeakingFrame())
        await until(lambda: self.is_observed)
        self.now += seconds
        await self.source.push_frame(VADUserStoppedSpeakingFrame())
        await self.source.push_frame(LLMFullResponseStartFrame())
        await self.source.push_frame(BotStartedSpeakingFrame())
        await until(lambda: len(self.explained) == answers)


async def told(hears: bool, seconds: list[float]) -> tuple[int, list[bool]]:
    """How many of these turns are explained, and whether the observer is attached after each."""
    stage = Stage(hears=hears)
    running = await stage.start()
    attached = []
    for each in seconds:
        await stage.turn(seconds=each)
        # Removal is a task of its own, and so is whatever else would come of the answer.
        for _ in range(20):
            await asyncio.sleep(0)
        attached.append(stage.is_observed)
    await stage.worker.queue_frame(EndFrame())
    await running
    return len(stage.explained), attached


async def test_each_answer_is_explained_by_an_observer_that_stays_for_its_turn() -> None:
    assert await told(hears=True, seconds=[1.0, 1.0, 1.0]) == (3, [False, False, False])


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="Python 3.12 has it")
async def test_an_observer_comes_and_goes_on_a_loop_of_eager_tasks() -> None:
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    assert await told(hears=True, seconds=[1.0, 1.0, 1.0]) == (3, [False, False, False])


async def test_an_answer_told_as_the_next_voice_starts_keeps_the_observer() -> None:
    assert await told(hears=True, seconds=[1.0, 0.1, 1.0]) == (3, [False, True, False])


async def test_where_no_voice_is_heard_the_observer_stays() -> None:
    assert await told(hears=False, seconds=[1.0, 1.0]) == (2, [True, True])
