"""A model that reports its usage with each chunk of an answer is counted once for each request."""

from __future__ import annotations

import pytest
from pipecat.metrics.metrics import LLMTokenUsage
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.openai.llm import OpenAILLMService

from tests.test_services_of_a_call import PLACES, Measure, answered, ask, call

pytestmark = pytest.mark.slow


class Chatty(OpenAILLMService):
    """Reports these counts of prompt and completion, one with each chunk."""

    def __init__(self, *reports: tuple[int, int]) -> None:
        super().__init__(api_key="x", settings=OpenAILLMService.Settings(model="gpt-4.1"))
        self._reports = reports

    async def _process_context(self, context: LLMContext) -> None:
        await self.start_ttfb_metrics()
        for prompt, completion in self._reports:
            await self.stop_ttfb_metrics()
            await self.start_llm_usage_metrics(
                LLMTokenUsage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)
            )


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("reports", "of_one_request"),
    [
        pytest.param([(100, 1), (100, 2), (100, 7)], (1, 100, 7), id="growing"),
        pytest.param([(100, 7), (130, 9)], (2, 230, 16), id="of-two-inferences"),
        pytest.param([(100, 7)], (1, 100, 7), id="one"),
    ],
)
async def test_last_report_of_an_answer_counts(
    place: str, reports: list[tuple[int, int]], of_one_request: tuple[int, int, int]
) -> None:
    measure, llm = Measure(place), Chatty(*reports)
    over = answered(llm)

    async def twice(worker: PipelineWorker) -> None:
        await ask(worker, over)
        await ask(worker, over)

    await call(measure, [llm], twice)
    used = measure.summary["llm"]
    assert (used["requests"], used["prompt_tokens"], used["completion_tokens"]) == tuple(2 * n for n in of_one_request)
