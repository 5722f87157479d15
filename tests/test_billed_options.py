"""Options that a provider bills at rates of their own: priced at those, or not at all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pipecat.frames.frames import MetricsFrame
from pipecat.metrics.metrics import LLMTokenUsage, LLMUsageMetricsData, MetricsData, TTSUsageMetricsData
from pipecat.services.openai.llm import OpenAILLMService

from tests.local_providers import Answer, FakeOpenAI
from tests.test_services_of_a_call import PLACES, USAGE, Measure, answered, ask, call, openai
from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, TokensUsed
from voice_metrics.pipecat.metrics_frames import MetricsReader, STTUsageMetricsData
from voice_metrics.pipecat.services import Services, services_in

OWN = {"gpt-4.1": {"unit": "million tokens", "input": 10, "output": 20}}


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("options", "own", "usd"),
    [
        pytest.param({}, None, 0.00028, id="ordinary"),
        pytest.param({"service_tier": "default"}, None, 0.00028, id="default"),
        pytest.param({"service_tier": "priority"}, None, None, id="priority"),
        pytest.param({"service_tier": "priority"}, OWN, 0.0012, id="the-users-price"),
    ],
)
async def test_requests_of_another_service_tier_have_only_a_price_of_the_users(
    place: str, options: dict[str, Any], own: dict[str, Any] | None, usd: float | None
) -> None:
    measure = Measure(place, prices=own)
    async with FakeOpenAI(Answer(usage=USAGE)) as server:
        llm = openai(server, **options)
        over = answered(llm)
        await call(measure, [llm], lambda worker: ask(worker, over))
        assert server.requests[0].get("service_tier") == options.get("service_tier")

    cost = measure.summary["cost"]
    assert (cost["llm_usd"], cost["unpriced"]) == (usd, ["gpt-4.1"] if usd is None else [])
    if usd is None:
        reason = "service_tier=priority has rates of its own; set yours in your price file"
        assert cost["unpriced_reasons"] == [reason]


class Pipecats:
    """A service as far as it is looked at; a stand-in for one whose package is not installed here."""

    name = "Service#0"

    def __init__(self, settings: dict[str, Any], **held: Any) -> None:
        self._settings = SimpleNamespace(model="m", extra={}, **settings)
        self.__dict__.update(held)

    def can_generate_metrics(self) -> bool:
        return True


def _service(provider: str, settings: dict[str, Any]) -> Any:
    kind = type("Service", (Pipecats,), {})
    kind.__module__ = f"pipecat.services.{provider}.llm"
    return kind(settings)


def _read(service: Any, item: MetricsData) -> TokensUsed | AudioTranscribed | CharactersSpoken:
    (fact,) = MetricsReader(Services(services_in([service]))).facts(MetricsFrame(data=[item]))
    assert isinstance(fact, (TokensUsed, AudioTranscribed, CharactersSpoken))
    return fact


def _tokens(service: Any, *, read: int = 0, written: int = 0) -> MetricsData:
    usage = LLMTokenUsage(
        prompt_tokens=9000,
        completion_tokens=10,
        total_tokens=9010,
        cache_read_input_tokens=read,
        cache_creation_input_tokens=written,
    )
    return LLMUsageMetricsData(processor=service.name, model="m", value=usage)


@pytest.mark.parametrize(
    ("provider", "settings", "cache", "option"),
    [
        ("anthropic", {"system_prompt_cache_ttl": "1h"}, {"written": 4000}, "system_prompt_cache_ttl=1h"),
        ("anthropic", {"system_prompt_cache_ttl": "1h"}, {"read": 4000, "written": 50}, None),
        ("anthropic", {"system_prompt_cache_ttl": "1h"}, {}, None),
        ("anthropic", {"system_prompt_cache_ttl": "5m"}, {"written": 4000}, None),
        ("aws", {"latency": "optimized"}, {}, "latency=optimized"),
        ("aws", {"latency": "standard"}, {}, None),
    ],
)
def test_option_of_a_request_is_known_from_its_service(
    provider: str, settings: dict[str, Any], cache: dict[str, int], option: str | None
) -> None:
    service = _service(provider, settings)
    assert _read(service, _tokens(service, **cache)).option == option


@pytest.mark.parametrize(
    ("provider", "extra", "option"),
    [
        ("openai", {"service_tier": "flex"}, "service_tier=flex"),
        ("openai", {"service_tier": "auto"}, None),
        ("groq", {"service_tier": "flex"}, None),
        ("anthropic", {"inference_geo": "us"}, "inference_geo=us"),
        ("anthropic", {"service_tier": "standard_only"}, None),
        ("openai", {"service_tier": None}, None),
    ],
)
def test_option_is_also_known_from_what_is_added_to_each_request(
    provider: str, extra: dict[str, Any], option: str | None
) -> None:
    service = _service(provider, {})
    service._settings.extra = extra
    assert _read(service, _tokens(service)).option == option


def test_option_follows_the_settings_in_mid_call() -> None:
    llm = OpenAILLMService(api_key="x", service_tier="priority")
    services = Services(services_in([llm]))
    reader, item = MetricsReader(services), _tokens(llm)
    settings: Any = llm._settings

    def option() -> str | None:
        (fact,) = reader.facts(MetricsFrame(data=[item]))
        assert isinstance(fact, TokensUsed)
        return fact.option

    assert option() == "service_tier=priority"
    settings.extra = {"service_tier": "default"}
    assert option() is None


@pytest.mark.skipif("Absent" in STTUsageMetricsData.__name__, reason="this Pipecat reports no audio of recognisers")
@pytest.mark.parametrize(
    ("provider", "language", "option"),
    [("deepgram", "multi", "language=multi"), ("deepgram", "es", None), ("gladia", "multi", None)],
)
def test_deepgrams_recogniser_says_that_it_hears_several_languages(
    provider: str, language: str, option: str | None
) -> None:
    from pipecat.metrics.metrics import STTUsage

    service = _service(provider, {"language": language})
    item = STTUsageMetricsData(processor=service.name, model="m", value=STTUsage(audio_seconds=60.0))
    assert _read(service, item).option == option


@pytest.mark.parametrize(
    ("provider", "engine", "option"),
    [("aws", "neural", "engine=neural"), ("aws", None, None), ("rime", "neural", None)],
)
def test_pollys_voice_says_its_engine(provider: str, engine: str | None, option: str | None) -> None:
    service = _service(provider, {"engine": engine})
    item = TTSUsageMetricsData(processor=service.name, model="m", value=76)
    assert _read(service, item).option == option
