"""Requests to a language model outside the pipeline count, with the tokens that the provider's answer has."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any

import pytest
from pipecat.frames.frames import Frame, LLMSummarizeContextFrame, MetricsFrame
from pipecat.metrics.metrics import TTFBMetricsData
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import LLMService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.settings import LLMSettings
from pipecat.utils.context.llm_context_summarization import LLMContextSummaryConfig

from tests.local_providers import Answer, FakeAnswers, FakeOpenAI
from tests.scripted import Script
from tests.scripted_providers import Bench, Speaker
from tests.test_services_of_a_call import (
    PLACES,
    USAGE,
    Drive,
    Measure,
    answered,
    ask,
    call,
    failing_over,
    openai,
    run_line,
)
from tests.waiting import until
from voice_metrics.call import providers

pytestmark = pytest.mark.slow

SUMMARY = {
    "prompt_tokens": 3000,
    "completion_tokens": 200,
    "total_tokens": 3200,
    "prompt_tokens_details": {"cached_tokens": 1000},
}
CONTEXT = [{"role": "user", "content": "Name the city."}]
TO_SUMMARIZE = LLMContextSummaryConfig(min_messages_after_summary=0)


def question() -> LLMContext:
    return LLMContext([dict(message) for message in CONTEXT])  # type: ignore[arg-type, misc]


def asking(model: Any) -> Drive:
    """Asks the model as an application does."""

    async def drive(worker: PipelineWorker) -> None:
        await model.run_inference(question())

    return drive


def tokens(measure: Measure) -> int | None:
    total: int | None = measure.summary["llm"]["total_tokens"]
    return total


def by_processor(measure: Measure) -> dict[tuple[str, str, str], float]:
    totals: dict[tuple[str, str, str], float] = {}
    for name, has, value in measure.store.points():
        if name == "voice.llm.tokens.total":
            key = has["processor"], has["provider"], has["model"]
            totals[key] = totals.get(key, 0) + value
    return totals


def unpriced(measure: Measure) -> tuple[list[str], list[str]]:
    cost = measure.summary["cost"]
    return cost["unpriced"], cost["unpriced_reasons"]


class Unknown(LLMService):  # type: ignore[type-arg]
    """A service of the application's own, which asks a model that Pipecat does not know.

    Args:
        text: What the model says.
    """

    def __init__(self, text: str | None = "Lisbon") -> None:
        super().__init__(settings=LLMSettings(model="house-model"))
        self._text = text

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)

    async def run_inference(self, context: LLMContext, *args: Any, **options: Any) -> str | None:
        return self._text


class Lazy:
    """Stands for another object, as of a web framework, that is not there yet."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        raise RuntimeError("outside of a request")


class Guard(FrameProcessor):
    """A processor of the application's own that has a language model.

    Args:
        model: The model.
    """

    def __init__(self, model: OpenAILLMService) -> None:
        super().__init__()
        self.session = Lazy()
        self.checks_with = model

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


@pytest.mark.parametrize("place", PLACES)
async def test_applications_own_question_has_tokens_and_cost_and_nothing_else(place: str) -> None:
    measure = Measure(place)
    async with FakeOpenAI(Answer(usage=USAGE), Answer(words=("Lisbon",), usage=SUMMARY)) as server:
        llm = openai(server)
        over, texts = answered(llm), []

        async def drive(worker: PipelineWorker) -> None:
            await ask(worker, over)
            texts.append(await llm.run_inference(question(), max_tokens=50))
            assert server.requests[-1]["messages"] == CONTEXT

        await call(measure, [llm], drive)

    assert texts == ["Lisbon"]
    assert by_processor(measure) == {("OpenAILLMService", "openai", "gpt-4.1"): 110 + 3200}
    llm_summary = measure.summary["llm"]
    assert (llm_summary["requests"], llm_summary["prompt_tokens"], llm_summary["cache_read_tokens"]) == (2, 3100, 1000)
    # gpt-4.1: $2 a million tokens in, $0.50 of them cached, $8 out.
    assert measure.summary["cost"]["llm_usd"] == pytest.approx((2100 * 2 + 1000 * 0.5 + 210 * 8) / 1e6)
    (speed,) = measure.store.of("voice.llm.throughput")
    assert (speed.count, measure.summary["ttfb"]["count"], measure.summary["processing"]["count"]) == (1, 1, 1)
    assert sum(point.sum for point in measure.store.of("gen_ai.client.token.usage")) == 3310


