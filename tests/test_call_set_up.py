"""A call begins when its pipeline is set up: one whose services never connect is a call too."""

from __future__ import annotations

import asyncio
import time
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from pipecat.frames.frames import EndFrame, Frame, MetricsFrame, StartFrame, StopFrame, TextFrame
from pipecat.metrics.metrics import TTFBMetricsData
from pipecat.pipeline.parallel_pipeline import ParallelPipeline
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor, FrameProcessorSetup
from pipecat.workers.runner import WorkerRunner

from tests.store import Store
from voice_metrics import CallSummary, VoiceMetricsObserver, VoiceMetricsProcessor
from voice_metrics.call.call import Call
from voice_metrics.call.facts import EndReason
from voice_metrics.call.identity import Identity
from voice_metrics.export.call_export import CallExport
from voice_metrics.pipecat.lifetime import GRACE_SECONDS
from voice_metrics.pipecat.services import Services
from voice_metrics.prices import PriceBook
from voice_metrics.telemetry import RunningCall, Telemetry

pytestmark = pytest.mark.slow

Tool = VoiceMetricsProcessor | VoiceMetricsObserver
# From 1.8.0 on processors are set up side by side, and a worker that is cancelled meanwhile is cleaned up.
SETS_UP_TOGETHER = "enable_metrics" in {field.name for field in fields(FrameProcessorSetup)}
PLACES = ("behind", "in front", "in a branch", "observer")


class Pass(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Retrying(Pass):
    """A recogniser that reports each failed try to connect and keeps trying, in its set-up or at its start."""

    def __init__(self, when: str, seconds: float = 0.0) -> None:
        super().__init__()
        self._when = when
        self._seconds = seconds
        self.reported = 0
        self.tried = asyncio.Event()

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]  # as FrameProcessor does
        await super().setup(setup)
        if self._when == "set-up":
            await self._connect()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if isinstance(frame, StartFrame) and self._when == "start":
            await FrameProcessor.process_frame(self, frame, direction)
            await self._connect()
        await super().process_frame(frame, direction)

    async def _connect(self) -> None:
        for _ in range(3):
            if self._seconds:
                await asyncio.sleep(self._seconds)
            await self.push_error("connection error: no such host")
            self.reported += 1
        self.tried.set()
        await asyncio.Event().wait()


def seconds_of_a_try(place: str) -> float:
    # What is deep in a pipeline is set up some turns of the event loop later than what stands in front.
    return 0.05 if place == "in a branch" else 0.0


def placed(place: str, service: FrameProcessor, store: Store, **worker: Any) -> tuple[Tool, PipelineWorker]:
    if place == "observer":
        tool: Tool = VoiceMetricsObserver(telemetry=store.telemetry)
        processors: list[FrameProcessor] = [service]
    else:
        tool = VoiceMetricsProcessor(telemetry=store.telemetry)
        nested = [service, ParallelPipeline([tool])]
        processors = {"behind": [service, tool], "in front": [tool, service], "in a branch": nested}[place]
    made = PipelineWorker(
        Pipeline(processors),
        params=PipelineParams(
            enable_metrics=True, enable_usage_metrics=True, start_metadata={"call_id": "from metadata"}
        ),
        observers=[tool] if isinstance(tool, VoiceMetricsObserver) else [],
        enable_rtvi=False,
        enable_turn_tracking=False,
        cancel_timeout_secs=0.2,
        **worker,
    )
    return tool, made


async def run(worker: PipelineWorker) -> None:
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    async with asyncio.timeout(120):
        await runner.run()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.mark.parametrize("when", ["set-up", "start"])
@pytest.mark.parametrize("place", PLACES)
async def test_a_call_is_concluded_if_the_caller_hangs_up_during_a_retry(place: str, when: str, store: Store) -> None:
    if when == "set-up" and not SETS_UP_TOGETHER:
        pytest.skip("this Pipecat cannot cancel a worker that is being set up")
    service = Retrying(when, seconds_of_a_try(place))
    tool, worker = placed(place, service, store)
    announced: list[CallSummary] = []
    tool.add_event_handler("on_call_summary", lambda _, summary: announced.append(summary))
    running = asyncio.create_task(run(worker))
    await service.tried.wait()
    await worker.cancel()
    await running
    assert [(told.call_id, told.end_reason, told.errors) for told in announced] == [("from metadata", "cancelled", 3)]
    assert store.total("voice.calls.total") == 1
    assert store.total("voice.errors.total", processor="Retrying") == 3
    assert store.total("voice.calls.ended.total", end_reason="cancelled") == 1


@pytest.mark.skipif(not SETS_UP_TOGETHER, reason="this Pipecat waits for ever")
@pytest.mark.parametrize("place", PLACES)
async def test_a_set_up_that_pipecat_gives_up_is_an_error(place: str, store: Store) -> None:
    service = Retrying("set-up", seconds_of_a_try(place))
    tool, worker = placed(place, service, store, setup_timeout_secs=1.0)
    await run(worker)
    summary = tool.summary()
    assert summary is not None
    # On a busy machine Pipecat may give up before the third try.
    assert (summary.end_reason, summary.errors) == ("error", service.reported)


