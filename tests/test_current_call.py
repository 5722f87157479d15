"""Numbers recorded anywhere in a call's tasks carry that call's tags, on Pipecat's real pipeline."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from pipecat.frames.frames import EndFrame, Frame, FunctionCallFromLLM, StartFrame, TextFrame
from pipecat.pipeline.parallel_pipeline import ParallelPipeline
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.filters.identity_filter import IdentityFilter
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallParams, LLMService
from pipecat.services.settings import LLMSettings
from pipecat.workers.runner import WorkerRunner

from voice_metrics.export.running_call import Tagged
from voice_metrics.pipecat.current_call import CurrentCall, duration, record_metric
from voice_metrics.pipecat.workers import processors_of
from voice_metrics.series.declarations import Metric, register_metric
from voice_metrics.series.own_metrics import Book, OwnMetrics
from voice_metrics.series.registry import Registry

ROOT = Path(__file__).parent.parent
VISITS = "visits.total"
WAIT = "visit.wait.milliseconds"
register_metric(VISITS, Metric("counter", "{visit}"))
register_metric(WAIT, Metric("histogram", "ms"))


class Shop:
    """A registry, and what came to it."""

    def __init__(self) -> None:
        self._registry = Registry({})
        self._book = Book()
        self.refused = []

    def own(self, tags):
        """What records with these tags."""
        return OwnMetrics(self._book, Tagged(self._registry, tags), tags)

    def metrics(self):
        """Every series."""
        return list(self._registry.all)

    def visits(self) -> dict[str, Counter[str]]:
        """Places that were recorded, by call."""
        seen: dict[str, Counter[str]] = {}
        for one in self._registry.all:
            count = one.value if one.row.name == VISITS else one.count
            seen.setdefault(one.attributes["call_id"], Counter())[one.attributes["place"]] += int(count)
        return seen


class Measuring(FrameProcessor):
    """Begins and ends a call as the plug-in's processor does."""

    def __init__(self, shop: Shop, call_id: str) -> None:
        super().__init__()
        self.call_id = call_id
        self._shop = shop
        self._current = CurrentCall()

    async def setup(self, setup):
        await super().setup(setup)
        self._current.inherit(processors_of(setup.pipeline_worker.pipeline))

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self._current.begin(self._shop.own({"call_id": self.call_id}), self._shop.refused.append)
        if isinstance(frame, EndFrame):
            self._current.end()
        await self.push_frame(frame, direction)


class Searching(FrameProcessor):
    """A processor of an application, with tasks of its own."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TextFrame):
            record_metric(VISITS, 1, place=f"{frame.text} processor")
            async with duration(WAIT, place=f"{frame.text} duration"):
                await asyncio.create_task(visit(f"{frame.text} task"))
                await asyncio.to_thread(record_metric, VISITS, 1, place=f"{frame.text} thread")
            task = self.create_task(visit(f"{frame.text} managed task"))
            await task
        await self.push_frame(frame, direction)


class Thinking(LLMService):
    """A language model that calls two functions for each text."""

    def __init__(self, **arguments) -> None:
        super().__init__(settings=LLMSettings(model="m"), **arguments)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TextFrame):
            calls = [
                FunctionCallFromLLM(
                    context=LLMContext(),
                    tool_call_id=f"{frame.text} {name}",
                    function_name="visit",
                    arguments={"place": f"{frame.text} {name}"},
                )
                for name in ("function", "other function")
            ]
            await self.run_function_calls(calls)
        await self.push_frame(frame, direction)


class Answered:
    """Resolves when all functions were called."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.event = asyncio.Event()

    async def visit(self, params: FunctionCallParams) -> None:
        record_metric(VISITS, 1, place=params.arguments["place"])
        await asyncio.gather(visit(params.arguments["place"] + " child"))
        await params.result_callback({"done": True})
        self._left -= 1
        if not self._left:
            self.event.set()


async def visit(place: str) -> None:
    record_metric(VISITS, 1, place=place)


PLACES = [
    *(
        f"{text} {where}"
        for text in ("a", "b")
        for where in ("processor", "task", "thread", "managed task", "duration")
    ),
    *(f"{text} {where}" for text in ("a", "b") for where in ("function", "other function")),
    *(f"{text} {where} child" for text in ("a", "b") for where in ("function", "other function")),
]
ONCE_EACH = Counter(PLACES)

Layout = Callable[[Searching, Thinking, Measuring], list[FrameProcessor]]
LAYOUTS = [
    pytest.param(lambda search, llm, measuring: [search, llm, measuring], id="measured-last"),
    pytest.param(lambda search, llm, measuring: [measuring, search, llm], id="measured-first"),
    pytest.param(
        lambda search, llm, measuring: [Pipeline([search, llm]), Pipeline([Pipeline([measuring])])], id="nested"
    ),
    pytest.param(
        lambda search, llm, measuring: [search, llm, ParallelPipeline([measuring], [IdentityFilter()])],
        id="in-a-branch",
    ),
]


class Bot:
    """One call, built at once and run later."""

    def __init__(self, shop: Shop, call_id: str, layout: Layout, **llm) -> None:
        self._answered = Answered(4)
        model = Thinking(**llm)
        model.register_function("visit", self._answered.visit)
        self._worker = PipelineWorker(
            Pipeline(layout(Searching(), model, Measuring(shop, call_id))), idle_timeout_secs=None, enable_rtvi=False
        )

    async def run(self) -> None:
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self._worker)

        async def talk() -> None:
            await self._worker.queue_frames([TextFrame("a"), TextFrame("b")])
            await asyncio.wait_for(self._answered.event.wait(), 120)
            await self._worker.queue_frame(EndFrame())

        await asyncio.gather(runner.run(), talk())