async def test_question_during_a_response_is_no_part_of_its_speed() -> None:
    measure = Measure("before_output")
    async with FakeOpenAI(Answer(words=("word ",) * 20, usage=USAGE), Answer(usage=SUMMARY)) as server:
        llm = openai(server)
        over = answered(llm)

        async def drive(worker: PipelineWorker) -> None:
            response = asyncio.create_task(ask(worker, over))
            await until(lambda: server.requests)
            await llm.run_inference(question())
            await until(lambda: (tokens(measure) or 0) >= 3200)
            await response

        await call(measure, [llm], drive)

    assert tokens(measure) == 3310
    (speed,) = measure.store.of("voice.llm.throughput")
    # 10 tokens in 0.2 s; those of the question would make it a thousand.
    assert speed.count == 1
    assert speed.sum < 100


@pytest.mark.parametrize("place", ["before_output", "observer"])
async def test_summary_by_the_pipelines_model_counts(place: str) -> None:
    measure = Measure(place)
    async with FakeOpenAI(Answer(usage=SUMMARY)) as server:
        llm = openai(server)

        async def drive(worker: PipelineWorker) -> None:
            await worker.queue_frame(LLMSummarizeContextFrame(config=TO_SUMMARIZE))
            await until(lambda: tokens(measure))

        await call(measure, [llm], drive)

    assert by_processor(measure) == {("OpenAILLMService", "openai", "gpt-4.1"): 3200}


