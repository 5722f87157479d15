"""Real services against providers on loopback: errors and their status, failover, models, whole requests.

The results are the same in all places of a pipeline, and for the observer.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable, Sequence
from inspect import signature
from typing import Any

import pytest
from pipecat.extensions.voicemail.voicemail_detector import VoicemailDetector
from pipecat.frames import frames as pipecat_frames
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    FunctionCallCancelFrame,
    FunctionCallResultFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMRunFrame,
    LLMTextFrame,
    TranscriptionFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.metrics.metrics import LLMTokenUsage
from pipecat.pipeline import worker as pipecat_worker
from pipecat.pipeline.llm_switcher import LLMSwitcher
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.service_switcher import ServiceSwitcherStrategyFailover
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.cartesia.tts import CartesiaTTSService
from pipecat.services.llm_service import FunctionCallParams, LLMService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from tests.local_providers import Answer, FakeOpenAI, Refusal
from tests.scripted import SHORT, Script, knows, run_call
from tests.scripted_providers import Bench, Speaker, llm_settings
from tests.store import Store
from voice_metrics.call.question import NEXT_STEP_SECONDS
from voice_metrics.observer import VoiceMetricsObserver
from voice_metrics.processor import VoiceMetricsProcessor

pytestmark = pytest.mark.slow

PLACES = ("before_output", "after_output", "at_end", "observer")
USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
# Before Pipecat 1.8 errors have no category.
CATEGORIES = hasattr(pipecat_frames, "ErrorCategory")
POLICY = getattr(pipecat_worker, "ProcessorUnusablePolicy", None)

Measured = VoiceMetricsProcessor | VoiceMetricsObserver
Drive = Callable[[PipelineWorker], Awaitable[None]]


class Measure:
    """The plug-in at one place of a pipeline, with what it exported."""

    def __init__(self, place: str, **options: Any) -> None:
        self.place = place
        self.store = Store()
        kind = VoiceMetricsObserver if place == "observer" else VoiceMetricsProcessor
        self.it: Measured = kind(telemetry=self.store.telemetry, **options)

    def at(self, place: str) -> list[FrameProcessor]:
        """The processor, if its place is this one."""
        return [self.it] if self.place == place and isinstance(self.it, FrameProcessor) else []

    @property
    def observers(self) -> list[VoiceMetricsObserver]:
        """The observer, if it is one."""
        return [self.it] if isinstance(self.it, VoiceMetricsObserver) else []

    @property
    def summary(self) -> dict[str, Any]:
        """The call's summary as a dictionary."""
        summary = self.it.summary()
        assert summary is not None
        return summary.to_dict()

    def attributes(self, name: str, *wanted: str) -> list[tuple[Any, ...]]:
        """These attributes of a series' points that are not 0, in their order."""
        return sorted(
            tuple(has.get(key, "") for key in wanted)
            for told, has, value in self.store.points()
            if told == name and value
        )


async def call(
    measure: Measure, services: Sequence[FrameProcessor], drive: Drive, *, metrics: bool = True, **worker: Any
) -> None:
    """Run a call with these services."""
    pair = LLMContextAggregatorPair(
        LLMContext([{"role": "user", "content": "what is free tonight"}]),
        # The default loads the model of a turn detector, for a tenth of a second.
        user_params=LLMUserAggregatorParams(user_turn_strategies=ExternalUserTurnStrategies()),
    )
    processors = [
        pair.user(),
        *services,
        *measure.at("before_output"),
        Speaker(Bench(Script(turns=()))),
        *measure.at("after_output"),
        pair.assistant(),
        *measure.at("at_end"),
    ]
    await run_line(measure, processors, drive, metrics=metrics, **worker)


