"""Outcome and ended by: neither follows from the other, nor from the end reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from pipecat.frames import frames
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    DataFrame,
    EndFrame,
    Frame,
    InputTransportMessageFrame,
    StartFrame,
    StopFrame,
    TextFrame,
    UserStartedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import BaseTransport, TransportParams
from pipecat.workers.runner import WorkerRunner

from tests.store import Store
from voice_metrics import CallSummary, VoiceMetricsObserver, VoiceMetricsProcessor, outcome

Tool = VoiceMetricsProcessor | VoiceMetricsObserver
PLACES = ("before output", "after output", "observer")
_CANCEL_REQUEST = getattr(frames, "CancelWorkerFrame", None) or frames.CancelTaskFrame
_END_REQUEST = getattr(frames, "EndWorkerFrame", None) or frames.EndTaskFrame


class Input(BaseInputTransport):
    def __init__(self, line: Line) -> None:
        super().__init__(TransportParams())
        self._transport = line


class Output(BaseOutputTransport):
    """Closes the line when the pipeline ends, which the line reports as a disconnect, as real ones do."""

    def __init__(self, line: Line) -> None:
        super().__init__(TransportParams())
        self._line = line

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def stop(self, frame: EndFrame) -> None:
        await super().stop(frame)
        await self._line.disconnect()


class Line(BaseTransport):
    """A transport with the events of Pipecat's own."""

    def __init__(self) -> None:
        super().__init__()
        self._register_event_handler("on_client_connected")
        self._register_event_handler("on_client_disconnected")
        self._in, self._out = Input(self), Output(self)

    def input(self) -> FrameProcessor:
        return self._in

    def output(self) -> FrameProcessor:
        return self._out

    async def disconnect(self) -> None:
        await self._call_event_handler("on_client_disconnected", "caller")
        # The handlers are tasks of their own.
        await asyncio.sleep(0)


class Bot(FrameProcessor):
    """Acts on a text as the pipeline's own code does."""

    def __init__(self) -> None:
        super().__init__()
        self._register_event_handler("on_voicemail_detected")
        self.act: Callable[[Bot], Awaitable[None]] | None = None
        self.listens = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, TextFrame) and self.act:
            await self.act(self)
        elif isinstance(frame, TextFrame):
            self.listens.set()

    async def detect_voicemail(self) -> None:
        await self._call_event_handler("on_voicemail_detected")
        await asyncio.sleep(0)


@dataclass
class DailySIPTransferFrame(DataFrame):
    """Stands for Daily's, whose transport is an extra."""


@dataclass
class Stage:
    """A call that runs, for a script that ends it."""

    line: Line
    bot: Bot
    worker: PipelineWorker
    tool: Tool


async def hold(place: str, store: Store, script: Callable[[Stage], Awaitable[None]], **worker: Any) -> CallSummary:
    line, bot = Line(), Bot()
    tool: Tool
    tool = (
        VoiceMetricsObserver(telemetry=store.telemetry)
        if place == "observer"
        else VoiceMetricsProcessor(telemetry=store.telemetry)
    )
    before = [tool] if place == "before output" else []
    after = [tool] if place == "after output" else []
    made = PipelineWorker(
        Pipeline([line.input(), bot, *before, line.output(), *after]),
        params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
        observers=[tool] if isinstance(tool, VoiceMetricsObserver) else [],
        enable_turn_tracking=False,
        **{"enable_rtvi": False, **worker},
    )
    stage = Stage(line, bot, made, tool)
    await made.queue_frame(TextFrame("hello"))
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(made)
    async with asyncio.timeout(120):
        running = asyncio.create_task(runner.run())
        await bot.listens.wait()
        await script(stage)
        await running
    summary = tool.summary()
    assert summary is not None
    return summary


def acts(act: Callable[[Bot], Awaitable[None]]) -> Callable[[Stage], Awaitable[None]]:
    async def script(stage: Stage) -> None:
        stage.bot.act = act
        await stage.worker.queue_frame(TextFrame("now"))

    return script


def queues(*queued: Frame) -> Callable[[Stage], Awaitable[None]]:
    return lambda stage: stage.worker.queue_frames(list(queued))


async def hangs_up_and_is_cancelled(stage: Stage) -> None:
    @stage.line.event_handler("on_client_disconnected")
    async def on_client_disconnected(line: Line, client: str) -> None:
        await stage.worker.cancel()

    await stage.line.disconnect()


