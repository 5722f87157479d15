"""Resolve Pipecat's names of providers and models to those of a price list.

Near misses resolve to nothing: another maker's model, a product with its own price list, a voice without a price class.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, TokensUsed, Usage


class Asked(NamedTuple):
    """The key under which a price is looked up.

    Parameters:
        provider: Pipecat's name of the provider, such as "openai", or `None` for the user's own service.
        model: Model, or `None` if the service names none.
        processor: Class name of the service.
        usage: Kind of usage to be priced.
        option: Option of the service that the provider bills at rates of its own, or `None`.
        answering: Model that answered in place of `model`, as behind a deployment, or `None`.
    """

    provider: str | None
    model: str | None
    processor: str
    usage: type[Usage]
    option: str | None = None
    answering: str | None = None

    @classmethod
    def about(cls, provider: str | None, usage: Usage) -> Asked:
        """Make the key for a usage."""
        # Pipecat often reports a service without a model under the service's name.
        model = usage.model or None
        model = None if model == usage.processor else model
        option, answering = getattr(usage, "option", None), getattr(usage, "answering", None)
        return cls(provider, model, usage.processor, type(usage), option, answering)


# Pipecat's directory of services to the price lists' name of the company, where they differ.
_CATALOGUE_NAMES = {"xai": "x-ai", "grok": "x-ai"}

# Pipecat's directories of services whose company has a public price list.
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

# Aliases of a dated model that no price list has: docs.oracle.com, Grok 4.20, read 2026-11-22.
_SAME_MODEL = {"grok-4.20-non-reasoning": "grok-4.20-0309-non-reasoning"}

_SELF_HOSTED = frozenset({"funasr", "kokoro", "moonshine", "ollama", "piper", "pocket_tts", "whisper", "xtts"})

# Default model of a service that reports none.
_UNNAMED: dict[tuple[str, type[Usage]], str] = {
    ("aws", AudioTranscribed): "transcribe",
    ("azure", AudioTranscribed): "stt-standard",
}
# Deepgram's nova-3 for several languages at once has a price of its own under the same name.
_MULTILINGUAL = "nova-3-multilingual"
# Azure bills its choice of a model beside the model.
_ROUTER = "model-router"
# The day of a model's release, in its name.
_DAY = r"-20\d{2}-?\d{2}-?\d{2}\b"
_OF_A_DATE = r"\d{2}|\d{4}|20\d{6}"
# Asks a model through an interface with a price of its own.
_DECIDES = "OpenAIDecisionsClassifier"
# Beginning of the names of Polly's engines.
_ENGINE = "polly-"
# Providers of speech synthesis with one price for every voice.
_ANY_VOICE = {"hume": "octave", "speechmatics": "tts", "xai": "grok-tts"}

# The billed family inside a Google voice, such as "en-US-Chirp3-HD-Charon". Compiled on first use: most bots need none.
_GOOGLE_VOICES = {
    "chirp3-hd": "tts-chirp3-hd",
    "neural2": "tts-neural2",
    "polyglot": "tts-neural2",
    "standard": "tts-standard",
    "studio": "tts-studio",
    "wavenet": "tts-standard",
}
_GOOGLE_VOICE = r"(?i)[a-z]{2,3}-[a-z]{2}-(.+?)-[^-]+"
# Excludes high-definition voices, which cost more and have a colon, as in "en-US-Ava:DragonHDLatestNeural".
_AZURE_VOICE = r"(?i)[a-z]{2,3}-[^:]+Neural"

_WHOLE_FILES = r"Segmented|Batch|Sync(?!hron)|Prerecorded|Http"
_WHOLE_FILE_SERVICES = frozenset({"ElevenLabsSTTService", "FalSTTService", "GroqSTTService", "OpenAISTTService"})


def catalogue_name(provider: str) -> str:
    """Return the price lists' name of a provider."""
    return _CATALOGUE_NAMES.get(provider, provider)


def streams(processor: str) -> bool:
    """True if a recognition service streams audio; most of Pipecat's do."""
    return processor not in _WHOLE_FILE_SERVICES and not re.search(_WHOLE_FILES, processor)


def any_voice(asked: Asked) -> bool:
    """True if the provider has one price for speech, whatever the model or voice."""
    return asked.usage is CharactersSpoken and asked.provider in _ANY_VOICE


def refusal(asked: Asked) -> str | None:
    """Return the reason why no public price list applies, or `None` if one may."""
    if asked.provider is None:
        service = asked.processor or "a service of your own"
        return f"{service} has no known provider; set its price or sold_by in your price file"
    if asked.provider in _SELF_HOSTED:
        return "runs on your own machine; set its price in your price file, 0 if it is free"
    if asked.usage is TokensUsed and asked.option is not None:
        return f"{asked.option} has rates of its own; set yours in your price file"
    if "SageMaker" in asked.processor:
        return "SageMaker bills the instance, not the use"
    if asked.processor.startswith("AzureVoiceLive"):
        return "Azure Voice Live has prices of its own, which no price list here has"
    if asked.provider == "openai" and (asked.model or "").startswith("gpt-oss"):
        return "OpenAI does not sell its open models; another host runs it"
    if asked.provider == "aws" and asked.usage is CharactersSpoken and not any(map(_is_engine, candidates(asked))):
        return "Polly bills by engine, and this service sets none; name it in your price file"
    if not candidates(asked):
        return "the service names no model" if asked.model is None else "no price list has a price for this voice"
    return None


def candidates(asked: Asked) -> tuple[str, ...]:
    """Return the names under which a price list may have a model, the most exact first."""
    if any_voice(asked):
        return (_ANY_VOICE[asked.provider or ""],)
    if asked.model is None:
        unnamed = _UNNAMED.get((asked.provider or "", asked.usage))
        return () if unnamed is None else (unnamed,)
    if asked.usage is TokensUsed:
        if asked.processor == _DECIDES:
            return (f"{asked.model}-decisions",)
        if asked.answering and not asked.model.startswith(_ROUTER):
            # A list may have a model, and not each of its dated names.
            return (asked.answering, *((asked.model,) if _is_asked_model(asked, asked.answering) else ()))
        return _language_names(asked.provider, asked.model)
    if asked.usage is CharactersSpoken:
        if asked.option is not None and not _is_engine(asked.model):
            return (asked.option.replace("engine=", _ENGINE),)
        return _voice_names(asked.provider, asked.model)
    model = _MULTILINGUAL if asked.option == "language=multi" and asked.model.startswith("nova-3") else asked.model
    return _recognition_names(model, streaming=streams(asked.processor))


def _language_names(provider: str | None, model: str) -> tuple[str, ...]:
    model = _SAME_MODEL.get(model, model)
    # Gemini: "models/gemini-…"; Vertex: "google/gemini-…" or a path; Bedrock: an ARN that ends with the profile.
    if (provider == "google" or model.startswith("arn:")) and "/" in model:
        return (model.rpartition("/")[2],)
    return (model,)


def _is_asked_model(asked: Asked, answering: str) -> bool:
    model = asked.model or ""
    if asked.provider != "openrouter":
        return answering.startswith(model)
    # OpenRouter answers for "claude-sonnet-4.5" as "claude-4.5-sonnet-20250929", for "grok-4" as "grok-4-07-09", and
    # with another model if that fails.
    words, answered = _words(re.sub(_DAY, "", model)), _words(answering)
    return not words - answered and all(re.fullmatch(_OF_A_DATE, word) for word in answered - words)


def _words(model: str) -> Counter[str]:
    return Counter(re.split(r"[-/:.]", model.lower()))


def _is_engine(name: str) -> bool:
    return name.startswith(_ENGINE)


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
