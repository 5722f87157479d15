"""Options that a provider bills at rates of their own: priced at those, or not at all."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from decimal import Decimal
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from pipecat.frames.frames import MetricsFrame
from pipecat.metrics.metrics import LLMTokenUsage, LLMUsageMetricsData, MetricsData, TTSUsageMetricsData
from pipecat.services.openai.llm import OpenAILLMService

from tests.local_providers import Answer, FakeOpenAI
from tests.test_services_of_a_call import PLACES, USAGE, Measure, answered, ask, call, openai
from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, TokensUsed
from voice_metrics.pipecat.billed_options import markup_of_text
from voice_metrics.pipecat.metrics_frames import MetricsReader, STTUsageMetricsData
from voice_metrics.pipecat.services import Services, services_in
from voice_metrics.prices.rates import CharacterRate, bill

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


@pytest.fixture
def voices(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """Pipecat's modules of Azure's and Google's voices, which need no package to write their markup."""
    absent = ("azure.cognitiveservices.speech", "google.genai", "google.genai.types", "google.api_core.client_options")
    more = ("google.auth", "google.auth.exceptions", "google.cloud", "google.oauth2")
    for name in ("azure", "azure.cognitiveservices", "google.api_core", *absent, *more):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    names = {provider: f"pipecat.services.{provider}.tts" for provider in ("azure", "google")}
    before = [name for name in sys.modules if name.startswith(("pipecat.services.azure", "pipecat.services.google"))]
    try:
        yield {provider: importlib.import_module(name) for provider, name in names.items()}
    finally:
        for name in [*sys.modules]:
            if name.startswith(("pipecat.services.azure", "pipecat.services.google")) and name not in before:
                del sys.modules[name]


def _voice(kind: Any, **settings: Any) -> Any:
    voice = object.__new__(kind)
    voice.__dict__["_settings"] = MagicMock(**dict.fromkeys(_MARKS, None) | settings)
    return voice


_MARKS = ("effect", "voice_parameters", "force_locale", "style", "rate", "pitch", "volume", "emphasis")
_MARKS += ("gender", "google_style")
PAUSE = "<mstts:silence type='Sentenceboundary' value='20ms' />"


@pytest.mark.parametrize(
    ("settings", "markup"),
    [({}, PAUSE), ({"rate": "1.2"}, f"{PAUSE}<prosody rate='1.2'></prosody>")],
)
def test_azure_bills_the_markup_but_for_the_tags_of_the_voice(
    voices: dict[str, ModuleType], settings: dict[str, str], markup: str
) -> None:
    voice = _voice(voices["azure"].AzureHttpTTSService, voice="en-US-AvaNeural", language="en-US", **settings)
    assert markup_of_text(voice, "azure") == len(markup)


@pytest.mark.parametrize(
    ("name", "markup"),
    [
        ("en-US-Neural2-A", "<speak><voice name='en-US-Neural2-A' language='en-US'></voice></speak>"),
        ("en-US-Chirp3-HD-Charon", ""),
        ("en-US-Journey-D", ""),
    ],
)
def test_google_bills_all_markup_of_the_voices_that_have_any(
    voices: dict[str, ModuleType], name: str, markup: str
) -> None:
    voice = _voice(voices["google"].GoogleHttpTTSService, voice=name, language="en-US")
    assert markup_of_text(voice, "google") == len(markup)


@pytest.mark.parametrize(
    ("construct", "provider"),
    [
        pytest.param(lambda text: f"<speak>{text}</speak>", "aws", id="polly-bills-no-markup"),
        pytest.param(lambda text: 1 / 0, "azure", id="a-method-that-fails"),
        pytest.param(lambda text: None, "google", id="a-method-of-the-applications"),
    ],
)
def test_other_voices_have_no_billed_markup(construct: Any, provider: str) -> None:
    assert markup_of_text(SimpleNamespace(_construct_ssml=construct), provider) == 0


def test_markup_is_billed_and_no_part_of_the_characters() -> None:
    spoken = CharactersSpoken("AzureTTSService", "en-US-AvaNeural", 46, markup=54)
    assert bill(CharacterRate(Decimal(15)), spoken) == Decimal("0.0015")


def test_markup_of_a_voice_is_read_with_its_characters() -> None:
    service = _service("azure", {"voice": "en-US-AvaNeural"})
    service.__dict__["_construct_ssml"] = lambda text: f"<speak><voice>{PAUSE}{text}</voice></speak>"
    item = TTSUsageMetricsData(processor=service.name, model="m", value=76)
    fact = _read(service, item)
    assert (fact.characters, fact.markup) == (76, len(PAUSE))
