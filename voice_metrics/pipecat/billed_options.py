"""What a provider bills and no report of usage names: options at rates of their own, and markup around a text."""

from __future__ import annotations

import re
from typing import Any

from voice_metrics.call.text import clean

# Options, a service's attributes of them, and values at the ordinary rates: OpenAI's and Azure's, Groq's, Anthropic's.
_ORDINARY = (
    ("service_tier", "_service_tier", frozenset({"auto", "default", "on_demand", "standard", "standard_only"})),
    ("inference_geo", "_inference_geo", frozenset({"global"})),
)
# Azure, "Text to speech overview", read 2026-11-30: "All markup … except for <speak> and <voice> tags" is billable.
_UNBILLED_BY_AZURE = r"</?(speak|voice)\b[^>]*>"
# Google's voices that take plain text of Pipecat (1.3.0 to 1.14.0).
_PLAIN_AT_GOOGLE = ("chirp", "journey")
# Groq, "Flex processing", read 2026-11-30: "Pricing matches the on-demand tier".
_ORDINARY_TOO = {("groq", "service_tier", "flex")}


def option_of_tokens(service: Any, provider: str | None, *, fills_cache: bool) -> str | None:
    """Return the option at whose rates a request to a language model is billed, or `None` for the ordinary ones.

    Args:
        service: Pipecat's processor.
        provider: Pipecat's name of the provider.
        fills_cache: True if the request wrote to the provider's cache, and read nothing from it.
    """
    held, settings = getattr(service, "__dict__", {}), _settings(service)
    extra = getattr(settings, "extra", None)
    extra = extra if isinstance(extra, dict) else {}
    delegation = held.get("_delegation")
    for name, attribute, ordinary in _ORDINARY:
        value = extra.get(name, held.get(attribute, getattr(delegation, name, None)))
        if isinstance(value, str) and value not in ordinary and (provider, name, value) not in _ORDINARY_TOO:
            return clean(f"{name}={value}")
    if provider == "aws" and getattr(settings, "latency", None) == "optimized":
        return "latency=optimized"
    # A request that reads from the cache finds the system prompt there, and writes what lives for five minutes.
    if fills_cache and getattr(settings, "system_prompt_cache_ttl", None) == "1h":
        return "system_prompt_cache_ttl=1h"
    return None


def option_of_audio(service: Any, provider: str | None) -> str | None:
    """Return the option at whose rate a recogniser's audio is billed, or `None` for the ordinary one.

    Args:
        service: Pipecat's processor.
        provider: Pipecat's name of the provider.
    """
    if provider == "deepgram" and getattr(_settings(service), "language", None) == "multi":
        return "language=multi"
    return None


def option_of_text(service: Any, provider: str | None) -> str | None:
    """Return the option at whose rate a voice's characters are billed, or `None` for the ordinary one.

    Args:
        service: Pipecat's processor.
        provider: Pipecat's name of the provider.
    """
    engine = getattr(_settings(service), "engine", None)
    return clean(f"engine={engine}") if provider == "aws" and isinstance(engine, str) else None


def markup_of_text(service: Any, provider: str | None) -> int:
    """Return the billed characters of the markup that Pipecat puts around each text of a voice.

    Args:
        service: Pipecat's processor.
        provider: Pipecat's name of the provider.
    """
    construct = getattr(service, "_construct_ssml", None)
    if construct is None or provider not in ("azure", "google"):
        return 0
    try:
        markup = construct("")
        if provider == "azure":
            return len(re.sub(_UNBILLED_BY_AZURE, "", markup))
        # "All SSML tags except mark are included in the character count", cloud.google.com/text-to-speech/pricing.
        voice = str(getattr(_settings(service), "voice", None)).lower()
        return 0 if any(name in voice for name in _PLAIN_AT_GOOGLE) else len(markup)
    except Exception:  # another version's method, or the application's
        return 0


def _settings(service: Any) -> Any:
    # The public property appeared in Pipecat 1.12.
    return getattr(service, "settings", None) or getattr(service, "_settings", None)
