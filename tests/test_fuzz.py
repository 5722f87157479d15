"""Whatever frames and values come, the pipeline behaves as without the plug-in, and the records stay true.

The reference is the same pipeline without it: Pipecat loses frames of its own accord, such as one that cannot be shown
in its log.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loguru import logger
from pipecat.frames import frames as pipecat_frames
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    CancelFrame,
    ControlFrame,
    DataFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    FrameProcessorPauseFrame,
    FrameProcessorPauseUrgentFrame,
    FrameProcessorResumeFrame,
    FrameProcessorResumeUrgentFrame,
    InterruptionFrame,
    MetricsFrame,
    StartFrame,
    StopFrame,
    SystemFrame,
    UninterruptibleFrame,
)
from pipecat.metrics import metrics as pipecat_metrics
from pipecat.metrics.metrics import MetricsData, TTFBMetricsData
from pipecat.observers.base_observer import FramePushed
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameCallback, FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner
from pydantic import BaseModel

from tests.store import Store
from voice_metrics import Telemetry, VoiceMetricsObserver, VoiceMetricsProcessor
from voice_metrics.ledger import ledger_at
from voice_metrics.settings.environment import Settings

pytestmark = pytest.mark.slow

# The name that frames which pause a processor tell: of the one in front, and of the one that measures.
MIDDLE = "middle"
CANARY = "CanaryLLMService"
# A pipeline that takes longer than this is stuck.
STUCK_SECONDS = 60.0


class UnknownData(DataFrame):
    """A frame of an unknown class."""


class UnknownSystem(SystemFrame):
    """A frame of an unknown class."""


class UnknownStart(StartFrame):
    """A kind of a frame that is read."""


class UnknownSpeech(BotStartedSpeakingFrame):
    """A kind of a frame that is read."""


class UnknownMetrics(MetricsFrame):
    """A kind of a frame that is read."""


class UnknownMeasurement(MetricsData):
    """A measurement of an unknown class."""

    value: float


class UnknownLatency(TTFBMetricsData):
    """A kind of a measurement that is read."""


class Fence(ControlFrame, UninterruptibleFrame):
    """Follows frames that are fed, and comes out after them."""


class Last(ControlFrame):
    """Follows everything."""


class Hostile:
    """A value of which nothing can be asked."""

    __hash__ = None  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    def __str__(self) -> str:
        raise RuntimeError("shown")

    __repr__ = __str__

    def __bool__(self) -> bool:
        raise RuntimeError("weighed")


class HostileKey(Hostile):
    """A value that can be looked up, and not shown when it is not found."""

    __hash__ = object.__hash__  # type: ignore[assignment]
    __eq__ = object.__eq__


def kinds_of(module: Any, base: type) -> list[Any]:
    classes = [kind for _, kind in sorted(vars(module).items()) if inspect.isclass(kind)]
    return [kind for kind in classes if issubclass(kind, base)]


PAUSING = [
    FrameProcessorPauseFrame,
    FrameProcessorPauseUrgentFrame,
    FrameProcessorResumeFrame,
    FrameProcessorResumeUrgentFrame,
]
UNKNOWN = [UnknownData, UnknownSystem, UnknownStart, UnknownSpeech, UnknownMetrics]
FRAMES = [*kinds_of(pipecat_frames, Frame), *UNKNOWN]
# These start, end, pause, interrupt or fail; among all others they would be rare.
LIFE = [StartFrame, EndFrame, StopFrame, CancelFrame, InterruptionFrame, ErrorFrame, UnknownStart, *PAUSING]
MEASURED = [*kinds_of(pipecat_metrics, MetricsData), UnknownMeasurement, UnknownLatency]


class Fed:
    """A frame and its way.

    Args:
        frame: The frame.
        direction: Its direction.
        settled: Whether what follows waits until the pipeline is done with it.
    """

    def __init__(self, frame: Frame, direction: FrameDirection, settled: bool) -> None:
        self.frame, self.direction, self.settled = frame, direction, settled

    def __repr__(self) -> str:
        """Show what can be shown of hostile values."""
        told = {name: _shown(value) for name, value in vars(self.frame).items() if name not in ("id", "name")}
        return f"{type(self.frame).__name__}({told}) {self.direction.name}{', settled' if self.settled else ''}"


def _shown(value: object) -> str:
    try:
        return repr(value)[:300]
    except Exception:
        return f"<{type(value).__name__}>"


numbers = st.one_of(
    st.floats(), st.integers(), st.sampled_from([0, -0.0, 1e-300, 2**53, 2**63, 10**400, 10**5000, math.nan, math.inf])
)
junk = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    st.text(),
    st.binary(max_size=8),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.decimals(),
    st.builds(Hostile),
    st.builds(HostileKey),
)


def mostly(likely: st.SearchStrategy[Any], otherwise: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Three of four values are likely ones; `one_of` would take one of each of its strategies' own choices."""
    return st.integers(0, 3).flatmap(lambda chance: likely if chance else otherwise)


