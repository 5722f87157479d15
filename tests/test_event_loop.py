"""How late the event loop is, per call and for the process, and which function held it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pipecat.frames.frames import EndFrame, Frame, TextFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from tests.store import Store
from tests.waiting import blocked_until, flush, until
from voice_metrics import CallSummary, VoiceMetricsObserver, VoiceMetricsProcessor
from voice_metrics.call.lags import Lags
from voice_metrics.ledger import LedgerReader, Row, ledger_at
from voice_metrics.pipecat import event_loop
from voice_metrics.telemetry import Telemetry

pytestmark = pytest.mark.slow


def hold_the_loop(seconds: float) -> None:
    time.sleep(seconds)  # what a function that is not asynchronous does


class Blocking(FrameProcessor):
    """A bot's processor with a function that holds the loop."""

    def __init__(self, seconds: float, together: asyncio.Barrier | None = None) -> None:
        super().__init__()
        self._seconds = seconds
        self._together = together or asyncio.Barrier(1)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TextFrame):
            await self._together.wait()
            hold_the_loop(self._seconds)
            await self._together.wait()
        await self.push_frame(frame, direction)


async def run(tool: VoiceMetricsProcessor | VoiceMetricsObserver, *before: FrameProcessor) -> None:
    processors = [*before, *([tool] if isinstance(tool, VoiceMetricsProcessor) else [])]
    observers = [tool] if isinstance(tool, VoiceMetricsObserver) else []
    worker = PipelineWorker(Pipeline(processors), observers=observers, enable_rtvi=False)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await worker.queue_frames([TextFrame("hello"), EndFrame()])
    async with asyncio.timeout(120):
        await runner.run()


def stalls(telemetry: Telemetry, path: Path, *calls: str) -> list[list[Row]]:
    """The stalls on the time line of each call."""
    flush(ledger_at(path, 30))
    with LedgerReader(path) as reader:
        found = [[row for row in reader.call(call).timeline if row.kind == "loop_stall"] for call in calls]
    telemetry.shutdown()
    ledger_at(path, 30).close()
    return found


async def said(log: list[str], word: str) -> list[str]:
    """Lines with a word, once there are any."""
    return await until(lambda: [line for line in log if word in line])


@pytest.mark.parametrize("kind", [VoiceMetricsProcessor, VoiceMetricsObserver])
async def test_a_function_that_holds_the_loop_is_named_and_counts(
    kind: type[VoiceMetricsProcessor | VoiceMetricsObserver], log: list[str]
) -> None:
    store = Store()
    tool = kind(telemetry=store.telemetry)
    await run(tool, Blocking(0.7))
    (line,) = await said(log, "event loop was held")
    assert "hold_the_loop (test_event_loop.py:" in line
    summary = tool.summary()
    assert summary is not None
    lag = summary.to_dict()["loop_lag"]
    assert 550 < lag["max_ms"] < 60_000
    assert lag["p99_ms"] <= lag["max_ms"]
    (point,) = await until(lambda: store.of("voice.event_loop.lag.milliseconds"))
    assert dict(point.attributes) == {}
    assert point.max > 550


