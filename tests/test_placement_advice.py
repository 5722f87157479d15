"""What is said about a processor that stands where it cannot see, or beside another one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from loguru import logger
from pipecat.frames.frames import EndFrame, Frame, MetricsFrame
from pipecat.metrics.metrics import TTFBMetricsData
from pipecat.pipeline.parallel_pipeline import ParallelPipeline
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from tests.store import Store
from voice_metrics import VoiceMetricsObserver, VoiceMetricsProcessor


class Passage(FrameProcessor):
    """Passes everything on."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class _Service(Passage):
    def can_generate_metrics(self) -> bool:
        return True

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if isinstance(frame, EndFrame):
            await self.push_frame(MetricsFrame(data=[TTFBMetricsData(processor=self.name, value=0.1)]))
        await super().process_frame(frame, direction)


# Pipecat's own services are recognised by the names of their base classes.
class STTService(_Service):
    """A base class by its name."""


class LLMService(_Service):
    """A base class by its name."""


class TTSService(_Service):
    """A base class by its name."""


class Ear(STTService):
    """Hears nothing."""


class Mind(LLMService):
    """Thinks nothing."""


class Mouth(TTSService):
    """Says nothing."""


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    said: list[str] = []
    sink = logger.add(lambda line: said.append(line.record["message"]), level="WARNING")
    yield said
    logger.remove(sink)


async def run(*processors: FrameProcessor, observers: tuple[VoiceMetricsObserver, ...] = ()) -> None:
    params = PipelineParams(enable_metrics=True, enable_usage_metrics=True)
    pipeline = Pipeline(list(processors))
    worker = PipelineWorker(pipeline, params=params, observers=list(observers), enable_rtvi=False)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await worker.queue_frame(EndFrame())
    async with asyncio.timeout(120):
        await runner.run()


def about(warnings: list[str], words: str) -> list[str]:
    return [line for line in warnings if words in line]


@pytest.mark.parametrize(
    ("place", "missed"),
    [
        pytest.param("first", "Ear, Mind and Mouth", id="first"),
        pytest.param("behind-ear", "Mind and Mouth", id="before-the-model"),
        pytest.param("before-mouth", "Mouth", id="before-the-voice"),
        pytest.param("branch", "Mouth", id="in-a-branch-without-the-voice"),
        pytest.param("nested", "Mouth", id="in-a-nested-pipeline-before-the-voice"),
    ],
)
async def test_services_whose_metrics_do_not_pass_are_named_once(place: str, missed: str, warnings: list[str]) -> None:
    meter = VoiceMetricsProcessor(call_id="c")
    pipelines: dict[str, Callable[[], list[FrameProcessor]]] = {
        "first": lambda: [meter, Ear(), Mind(), Mouth()],
        "behind-ear": lambda: [Ear(), meter, Mind(), Mouth()],
        "before-mouth": lambda: [Ear(), Mind(), meter, Mouth()],
        "branch": lambda: [Ear(), Mind(), ParallelPipeline([meter], [Mouth()])],
        "nested": lambda: [Ear(), Pipeline([Mind(), meter]), Mouth()],
    }
    await run(*pipelines[place]())
    assert about(warnings, "do not pass") == [
        f"Call c: no latencies, usage and cost of {missed}, since their metrics do not pass VoiceMetricsProcessor; put "
        "it behind them and behind any parallel branches, such as before transport.output()"
    ]


@pytest.mark.parametrize("place", ["last", "behind-branches", "branch", "nested"])
async def test_nothing_is_said_where_all_metrics_pass(place: str, warnings: list[str]) -> None:
    meter = VoiceMetricsProcessor()
    pipelines: dict[str, Callable[[], list[FrameProcessor]]] = {
        "last": lambda: [Ear(), Mind(), Mouth(), meter],
        "behind-branches": lambda: [Ear(), ParallelPipeline([Mind()], [Mouth()]), meter],
        "branch": lambda: [Ear(), ParallelPipeline([Mind(), Mouth(), meter], [Passage()])],
        "nested": lambda: [Pipeline([Ear(), Pipeline([Mind()])]), Mouth(), Pipeline([meter])],
    }
    await run(*pipelines[place]())
    assert warnings == []
    summary = meter.summary()
    assert summary is not None
    assert summary.to_dict()["ttfb"]["count"] == 3


@pytest.mark.parametrize("kinds", ["two-processors", "processor-and-observer", "two-observers"])
async def test_of_two_meters_at_one_pipeline_one_counts_and_it_is_said(kinds: str, warnings: list[str]) -> None:
    stores = Store(), Store()
    first, second = (kind(telemetry=store.telemetry) for kind, store in zip(KINDS[kinds], stores, strict=True))
    meters = [each for each in (first, second) if isinstance(each, VoiceMetricsProcessor)]
    observers = tuple(each for each in (first, second) if isinstance(each, VoiceMetricsObserver))

    await run(Ear(), Mind(), Mouth(), *meters, observers=observers)

    assert len(about(warnings, "measured twice")) == len(warnings) == 1
    assert [bool(store.points()) for store in stores] == [True, False]
    for each in (first, second):
        summary = each.summary()
        assert summary is not None
        assert summary.to_dict()["ttfb"]["count"] == 3


@pytest.mark.parametrize("which", ["meter", "other"])
async def test_a_processor_that_stands_in_a_pipeline_twice_holds_nothing_up(which: str) -> None:
    meter = VoiceMetricsProcessor()
    twice = meter if which == "meter" else Passage()
    front: list[FrameProcessor] = [Ear(), Mind()]
    await run(*front, twice, Passage(), *([] if which == "meter" else [meter]), twice)
    summary = meter.summary()
    assert summary is not None


KINDS = {
    "two-processors": (VoiceMetricsProcessor, VoiceMetricsProcessor),
    "processor-and-observer": (VoiceMetricsProcessor, VoiceMetricsObserver),
    "two-observers": (VoiceMetricsObserver, VoiceMetricsObserver),
}


async def test_one_after_the_other_a_meter_may_serve_two_pipelines(warnings: list[str]) -> None:
    observer = VoiceMetricsObserver()
    await run(Ear(), Mind(), Mouth(), observers=(observer,))
    await run(Ear(), Mind(), Mouth(), observers=(observer,))
    assert warnings == []


async def test_a_meter_in_two_pipelines_at_once_is_said(warnings: list[str]) -> None:
    observer = VoiceMetricsObserver()
    await asyncio.gather(run(Ear(), Mind(), Mouth(), observers=(observer,)), run(Ear(), observers=(observer,)))
    assert len(about(warnings, "make one for each pipeline")) == 1
