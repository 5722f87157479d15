"""Token counts that contradict each other are set right by their total."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_metrics.call.token_counts import gross


@pytest.mark.parametrize(
    ("reported", "total", "details", "right"),
    [
        pytest.param((100, 30), 130, {"reasoning": 20}, (100, 30), id="reasoning-inside-as-at-openai"),
        pytest.param(
            (10120, 1499), 14428, {"reasoning": 2809, "cached": 128}, (10120, 4308), id="reasoning-outside-as-at-xai"
        ),
        pytest.param((100, 12), 172, {"reasoning": 60}, (100, 72), id="more-reasoning-than-completion"),
        pytest.param((21, 0), 81, {"reasoning": 60}, (21, 60), id="nothing-but-reasoning"),
        pytest.param((21, 12), 93, {}, (21, 72), id="reasoning-that-only-the-total-has"),
        pytest.param((21, 12), 33, {"reasoning": 60}, (21, 72), id="a-total-that-lacks-the-reasoning-too"),
        pytest.param((21, 12), None, {"reasoning": 60}, (21, 72), id="no-total-and-more-reasoning-than-completion"),
        pytest.param((21, 72), None, {"reasoning": 60}, (21, 72), id="no-total"),
        pytest.param((100, 50), 2150, {"cached": 2000}, (2100, 50), id="net-of-cache-by-the-total"),
        pytest.param((100, 50), 2190, {"cached": 2000, "reasoning": 40}, (2100, 90), id="net-of-cache-and-reasoning"),
        pytest.param((500, 50), 590, {"cached": 40, "reasoning": 40}, (500, 90), id="as-much-cached-as-reasoned"),
        pytest.param(
            (900, 60), 1030, {"reasoning": 40, "hidden_is_prompt": True}, (930, 100), id="results-of-tools-at-google"
        ),
        pytest.param((900, 60), 990, {"hidden_is_prompt": True}, (930, 60), id="results-of-tools-without-reasoning"),
        pytest.param((100, 80), 150, {"reasoning": 10}, (100, 80), id="a-total-that-is-too-small"),
        pytest.param((0, 0), 0, {"reasoning": 0, "cached": 0}, (0, 0), id="nothing-used"),
    ],
)
def test_counts_are_what_the_provider_bills(
    reported: tuple[int, int], total: int | None, details: dict[str, Any], right: tuple[int, int]
) -> None:
    assert gross(reported, total, **details) == right


COUNT = st.integers(0, 10**6)


@given(prompt=COUNT, completion=COUNT, total=st.none() | COUNT, cached=COUNT, reasoning=st.none() | COUNT)
def test_no_part_is_larger_than_its_whole(
    prompt: int, completion: int, total: int | None, cached: int, reasoning: int | None
) -> None:
    right_prompt, right_completion = gross((prompt, completion), total, cached=cached, reasoning=reasoning)
    assert right_prompt >= max(prompt, cached)
    assert right_completion >= max(completion, reasoning or 0)
