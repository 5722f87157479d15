"""Start and end of a call are recorded, however early, late or abrupt they are."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Sum
from pipecat.frames.frames import EndFrame, ErrorFrame, Frame, StartFrame, StopFrame, TextFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from voice_metrics import CallSummary, Telemetry, VoiceMetricsObserver, VoiceMetricsProcessor
from voice_metrics.call.call import Call
from voice_metrics.call.errors import ErrorRaised
from voice_metrics.call.events import BotStarted, BotStopped, Interruption
from voice_metrics.call.facts import EndReason, FirstByte, TurnOutcome
from voice_metrics.call.functions import FunctionAnswered, FunctionRunning
from voice_metrics.call.identity import Identity
from voice_metrics.call.incoming import Event
from voice_metrics.export.call_export import CallExport
from voice_metrics.ledger import LedgerReader, ledger_at
from voice_metrics.pipecat.origins import Origins
from voice_metrics.pipecat.pushes import Pushes
from voice_metrics.pipecat.services import Services
from voice_metrics.prices import PriceBook
from voice_metrics.settings.environment import Settings


class Unreachable(FrameProcessor):
    """A service that cannot connect, and says so before it passes the StartFrame on."""

    def __init__(self, *, fatal: bool) -> None:
        super().__init__()
        self._fatal = fatal

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            await self.push_error("cannot connect", fatal=self._fatal)
        await self.push_frame(frame, direction)


def in_memory() -> Telemetry:
    return Telemetry(meter_provider=MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False))


def worker_of(processors: list[FrameProcessor], observers: list[VoiceMetricsObserver]) -> PipelineWorker:
    return PipelineWorker(
        Pipeline(processors),
        params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
        observers=list(observers),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
    )


def placed(place: str, broken: FrameProcessor) -> tuple[VoiceMetricsProcessor | VoiceMetricsObserver, PipelineWorker]:
    """The plug-in behind a processor, before it or as an observer, and what runs both."""
    if place == "observer":
        observer = VoiceMetricsObserver(telemetry=in_memory())
        return observer, worker_of([broken], [observer])
    metrics = VoiceMetricsProcessor(telemetry=in_memory())
    return metrics, worker_of([broken, metrics] if place == "after" else [metrics, broken], [])


async def run_worker(worker: PipelineWorker, *frames: Frame) -> None:
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await worker.queue_frames(list(frames))
    await asyncio.wait_for(runner.run(), 120)


async def run(processors: list[FrameProcessor], ending: Frame) -> None:
    """Run a pipeline from its start to its end, and no longer."""
    await run_worker(worker_of(processors, []), ending)


@pytest.mark.parametrize("place", ["after", "before", "observer"])
@pytest.mark.parametrize(("fatal", "reason"), [(False, "completed"), (True, "error")])
async def test_a_service_that_cannot_connect_is_an_error_of_the_call(place: str, fatal: bool, reason: str) -> None:
    tool, worker = placed(place, Unreachable(fatal=fatal))
    await run_worker(worker, EndFrame())
    summary = tool.summary()
    assert summary is not None
    assert (summary.errors, summary.end_reason) == (1, reason)


class Plain(FrameProcessor):
    """A processor that pushes an ErrorFrame as any other frame, when the call has begun."""

    def __init__(self, *, fatal: bool) -> None:
        super().__init__()
        self._fatal = fatal

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TextFrame):
            await self.push_frame(ErrorFrame(error="lost", fatal=self._fatal), FrameDirection.UPSTREAM)
        await self.push_frame(frame, direction)


@pytest.mark.parametrize("place", ["after", "before", "observer"])
@pytest.mark.parametrize(("fatal", "reason"), [(False, "completed"), (True, "error")])
async def test_an_error_frame_that_is_pushed_as_any_other_is_an_error_of_the_call(
    place: str, fatal: bool, reason: str
) -> None:
    tool, worker = placed(place, Plain(fatal=fatal))

    @worker.event_handler("on_pipeline_error")
    async def on_pipeline_error(worker: PipelineWorker, frame: ErrorFrame) -> None:
        # A fatal one ends the call without it.
        if not fatal:
            await worker.queue_frame(EndFrame())

    await run_worker(worker, TextFrame("hello"))
    summary = tool.summary()
    assert summary is not None
    assert (summary.errors, summary.end_reason) == (1, reason)


class LastStraw(FrameProcessor):
    """A processor that breaks while the pipeline ends."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, EndFrame):
            await self.push_error("cannot finish", fatal=True)
        await self.push_frame(frame, direction)


@pytest.mark.parametrize("place", ["after", "observer", "before"])
async def test_a_fatal_error_that_overtakes_the_end_is_how_the_call_ended(place: str) -> None:
    announced: list[CallSummary] = []
    tool, worker = placed(place, LastStraw())
    tool.add_event_handler("on_call_summary", lambda _, summary: announced.append(summary))
    await run_worker(worker, EndFrame())
    assert [(summary.errors, summary.end_reason) for summary in announced] == [(1, "error")]


