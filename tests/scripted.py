"""Real Pipecat calls whose truth the script knows.

The services, aggregators, transports and the worker are Pipecat's own classes; only the providers behind them are
scripted. What a call used, said, cut off and failed at is counted where it happens, by the scripted providers, never
read from what is under test.

    truth = await run_call(DEMO, before_output=[metrics])
    assert metrics.summary().interruptions == truth.interruptions
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipecat.bus import AsyncQueueBus, BusBridgeProcessor
from pipecat.frames import frames as pipecat_frames
from pipecat.frames.frames import EndFrame, Frame
from pipecat.metrics import metrics as pipecat_metrics
from pipecat.observers.base_observer import BaseObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.service_switcher import ServiceSwitcher, ServiceSwitcherStrategyFailover
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.turns.user_start import TranscriptionUserTurnStartStrategy, VADUserTurnStartStrategy
from pipecat.turns.user_stop import TurnAnalyzerUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies, UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from tests.scripted_providers import (
    ANSWERS_FAILURES,
    BARGE_IN_SECONDS,
    GIVE_UP_SECONDS,
    Bench,
    Ear,
    Judge,
    Line,
    Mind,
    Mouth,
    SpareEar,
    Speaker,
)
from tests.scripts import DEMO, SHORT, Script, Tool, Truth, Turn

__all__ = ["DEMO", "SHORT", "Script", "ScriptedCall", "Tool", "Truth", "Turn", "knows", "run_call", "scripted_call"]


@dataclass
class ScriptedCall:
    """A call that is put together and not yet run.

    Parameters:
        bench: What its providers share.
        line: The caller.
        speaker: The output transport.
        worker: Pipecat's worker that talks to the caller.
        brain: The worker that the model runs in, if it is another one.
        bus: What connects the two.
    """

    bench: Bench
    line: Line
    speaker: Speaker
    worker: PipelineWorker
    brain: PipelineWorker | None = None
    bus: AsyncQueueBus | None = None

    async def run(self, drive: Callable[[], Awaitable[None]] | None = None) -> Truth:
        """Run the call to its end and return its truth.

        Args:
            drive: Does what the caller does, from the pipeline's start on; the script's turns if left out.
        """
        runner = WorkerRunner(handle_sigint=False, bus=self.bus)
        await runner.add_workers(self.worker, *([self.brain] if self.brain else []))
        self.worker.add_event_handler("on_pipeline_finished", self._dismiss_brain)
        driver = asyncio.create_task(self._drive_by(drive) if drive else self._drive())
        async with asyncio.timeout(240):
            await runner.run()
            await driver
        return self.bench.truth

    async def _dismiss_brain(self, worker: PipelineWorker, frame: Frame) -> None:
        if self.brain is not None:
            await self.brain.cancel()

    async def _drive_by(self, drive: Callable[[], Awaitable[None]]) -> None:
        try:
            await self._started()
            await drive()
        except BaseException:
            await self.worker.cancel()
            raise

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
        if turn.barges_in:
            # A sentence still being made may be cut too, or not.
            await self._within(self.bench.reply_is_made)
            await asyncio.sleep(BARGE_IN_SECONDS)
            self.bench.bot_speaks.clear()
        # Else the bot may have ended before a busy machine lets the caller, or the end of the call, cut it off.
        ends_mid_sentence = self.bench.script.ending == "cancel mid-sentence"
        self.bench.waits_to_be_cut_off = after.barges_in if after else ends_mid_sentence
        await self.line.say(turn)
        if after and after.resumes:
            await self._within(self.bench.thinking)
            return
        if not ANSWERS_FAILURES and any(tool.outcome != "completed" for tool in turn.tools):
            await self._within(self.bench.function_is_over)
            self.bench.silent_at = None  # what the bot says later answers nothing
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
    beside_mind: Sequence[FrameProcessor] | None = None,
    user_params: Mapping[str, Any] | None = None,
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
        user_params: More of the user aggregator's parameters.
        beside_mind: If given, the model runs in a worker of its own, bridged to the first, with these behind it.
        worker: Further arguments for the worker.
    """
    bench = Bench(script)
    line, speaker, mind, mouth = Line(bench), Speaker(bench), Mind(bench), Mouth(bench)
    pair = LLMContextAggregatorPair(
        LLMContext(messages=[]),
        user_params=LLMUserAggregatorParams(**{"user_turn_strategies": _strategies(bench), **(user_params or {})}),
    )
    ear: FrameProcessor = Ear(bench)
    if any(turn.recognition_fails for turn in script.turns):
        ear = ServiceSwitcher([ear, SpareEar(bench)], ServiceSwitcherStrategyFailover)
    params = params or PipelineParams(enable_metrics=True, enable_usage_metrics=True)
    bus = brain = None
    here: FrameProcessor = mind
    if beside_mind is not None:
        bus = AsyncQueueBus()
        here = BusBridgeProcessor(bus=bus, worker_name="line")
        brain = PipelineWorker(Pipeline([mind, *beside_mind]), name="brain", params=params, bridged=())
    voice = around([here, mouth]) if around else [here, mouth]
    pipeline = Pipeline(
        [line, ear, pair.user(), *voice, *before_output, speaker, *after_output, pair.assistant(), *at_end]
    )
    told = {"enable_rtvi": False, "name": "line", **worker}
    line_worker = PipelineWorker(pipeline, params=params, observers=list(observers), **told)
    return ScriptedCall(bench, line, speaker, line_worker, brain, bus)


async def run_call(script: Script = DEMO, **arrangement: Any) -> Truth:
    """Run a call; the arguments are those of `scripted_call`.

    Returns:
        What happened in it.
    """
    return await scripted_call(script, **arrangement).run()


def knows(metrics_class: str) -> bool:
    """Whether this Pipecat has a class of metrics."""
    return hasattr(pipecat_metrics, metrics_class)


def _strategies(bench: Bench) -> UserTurnStrategies:
    if not bench.script.voice_activity:
        return ExternalUserTurnStrategies()
    from_voice = bench.script.turns_start_from == "voice"
    return UserTurnStrategies(
        start=[VADUserTurnStartStrategy() if from_voice else TranscriptionUserTurnStartStrategy()],
        stop=[TurnAnalyzerUserTurnStopStrategy(turn_analyzer=Judge(bench))],
    )
