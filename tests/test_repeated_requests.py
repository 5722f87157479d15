"""A model that asks again over a new connection within one response has not answered before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from pipecat.pipeline.worker import PipelineWorker
from pipecat.services.openai.responses.llm import OpenAIResponsesLLMService

from tests.local_providers import RealtimeProvider
from tests.test_services_of_a_call import PLACES, Measure, answered, ask, call

pytestmark = pytest.mark.slow

ANSWER_SECONDS = 0.1
USAGE = {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110}


class FakeResponses(RealtimeProvider):
    """OpenAI's Responses interface over a WebSocket.

    Args:
        requests: What becomes of each request, one of "answered", "hung up" and "not found".
    """

    def __init__(self, requests: Iterable[str]) -> None:
        super().__init__()
        self._requests = iter(requests)

    async def heard(self, kind: str) -> None:
        if kind != "response.create":
            return
        match next(self._requests):
            case "answered":
                await self._respond()
            case "hung up":
                await asyncio.sleep(ANSWER_SECONDS)
                await self.hang_up()
            case "not found":
                await asyncio.sleep(ANSWER_SECONDS)
                await self.tell("error", error={"code": "previous_response_not_found", "message": "gone"})

    async def hang_up(self) -> None:
        """End the latest connection."""
        assert self._line is not None
        await self._line.close()

    async def _respond(self) -> None:
        await self.tell("response.created", response={"id": "r"})
        await asyncio.sleep(ANSWER_SECONDS / 2)
        await self.tell("response.output_item.added", item={"type": "message", "id": "m"})
        await self.tell("response.output_text.delta", delta="Nine o'clock.")
        await asyncio.sleep(ANSWER_SECONDS / 2)
        await self.tell("response.completed", response={"id": "r", "model": "gpt-4.1", "usage": USAGE, "output": []})


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("first", ["hung up", "not found", "idle"])
async def test_request_over_a_new_connection_has_the_latencies_of_its_answer(place: str, first: str) -> None:
    measure = Measure(place)
    requests = ["answered", "answered"] if first == "idle" else [first, "answered"]
    async with FakeResponses(requests) as server:
        llm = OpenAIResponsesLLMService(
            api_key="x", ws_url=server.url, settings=OpenAIResponsesLLMService.Settings(model="gpt-4.1")
        )
        over = answered(llm)

        async def drive(worker: PipelineWorker) -> None:
            await ask(worker, over)
            if first == "idle":
                await server.hang_up()
                await asyncio.sleep(0.1)
                await ask(worker, over)

        await call(measure, [llm], drive)

    ttfb, processing = (measure.summary[kind]["by_service"]["llm"] for kind in ("ttfb", "processing"))
    answers = requests.count("answered")
    assert (ttfb["count"], ttfb["interrupted"]) == (answers, len(requests) - answers)
    assert processing["count"] == answers
    assert processing["min_ms"] > 0.9 * ANSWER_SECONDS * 1000
