"""Characters that Pipecat does not report of a voice in a worker of its own, bridged to the caller's."""

from __future__ import annotations

import asyncio

import pytest
from pipecat.bus import AsyncQueueBus, BusBridgeProcessor
from pipecat.frames.frames import InterruptionFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.tts_service import TextAggregationMode, TTSService
from pipecat.workers.runner import WorkerRunner

from tests.local_providers import FakeDeepgram
from tests.scripted_providers import Bench, Speaker
from tests.scripts import Script
from tests.test_services_of_a_call import Drive, Measure
from tests.test_unreported_text import Voice, answer, deepgram, speak
from tests.waiting import until

pytestmark = pytest.mark.slow

PARAMS = PipelineParams(enable_metrics=True, enable_usage_metrics=True)


async def call_with_bridged(voice: TTSService, measure: Measure, drive: Drive, *, as_child: bool, calls: int) -> None:
    bus = AsyncQueueBus()
    bench = Bench(Script(turns=()))
    bridge = BusBridgeProcessor(bus=bus, worker_name="line")
    processors: list[FrameProcessor] = [bridge, *measure.at("before_output"), Speaker(bench)]
    pipeline = Pipeline(processors)
    line = PipelineWorker(pipeline, params=PARAMS, observers=list(measure.observers), enable_rtvi=False, name="line")
    mouth = PipelineWorker(Pipeline([voice]), name="mouth", params=PARAMS, bridged=())
    others = [
        PipelineWorker(Pipeline([Speaker(Bench(Script(turns=())))]), enable_rtvi=False, name=f"line-{number}")
        for number in range(1, calls)
    ]
    runner = WorkerRunner(handle_sigint=False, bus=bus)
    started, ready = asyncio.Event(), asyncio.Event()
    line.add_event_handler("on_pipeline_started", lambda worker, frame: started.set())
    mouth.add_event_handler("on_pipeline_started", lambda worker, frame: ready.set())
    await runner.add_workers(line, *others, *([] if as_child else [mouth]))

    async def driving() -> None:
        await started.wait()
        if as_child:
            await line.add_workers(mouth)
        await ready.wait()
        await drive(line)
        await runner.cancel()

    async with asyncio.timeout(120):
        await asyncio.gather(runner.run(), driving())


@pytest.mark.parametrize("as_child", [False, True], ids=["beside", "child"])
@pytest.mark.parametrize("place", ["before_output", "observer"])
async def test_tokens_that_a_bridged_voice_drops_count(place: str, as_child: bool) -> None:
    measure, voice = Measure(place), Voice(TextAggregationMode.TOKEN)

    async def drive(worker: PipelineWorker) -> None:
        await speak(worker, voice, "barge-in")
        await until(lambda: measure.summary["tts"]["characters"] is not None)

    await call_with_bridged(voice, measure, drive, as_child=as_child, calls=1)

    assert measure.summary["tts"]["characters"] == voice.sent


@pytest.mark.parametrize("place", ["before_output", "observer"])
async def test_text_of_a_bridged_voice_that_reports_none_counts(place: str) -> None:
    measure = Measure(place)

    async with FakeDeepgram() as server:

        async def drive(worker: PipelineWorker) -> None:
            await answer(worker, server, "nine is free")
            await worker.queue_frame(InterruptionFrame())
            await until(lambda: measure.summary["tts"]["characters"] is not None)

        await call_with_bridged(deepgram(server), measure, drive, as_child=False, calls=1)

    assert measure.summary["tts"]["characters"] == server.characters


async def test_bridged_voice_on_a_bus_of_several_calls_counts_for_none() -> None:
    measure = Measure("before_output")

    async with FakeDeepgram() as server:
        await call_with_bridged(
            deepgram(server),
            measure,
            lambda worker: answer(worker, server, "nine is free"),
            as_child=False,
            calls=2,
        )

    assert measure.summary["tts"]["characters"] is None