async def hangs_up_and_is_let_go(stage: Stage) -> None:
    @stage.line.event_handler("on_client_disconnected")
    async def on_client_disconnected(line: Line, client: str) -> None:
        await stage.worker.stop_when_done()

    await stage.line.disconnect()


async def hangs_up_unnoticed(stage: Stage) -> None:
    await stage.line.disconnect()


async def finds_a_voicemail(stage: Stage) -> None:
    await stage.bot.detect_voicemail()


async def comes_back(stage: Stage) -> None:
    await stage.line.disconnect()
    await stage.line._call_event_handler("on_client_connected", "caller")
    await asyncio.sleep(0)
    await stage.worker.queue_frame(EndFrame())


async def leaves_a_message(stage: Stage) -> None:
    await stage.bot.detect_voicemail()
    await hangs_up_and_is_cancelled(stage)


async def is_cancelled(stage: Stage) -> None:
    await stage.worker.cancel()


async def ends_its_session(stage: Stage) -> None:
    await stage.worker.end()


async def ends_its_session_with_a_word(stage: Stage) -> None:
    await stage.worker.end(reason="transfer")


async def leaves_another_caller(stage: Stage) -> None:
    await stage.line.disconnect()
    await stage.bot.push_frame(UserStartedSpeakingFrame())
    await stage.bot.push_frame(BotStartedSpeakingFrame())
    await stage.bot.push_frame(_END_REQUEST(), FrameDirection.UPSTREAM)


async def fails(stage: Stage) -> None:
    await stage.bot.push_error("broken", fatal=True)


async def is_idle(stage: Stage) -> None:
    pass


async def talks_on_after_a_transfer(stage: Stage) -> None:
    passed = asyncio.Event()
    stage.worker.set_reached_downstream_filter((DailySIPTransferFrame,))

    @stage.worker.event_handler("on_frame_reached_downstream")
    async def on_frame_reached_downstream(worker: PipelineWorker, frame: Frame) -> None:
        passed.set()

    await stage.worker.queue_frame(DailySIPTransferFrame())
    # Behind the output it passes in the turn of the audio, and what follows would overtake it.
    await passed.wait()
    await stage.bot.push_frame(UserStartedSpeakingFrame())
    await stage.bot.push_frame(BotStartedSpeakingFrame())
    await stage.bot.push_frame(_END_REQUEST(), FrameDirection.UPSTREAM)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(hangs_up_and_is_cancelled, ("cancelled", "caller"), id="the caller hangs up"),
        pytest.param(hangs_up_and_is_let_go, ("completed", "caller"), id="the caller hangs up, the bot ends in peace"),
        pytest.param(comes_back, ("completed", "bot"), id="the caller comes back, the bot ends"),
        pytest.param(queues(EndFrame()), ("completed", "bot"), id="the bot queues an EndFrame"),
        pytest.param(
            acts(lambda bot: bot.push_frame(_END_REQUEST(), FrameDirection.UPSTREAM)),
            ("completed", "bot"),
            id="a processor asks for the end",
        ),
        pytest.param(
            acts(lambda bot: bot.push_frame(_CANCEL_REQUEST(), FrameDirection.UPSTREAM)),
            ("cancelled", "bot"),
            id="a processor asks to cancel",
        ),
        pytest.param(
            queues(DailySIPTransferFrame(), EndFrame()), ("completed", "transfer"), id="the bot transfers the call"
        ),
        pytest.param(
            talks_on_after_a_transfer,
            ("completed", "bot"),
            id="a transfer fails and the talk goes on",
        ),
        pytest.param(queues(EndFrame(reason="transfer")), ("completed", "transfer"), id="the EndFrame says it"),
        pytest.param(queues(EndFrame(reason="bored")), ("completed", "bot"), id="the EndFrame says another word"),
        pytest.param(leaves_a_message, ("cancelled", "voicemail"), id="a voicemail answers"),
        pytest.param(is_cancelled, ("cancelled", "unknown"), id="the worker is cancelled"),
        pytest.param(ends_its_session, ("cancelled", "bot"), id="the worker ends its runner's session"),
        pytest.param(ends_its_session_with_a_word, ("cancelled", "transfer"), id="the worker says why it does"),
        pytest.param(leaves_another_caller, ("completed", "bot"), id="one of two callers hangs up"),
        pytest.param(fails, ("error", "error"), id="an error ends it"),
    ],
)
async def test_who_ended_the_call(
    script: Callable[[Stage], Awaitable[None]], expected: tuple[str, str], place: str
) -> None:
    store = Store()
    summary = await hold(place, store, script)
    assert (summary.end_reason, summary.ended_by) == expected
    reason, by = expected
    told = {"end_reason": reason, "ended_by": by, "outcome": "none", "success": "unknown"}
    assert store.total("voice.calls.ended.total", **told) == 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("script", "by"),
    [
        pytest.param(is_idle, "idle", id="nothing happens"),
        pytest.param(hangs_up_unnoticed, "caller", id="the bot takes no notice that the caller hangs up"),
        pytest.param(finds_a_voicemail, "voicemail", id="the bot takes no notice of a voicemail"),
        pytest.param(queues(DailySIPTransferFrame()), "transfer", id="the call is transferred"),
    ],
)
async def test_an_idle_time_out_ends_a_call(script: Callable[[Stage], Awaitable[None]], by: str, place: str) -> None:
    summary = await hold(place, Store(), script, idle_timeout_secs=0.3)
    assert (summary.end_reason, summary.ended_by) == ("cancelled", by)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("asks", "by"), [("disconnect-bot", "caller"), ("client-message", "bot")])
