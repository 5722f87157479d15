"""How Pipecat's names of providers and models resolve to those of a price list.

Refuses near misses: a model of another maker, a product with a price list of its own, or a voice that
tells nothing of its price resolve to nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, TokensUsed, Usage


class Asked(NamedTuple):
    """What a price is asked for.

    Parameters:
        provider: Pipecat's name of the provider, such as "openai", or `None` for a service of one's own.
        model: Model it runs, or `None` if the service names none.
        processor: Class name of the service.
        usage: The kind of usage that is to be priced.
    """

    provider: str | None
    model: str | None
    processor: str
    usage: type[Usage]

    @classmethod
    def about(cls, provider: str | None, usage: Usage) -> Asked:
        """What must be known to price a usage."""
        # A service without a model is often reported under its own name.
        model = usage.model or None
        return cls(provider, None if model == usage.processor else model, usage.processor, type(usage))


# Pipecat's directory of services, where the price lists have another name for the company.
_CATALOGUE_NAMES = {"xai": "x-ai", "grok": "x-ai"}

# Those of Pipecat's directories of services whose company has a public price list.
PROVIDERS = (
    "anthropic",
    "assemblyai",
    "aws",
    "azure",
    "baseten",
    "cartesia",
    "cerebras",
    "deepgram",
    "deepseek",
    "elevenlabs",
    "fireworks",
    "gladia",
    "google",
    "groq",
    "hume",
    "inworld",
    "minimax",
    "mistral",
    "novita",
    "openai",
    "openrouter",
    "perplexity",
    "rime",
    "sambanova",
    "soniox",
    "speechmatics",
    "together",
    "ultravox",
    "xai",
)

# Names that a provider takes for a dated one, and that no price list has: docs.oracle.com, Grok 4.20, read 2026-11-22.
_SAME_MODEL = {"grok-4.20-non-reasoning": "grok-4.20-0309-non-reasoning"}

_SELF_HOSTED = frozenset({"funasr", "kokoro", "moonshine", "ollama", "piper", "pocket_tts", "whisper", "xtts"})

# What a service runs that names no model.
_UNNAMED: dict[tuple[str, type[Usage]], str] = {
    ("aws", AudioTranscribed): "transcribe",
    ("azure", AudioTranscribed): "stt-standard",
}
# Providers of speech synthesis that have one price for every voice.
_ANY_VOICE = {"hume": "octave", "speechmatics": "tts", "xai": "grok-tts"}

# Patterns are compiled when they are first needed: most bots need none of them.
# The family inside a Google voice, such as "en-US-Chirp3-HD-Charon", by which it is billed.
_GOOGLE_VOICES = {
    "chirp3-hd": "tts-chirp3-hd",
    "neural2": "tts-neural2",
    "polyglot": "tts-neural2",
    "standard": "tts-standard",
    "studio": "tts-studio",
    "wavenet": "tts-standard",
}
_GOOGLE_VOICE = r"(?i)[a-z]{2,3}-[a-z]{2}-(.+?)-[^-]+"
# High-definition voices have a colon, as in "en-US-Ava:DragonHDLatestNeural", and cost more.
_AZURE_VOICE = r"(?i)[a-z]{2,3}-[^:]+Neural"

_WHOLE_FILES = r"Segmented|Batch|Sync(?!hron)|Prerecorded|Http"
_WHOLE_FILE_SERVICES = frozenset({"ElevenLabsSTTService", "FalSTTService", "GroqSTTService", "OpenAISTTService"})


def catalogue_name(provider: str) -> str:
    """The price lists' name of a provider."""
    return _CATALOGUE_NAMES.get(provider, provider)


def streams(processor: str) -> bool:
    """Whether a recognition service sends audio as it comes; most of Pipecat's do."""
    return processor not in _WHOLE_FILE_SERVICES and not re.search(_WHOLE_FILES, processor)


def any_voice(asked: Asked) -> bool:
    """Whether the provider has one price for speech, whatever the model or voice."""
    return asked.usage is CharactersSpoken and asked.provider in _ANY_VOICE


def refusal(asked: Asked) -> str | None:
    """Why no public price list applies, or `None` if one may."""
    if asked.provider is None:
        return f"{asked.processor or 'a service of your own'} has no known provider, use sold_by"
    if asked.provider in _SELF_HOSTED:
        return "runs on your own machine; set its price in your price file, 0 if it is free"
    if "SageMaker" in asked.processor:
        return "SageMaker bills the instance, not the use"
    if asked.processor.startswith("AzureVoiceLive"):
        return "Azure Voice Live has prices of its own, which no price list here has"
    if asked.provider == "openai" and (asked.model or "").startswith("gpt-oss"):
        return "OpenAI does not sell its open models; another host runs it"
    if asked.provider == "aws" and asked.usage is CharactersSpoken and not (asked.model or "").startswith("polly-"):
        return "Polly bills by engine, which Pipecat does not report; name it in your price file"
    if not candidates(asked):
        return "the service names no model" if asked.model is None else "no price list tells what this voice costs"
    return None


def candidates(asked: Asked) -> tuple[str, ...]:
    """The names under which a price list may have a model, the most exact first."""
    if any_voice(asked):
        return (_ANY_VOICE[asked.provider or ""],)
    if asked.model is None:
        unnamed = _UNNAMED.get((asked.provider or "", asked.usage))
        return () if unnamed is None else (unnamed,)
    if asked.usage is TokensUsed:
        return _language_names(asked.provider, asked.model)
    if asked.usage is CharactersSpoken:
        return _voice_names(asked.provider, asked.model)
    return _recognition_names(asked.model, streaming=streams(asked.processor))


def _language_names(provider: str | None, model: str) -> tuple[str, ...]:
    model = _SAME_MODEL.get(model, model)
    # Gemini: "models/gemini-…"; Vertex: "google/gemini-…" or a path; Bedrock: an ARN that ends with the profile.
    if (provider == "google" or model.startswith("arn:")) and "/" in model:
        return (model.rpartition("/")[2],)
    return (model,)


def _voice_names(provider: str | None, model: str) -> tuple[str, ...]:
    if provider == "google" and (voice := re.fullmatch(_GOOGLE_VOICE, model)):
        row = _GOOGLE_VOICES.get(voice[1].lower())
        return (row,) if row else ()
    if provider == "azure" and not model.startswith("tts-"):
        return ("tts-neural",) if re.fullmatch(_AZURE_VOICE, model) else ()
    return (model,)


def _recognition_names(model: str, *, streaming: bool) -> tuple[str, ...]:
    if streaming:
        return (f"{model}-streaming", model)
    # Deepgram's "nova-3" and "nova-3-general" are the same model.
    return (f"{model}-batch", f"{model.removesuffix('-general')}-batch", model)