async def run_line(
    measure: Measure,
    processors: list[FrameProcessor],
    drive: Drive,
    *,
    metrics: bool = True,
    beside: Sequence[PipelineWorker] = (),
    **worker: Any,
) -> None:
    """Run a call whose pipeline has these processors, beside other workers, until `drive` is over."""
    params = PipelineParams(enable_metrics=metrics, enable_usage_metrics=metrics)
    line = PipelineWorker(Pipeline(processors), params=params, observers=measure.observers, enable_rtvi=False, **worker)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(line, *beside)
    started = asyncio.Event()
    line.add_event_handler("on_pipeline_started", lambda worker, frame: started.set())

    async def driving() -> None:
        await started.wait()
        await drive(line)
        if beside:
            await runner.end()
        else:
            await line.queue_frame(EndFrame())

    task = asyncio.create_task(driving())
    async with asyncio.timeout(120):
        await runner.run()
        await task


def openai(server: FakeOpenAI, model: str = "gpt-4.1", **options: Any) -> OpenAILLMService:
    """Pipecat's own service, pointed at the provider on loopback."""
    return OpenAILLMService(
        api_key="x", base_url=server.url, settings=OpenAILLMService.Settings(model=model), **options
    )


def pushed(service: FrameProcessor, kind: type[Frame]) -> asyncio.Event:
    """Set whenever a service has pushed a frame of a class."""
    done = asyncio.Event()

    def note(service: Any, frame: Any) -> None:
        if isinstance(frame, kind):
            done.set()

    service.add_event_handler("on_after_push_frame", note)
    return done


def answered(service: FrameProcessor) -> asyncio.Event:
    """Set at the end of each response of a service."""
    return pushed(service, LLMFullResponseEndFrame)


def failing_over(*models: OpenAILLMService) -> tuple[LLMSwitcher, asyncio.Event]:
    """A switcher that changes to the next model when one fails, and an event that is set then."""
    switcher, switched = LLMSwitcher(list(models), ServiceSwitcherStrategyFailover), asyncio.Event()
    switcher.strategy.add_event_handler("on_service_switched", lambda strategy, service: switched.set())
    return switcher, switched


async def ask(worker: PipelineWorker, over: asyncio.Event) -> None:
    """Ask the model for a response, and wait for its end."""
    over.clear()
    await worker.queue_frame(LLMRunFrame())
    await asyncio.wait_for(over.wait(), 120)


def asked_once(llm: LLMService, *, out_of_band: bool) -> Drive:
    """A call in which a model is asked once, in the conversation or beside it."""
    over = answered(llm)

    async def drive(worker: PipelineWorker) -> None:
        if out_of_band:
            await llm.run_inference(LLMContext([{"role": "user", "content": "Name the city."}]))
        else:
            await ask(worker, over)

    return drive


@pytest.mark.parametrize("place", PLACES)
async def test_refused_request_has_the_providers_status(place: str) -> None:
    measure = Measure(place)
    async with FakeOpenAI(Answer(status=429), Answer(usage=USAGE)) as server:
        llm = openai(server)
        over = answered(llm)

        async def drive(worker: PipelineWorker) -> None:
            await ask(worker, over)
            await ask(worker, over)

        await call(measure, [llm], drive)

    category = "rate_limit" if CATEGORIES else "unknown"
    assert measure.attributes("voice.errors.total", "processor", "provider", "category", "error_type") == [
        ("OpenAILLMService", "openai", category, "429")
    ]
    assert measure.summary["errors"] == 1
    durations = measure.attributes("gen_ai.client.operation.duration", "error.type")
    assert durations == [("",), ("429",)]
    assert measure.attributes("gen_ai.invoke_agent.duration", "error.type") == [("",), ("429",)]
    (speed,) = measure.store.of("voice.llm.throughput")
    assert speed.count == 1


@pytest.mark.skipif(not knows("TTFATMetricsData"), reason="this Pipecat does not tell when an answer begins")
@pytest.mark.parametrize("place", PLACES)
async def test_unseen_reasoning_makes_no_model_fast(place: str) -> None:
    measure = Measure(place)
    reasoned = {**USAGE, "completion_tokens": 6010, "completion_tokens_details": {"reasoning_tokens": 6000}}
    async with FakeOpenAI(Answer(words=("word ",) * 10, usage=reasoned)) as server:
        llm = openai(server)
        over = answered(llm)
        await call(measure, [llm], lambda worker: ask(worker, over))

    (speed,) = measure.store.of("voice.llm.throughput")
    # Ten words take a tenth of a second.
    assert 0 < speed.sum < 200