async def test_a_client_may_end_the_call_by_a_message(asks: str, by: str, place: str) -> None:
    async def act(bot: Bot) -> None:
        message = {"label": "rtvi-ai", "type": asks, "id": "1", "data": {"t": "custom"}}
        await bot.broadcast_frame(InputTransportMessageFrame, message=message)
        if by == "bot":
            await bot.push_frame(_END_REQUEST(), FrameDirection.UPSTREAM)

    summary = await hold(place, Store(), acts(act), enable_rtvi=True)
    assert (summary.end_reason, summary.ended_by) == ("completed", by)


@pytest.mark.parametrize("place", PLACES)
async def test_the_last_outcome_counts_from_any_source(place: str) -> None:
    store = Store()

    async def act(bot: Bot) -> None:
        outcome("asked", success=False)
        outcome("booked", success=True)
        await bot.push_frame(_CANCEL_REQUEST(), FrameDirection.UPSTREAM)

    async def script(stage: Stage) -> None:
        stage.tool.outcome("greeted")
        await acts(act)(stage)

    summary = await hold(place, store, script)
    assert (summary.outcome, summary.success, summary.end_reason) == ("booked", True, "cancelled")
    told = summary.to_dict()
    assert (told["outcome"], told["success"], told["ended_by"]) == ("booked", True, "bot")
    assert store.total("voice.calls.ended.total", outcome="booked", success="true", ended_by="bot") == 1
    assert "outcome        booked, success" in summary.render()


async def test_a_call_without_an_outcome_has_none() -> None:
    summary = await hold("before output", Store(), queues(EndFrame()))
    told = summary.to_dict()
    assert (told["outcome"], told["success"]) == (None, None)


@pytest.mark.parametrize(("name", "success"), [("", None), (None, None), (7, None), ("booked", "yes"), ("booked", 1)])
async def test_an_outcome_that_is_none_is_refused_and_said(name: Any, success: Any, log: list[str]) -> None:
    store = Store()

    async def script(stage: Stage) -> None:
        stage.tool.outcome("kept", success=False)
        stage.tool.outcome(name, success=success)
        await stage.worker.queue_frame(EndFrame())

    summary = await hold("before output", store, script)
    assert (summary.outcome, summary.success, summary.dropped) == ("kept", False, 1)
    assert len([line for line in log if "expected a name, and True, False or None" in line]) == 1


async def test_a_second_call_has_no_outcome_of_the_first() -> None:
    store = Store()
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    announced: list[CallSummary] = []
    metrics.add_event_handler("on_call_summary", lambda _, summary: announced.append(summary))
    for ending in (StopFrame(), EndFrame()):
        worker = PipelineWorker(Pipeline([metrics]))
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        if not announced and isinstance(ending, StopFrame):
            worker.add_event_handler("on_pipeline_started", lambda *_: metrics.outcome("first", success=True))
        await worker.queue_frames([TextFrame("hello"), ending])
        await asyncio.wait_for(runner.run(), 120)
    await metrics.cleanup()
    assert [(told.outcome, told.ended_by) for told in announced] == [("first", "bot"), (None, "bot")]


def test_an_outcome_outside_a_call_is_said(log: list[str]) -> None:
    outcome("booked", success=True)
    assert [line for line in log if "Outcome 'booked' is lost" in line]