async def built_and_run(shop: Shop, call_id: str, layout: Layout, **llm) -> None:
    await Bot(shop, call_id, layout, **llm).run()


@pytest.fixture
def shop(monkeypatch, tmp_path):
    for name, value in (("OTEL_METRICS_EXPORTER", "none"), ("VOICE_METRICS_DB", "off")):
        monkeypatch.setenv(name, value)
    return Shop()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("parallel", [pytest.param(True, id="parallel"), pytest.param(False, id="one-by-one")])
async def test_concurrent_calls_never_mix(shop, layout, parallel):
    bots = [built_and_run(shop, call_id, layout, run_in_parallel=parallel) for call_id in ("c-1", "c-2", "c-3")]
    await asyncio.gather(*(asyncio.create_task(bot) for bot in bots))
    assert shop.visits() == dict.fromkeys(("c-1", "c-2", "c-3"), ONCE_EACH)
    assert shop.refused == []


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("parallel", [pytest.param(True, id="parallel"), pytest.param(False, id="one-by-one")])
async def test_calls_that_are_built_in_one_task_never_mix(shop, layout, parallel):
    bots = [Bot(shop, call_id, layout, run_in_parallel=parallel) for call_id in ("c-1", "c-2", "c-3")]
    await visit("no call's: built by the task of three calls")
    await asyncio.gather(*(bot.run() for bot in bots))
    assert shop.visits() == dict.fromkeys(("c-1", "c-2", "c-3"), ONCE_EACH)


async def test_calls_one_after_another_in_one_task_never_mix(shop):
    layout = LAYOUTS[0].values[0]
    for call_id in ("c-1", "c-2"):
        bot = Bot(shop, call_id, layout)
        await visit("no call's: before the call")
        await bot.run()
        await visit("no call's: after the call")
    assert shop.visits() == dict.fromkeys(("c-1", "c-2"), ONCE_EACH)


async def test_a_refused_number_is_reported_to_its_call(shop):
    current = CurrentCall()
    current.begin(shop.own({"call_id": "c-1"}), shop.refused.append)
    record_metric(VISITS, -1, place="a")
    record_metric("visits.undeclared", 1)
    for key in (VISITS, 7):
        with duration(key, place="a"):
            pass
    assert [refused.detail for refused in shop.refused] == [
        "visits.total: a counter takes no negative number",
        "visits.undeclared: it was not declared; register_metric declares it",
        "visits.total: expected a finite number below 2 to the power of 53",
        "7: 7: expected a name, or an enum member whose value is one",
    ]
    current.end()
    assert shop.visits() == {}


async def test_attributes_may_have_the_names_of_parameters(shop):
    current = CurrentCall()
    current.begin(shop.own({}), shop.refused.append)
    own = {"key": "k", "name": "n", "value": "v", "self": "s"}
    record_metric(VISITS, 1, **own)
    with duration(WAIT, **own):
        pass
    assert [metric.attributes for metric in shop.metrics()] == [own, own]
    assert shop.refused == []


async def test_a_duration_is_in_the_unit_of_its_metric(shop):
    current = CurrentCall()
    register_metric("visit.length.seconds", Metric("histogram", "s"))
    current.begin(shop.own({}), shop.refused.append)
    ticks = iter([10.0, 12.5, 20.0, 20.25])
    with duration(WAIT, clock=ticks.__next__) as attributes:
        attributes["found"] = True
    with pytest.raises(KeyError):
        async with duration("visit.length.seconds", clock=ticks.__next__):
            raise KeyError
    metrics = {metric.row.name: metric for metric in shop.metrics()}
    assert (metrics[WAIT].total, metrics[WAIT].attributes) == (2500, {"found": "true"})
    assert metrics["visit.length.seconds"].total == 0.25
    current.end()


OUTSIDE = """
from voice_metrics.pipecat.current_call import record_metric
from voice_metrics.series.declarations import Metric, register_metric
from voice_metrics.telemetry import shutdown
register_metric("visits.total", Metric("counter", "{visit}"))
record_metric("visits.total", 3, place="shop")
record_metric("visits.total", "many")
record_metric("undeclared", 1)
record_metric(7, 1)
shutdown(2.0)
"""


@pytest.mark.slow
def test_outside_a_call_numbers_carry_no_tags_and_refusals_are_counted():
    environ = {**os.environ, "OTEL_METRICS_EXPORTER": "console"}
    done = subprocess.run(
        [sys.executable, "-c", OUTSIDE], capture_output=True, text=True, cwd=ROOT, env=environ, timeout=240, check=True
    )
    values = {
        (metric["name"], *point["attributes"].items()): point["value"]
        for scope in json.loads(done.stdout)["resource_metrics"][0]["scope_metrics"]
        for metric in scope["metrics"]
        for point in metric["data"]["data_points"]
    }
    assert values == {
        ("visits.total", ("place", "shop")): 3,
        ("voice.telemetry.dropped.total", ("reason", "own_metric")): 3,
    }
    assert "Traceback" not in done.stderr


async def test_a_bot_that_was_built_and_thrown_away_owns_nothing(shop):
    given_up = CurrentCall()
    current = CurrentCall()
    current.begin(shop.own({"call_id": "c-1"}), shop.refused.append)
    left = weakref.ref(given_up)
    del given_up
    gc.collect()
    assert left() is None
    record_metric(VISITS, 1, place="a")
    assert list(shop.visits()) == ["c-1"]
    current.end()
