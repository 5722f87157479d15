"""Two services of one class, at two providers or in two regions: each number belongs to the one that it is of."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from pipecat.pipeline.worker import PipelineWorker

from tests.local_providers import Answer, FakeOpenAI
from tests.test_services_of_a_call import PLACES, USAGE, Measure, answered, ask, call, failing_over, openai
from voice_metrics.call import providers

pytestmark = pytest.mark.slow

MODEL = "openai/gpt-oss-120b"


@pytest.mark.parametrize("place", PLACES)
async def test_failover_to_another_provider_with_the_same_class_and_model(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(providers._HOSTS, "127.0.0.1", "groq")
    measure = Measure(place)
    answers = Answer(usage=USAGE), Answer(status=401)
    async with FakeOpenAI(*answers) as first_server, FakeOpenAI(Answer(usage=USAGE)) as second_server:
        first = openai(first_server, MODEL)
        second_server.url = second_server.url.replace("127.0.0.1", "localhost")
        second = openai(second_server, MODEL)
        over = [answered(first), answered(second)]
        switcher, switched = failing_over(first, second)

        async def drive(worker: PipelineWorker) -> None:
            await ask(worker, over[0])
            await ask(worker, over[0])
            await asyncio.wait_for(switched.wait(), 120)
            await ask(worker, over[1])

        await call(measure, [switcher], drive)

    assert measure.attributes("voice.errors.total", "provider", "error_type") == [("groq", "401")]
    by_provider = {
        (has["provider"], has["token_type"]): value
        for name, has, value in measure.store.points()
        if name == "voice.llm.tokens.total"
    }
    assert by_provider == {
        (provider, kind): count
        for provider in ("groq", "openai")
        for kind, count in (("prompt", 100), ("completion", 10))
    }
    assert measure.attributes("voice.cost.usd", "provider") == [("groq",)]
    cost = measure.summary["cost"]
    # Groq's $0.15 in and $0.60 out per million tokens; OpenAI does not sell it.
    assert Decimal(str(cost["llm_usd"])) == Decimal("0.000021")
    assert cost["unpriced"] == [MODEL]
    assert set(measure.attributes("gen_ai.client.token.usage", "server.address")) == {("127.0.0.1",), ("localhost",)}
    assert measure.attributes("voice.service.switches.total", "from", "to") == [("groq", "openai")]
