"""What a service takes and what it runs on: images or video reported as text, Azure's deployments, hosts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pipecat.frames.frames import MetricsFrame
from pipecat.metrics.metrics import TTFBMetricsData
from pipecat.services.azure.realtime.llm import AzureRealtimeLLMService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService

from voice_metrics.call.facts import FirstByte, Leg
from voice_metrics.pipecat.metrics_frames import MetricsReader
from voice_metrics.pipecat.services import Services, inferred, services_in


class Live:
    """A processor as far as it is looked at."""

    name = "Live#0"

    def __init__(self, **held: Any) -> None:
        self.__dict__.update(held)

    def can_generate_metrics(self) -> bool:
        return True


class GeminiLive(Live):
    """As Pipecat's, whose package is not installed here."""


GeminiLive.__module__ = "pipecat.services.google.gemini_live.llm"


@pytest.mark.parametrize(
    ("service", "may"),
    [
        pytest.param(GeminiLive(_video_input_paused=False, _last_sent_time=0), True, id="gemini-live"),
        pytest.param(GeminiLive(_video_input_paused=True, _last_sent_time=0), False, id="gemini-live-paused"),
        pytest.param(GeminiLive(_video_input_paused=True, _last_sent_time=9.5), True, id="paused-after-a-frame"),
        pytest.param(Live(), False, id="a-service-that-takes-none"),
    ],
)
def test_video_is_possible_unless_the_service_rules_it_out(service: Live, may: bool) -> None:
    (found,) = services_in([service])
    assert found.may_have_images is may


def test_openais_realtime_service_has_images_once_it_sent_a_frame() -> None:
    text, speech = OpenAILLMService(api_key="none"), OpenAIRealtimeLLMService(api_key="none")
    found = services_in([text, speech])
    assert [service.may_have_images for service in found] == [False, False]
    if not hasattr(speech, "_last_sent_time"):
        pytest.skip("this Pipecat's realtime service takes no video")
    speech._last_sent_time = 1  # as its `_send_user_video` does
    assert [service.may_have_images for service in found] == [False, True]


def test_a_service_that_is_gone_or_was_never_seen_has_none() -> None:
    (found,) = services_in([GeminiLive(_video_input_paused=False)])
    assert not found.may_have_images
    assert not inferred("GeminiLiveLLMService#3").may_have_images


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("api-version=2025-04-01-preview&deployment=gpt-realtime-mini", id="preview"),
        pytest.param("model=gpt-realtime-mini", id="v1"),
    ],
)
def test_a_deployment_in_azures_address_is_the_model_whatever_the_class_reports(query: str) -> None:
    azure = AzureRealtimeLLMService(api_key="none", base_url=f"wss://a.openai.azure.com/openai/realtime?{query}")
    services = Services(services_in([azure]))
    reported = TTFBMetricsData(processor=azure.name, model="gpt-realtime-2", value=0.2)
    (first,) = MetricsReader(services).facts(MetricsFrame(data=[reported]))
    assert isinstance(first, FirstByte)
    assert first.model == services.model(Leg.LLM) == "gpt-realtime-mini"


@pytest.mark.parametrize(
    ("options", "host", "provider"),
    [
        pytest.param({}, "api.openai.com", "openai", id="its-own"),
        pytest.param({"base_url": "wss://api.x.ai/v1/realtime"}, "api.x.ai", "xai", id="another-provider"),
        pytest.param({"base_url": "ws://127.0.0.1:9/v1/realtime"}, "127.0.0.1", "openai", id="a-gateway"),
    ],
)
def test_realtime_service_belongs_to_the_host_of_its_address(options: dict[str, str], host: str, provider: str) -> None:
    (found,) = services_in([OpenAIRealtimeLLMService(api_key="none", **options)])

    assert (found.host, found.provider) == (host, provider)


class Client:
    """Google's, as far as it is looked at."""

    def __init__(self, address: str) -> None:
        self._api_client = SimpleNamespace(_http_options=SimpleNamespace(base_url=address))


@pytest.mark.parametrize(
    ("module", "held", "host"),
    [
        pytest.param(
            "google.llm",
            {"_client": Client("https://europe-west4-aiplatform.googleapis.com/")},
            "europe-west4-aiplatform.googleapis.com",
            id="google",
        ),
        pytest.param(
            "aws.llm",
            {"_aws_params": {"region_name": "eu-west-1"}},
            "bedrock-runtime.eu-west-1.amazonaws.com",
            id="bedrock",
        ),
        pytest.param(
            "aws.nova_sonic.llm", {"_region": "us-east-1"}, "bedrock-runtime.us-east-1.amazonaws.com", id="nova-sonic"
        ),
        pytest.param("aws.llm", {"_aws_params": {"region_name": None}}, None, id="bedrock-without-a-region"),
        pytest.param("aws.tts", {"_aws_params": {"region_name": "eu-west-1"}}, None, id="another-service-of-amazons"),
    ],
)
def test_host_is_that_of_the_client_or_of_its_region(module: str, held: dict[str, Any], host: str | None) -> None:
    kind = type("Made", (Live,), {"__module__": f"pipecat.services.{module}"})
    (found,) = services_in([kind(**held)])
    assert found.host == host
