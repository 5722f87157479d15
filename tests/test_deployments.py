"""A deployment may have any name: Azure's answer says which model it is, and that has the price."""

from __future__ import annotations

from typing import Any

import pytest
from pipecat.services.azure.llm import AzureLLMService

from tests.local_providers import Answer, FakeOpenAI
from tests.test_services_of_a_call import PLACES, USAGE, Measure, asked_once, call

pytestmark = pytest.mark.slow

_PATH = "/openai/deployments/{name}/chat/completions"


async def _cost(
    place: str, deployment: str, answering: str, own: dict[str, Any] | None = None, *, out_of_band: bool = False
) -> dict[str, Any]:
    measure = Measure(place, prices=own)
    async with FakeOpenAI(Answer(usage=USAGE, model=answering), path=_PATH) as server:
        settings = AzureLLMService.Settings(model=deployment)
        llm = AzureLLMService(api_key="x", endpoint=server.url.removesuffix("/v1"), settings=settings)
        await call(measure, [llm], asked_once(llm, out_of_band=out_of_band))
    named = measure.attributes("voice.llm.tokens.total", "provider", "model")
    assert set(named) == {("azure", deployment)}
    cost: dict[str, Any] = measure.summary["cost"]
    return cost


@pytest.mark.parametrize("out_of_band", [False, True], ids=["conversation", "beside"])
@pytest.mark.parametrize("place", PLACES)
async def test_deployment_has_the_price_of_the_model_that_answers(place: str, out_of_band: bool) -> None:
    cost = await _cost(place, "support-bot-eu", "gpt-4.1-mini-2025-04-14", out_of_band=out_of_band)
    assert (cost["llm_usd"], cost["unpriced"]) == (0.000056, [])


@pytest.mark.parametrize(
    ("deployment", "answering", "usd"),
    [
        pytest.param("gpt-4o", "gpt-4.1-mini-2025-04-14", 0.000056, id="called-like-another-model"),
        pytest.param("gpt-4.1-mini", "gpt-4.1-mini-2027-01-01-new", 0.000056, id="of-an-unlisted-date"),
        pytest.param("gpt-4o", "a-model-of-ones-own", None, id="of-an-unlisted-model"),
        pytest.param("model-router", "gpt-4.1-mini-2025-04-14", None, id="that-chooses-a-model-for-a-fee"),
    ],
)
async def test_name_of_a_deployment_counts_only_beside_what_answers(
    deployment: str, answering: str, usd: float | None
) -> None:
    cost = await _cost("at_end", deployment, answering)
    assert (cost["llm_usd"], cost["unpriced"]) == (usd, [] if usd else [deployment])


@pytest.mark.parametrize(
    ("own", "usd"),
    [
        pytest.param({"unit": "million tokens", "input": 10, "output": 20}, 0.0012, id="a-price"),
        pytest.param({"same_as": "gpt-4.1"}, 0.00028, id="another-model's"),
    ],
)
async def test_users_own_price_of_a_deployment_holds(own: dict[str, Any], usd: float) -> None:
    cost = await _cost("at_end", "support-bot-eu", "gpt-4.1-mini-2025-04-14", {"support-bot-eu": own})
    assert cost["llm_usd"] == usd