@pytest.mark.parametrize("place", ["before_output", "observer"])
async def test_summary_by_a_model_of_its_own_counts_as_that_model(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(providers._HOSTS, "127.0.0.1", "groq")
    measure = Measure(place)
    async with FakeOpenAI(Answer(usage=USAGE)) as talking, FakeOpenAI(Answer(usage=SUMMARY)) as server:
        talking.url = talking.url.replace("127.0.0.1", "localhost")
        llm, summarizing = openai(talking), openai(server, "openai/gpt-oss-120b")
        over = answered(llm)
        config = LLMContextSummaryConfig(min_messages_after_summary=0, llm=summarizing)

        async def drive(worker: PipelineWorker) -> None:
            await ask(worker, over)
            await worker.queue_frame(LLMSummarizeContextFrame(config=config))
            await until(lambda: tokens(measure) == 3310)

        await call(measure, [llm], drive)

    assert by_processor(measure) == {
        ("OpenAILLMService", "openai", "gpt-4.1"): 110,
        ("OpenAILLMService", "groq", "openai/gpt-oss-120b"): 3200,
    }
    assert measure.summary["models"]["llm"] == "gpt-4.1"
    assert len(measure.attributes("voice.cost.usd", "provider")) == 2


async def test_model_of_the_applications_processor_counts_and_names_no_call() -> None:
    measure = Measure("before_output")
    async with FakeOpenAI(Answer(usage=SUMMARY)) as server:
        model = openai(server)
        await call(measure, [Guard(model)], asking(model))

    assert by_processor(measure) == {("OpenAILLMService", "openai", "gpt-4.1"): 3200}
    assert measure.summary["models"]["llm"] is None


async def test_question_to_a_switcher_counts_as_the_model_in_use() -> None:
    measure = Measure("before_output")
    async with FakeOpenAI(Answer(usage=SUMMARY)) as server:
        switcher, _ = failing_over(openai(server, "gpt-4.1-mini"), openai(server))
        await call(measure, [switcher], asking(switcher))

    assert by_processor(measure) == {("OpenAILLMService", "openai", "gpt-4.1-mini"): 3200}


async def test_client_that_replaces_another_is_read_too() -> None:
    measure = Measure("before_output")
    async with FakeOpenAI(Answer(usage=USAGE)) as server, FakeOpenAI(Answer(usage=SUMMARY)) as other:
        llm = openai(server)

        async def drive(worker: PipelineWorker) -> None:
            await llm.run_inference(question())
            llm._client = openai(other)._client
            await asyncio.gather(*(llm.run_inference(question()) for _ in range(3)))

        await call(measure, [llm], drive)

    assert (measure.summary["llm"]["requests"], tokens(measure)) == (4, 110 + 3 * 3200)


async def test_refused_request_raises_and_counts_nothing() -> None:
    measure = Measure("before_output")
    async with FakeOpenAI(Answer(status=401)) as server:
        llm = openai(server)

        async def drive(worker: PipelineWorker) -> None:
            with pytest.raises(Exception, match="401"):
                await llm.run_inference(question())

        await call(measure, [llm], drive)

    assert (tokens(measure), unpriced(measure)) == (None, ([], []))


async def test_cancelled_request_counts_nothing() -> None:
    measure = Measure("before_output")
    asked = asyncio.Event()

    class Slow(Unknown):
        async def run_inference(self, *args: Any, **options: Any) -> str | None:
            asked.set()
            await asyncio.Event().wait()
            return None

    model = Slow()

    async def drive(worker: PipelineWorker) -> None:
        task = asyncio.create_task(model.run_inference(question()))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    await call(measure, [model], drive)
    assert (tokens(measure), unpriced(measure)) == (None, ([], []))


async def test_nothing_counts_without_usage_metrics() -> None:
    measure = Measure("before_output")
    async with FakeOpenAI(Answer(usage=SUMMARY)) as server:
        llm, unknown = openai(server), Unknown()

        async def drive(worker: PipelineWorker) -> None:
            await llm.run_inference(question())
            await unknown.run_inference(question())

        await call(measure, [llm, unknown], drive, metrics=False)

    assert (tokens(measure), unpriced(measure)) == (None, ([], []))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Lisbon", (["house-model"], ["run_inference() reported no usage"]), id="answers"),
        pytest.param(None, ([], []), id="does-not-answer"),
    ],
)
async def test_service_of_ones_own_is_unpriced_if_it(text: str | None, expected: tuple[list[str], list[str]]) -> None:
    measure, model = Measure("before_output"), Unknown(text)
    await call(measure, [model], asking(model))

    assert (tokens(measure), unpriced(measure)) == (None, expected)
    names = measure.attributes("voice.usage.unpriced.total", "service", "model")
    assert names == [("llm", model) for model in expected[0]]


async def test_provider_that_reports_no_usage_is_unpriced() -> None:
    measure = Measure("before_output")
    async with FakeOpenAI(Answer()) as server:
        llm = openai(server)
        await call(measure, [llm], asking(llm))

    assert unpriced(measure) == (["gpt-4.1"], ["run_inference() reported no usage"])


async def test_service_that_reports_its_usage_itself_counts_once() -> None:
    class Reporting(OpenAILLMService):
        async def run_inference(self, *args: Any, **options: Any) -> str | None:
            answer = await self._client.chat.completions.create(model="gpt-4.1", messages=CONTEXT)
            from voice_metrics.pipecat.token_usage import token_usage

            usage = token_usage(self, answer)
            assert usage is not None
            await self.start_llm_usage_metrics(usage)
            return "Lisbon"

    measure = Measure("before_output")
    async with FakeOpenAI(Answer(usage=SUMMARY)) as server:
        llm = Reporting(api_key="x", base_url=server.url, settings=OpenAILLMService.Settings(model="gpt-4.1"))
        await call(measure, [llm], asking(llm))

    assert (tokens(measure), unpriced(measure)) == (3200, ([], []))


async def test_service_that_asks_another_counts_once() -> None:
    class Asking(Unknown):
        def __init__(self, other: OpenAILLMService) -> None:
            super().__init__()
            self.other = other

        async def run_inference(self, context: LLMContext, *args: Any, **options: Any) -> str | None:
            return await self.other.run_inference(context)

    measure = Measure("before_output")
    async with FakeOpenAI(Answer(usage=SUMMARY)) as server:
        model = Asking(openai(server))
        await call(measure, [model], asking(model))

    assert by_processor(measure) == {("OpenAILLMService", "openai", "gpt-4.1"): 3200}
    assert unpriced(measure) == ([], [])