known_names = st.sampled_from(
    [
        *("OpenAILLMService#1", "DeepgramSTTService#0", "CartesiaTTSService#2", "gpt-4o", "#", "", "{}", "{0}"),
        *("\x00\ud800", "<red>", "x" * 100_000, "a#" * 50_000),
    ]
)
names = mostly(known_names, st.one_of(st.text(max_size=300), junk))
metadata = st.one_of(
    st.fixed_dictionaries({"call_id": names}), st.dictionaries(st.text(max_size=3), junk, max_size=2), junk
)
LIKELY = {
    "processor": names,
    "model": names,
    "metadata": metadata,
    "tool_call_id": names,
    "function_name": names,
    "error": names,
}
amounts = st.sampled_from([1, 3, 12, 1000])


def spoilt(draw: st.DrawFn, kind: type[BaseModel]) -> Any:
    """What a class of Pipecat's metrics holds; one of the values may be hostile, or missing as in another version."""
    values = {}
    for name, field in kind.model_fields.items():
        told = field.annotation
        if inspect.isclass(told) and issubclass(told, BaseModel):
            values[name] = spoilt(draw, told)
        else:
            values[name] = draw(LIKELY.get(name, amounts))
    if values and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(values)))
        values[name] = draw(st.one_of(numbers, junk))
        if draw(st.integers(0, 3)) == 0:
            del values[name]
    return kind.model_construct(**values)


items = st.composite(lambda draw: spoilt(draw, draw(st.sampled_from(MEASURED))))


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """A frame of any class, with fields of any value or without."""
    likely = draw(st.integers(0, 3))
    if likely == 0:
        data = draw(mostly(st.lists(mostly(items(), junk), min_size=1, max_size=5), junk))
        return draw(st.sampled_from([MetricsFrame, UnknownMetrics]))(data=data)  # type: ignore[arg-type]
    kind = draw(st.sampled_from(LIFE if likely == 1 else FRAMES))
    known = [field for field in fields(kind) if field.init]
    needed = [field for field in known if field.default is MISSING and field.default_factory is MISSING]
    likely_values = {**LIKELY, "processor": mostly(st.just(SimpleNamespace(name=MIDDLE)), junk)}
    try:
        frame: Frame = kind(**{field.name: draw(likely_values.get(field.name, junk)) for field in needed})
    except Exception:  # some classes reckon with what they are given
        return MetricsFrame(data=[])
    for field in known:
        if field not in needed and draw(st.integers(0, 3)) == 0:
            setattr(frame, field.name, draw(likely_values.get(field.name, junk)))
    for name in ("broadcast_sibling_id", "metadata"):
        if draw(st.integers(0, 5)) == 0:
            setattr(frame, name, draw(LIKELY.get(name, junk)))
    if isinstance(frame, CancelFrame):
        # Pipecat loses one that cannot be shown, without a sign of its arrival.
        frame.reason = draw(st.one_of(st.none(), st.text()))
    elif needed and draw(st.integers(0, 9)) == 0:
        delattr(frame, draw(st.sampled_from(needed)).name)
    return frame