class Storm(FrameProcessor):
    """A processor with so many errors that the pipeline's word of the first comes after the last."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TextFrame):
            for _ in range(700):
                await self.push_frame(ErrorFrame(error="lost"), FrameDirection.UPSTREAM)
            await self.push_error("lost")
        await self.push_frame(frame, direction)


@pytest.mark.parametrize("place", ["after", "observer", "before"])
async def test_each_error_of_a_storm_counts_once(place: str) -> None:
    tool, worker = placed(place, Storm())
    await run_worker(worker, TextFrame("hello"), EndFrame())
    summary = tool.summary()
    assert summary is not None
    assert summary.errors == 701


async def test_an_error_between_two_calls_is_no_end_of_the_second() -> None:
    announced: list[CallSummary] = []
    metrics = VoiceMetricsProcessor(telemetry=in_memory())
    metrics.add_event_handler("on_call_summary", lambda _, summary: announced.append(summary))
    quiet = LastStraw()
    await run([quiet, metrics], StopFrame())
    await metrics.cleanup()
    await quiet.push_error("no listener", fatal=True)
    await run([quiet, metrics], StopFrame())
    await metrics.cleanup()
    assert [(summary.errors, summary.end_reason) for summary in announced] == [(0, "completed")] * 2


async def test_an_error_and_the_frame_that_carries_it_are_one() -> None:
    told: list[Event] = []
    origins = Origins(lambda event, processor: told.append(event), Pushes(lambda where, fault: None))
    broken = Unreachable(fatal=False)
    worker = worker_of([broken], [])
    for _ in range(2):
        origins.listen([broken])
        origins.listen_above(worker)
    await run_worker(worker, EndFrame())
    assert [type(event) for event in told] == [ErrorRaised]


def test_a_stopped_call_is_concluded_although_its_loop_ends_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: list[str]
) -> None:
    path = tmp_path / "calls.db"
    monkeypatch.setenv("VOICE_METRICS_DB", str(path))
    announced: list[CallSummary] = []

    async def whole() -> str:
        metrics = VoiceMetricsProcessor(telemetry=in_memory())

        @metrics.event_handler("on_call_summary")
        async def on_call_summary(processor: VoiceMetricsProcessor, summary: CallSummary) -> None:
            announced.append(summary)

        await run([metrics], StopFrame())
        return metrics.call_id

    call_id = asyncio.run(whole())
    assert len([line for line in log if line.startswith(f"INFO Call {call_id}: ")]) == 1
    assert [summary.end_reason for summary in announced] == ["completed"]
    ledger = ledger_at(path, Settings.from_environment(os.environ).ledger_days)
    assert ledger.close()
    with LedgerReader(path) as reader:
        assert [(row.call_id, row.end_reason) for row in reader.calls()] == [(call_id, "completed")]


def a_call(prices: PriceBook | None = None, telemetry: Telemetry | None = None) -> Call:
    identity = Identity("c-1", {}, {}, datetime.now(UTC))
    series = CallExport(telemetry or in_memory(), Services(), "c-1", identity.tags(), gen_ai=True)
    return Call(identity, Services(), series, prices or PriceBook({}), 0.0)


def _goodbye(call: Call, look: Callable[[float], Any]) -> dict[str, Any]:
    """A goodbye that was queued with the EndFrame, is cut off, and waits for a function; `look` looks on."""
    call.observe(BotStarted(), 1.0)
    call.observe(FunctionRunning(1, "1", "book"), 1.2)
    call.measurements.add(FirstByte("Mouth", "mouth-1", 0.2), 1.99)
    call.end(EndReason.COMPLETED, 2.0)
    look(2.0)
    call.observe(Interruption(), 2.5)
    call.observe(BotStopped(), 2.6)
    look(2.7)
    call.observe(FunctionAnswered(2, "1", "book"), 3.0)
    look(3.1)
    call.close(3.2)
    return call.progress(9.0).to_dict()


def test_reading_the_summary_changes_nothing() -> None:
    read, unread = a_call(), a_call()
    told = _goodbye(read, read.summary), _goodbye(unread, lambda at: None)
    for one in told:
        del one["started_at"]
    assert told[0] == told[1]
    assert told[0]["turns"] == {"completed": 0, "interrupted": 1, "unanswered": 0}


def test_the_summary_of_a_call_that_has_ended_counts_what_is_still_open() -> None:
    call = a_call()
    call.observe(BotStarted(), 1.0)
    call.end(EndReason.CANCELLED, 2.0)
    assert call.summary(2.0).turns == {TurnOutcome.INTERRUPTED: 1}
    assert call.progress(2.0).turns == {}


def test_a_goodbye_that_is_played_after_the_end_frame_is_part_of_the_duration() -> None:
    call = a_call()
    call.observe(BotStarted(), 1.0)
    call.end(EndReason.COMPLETED, 2.0)
    assert call.progress(4.0).duration_seconds == 4.0
    call.observe(BotStopped(), 5.0)
    call.close(5.5)
    assert call.progress(9.0).duration_seconds == 5.0


def test_a_goodbye_that_never_ends_lasts_until_the_call_is_closed() -> None:
    call = a_call()
    call.observe(BotStarted(), 1.0)
    call.end(EndReason.COMPLETED, 2.0)
    call.close(7.0)
    assert call.progress(9.0).duration_seconds == 7.0


def test_what_passes_between_the_end_and_its_telling_is_no_part_of_the_series_duration() -> None:
    reader = InMemoryMetricReader()
    call = a_call(telemetry=Telemetry(meter_provider=MeterProvider([reader], shutdown_on_exit=False)))
    call.end(EndReason.COMPLETED, 2.0)
    call.close(62.0)
    data = reader.get_metrics_data()
    assert data is not None
    metrics = data.resource_metrics[0].scope_metrics[0].metrics
    (duration,) = (metric.data for metric in metrics if metric.name == "voice.session.duration.seconds")
    assert isinstance(duration, Sum)
    assert duration.data_points[0].value == pytest.approx(2.0)


async def test_a_ledger_that_cannot_be_written_is_no_error_of_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("VOICE_METRICS_DB", str(tmp_path / "file" / "calls.db"))
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    await run([VoiceMetricsProcessor(telemetry=in_memory())], EndFrame())
    gc.collect()
    assert told == []
