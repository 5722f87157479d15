"""Contradicting token counts, corrected by their total.

Anthropic reports the prompt without its cached part; Gemini's endpoint for OpenAI's clients and several gateways report
the completion without its reasoning. The bill has both.
"""

from __future__ import annotations


def gross(
    reported: tuple[int, int],
    total: int | None,
    *,
    cached: int = 0,
    reasoning: int | None = None,
    net_of_cache: bool = False,
    hidden_is_prompt: bool = False,
) -> tuple[int, int]:
    """Return the prompt with its cached part, and the completion with its reasoning.

    Args:
        reported: The service's counts of prompt and completion.
        total: Its total, or `None` if not reported.
        cached: Prompt tokens read from or written to a cache.
        reasoning: Tokens of reasoning, or `None` if not reported.
        net_of_cache: True if the provider is known to report prompts without the cached part.
        hidden_is_prompt: True if the provider reports all reasoning, so that tokens only in the total were prompt.
    """
    prompt, completion = reported
    thought = reasoning or 0
    hidden = (total or 0) - prompt - completion
    if cached and (net_of_cache or cached > prompt or hidden in {cached, cached + thought} - {thought}):
        prompt += cached
        hidden = max(0, hidden - cached)
    if thought > completion or 0 < thought <= hidden:
        completion += thought
        hidden -= thought
    if hidden <= 0:
        return prompt, completion
    if hidden_is_prompt:
        return prompt + hidden, completion
    # A service that reports reasoning hides none; for another one the total's excess belongs to the completion.
    return prompt, completion if thought else completion + hidden