@st.composite
def ways(draw: st.DrawFn) -> Fed:
    """A frame, its direction, and whether others follow on its heels."""
    return Fed(draw(frames()), draw(st.sampled_from(FrameDirection)), draw(st.booleans()))


feeds = st.lists(ways(), min_size=1, max_size=20)


class Bare(FrameProcessor):
    """Passes everything on."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Exits:
    """What came out of the processors that are fed, on either side."""

    def __init__(self) -> None:
        self.fed: set[int] = set()
        self.order: list[tuple[int, FrameDirection]] = []
        self._came: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)

    def take(self, frame: Frame, direction: FrameDirection) -> None:
        self.order.append((frame.id, direction))
        self._came[frame.id].set()

    async def came(self, frame: Frame, seconds: float = STUCK_SECONDS) -> bool:
        """Whether a frame has come out, or does within some time."""
        return await happens(self._came[frame.id], seconds)


class End(Bare):
    """Stands at one side of the processors that are fed.

    What was fed ends here: Pipecat's other processors and the worker would act on it.
    """

    def __init__(self, name: str, exits: Exits) -> None:
        super().__init__(name=name)
        self._exits = exits

    async def queue_frame(
        self,
        frame: Frame,
        direction: FrameDirection = FrameDirection.DOWNSTREAM,
        callback: FrameCallback | None = None,
    ) -> None:
        if frame.id in self._exits.fed:
            self._exits.take(frame, direction)
        else:
            await super().queue_frame(frame, direction, callback)


class Watched(VoiceMetricsObserver):
    """Sets an event at each observed frame; Pipecat may have dropped it by then."""

    def __init__(self, telemetry: Telemetry) -> None:
        super().__init__(telemetry=telemetry)
        self.told_last = asyncio.Event()

    async def on_push_frame(self, data: FramePushed) -> None:
        await super().on_push_frame(data)
        if isinstance(data.frame, Last):
            self.told_last.set()


async def happens(event: asyncio.Event, seconds: float = STUCK_SECONDS) -> bool:
    waiting = asyncio.ensure_future(event.wait())
    await asyncio.wait({waiting}, timeout=seconds)
    waiting.cancel()
    return event.is_set()


class Neighbours:
    """The processors around what is measured: frames that go down enter in front, those that go up behind."""

    def __init__(self, exits: Exits) -> None:
        self.front, self.back = Bare(name=MIDDLE), Bare(name="back")
        self._exits = exits

    async def feed(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        self._exits.fed.add(frame.id)
        entry = self.front if direction is FrameDirection.DOWNSTREAM else self.back
        await entry.queue_frame(frame, direction)

    async def feed_all(self, feed: Sequence[Fed]) -> bool:
        """Feed frames, and wait until all are taken.

        Returns:
            Whether the pipeline was cancelled, and takes nothing any more.
        """
        cancelled = False
        for fed in feed:
            await self.feed(fed.frame, fed.direction)
            if isinstance(fed.frame, CancelFrame) and not cancelled:
                cancelled = True
                assert await self._exits.came(fed.frame)
            elif fed.settled and not cancelled:
                await self.settle()
        if not cancelled:
            await self.settle()
        return cancelled

    async def settle(self) -> None:
        """Wait until all is taken, on both ways; what was paused resumes."""
        for direction in FrameDirection:
            fence = Fence()
            await self.feed(fence, direction)
            await self._out(fence)

    async def _out(self, fence: Fence) -> None:
        for _ in range(1200):
            if await self._exits.came(fence, 0.05):
                return
            await self.feed(FrameProcessorResumeUrgentFrame(processor=self.front))
        raise AssertionError("the pipeline is stuck")


async def run_pipeline(
    feed: Sequence[Fed], meter: FrameProcessor | None = None, observer: Watched | None = None
) -> list[tuple[int, FrameDirection]]:
    """Feed a real pipeline, and then a call of one measurement.

    Args:
        feed: The frames.
        meter: Stands between the processors that are fed, or `None` for a pipeline without one.
        observer: Observes, or `None` for a pipeline without one.

    Returns:
        What came out, in order, each as its place in the feed and its direction.
    """
    exits = Exits()
    first, last = End("first", exits), End("last", exits)
    around = Neighbours(exits)
    worker = PipelineWorker(
        Pipeline([first, around.front, *([meter] if meter else []), around.back, last]),
        name="worker",
        params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
        observers=[observer] if observer else [],
        enable_rtvi=False,
        enable_turn_tracking=False,
        # A processor that was cancelled keeps the worker's CancelFrame too.
        cancel_timeout_secs=0.02,
    )
    started = asyncio.Event()
    worker.add_event_handler("on_pipeline_started", lambda worker, frame: started.set())
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    try:
        assert await happens(started)
        cancelled = await around.feed_all(feed)
        place = {fed.frame.id: place for place, fed in enumerate(feed)}
        came = [(place[id], direction) for id, direction in exits.order if id in place]
        for frame in (StartFrame(), MetricsFrame(data=[TTFBMetricsData(processor=f"{CANARY}#0", value=0.25)]), Last()):
            exits.fed.add(frame.id)
            await first.push_frame(frame)
        assert cancelled or await exits.came(frame)
        assert observer is None or await happens(observer.told_last)
        if not cancelled:
            await worker.queue_frame(EndFrame())
            await asyncio.wait({running}, timeout=STUCK_SECONDS)
            assert running.done()
    finally:
        # A runner swallows the cancellation of its own task, and would wait for the worker for ever.
        await worker.cancel()
        await asyncio.wait({running}, timeout=STUCK_SECONDS)
    assert running.done()
    return came


@pytest.fixture
def errors() -> Iterator[list[str]]:
    """Errors in the log, without the numbers that Pipecat gives to names."""
    lines: list[str] = []
    logger.remove()
    sink = logger.add(
        lambda line: lines.append(re.sub(r"#\d+|-[0-9a-f]{8}\b", "", line)), level="ERROR", format="{message}"
    )
    yield lines
    logger.remove(sink)


@pytest.fixture
def _ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A ledger of the test's own, whose thread ends with it."""
    path = tmp_path / "calls.db"
    monkeypatch.setenv("VOICE_METRICS_DB", str(path))
    yield
    ledger = ledger_at(path, Settings.from_environment(os.environ).ledger_days)
    # Some of what waits cannot be written.
    ledger.close(20)
    assert not ledger.is_open