async def test_calls_that_share_a_model_have_their_own_tokens() -> None:
    measures, done = [Measure("before_output"), Measure("observer")], []
    async with FakeOpenAI(Answer(usage=SUMMARY)) as server:
        config = LLMContextSummaryConfig(min_messages_after_summary=0, llm=openai(server))

        async def summarize(measure: Measure, times: int) -> None:
            async def drive(worker: PipelineWorker) -> None:
                for number in range(1, times + 1):
                    await worker.queue_frame(LLMSummarizeContextFrame(config=config))
                    await until(partial(_has, measure, 3200 * number))
                done.append(measure)
                await until(lambda: len(done) == len(measures))

            await call(measure, [openai(server)], drive)

        await asyncio.gather(summarize(measures[0], 1), summarize(measures[1], 2))

    assert [tokens(measure) for measure in measures] == [3200, 6400]


def _has(measure: Measure, total: int) -> bool:
    return tokens(measure) == total


async def test_task_of_no_call_asks_for_the_only_one_that_runs() -> None:
    over, running = Measure("before_output"), Measure("before_output")
    async with FakeOpenAI(Answer(usage=SUMMARY)) as server:
        model = openai(server)
        await call(over, [Guard(model)], asking(model))

        async def drive(worker: PipelineWorker) -> None:
            await asyncio.create_task(model.run_inference(question()), context=Context())

        await call(running, [Guard(model)], drive)

    assert (tokens(over), tokens(running)) == (3200, 3200)


async def test_model_of_many_calls_is_read_once_and_keeps_none_of_them() -> None:
    async with FakeOpenAI(Answer(usage=SUMMARY)) as server:
        model = openai(server)
        recorders, replaced = [], []
        for _ in range(3):
            measure = Measure("before_output")
            await call(measure, [Guard(model)], asking(model))
            assert tokens(measure) == 3200
            recorders.append(weakref.ref(measure.it))
            replaced.append((model.run_inference, model._client.chat.completions.create))
            del measure
    gc.collect()

    assert replaced == [replaced[0]] * 3
    assert [recorder() for recorder in recorders[:2]] == [None, None]


def _anthropic(url: str) -> Any:
    module = pytest.importorskip("pipecat.services.anthropic.llm", exc_type=ImportError)
    client = pytest.importorskip("anthropic").AsyncAnthropic(api_key="x", base_url=url)
    service = module.AnthropicLLMService
    return service(api_key="x", client=client, settings=service.Settings(model="claude-sonnet-4-5"))


def _google(url: str) -> Any:
    module = pytest.importorskip("pipecat.services.google.llm", exc_type=ImportError)
    options = pytest.importorskip("google.genai.types").HttpOptions(base_url=url)
    service = module.GoogleLLMService
    return service(api_key="x", http_options=options, settings=service.Settings(model="gemini-2.5-flash"))


def _responses(url: str) -> Any:
    module = pytest.importorskip("pipecat.services.openai.responses.llm", exc_type=ImportError)
    service = module.OpenAIResponsesHttpLLMService
    return service(api_key="x", base_url=f"{url}/v1", settings=service.Settings(model="gpt-4.1"))


CLAUDE = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "content": [{"type": "text", "text": "Lisbon"}],
    "usage": {
        "input_tokens": 100,
        "output_tokens": 20,
        "cache_creation_input_tokens": 500,
        "cache_read_input_tokens": 1000,
    },
}
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Lisbon"}]}, "finishReason": "STOP"}],
    "modelVersion": "gemini-2.5-flash",
    "usageMetadata": {
        "promptTokenCount": 1500,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 300,
        "cachedContentTokenCount": 1000,
        "totalTokenCount": 1820,
    },
}
RESPONSE = {
    "id": "r",
    "object": "response",
    "created_at": 1,
    "model": "gpt-4.1",
    "status": "completed",
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "output": [
        {
            "type": "message",
            "id": "m",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Lisbon", "annotations": []}],
        }
    ],
    "usage": {
        "input_tokens": 1500,
        "output_tokens": 320,
        "total_tokens": 1820,
        "input_tokens_details": {"cached_tokens": 1000},
        "output_tokens_details": {"reasoning_tokens": 300},
    },
}


