"""The usage in a provider's answer, as Pipecat's services report that of their streams."""

from __future__ import annotations

from typing import Any

from pipecat.metrics.metrics import LLMTokenUsage

# Where OpenAI's chat completions, its Responses, Anthropic and Google have each count.
_PROMPT = ("prompt_tokens", "input_tokens", "prompt_token_count")
_COMPLETION = ("completion_tokens", "output_tokens", "candidates_token_count")
_TOTAL = ("total_tokens", "total_token_count")
_CACHE_READ = (
    "prompt_tokens_details.cached_tokens",
    "input_tokens_details.cached_tokens",
    "cache_read_input_tokens",
    "cached_content_token_count",
)
_CACHE_CREATION = (
    "prompt_tokens_details.cache_write_tokens",
    "input_tokens_details.cache_write_tokens",
    "cache_creation_input_tokens",
)
_REASONING = (
    "completion_tokens_details.reasoning_tokens",
    "output_tokens_details.reasoning_tokens",
    "output_tokens_details.thinking_tokens",
    "thoughts_token_count",
)


def token_usage(service: Any, answer: Any) -> LLMTokenUsage | None:
    """Return the usage in an answer that did not stream, or `None` if it has none.

    Args:
        service: Pipecat's language model that asked.
        answer: What its provider's client returned.
    """
    usage = getattr(answer, "usage", None) or getattr(answer, "usage_metadata", None)
    if usage is None:
        return None
    # The later services of OpenAI's protocols know how their provider counts.
    convert = getattr(service, "_token_usage", None)
    found = convert(usage) if convert is not None else _converted(usage)
    return found if found.prompt_tokens or found.completion_tokens else None


def _converted(usage: Any) -> LLMTokenUsage:
    prompt, completion = _count(usage, _PROMPT) or 0, _count(usage, _COMPLETION) or 0
    total = _count(usage, _TOTAL)
    return LLMTokenUsage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion if total is None else total,
        cache_read_input_tokens=_count(usage, _CACHE_READ),
        cache_creation_input_tokens=_count(usage, _CACHE_CREATION),
        reasoning_tokens=_count(usage, _REASONING),
    )


def _count(usage: Any, paths: tuple[str, ...]) -> int | None:
    for path in paths:
        value = usage
        for name in path.split("."):
            value = getattr(value, name, None)
        if isinstance(value, int):
            return value
    return None
