"""One closed table names the provider of every service of Pipecat."""

from __future__ import annotations

import re
from pathlib import Path

import pipecat.services
import pytest

from voice_metrics.call.providers import (
    PROVIDERS,
    gen_ai_provider,
    provider_of_class,
    provider_of_host,
    provider_word,
)
from voice_metrics.call.text import OTHER

SERVICES = Path(next(iter(pipecat.services.__path__)))
_CLASS = re.compile(r"^class (\w*(?:LLM|STT|TTS)Service)\b", re.MULTILINE)


def _classes() -> list[tuple[str, str]]:
    return sorted(
        {
            (path.relative_to(SERVICES).parts[0], name)
            for path in SERVICES.rglob("*.py")
            if len(path.relative_to(SERVICES).parts) > 1
            for name in _CLASS.findall(path.read_text())
        }
    )


@pytest.mark.parametrize(("directory", "name"), _classes())
def test_class_of_pipecat_names_the_provider_of_its_directory(directory: str, name: str) -> None:
    assert provider_word(directory) != OTHER
    assert provider_of_class(name) == provider_word(directory)


def test_classifier_of_pipecat_names_its_provider() -> None:
    assert provider_of_class("OpenAIDecisionsClassifier") == "openai"
    assert provider_of_class("LLMClassifier") is None


@pytest.mark.parametrize("name", ["MyLLM", "LLMService", "RestaurantLLMService", "ServiceSwitcher", "", "OpenAI"])
def test_class_of_ones_own_names_no_provider(name: str) -> None:
    assert provider_of_class(name) is None


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("api.groq.com", "groq"),
        ("generativelanguage.googleapis.com", "google"),
        ("my-bots.openai.azure.com", "azure"),
        ("my-bots.cognitiveservices.azure.com", "azure"),
        ("bedrock-runtime.eu-west-1.amazonaws.com", "aws"),
        ("bedrock-mantle.us-east-1.api.aws", "aws"),
        ("my-model.eu-west-1.elb.amazonaws.com", None),
        ("API.OPENAI.COM", "openai"),
        ("api.openai.com.evil.example", None),
        ("notapi.x.ai.example", None),
        ("127.0.0.1", None),
        ("localhost", None),
        ("", None),
        (None, None),
    ],
)
def test_host_names_its_provider(host: str | None, provider: str | None) -> None:
    assert provider_of_host(host) == provider


@pytest.mark.parametrize(
    ("directory", "word"), [("openai", "openai"), ("grok", "xai"), ("murf", OTHER), ("", OTHER), (None, OTHER)]
)
def test_label_is_a_word_of_the_closed_table(directory: str | None, word: str) -> None:
    assert provider_word(directory) == word
    assert word in PROVIDERS | {OTHER}


@pytest.mark.parametrize(
    ("directory", "processor", "name"),
    [
        ("openai", "OpenAILLMService", "openai"),
        ("aws", "AWSBedrockLLMService", "aws.bedrock"),
        ("grok", "GrokLLMService", "x_ai"),
        ("google", "GoogleVertexLLMService", "gcp.vertex_ai"),
        ("google", "GoogleLLMService", "gcp.gemini"),
        (None, "MyLLM", "MyLLM"),
    ],
)
def test_gen_ai_names_are_those_of_pipecats_traces(directory: str | None, processor: str, name: str) -> None:
    assert gen_ai_provider(directory, processor) == name
