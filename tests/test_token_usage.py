"""The usage in a provider's answer becomes Pipecat's, whatever the provider's words for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pipecat.metrics.metrics import LLMTokenUsage

from voice_metrics.pipecat.token_usage import token_usage

NONE = SimpleNamespace()


def used(prompt: int, completion: int, total: int, **details: int) -> LLMTokenUsage:
    return LLMTokenUsage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=total, **details)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 10,
                "total_tokens": 110,
                "prompt_tokens_details": SimpleNamespace(cached_tokens=40, cache_write_tokens=3),
                "completion_tokens_details": SimpleNamespace(reasoning_tokens=4),
            },
            used(
                100,
                10,
                110,
                cache_read_input_tokens=40,
                cache_creation_input_tokens=3,
                reasoning_tokens=4,
            ),
            id="chat-completions",
        ),
        pytest.param(
            {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110, "prompt_tokens_details": None},
            used(100, 10, 110),
            id="chat-completions-without-details",
        ),
        pytest.param(
            {
                "input_tokens": 100,
                "output_tokens": 10,
                "total_tokens": 110,
                "input_tokens_details": SimpleNamespace(cached_tokens=40),
                "output_tokens_details": SimpleNamespace(reasoning_tokens=4),
            },
            used(100, 10, 110, cache_read_input_tokens=40, reasoning_tokens=4),
            id="responses",
        ),
        pytest.param(
            {
                "input_tokens": 100,
                "output_tokens": 10,
                "cache_read_input_tokens": 40,
                "cache_creation_input_tokens": 3,
                "output_tokens_details": SimpleNamespace(thinking_tokens=4),
            },
            used(100, 10, 110, cache_read_input_tokens=40, cache_creation_input_tokens=3, reasoning_tokens=4),
            id="anthropic",
        ),
        pytest.param(
            {
                "prompt_token_count": 100,
                "candidates_token_count": None,
                "thoughts_token_count": 50,
                "cached_content_token_count": 40,
                "total_token_count": 150,
            },
            used(100, 0, 150, cache_read_input_tokens=40, reasoning_tokens=50),
            id="google-that-only-thought",
        ),
        pytest.param({"prompt_tokens": 0, "completion_tokens": 0}, None, id="zeros"),
        pytest.param({"inputTokens": 100}, None, id="unknown-words"),
    ],
)
@pytest.mark.parametrize("where", ["usage", "usage_metadata"])
def test_counts_are_read_from_the_providers_words(
    where: str, usage: dict[str, Any], expected: LLMTokenUsage | None
) -> None:
    answer = SimpleNamespace(**{where: SimpleNamespace(**usage)})
    assert token_usage(NONE, answer) == expected


@pytest.mark.parametrize("answer", [None, "text", SimpleNamespace(usage=None)], ids=["nothing", "text", "none"])
def test_answer_without_usage_has_none(answer: Any) -> None:
    assert token_usage(NONE, answer) is None


def test_service_that_knows_its_providers_words_reads_them() -> None:
    service = SimpleNamespace(_token_usage=lambda usage: used(usage.read, usage.said, 9))
    answer = SimpleNamespace(usage=SimpleNamespace(read=7, said=2))
    assert token_usage(service, answer) == used(7, 2, 9)
