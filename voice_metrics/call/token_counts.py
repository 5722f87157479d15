"""Token counts that contradict each other, set right by their total.

Providers disagree about what is inside of what: Anthropic reports the prompt without its cached part, Gemini's
endpoint for OpenAI's clients and several gateways report the completion without its reasoning. The bill has both.
"""

from __future__ import annotations

from typing import NamedTuple


class Counts(NamedTuple):
    """Counts of one inference.

    Parameters:
        prompt: Tokens of the prompt.
        completion: Tokens of the completion.
    """

    prompt: int
    completion: int


def gross(
    reported: Counts,
    total: int | None,
    *,
    cached: int = 0,
    reasoning: int | None = None,
    net_of_cache: bool = False,
    hidden_is_prompt: bool = False,
) -> Counts:
    """Counts with everything inside that was used.

    Args:
        reported: What the service reported.
        total: Its total, or `None` if it reports none.
        cached: Prompt tokens that were read from a cache or written to one.
        reasoning: Tokens of reasoning, or `None` if it reports none.
        net_of_cache: Whether the provider is known to report prompts without what was cached.
        hidden_is_prompt: Whether the provider reports all of its reasoning, so that what only the total has was prompt.

    Returns:
        The prompt with its cached part, the completion with its reasoning.
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
        return Counts(prompt, completion)
    if hidden_is_prompt:
        return Counts(prompt + hidden, completion)
    # A service that names its reasoning hides none; in another's total it is what the completion lacks.
    return Counts(prompt, completion if thought else completion + hidden)
