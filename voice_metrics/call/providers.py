"""The providers of services: one closed table for labels, prices and OpenTelemetry's names.

A service's provider comes from its host, else from Pipecat's module of its class, else from its class name, because a
model may run in another process.
"""

from __future__ import annotations

import re
from functools import lru_cache

from voice_metrics.call.text import OTHER

# Pipecat's directories of services, 1.3.0 to 1.14.0.
_DIRECTORIES = """
    anthropic assemblyai asyncai aws azure baseten bland camb cartesia cerebras crusoe deepgram deepseek elevenlabs
    fal fireworks fish funasr gladia google gradium groq heygen hume inception inworld kokoro lmnt mem0 meta minimax
    mistral moondream moonshine nebius neuphonic novita nvidia ollama openai openclaw openrouter perplexity piper
    pocket_tts qwen resembleai rime sambanova sarvam simli smallest soniox speechify speechmatics tavus together
    ultravox whisper xai xtts zoom_ai
"""
PROVIDERS = frozenset(_DIRECTORIES.split())
# Pipecat's directories and beginnings of class names that differ from their provider.
_SAME_PROVIDER = {"grok": "xai", "gemini": "google"}
_BEGINNINGS = sorted(
    {**{word.replace("_", ""): word for word in PROVIDERS}, **_SAME_PROVIDER}.items(),
    key=lambda pair: -len(pair[0]),
)

# Hosts that a client for OpenAI's protocol can be pointed at, from the providers' documentation, read 2026-11-30.
_HOSTS = {
    "api.anthropic.com": "anthropic",
    "api.aws": "aws",
    "api.cerebras.ai": "cerebras",
    "api.deepseek.com": "deepseek",
    "api.fireworks.ai": "fireworks",
    "api.groq.com": "groq",
    "api.inceptionlabs.ai": "inception",
    "api.inference.crusoecloud.com": "crusoe",
    "api.mistral.ai": "mistral",
    "api.novita.ai": "novita",
    "api.openai.com": "openai",
    "api.perplexity.ai": "perplexity",
    "api.sambanova.ai": "sambanova",
    "api.sarvam.ai": "sarvam",
    "api.smallest.ai": "smallest",
    "api.studio.nebius.com": "nebius",
    "api.together.ai": "together",
    "api.together.xyz": "together",
    "api.tokenfactory.nebius.com": "nebius",
    "api.x.ai": "xai",
    "baseten.co": "baseten",
    "cognitiveservices.azure.com": "azure",
    "dashscope-intl.aliyuncs.com": "qwen",
    "dashscope.aliyuncs.com": "qwen",
    "googleapis.com": "google",
    "integrate.api.nvidia.com": "nvidia",
    "openai.azure.com": "azure",
    "openrouter.ai": "openrouter",
    "services.ai.azure.com": "azure",
}

# Well-known values of `gen_ai.provider.name` (OpenTelemetry semantic conventions for generative AI, read
# 2026-11-22) where they differ; the same as in Pipecat's traces.
_GEN_AI = {
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}


def provider_word(directory: str | None) -> str:
    """Return the word, of `PROVIDERS` or `OTHER`, for Pipecat's name of a provider; `None` is the user's own."""
    word = _SAME_PROVIDER.get(directory or "", directory)
    return word if word in PROVIDERS else OTHER


@lru_cache(maxsize=256)
def provider_of_class(name: str) -> str | None:
    """Return the provider's word for a class name such as "OpenAILLMService"; `None` if it is none of Pipecat's."""
    if not name.endswith(("Service", "Classifier")):
        return None
    plain = re.sub(r"^_*(Base(?=[A-Z]))?", "", name).lower()
    return next((word for beginning, word in _BEGINNINGS if plain.startswith(beginning)), None)


def provider_of_host(host: str | None) -> str | None:
    """Return the provider's word for a host without its port; `None` if the table does not have it."""
    parts = (host or "").lower().split(".")
    if parts[0] == "bedrock-runtime" and parts[-2:] == ["amazonaws", "com"]:
        return "aws"
    suffixes = (".".join(parts[start:]) for start in range(len(parts) - 1))
    return next((_HOSTS[suffix] for suffix in suffixes if suffix in _HOSTS), None)


def gen_ai_provider(directory: str | None, processor: str) -> str:
    """Return the value of `gen_ai.provider.name`.

    Args:
        directory: Pipecat's name of the provider, or `None` for the user's own service.
        processor: Class name of the service, for providers that no table has.
    """
    if "Vertex" in processor:
        return "gcp.vertex_ai"
    word = provider_word(directory)
    return processor if word == OTHER else _GEN_AI.get(word, word)
