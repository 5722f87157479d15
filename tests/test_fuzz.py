"""Whatever frames and values come, every frame goes on, nothing raises, and what is told stays true."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loguru import logger
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from pipecat.frames import frames as pipecat_frames
from pipecat.frames.frames import CancelFrame, EndFrame, Frame, MetricsFrame, StartFrame, StopFrame
from pipecat.metrics import metrics as pipecat_metrics
from pipecat.metrics.metrics import MetricsData
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner
from pydantic import BaseModel

from voice_metrics import Telemetry, VoiceMetricsProcessor

# They start, stop or pause the pipeline itself.
LIFE = (StartFrame, EndFrame, StopFrame, CancelFrame)
FRAMES = [
    kind
    for name, kind in sorted(vars(pipecat_frames).items())
    if inspect.isclass(kind) and issubclass(kind, Frame) and not issubclass(kind, LIFE) and "FrameProcessor" not in name
]
MEASURED = [
    kind
    for _, kind in sorted(vars(pipecat_metrics).items())
    if inspect.isclass(kind) and issubclass(kind, BaseModel) and issubclass(kind, MetricsData)
]
VALUED = [
    kind
    for _, kind in sorted(vars(pipecat_metrics).items())
    if inspect.isclass(kind) and issubclass(kind, BaseModel) and not issubclass(kind, MetricsData)
]


class Hostile:
    """A value of which nothing can be asked."""

    __hash__ = None  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    def __str__(self) -> str:
        raise RuntimeError("shown")

    def __repr__(self) -> str:
        return "Hostile()"

    def __bool__(self) -> bool:
        raise RuntimeError("weighed")


@dataclass
class Fed:
    """A frame and its way."""

    frame: Frame
    direction: FrameDirection


numbers = st.one_of(st.floats(), st.integers(), st.sampled_from([0, -0.0, 1e-300, 2**63, 10**400, math.nan, math.inf]))
junk = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    st.text(),
    st.binary(max_size=8),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.builds(Hostile),
    st.decimals(),
)
names = st.one_of(
    st.sampled_from(
        ["OpenAILLMService#1", "DeepgramSTTService#0", "CartesiaTTSService#2", "#", "", "{}", "\x00\ud800"]
    ),
    st.text(max_size=300),
    junk,
)
PLAUSIBLE = {"processor": names, "model": names}


@st.composite
def items(draw: st.DrawFn) -> Any:
    """One item of a MetricsFrame, with or without the values that its class asks for."""
    kind = draw(st.sampled_from(MEASURED))
    values = {name: draw(PLAUSIBLE.get(name, junk)) for name in kind.model_fields}
    if "value" in values and draw(st.booleans()):
        inner = draw(st.sampled_from(VALUED))
        values["value"] = inner.model_construct(**{name: draw(st.one_of(numbers, junk)) for name in inner.model_fields})
    elif "value" in values and draw(st.booleans()):
        values["value"] = draw(numbers)
    return kind.model_construct(**values)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """A frame of any class, with fields of any value."""
    if draw(st.booleans()):
        return MetricsFrame(data=draw(st.one_of(st.lists(st.one_of(items(), junk), max_size=5), junk)))  # type: ignore[arg-type]
    kind = draw(st.sampled_from(FRAMES))
    known = [field for field in fields(kind) if field.init]
    needed = [field for field in known if field.default is MISSING and field.default_factory is MISSING]
    try:
        frame = kind(**{field.name: draw(junk) for field in needed})
    except Exception:  # some classes reckon with what they are given
        return MetricsFrame(data=[])
    for field in known:
        if field not in needed and draw(st.integers(0, 3)) == 0:
            setattr(frame, field.name, draw(junk))
    for name in ("broadcast_sibling_id", "metadata"):
        if draw(st.integers(0, 5)) == 0:
            setattr(frame, name, draw(junk))
    return frame


feeds = st.lists(st.builds(Fed, frames(), st.sampled_from(FrameDirection)), min_size=1, max_size=12)


class End(FrameProcessor):
    """Stands at one side of the processor under test and keeps what comes through it."""

    def __init__(self) -> None:
        super().__init__()
        self.fed: set[int] = set()
        self.came: asyncio.Queue[Frame] = asyncio.Queue()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        # What is fed does not reach Pipecat's own base class, nor the worker: it is no frame of theirs.
        if frame.id in self.fed:
            self.came.put_nowait(frame)
            return
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


async def pass_through(metrics: VoiceMetricsProcessor, feed: Sequence[Fed]) -> list[Frame]:
    """Send frames through the processor in a real pipeline, one after another.

    Returns:
        What came out.
    """
    first, last = End(), End()
    first.fed = last.fed = {fed.frame.id for fed in feed}
    worker = PipelineWorker(
        Pipeline([first, metrics, last]),
        params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
        enable_rtvi=False,
        enable_turn_tracking=False,
    )
    started = asyncio.Event()
    worker.add_event_handler("on_pipeline_started", lambda worker, frame: started.set())
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    await asyncio.wait_for(started.wait(), 10)
    came = []
    for fed in feed:
        there, beyond = (first, last) if fed.direction is FrameDirection.DOWNSTREAM else (last, first)
        await there.push_frame(fed.frame, fed.direction)
        came.append(await asyncio.wait_for(beyond.came.get(), 2))
    await worker.queue_frame(EndFrame())
    await asyncio.wait_for(running, 20)
    return came


@pytest.fixture(scope="module")
def errors() -> Any:
    lines: list[str] = []
    logger.remove()
    sink = logger.add(lines.append, level="ERROR", format="{message}")
    yield lines
    logger.remove(sink)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(feed=feeds)
def test_whatever_comes_goes_on(
    errors: list[str], feed: list[Fed], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = tmp_path_factory.getbasetemp() / "fuzz" / "calls.db"
    Path(ledger).parent.mkdir(exist_ok=True)
    monkeypatch.setenv("VOICE_METRICS_DB", str(ledger))
    reader = InMemoryMetricReader()
    telemetry = Telemetry(meter_provider=MeterProvider([reader], shutdown_on_exit=False))
    metrics = VoiceMetricsProcessor(telemetry=telemetry)
    errors.clear()
    came = asyncio.run(pass_through(metrics, feed))
    assert [frame.id for frame in came] == [fed.frame.id for fed in feed]
    assert errors == []
    summary = metrics.summary()
    assert summary is not None
    assert summary.render()
    assert summary.end_reason == "completed"
    for value in _values(reader):
        assert math.isfinite(value)
        assert abs(value) < 2**60


def _values(reader: InMemoryMetricReader) -> list[float]:
    data = reader.get_metrics_data()
    points = [
        point
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]
    return [float(getattr(point, "sum", None) or getattr(point, "value", 0)) for point in points]