@pytest.mark.parametrize(
    ("path", "body", "service", "expected"),
    [
        pytest.param("/v1/messages", CLAUDE, _anthropic, (1600, 20, 1000, 500, None), id="anthropic"),
        pytest.param(
            "/v1beta/models/gemini-2.5-flash:generateContent", GEMINI, _google, (1500, 320, 1000, 0, 300), id="google"
        ),
        pytest.param("/v1/responses", RESPONSE, _responses, (1500, 320, 1000, 0, 300), id="responses"),
    ],
)
async def test_pipecats_service_counts(
    path: str, body: dict[str, Any], service: Callable[[str], Any], expected: tuple[int | None, ...]
) -> None:
    measure, texts = Measure("before_output"), []
    async with FakeAnswers(path, body) as server:
        llm = service(server.url)

        async def drive(worker: PipelineWorker) -> None:
            texts.append(await llm.run_inference(question()))

        await call(measure, [llm], drive)

    summary = measure.summary["llm"]
    kinds = ("prompt", "completion", "cache_read", "cache_creation", "reasoning")
    found = tuple(summary[f"{kind}_tokens"] for kind in kinds)
    assert texts == ["Lisbon"]
    assert tuple(count or 0 for count in found) == tuple(count or 0 for count in expected)
    assert unpriced(measure) == ([], [])


async def test_bedrock_is_unpriced() -> None:
    module = pytest.importorskip("pipecat.services.aws.llm", exc_type=ImportError)

    class Session:
        """Makes a client for each request, as aiobotocore's does."""

        def create_client(self, **options: Any) -> Session:
            return self

        async def __aenter__(self) -> Session:
            return self

        async def __aexit__(self, *fault: object) -> None: ...

        async def converse(self, **options: Any) -> dict[str, Any]:
            return {"output": {"message": {"content": [{"text": "Lisbon"}]}}, "usage": {"inputTokens": 100}}

    measure, service = Measure("before_output"), module.AWSBedrockLLMService
    llm = service(aws_region="eu-west-1", settings=service.Settings(model="anthropic.claude-haiku-4-5"))
    llm._aws_session = Session()
    await call(measure, [llm], asking(llm))

    assert tokens(measure) is None
    assert unpriced(measure) == (["anthropic.claude-haiku-4-5"], ["run_inference() reported no usage"])


@pytest.mark.parametrize(("calls", "total"), [(1, 3200), (2, None)], ids=["alone", "beside-another-call"])
async def test_question_of_a_user_interfaces_worker_counts_if_the_bus_has_one_call(
    calls: int, total: int | None
) -> None:
    module = pytest.importorskip("pipecat.workers.ui.ui_worker", reason="this Pipecat has none")
    if not hasattr(module.UIWorker, "classifier"):
        pytest.skip("this Pipecat's asks no classifier")
    from pipecat.classifiers.base_classifier import YesNoQuestion

    measure = Measure("before_output")
    async with FakeOpenAI(Answer(words=('{"open": {"probability": 0.9}}',), usage=SUMMARY)) as server:
        interface = module.UIWorker("interface", llm=openai(server))
        others = [
            PipelineWorker(Pipeline([Speaker(Bench(Script(turns=())))]), enable_rtvi=False, name=f"line-{number}")
            for number in range(1, calls)
        ]

        async def drive(worker: PipelineWorker) -> None:
            questions = {"open": YesNoQuestion(instructions="is the dialog open?")}
            # Workers beside are found when something is measured.
            await worker.queue_frame(MetricsFrame(data=[TTFBMetricsData(processor="Ear#0", value=0.1)]))
            await until(lambda: measure.summary["ttfb"]["count"])
            await interface.classifier.yes_no({"dialog": "seats"}, questions)

        line = [*measure.at("before_output"), Speaker(Bench(Script(turns=())))]
        await run_line(measure, line, drive, beside=[interface, *others])

    assert tokens(measure) == total