@pytest.mark.parametrize("kind", [VoiceMetricsProcessor, VoiceMetricsObserver])
async def test_a_stall_is_on_the_time_line_of_each_call_that_ran(
    kind: type[VoiceMetricsProcessor | VoiceMetricsObserver], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "calls.db"
    monkeypatch.setenv("VOICE_METRICS_DB", str(path))
    telemetry, together = Telemetry(environ={"VOICE_METRICS_DB": str(path)}), asyncio.Barrier(2)
    await asyncio.gather(
        run(kind(call_id="holds", telemetry=telemetry), Blocking(0.7, together)),
        run(kind(call_id="waits", telemetry=telemetry), Blocking(0.0, together)),
    )
    await run(kind(call_id="later", telemetry=telemetry))
    (holds,), (waits,), later = stalls(telemetry, path, "holds", "waits", "later")
    assert later == []
    assert 0.55 < (holds.value or 0) < 60.0
    assert (holds.name or "").startswith("hold_the_loop (test_event_loop.py:")
    assert (waits.value, waits.name) == (holds.value, holds.name)


async def test_a_stall_after_the_end_is_not_the_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "calls.db"
    monkeypatch.setenv("VOICE_METRICS_DB", str(path))
    telemetry = Telemetry(environ={"VOICE_METRICS_DB": str(path)})
    metrics = VoiceMetricsProcessor(call_id="ends", telemetry=telemetry)

    @metrics.event_handler("on_call_summary")
    async def on_call_summary(processor: VoiceMetricsProcessor, summary: CallSummary) -> None:
        hold_the_loop(0.7)

    await run(metrics, Blocking(0.0))
    assert stalls(telemetry, path, "ends") == [[]]


async def test_stalls_cost_one_line_a_minute(log: list[str]) -> None:
    # Of its own name: the watch of an earlier test's loop may still have its line to write.
    def hold_it_twice() -> None:
        time.sleep(0.8)

    lags: list[float] = []
    event_loop.watch().add_listener(lambda seconds, function: lags.append(seconds))
    for _ in range(2):
        ticks = len(lags)
        await until(lambda ticks=ticks: len(lags) > ticks)
        hold_it_twice()
    await said(log, "hold_it_twice")
    # A line about the second would come before the next ticks.
    await until(lambda: len([lag for lag in lags if lag > 0.5]) >= 2 and len(lags) > ticks + 4)
    assert len([line for line in log if "hold_it_twice" in line]) == 1


async def test_a_stall_without_an_end_counts_while_it_lasts() -> None:
    now, counted, ticks = 0.0, list[float](), list[float]()
    watch = event_loop.LoopWatch(asyncio.get_running_loop(), lambda: now)
    watch.record_in(counted.append)
    watch.add_listener(lambda seconds, function: ticks.append(seconds))
    await until(lambda: ticks)
    counted.clear()
    ticks.clear()
    for times in range(1, 4):
        now += 1.1 * event_loop.PATIENCE_SECONDS
        blocked_until(lambda times=times: len(counted) == times)
    assert min(counted) >= 1000 * event_loop.PATIENCE_SECONDS
    now += 5.0
    await until(lambda: ticks)
    # The rest of it counts at its end.
    assert counted[3] == pytest.approx(5000)
    assert sum(counted[:4]) == pytest.approx(1000 * ticks[0])
    await until(lambda: len(ticks) > 1)
    assert counted[4] == 0.0


def test_a_loop_is_not_late_while_nothing_runs_it() -> None:
    now, ticks = 0.0, list[float]()
    loop = asyncio.new_event_loop()

    async def wait_for_a_tick() -> None:
        ticks.clear()
        await until(lambda: ticks)

    async def begin() -> event_loop.LoopWatch:
        watch = event_loop.LoopWatch(loop, lambda: now)
        watch.add_listener(lambda seconds, function: ticks.append(seconds))
        await wait_for_a_tick()
        return watch

    watch = loop.run_until_complete(begin())
    now += 100.0
    assert watch.late() < 0
    loop.run_until_complete(wait_for_a_tick())
    assert ticks[0] == 0.0
    loop.close()


async def test_a_loop_has_one_watch_and_a_broken_listener_is_left_out(log: list[str]) -> None:
    watch, told = event_loop.watch(), asyncio.Event()

    def breaks(seconds: float, function: str | None) -> None:
        raise RuntimeError("broken")

    watch.add_listener(breaks)
    watch.add_listener(lambda seconds, function: told.set())
    assert event_loop.watch() is watch
    await asyncio.wait_for(told.wait(), 120)
    told.clear()
    await asyncio.wait_for(told.wait(), 120)
    assert len([line for line in log if "broken" in line]) == 1


def test_the_thread_ends_with_its_loop() -> None:
    def threads() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name == "voice-metrics-event-loop"}

    before = threads()

    async def begin() -> set[threading.Thread]:
        event_loop.watch()
        return threads() - before

    (thread,) = asyncio.run(begin())
    thread.join(60)
    assert not thread.is_alive()


@contextmanager
def a_loop_of(package: str) -> Iterator[tuple[asyncio.AbstractEventLoop, Callable[[], str | None]]]:
    """A running loop in a thread of its own, and the function that holds it."""

    def serves_the_calls() -> None:
        loop.run_forever()

    async def begin() -> event_loop.LoopWatch:
        watch, ticked = event_loop.watch(), asyncio.Event()
        watch.add_listener(lambda seconds, function: ticked.set())
        await ticked.wait()
        return watch

    loop = pytest.importorskip(package).new_event_loop()
    thread = threading.Thread(target=serves_the_calls)
    thread.start()
    try:
        yield loop, asyncio.run_coroutine_threadsafe(begin(), loop).result(60)._sentinel.holder
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


@pytest.mark.parametrize("package", ["asyncio", "uvloop"])
def test_a_loop_that_waits_is_held_by_no_function(package: str) -> None:
    with a_loop_of(package) as (_, holder):
        blocked_until(lambda: holder() is None)


@pytest.mark.parametrize("package", ["asyncio", "uvloop"])
def test_a_library_that_holds_the_loop_is_named_without_what_runs_the_loop(package: str) -> None:
    with a_loop_of(package) as (loop, holder):
        over = threading.Event()
        loop.call_soon_threadsafe(over.wait, 60)
        try:
            where = blocked_until(lambda: (found := holder()) and "Condition.wait" in found and found)
        finally:
            over.set()
    assert where.startswith("Condition.wait (threading.py:")


def test_the_lag_of_a_call_is_its_worst_tick_and_its_99th_percentile() -> None:
    lags = Lags()
    assert lags.to_dict() == {"max_ms": None, "p99_ms": None}
    for _ in range(199):
        lags.add(0.001)
    lags.add(0.7)
    assert lags.most == 0.7
    assert lags.p99 == pytest.approx(0.001, rel=0.1)
    for _ in range(10):
        lags.add(0.2)
    assert lags.p99 == pytest.approx(0.2, rel=0.1)


def test_a_lag_beyond_every_bound_is_the_worst() -> None:
    lags = Lags()
    lags.add(500.0)
    assert (lags.most, lags.p99) == (500.0, 500.0)


def test_lags_of_nothing_are_nothing() -> None:
    lags = Lags()
    lags.add(0.0)
    assert lags.to_dict() == {"max_ms": 0.0, "p99_ms": 0.0}