@pytest.mark.usefixtures("_ledger")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(feed=feeds)
def test_whatever_comes_the_pipeline_does_what_it_does_without_us(errors: list[str], feed: list[Fed]) -> None:
    cancelled = any(isinstance(fed.frame, CancelFrame) for fed in feed)

    async def run(meter: FrameProcessor | None = None, observer: Watched | None = None) -> tuple[list[Any], list[str]]:
        errors.clear()
        return await run_pipeline(feed, meter, observer), list(errors)

    async def both() -> None:
        without = await run()
        store = Store()
        metrics = VoiceMetricsProcessor(telemetry=store.telemetry, name=MIDDLE)
        assert await run(metrics) == without
        assert_true(metrics, store, heard=not cancelled)
        store = Store()
        observer = Watched(store.telemetry)
        assert await run(observer=observer) == without
        assert_true(observer, store, heard=True)

    asyncio.run(both())


def assert_true(tool: VoiceMetricsProcessor | VoiceMetricsObserver, store: Store, heard: bool) -> None:
    summary = tool.summary()
    assert summary is not None
    assert summary.render()
    assert summary.end_reason is not None
    processors = set()
    for _, point in store.everything():
        value = getattr(point, "sum", None) or getattr(point, "value", 0)
        assert math.isfinite(value)
        # OTLP has 64 bits for a count.
        assert isinstance(value, float) or abs(value) < 2**63
        processors.add(point.attributes.get("processor"))
    assert not heard or CANARY in processors