@pytest.mark.parametrize("place", PLACES)
async def test_voice_that_is_refused_has_the_providers_status(place: str) -> None:
    measure = Measure(place)

    async with Refusal(401) as server:
        voice = CartesiaTTSService(
            api_key="x", url=server.url, settings=CartesiaTTSService.Settings(voice="v", model="sonic-3")
        )

        async def drive(worker: PipelineWorker) -> None:
            await asyncio.sleep(0)

        await call(measure, [voice], drive)

    found = set(measure.attributes("voice.errors.total", "processor", "provider", "error_type"))
    assert found == {("CartesiaTTSService", "cartesia", "401")}


@pytest.mark.parametrize("place", PLACES)
async def test_after_a_failover_everything_names_what_answered(place: str) -> None:
    measure = Measure(place)
    async with FakeOpenAI(Answer(status=401)) as broken, FakeOpenAI(Answer(usage=USAGE)) as spare:
        first, second = openai(broken, "gpt-4.1", name="first"), openai(spare, "gpt-4.1-mini", name="second")
        over = [answered(first), answered(second)]
        switcher, switched = failing_over(first, second)

        async def drive(worker: PipelineWorker) -> None:
            await ask(worker, over[0])
            await asyncio.wait_for(switched.wait(), 120)
            await ask(worker, over[1])

        await call(measure, [switcher], drive)

    assert measure.attributes("voice.service.switches.total", "service", "from", "to") == [
        ("llm", "gpt-4.1", "gpt-4.1-mini")
    ]
    assert measure.summary["switches"] == 1
    assert measure.summary["models"]["llm"] == "gpt-4.1-mini"
    assert measure.attributes("voice.llm.tokens.total", "llm_model", "token_type") == [
        ("gpt-4.1-mini", "completion"),
        ("gpt-4.1-mini", "prompt"),
    ]
    tokens = measure.attributes("voice.llm.tokens.total", "processor", "model", "token_type")
    assert tokens == [("OpenAILLMService", "gpt-4.1-mini", kind) for kind in ("completion", "prompt")]
    assert measure.attributes("voice.errors.total", "processor", "error_type") == [("OpenAILLMService", "401")]
    assert measure.summary["cost"]["unpriced"] == []


