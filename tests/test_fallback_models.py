"""OpenRouter answers with another model if the one that was asked fails, and bills the model that answers."""

from __future__ import annotations

import pytest
from pipecat.services.openrouter.llm import OpenRouterLLMService

from tests.local_providers import Answer, FakeOpenAI
from tests.test_services_of_a_call import PLACES, USAGE, Measure, asked_once, call

pytestmark = pytest.mark.slow

ASKED = "anthropic/claude-sonnet-4.5"


@pytest.mark.parametrize(
    ("place", "out_of_band"),
    [*(pytest.param(place, False, id=place) for place in PLACES), pytest.param("at_end", True, id="beside")],
)
async def test_fallback_that_answers_has_its_own_price(place: str, out_of_band: bool) -> None:
    measure = Measure(place)
    async with FakeOpenAI(Answer(usage=USAGE, model="openai/gpt-4.1-mini")) as server:
        settings = OpenRouterLLMService.Settings(model=ASKED)
        llm = OpenRouterLLMService(api_key="x", base_url=server.url, settings=settings)
        await call(measure, [llm], asked_once(llm, out_of_band=out_of_band))

    assert set(measure.attributes("voice.llm.tokens.total", "provider", "model")) == {("openrouter", ASKED)}
    cost = measure.summary["cost"]
    assert (cost["llm_usd"], cost["unpriced"]) == (0.000056, [])