async def test_a_call_that_never_starts_says_nothing_about_flags(store: Store, log: list[str]) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    service = Retrying("start")
    worker = PipelineWorker(Pipeline([service, metrics]), cancel_timeout_secs=0.2)
    running = asyncio.create_task(run(worker))
    await service.tried.wait()
    await worker.cancel()
    await running
    assert not [line for line in log if "enable_" in line]


class SetUpTwice(VoiceMetricsProcessor):
    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]  # as FrameProcessor does
        await super().setup(setup)
        await super().setup(setup)


async def test_a_processor_that_is_set_up_twice_measures_one_call(store: Store) -> None:
    metrics = SetUpTwice(telemetry=store.telemetry)
    worker = PipelineWorker(Pipeline([metrics]))
    await worker.queue_frame(EndFrame())
    await run(worker)
    assert store.total("voice.calls.total") == 1
    assert store.total("voice.calls.ended.total") == 1


async def test_a_call_after_a_stop_begins_at_its_own_set_up(store: Store) -> None:
    metrics, service = VoiceMetricsProcessor(telemetry=store.telemetry), Pass()
    announced: list[CallSummary] = []
    metrics.add_event_handler("on_call_summary", lambda _, summary: announced.append(summary))
    first = PipelineWorker(Pipeline([service, metrics]))
    await first.queue_frame(StopFrame())
    await run(first)
    retrying = Retrying("start")
    second = PipelineWorker(Pipeline([retrying, metrics]), cancel_timeout_secs=0.2)
    running = asyncio.create_task(run(second))
    await retrying.tried.wait()
    await second.cancel()
    await running
    assert [(told.end_reason, told.errors) for told in announced] == [("completed", 0), ("cancelled", 3)]
    assert announced[0].call_id != announced[1].call_id


def test_the_length_counts_from_the_start_of_the_pipeline() -> None:
    reader = InMemoryMetricReader()
    telemetry = Telemetry(meter_provider=MeterProvider([reader], shutdown_on_exit=False))
    set_up_at = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
    series = CallExport(telemetry, Services(), "c-1", {}, gen_ai=True)
    call = Call(Identity("c-1", {}, {}, set_up_at), Services(), series, PriceBook({}), 100.0)
    call.started(130.0)
    call.end(EndReason.COMPLETED, 134.0)
    call.close(134.0)
    summary = call.progress(134.0)
    assert summary.duration_seconds == 4.0
    assert summary.started_at == set_up_at.replace(second=30)


class SlowlyMade(Telemetry):
    """Telemetry whose first call waits for its making, on a busy machine."""

    def begin(self, *names: Any, **more: Any) -> RunningCall:
        time.sleep(0.5)
        return super().begin(*names, **more)


@pytest.mark.parametrize("place", ["behind", "observer"])
async def test_the_series_last_as_long_as_the_call_however_slowly_telemetry_is_made(place: str, store: Store) -> None:
    store.telemetry = SlowlyMade(meter_provider=store.telemetry.meter_provider)
    tool, worker = placed(place, Pass(), store)
    await worker.queue_frames([TextFrame("hello"), EndFrame()])
    await run(worker)
    summary = tool.summary()
    assert summary is not None
    assert store.total("voice.session.duration.seconds") == pytest.approx(summary.duration_seconds, abs=1e-6)


class Late(Pass):
    """A recogniser whose latency is known only after it has passed the EndFrame on."""

    async def report(self) -> None:
        await self.push_frame(MetricsFrame([TTFBMetricsData(processor="Late#0", model="late-1", value=0.7)]))


class Slow(FrameProcessor):
    """An output that takes longer to finish than a call waits for what is under way, until the recogniser reports."""

    def __init__(self, late: Late) -> None:
        super().__init__()
        self._late = late
        self._reported = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, MetricsFrame) and any(data.model for data in frame.data):
            self._reported.set()
        if isinstance(frame, EndFrame):
            await asyncio.sleep(GRACE_SECONDS + 0.3)
            await self._late.report()
            await self._reported.wait()
        await self.push_frame(frame, direction)


@pytest.mark.parametrize("place", ["before the output", "behind the output", "observer"])
async def test_a_latency_that_comes_before_the_clean_up_counts(place: str, store: Store) -> None:
    late = Late()
    slow = Slow(late)
    tool: Tool
    if place == "observer":
        tool = VoiceMetricsObserver(telemetry=store.telemetry)
        processors: list[FrameProcessor] = [late, slow]
    else:
        tool = VoiceMetricsProcessor(telemetry=store.telemetry)
        processors = [late, tool, slow] if place == "before the output" else [late, slow, tool]
    worker = PipelineWorker(
        Pipeline(processors),
        params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
        observers=[tool] if isinstance(tool, VoiceMetricsObserver) else [],
    )
    await worker.queue_frames([TextFrame("hello"), EndFrame()])
    await run(worker)
    summary = tool.summary()
    assert summary is not None
    assert summary.ttfb.overall.count == 1
    assert summary.end_reason == "completed"
    assert store.total("voice.ttfb.milliseconds", processor="Late") == 700.0