class Silent(LLMService):
    """A model that has nothing to say."""

    def __init__(self) -> None:
        super().__init__(settings=llm_settings())

    async def process_frame(self, frame: Any, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        await self.answer()
        await self.push_frame(LLMFullResponseEndFrame())

    async def answer(self) -> None:
        pass


class Quiet(Silent):
    """A model that reports its first byte and its tokens, and no processing time."""

    def __init__(self, *, reports: bool = True) -> None:
        super().__init__()
        self._reports = reports

    def can_generate_metrics(self) -> bool:
        return True

    async def answer(self) -> None:
        await self.start_ttfb_metrics()
        await asyncio.sleep(0.02)
        await self.stop_ttfb_metrics()
        for word in ("Nine ", "o'clock ", "is ", "free."):
            await self.push_frame(LLMTextFrame(word))
            await asyncio.sleep(0.02)
        if self._reports:
            await self.start_llm_usage_metrics(LLMTokenUsage(prompt_tokens=30, completion_tokens=8, total_tokens=38))


@pytest.mark.parametrize("place", PLACES)
async def test_model_without_processing_metrics_has_processing_and_throughput(place: str) -> None:
    measure, llm = Measure(place), Quiet()
    over = answered(llm)

    async def drive(worker: PipelineWorker) -> None:
        for _ in range(2):
            await ask(worker, over)

    await call(measure, [llm], drive)

    (processing,) = measure.store.of("voice.processing.milliseconds")
    (speed,) = measure.store.of("voice.llm.throughput")
    (chunks,) = measure.store.of("gen_ai.client.operation.time_per_output_chunk")
    (requests,) = measure.store.of("gen_ai.invoke_agent.duration")
    assert (processing.count, speed.count, chunks.count, requests.count) == (2, 2, 6, 2)
    assert processing.min >= 100
    assert speed.max <= 100
    assert chunks.min >= 0.02
    assert dict(processing.attributes)["provider"] == "other"


async def test_without_enable_metrics_frames_tell_no_latency_and_the_log_says_why() -> None:
    measure, llm = Measure("before_output"), Quiet()
    over = answered(llm)
    await call(measure, [llm], lambda worker: ask(worker, over), metrics=False)

    assert measure.store.of("voice.processing.milliseconds") == []
    summary = measure.it.summary()
    assert summary is not None
    text = summary.render()
    assert "TTFB           none, enable_metrics is off" in text
    assert "cost           not measured, enable_usage_metrics is off" in text


@pytest.mark.parametrize("place", PLACES)
async def test_request_with_a_function_is_one_invocation_from_start_to_answer(place: str) -> None:
    measure = Measure(place)
    async with FakeOpenAI(Answer(functions=("find_table",), usage=USAGE), Answer(usage=USAGE)) as server:
        llm = openai(server)
        spoken = asyncio.Event()

        async def find_table(params: FunctionCallParams) -> None:
            await asyncio.sleep(0.05)
            await params.result_callback({"free": 9})

        llm.register_function("find_table", find_table)

        def pushed(service: Any, frame: Any) -> None:
            if isinstance(frame, LLMFullResponseEndFrame) and len(server.requests) == 2:
                spoken.set()

        llm.add_event_handler("on_after_push_frame", pushed)
        await call(measure, [llm], lambda worker: ask(worker, spoken))

    (request,) = measure.store.of("gen_ai.invoke_agent.duration")
    (tool,) = measure.store.of("gen_ai.execute_tool.duration")
    assert (request.count, tool.count) == (1, 1)
    assert request.min >= tool.min >= 0.05
    assert dict(tool.attributes) == {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find_table"}
    answering = {
        has.get("gen_ai.response.model") for told, has, _ in measure.store.points() if told.startswith("gen_ai.client")
    }
    assert answering == {"gpt-4.1-2025-04-14"}
    hosts = {has.get("server.address") for told, has, _ in measure.store.points() if told.startswith("gen_ai.client")}
    assert hosts == {"127.0.0.1"}


@pytest.mark.parametrize("place", PLACES)
async def test_request_that_is_interrupted_in_its_function_is_no_invocation(place: str) -> None:
    measure = Measure(place)
    async with FakeOpenAI(Answer(functions=("find_table",), usage=USAGE), Answer(usage=USAGE)) as server:
        llm = openai(server)
        runs, over = asyncio.Event(), answered(llm)

        async def find_table(params: FunctionCallParams) -> None:
            runs.set()
            await asyncio.sleep(60)

        llm.register_function("find_table", find_table)

        async def interrupt(worker: PipelineWorker) -> None:
            await worker.queue_frame(LLMRunFrame())
            await asyncio.wait_for(runs.wait(), 120)
            cancelled = pushed(llm, FunctionCallCancelFrame)
            await worker.queue_frame(InterruptionFrame())
            await asyncio.wait_for(cancelled.wait(), 120)
            await ask(worker, over)

        await call(measure, [llm], interrupt)
    (request,) = measure.store.of("gen_ai.invoke_agent.duration")
    assert request.count == 1
    assert measure.summary["function_calls"]["cancelled"] == 1


@pytest.mark.parametrize("place", PLACES)
async def test_request_right_behind_an_interruption_is_not_cut_by_it(place: str) -> None:
    measure = Measure(place)
    async with FakeOpenAI(Answer(usage=USAGE)) as server:
        llm = openai(server)
        over = answered(llm)

        async def type_twice(worker: PipelineWorker) -> None:
            for _ in range(2):
                await worker.queue_frame(InterruptionFrame())
                await ask(worker, over)
                await asyncio.sleep(0.3)

        await call(measure, [llm], type_twice)
    latencies = [measure.summary[kind]["by_service"]["llm"] for kind in ("ttfb", "processing")]
    assert [(one["count"], one["interrupted"]) for one in latencies] == [(2, 0), (2, 0)]


@pytest.mark.parametrize("place", PLACES)
async def test_service_that_reports_no_usage_is_unpriced(place: str) -> None:
    measure = Measure(place)
    async with FakeOpenAI(Answer(usage=None)) as server:
        llm = openai(server)
        over = answered(llm)
        await call(measure, [llm], lambda worker: ask(worker, over))

    assert measure.attributes("voice.usage.unpriced.total", "service", "model") == [("llm", "gpt-4.1")]
    assert measure.summary["cost"]["total_usd"] is None
    assert any("gpt-4.1" in str(name) for name in measure.summary["cost"]["unpriced"])


@pytest.mark.parametrize("place", PLACES)
async def test_worker_that_works_for_the_call_is_measured(place: str) -> None:
    measure, front = Measure(place), Quiet()
    over = answered(front)
    async with FakeOpenAI(Answer(usage=USAGE)) as server:
        backend = openai(server, name="backend")
        done = answered(backend)
        params = PipelineParams(enable_metrics=True, enable_usage_metrics=True)
        helper = PipelineWorker(Pipeline([backend]), params=params, enable_rtvi=False, name="helper")

        async def drive(worker: PipelineWorker) -> None:
            await worker.add_workers(helper)
            await ask(worker, over)
            await helper.queue_frame(LLMContextFrame(LLMContext([{"role": "user", "content": "book it"}])))
            await asyncio.wait_for(done.wait(), 120)

        await call(measure, [front], drive)

    tokens = {
        (has["processor"], has["provider"], has["model"]): value
        for name, has, value in measure.store.points()
        if name == "voice.llm.tokens.total" and has["token_type"] == "prompt"
    }
    assert tokens == {("Quiet", "other", "mind-1"): 30, ("OpenAILLMService", "openai", "gpt-4.1"): 100}
    assert measure.summary["models"]["llm"] == "mind-1"
    assert measure.summary["cost"]["llm_usd"] == pytest.approx((100 * 2 + 10 * 8) / 1e6)


@pytest.mark.parametrize("others_have_a_caller", [False, True])
@pytest.mark.parametrize("place", PLACES)
async def test_worker_on_the_bus_of_one_call_serves_that_call(place: str, others_have_a_caller: bool) -> None:
    measure = Measure(place)
    async with FakeOpenAI(Answer(functions=("note",), usage=USAGE)) as server:
        debater = openai(server)
        done = pushed(debater, FunctionCallResultFrame)

        async def note(params: FunctionCallParams) -> None:
            await params.result_callback("noted")

        debater.register_function("note", note)
        line = [Speaker(Bench(Script(turns=())))] if others_have_a_caller else []
        params = PipelineParams(enable_metrics=True, enable_usage_metrics=True)
        debate = PipelineWorker(Pipeline([debater, *line]), params=params, enable_rtvi=False, name="debate")

        async def drive(worker: PipelineWorker) -> None:
            await debate.queue_frame(LLMContextFrame(LLMContext([{"role": "user", "content": "argue for it"}])))
            await asyncio.wait_for(done.wait(), 120)

        await call(measure, [Quiet()], drive, beside=[debate])

    requests = 0 if others_have_a_caller else 1
    assert measure.summary["llm"]["prompt_tokens"] == (100 * requests or None)
    assert measure.summary["ttfb"]["count"] == requests
    assert measure.summary["function_calls"]["completed"] == requests


@pytest.mark.parametrize("place", PLACES)
async def test_what_a_worker_beside_the_callers_writes_is_no_answer(place: str) -> None:
    measure = Measure(place)
    async with FakeOpenAI(Answer(usage=USAGE)) as server:
        judge = openai(server)
        judged = answered(judge)
        beside = PipelineWorker(Pipeline([judge]), enable_rtvi=False, name="judge")

        async def drive(worker: PipelineWorker) -> None:
            await worker.queue_frames([UserStartedSpeakingFrame(), TranscriptionFrame("Is it free?", "caller", "now")])
            await worker.queue_frame(UserStoppedSpeakingFrame())
            await beside.queue_frame(LLMContextFrame(LLMContext([{"role": "user", "content": "was that polite"}])))
            await asyncio.wait_for(judged.wait(), 120)
            await asyncio.sleep(NEXT_STEP_SECONDS + 0.5)

        await call(measure, [Silent()], drive, beside=[beside])

    assert measure.attributes("voice.turns.unanswered.total", "cause") == [("no_answer",)]


@pytest.mark.parametrize("place", PLACES)
async def test_bridged_service_has_its_class_and_its_model(place: str) -> None:
    measure = Measure(place)
    where = {"observers": measure.observers} if measure.observers else {place: [measure.it]}
    await run_call(SHORT, beside_mind=(), **where)

    assert measure.summary["models"] == {"llm": "mind-1", "stt": "ear-1", "tts": "mouth-1"}
    assert set(measure.attributes("voice.llm.tokens.total", "processor", "model", "provider")) == {
        ("Mind", "mind-1", "other")
    }


@pytest.mark.skipif("classifier" in signature(VoicemailDetector).parameters, reason="its model is in no pipeline")
@pytest.mark.parametrize("place", PLACES)
async def test_model_that_only_detects_a_voicemail_is_not_the_calls_model(place: str) -> None:
    measure = Measure(place)
    async with FakeOpenAI(Answer(usage=USAGE)) as server:
        detector = VoicemailDetector(llm=openai(server, "gpt-4.1-nano"))
        llm = openai(server)
        over = answered(llm)
        await call(measure, [detector.detector(), llm], lambda worker: ask(worker, over))

    assert measure.summary["models"]["llm"] == "gpt-4.1"
    assert {model for (model,) in measure.attributes("voice.llm.tokens.total", "llm_model")} == {"gpt-4.1"}


@pytest.mark.skipif(POLICY is None, reason="before Pipecat 1.8 no processor is unusable")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("policy", "reason"), [("END", "error"), ("CANCEL", "error"), ("CONTINUE", "completed")])
async def test_service_that_is_unusable_ends_the_call_as_its_policy_says(place: str, policy: str, reason: str) -> None:
    measure = Measure(place)
    async with FakeOpenAI(Answer(status=401)) as server:
        llm = openai(server)
        over = answered(llm)
        # What ends here is the pipeline's: it says so itself unless it goes on.
        await call(measure, [llm], lambda worker: ask(worker, over), processor_unusable_policy=getattr(POLICY, policy))

    assert measure.summary["end_reason"] == reason
    assert measure.attributes("voice.errors.total", "error_type") == [("401",)]


BACKENDS = importlib.util.find_spec("pipecat.pipeline.llm_with_backend") is not None


@pytest.mark.skipif(not BACKENDS, reason="this Pipecat has no LLMWithBackend")
@pytest.mark.parametrize("place", PLACES)
async def test_backend_of_a_model_is_measured_with_it(place: str) -> None:
    from pipecat.pipeline.llm_with_backend import LLMWithBackend
    from pipecat.workers.llm.backend_llm_worker import BackendLLMWorker

    measure = Measure(place)
    async with FakeOpenAI(Answer(usage=USAGE)) as front, FakeOpenAI(Answer(usage=USAGE)) as back:
        frontend, backend = openai(front, "gpt-4.1-mini"), openai(back, "gpt-4.1")
        over, done = answered(frontend), answered(backend)
        helper = BackendLLMWorker(llm=backend)
        pair = LLMWithBackend(frontend=frontend, backend=helper)

        async def drive(worker: PipelineWorker) -> None:
            await ask(worker, over)
            await helper.queue_frame(LLMContextFrame(LLMContext([{"role": "user", "content": "book it"}])))
            await asyncio.wait_for(done.wait(), 120)

        await call(measure, [pair], drive)

    assert set(measure.attributes("voice.llm.tokens.total", "processor", "model", "provider")) == {
        ("OpenAILLMService", "gpt-4.1-mini", "openai"),
        ("OpenAILLMService", "gpt-4.1", "openai"),
    }
    assert measure.summary["models"]["llm"] == "gpt-4.1-mini"
