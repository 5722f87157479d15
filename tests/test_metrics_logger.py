"""The logger's lines: readable units, running totals, each frame once."""

from __future__ import annotations

import pytest
from pipecat.frames.frames import MetricsFrame
from pipecat.metrics.metrics import LLMTokenUsage, LLMUsageMetricsData, TTFBMetricsData, TTSUsageMetricsData
from pipecat.pipeline.pipeline import Pipeline
from pipecat.tests.utils import run_test

from voice_metrics import MetricsLogger

FRAMES = [
    MetricsFrame([TTFBMetricsData(processor="Mind#3", model="mind-1", value=0.25)]),
    MetricsFrame(
        [
            LLMUsageMetricsData(
                processor="Mind#3",
                model="mind-1",
                value=LLMTokenUsage(prompt_tokens=10, completion_tokens=2, total_tokens=12, cache_read_input_tokens=6),
            ),
            TTSUsageMetricsData(processor="Mouth#0", value=5),
        ]
    ),
    MetricsFrame([TTSUsageMetricsData(processor="Mouth#0", value=7)]),
]


async def test_each_measurement_is_a_line_and_usage_adds_up(log: list[str]) -> None:
    await run_test(Pipeline([MetricsLogger(), MetricsLogger(level="WARNING")]), frames_to_send=[*FRAMES, FRAMES[0]])
    lines = [
        "Mind (mind-1) TTFB: 250 ms",
        "Mind (mind-1) tokens: 10 prompt, 6 cached + 2 completion (12 in this call)",
        "Mouth characters: 5 (5 in this call)",
        "Mouth characters: 7 (12 in this call)",
    ]
    said = [line for line in log if " in this call)" in line or "TTFB" in line]
    assert sorted(said) == sorted(f"{level} {line}" for level in ("INFO", "WARNING") for line in lines)


@pytest.mark.parametrize("level", ["info", "LOUD", 20])
def test_an_unknown_level_raises_with_an_example(level: str) -> None:
    with pytest.raises(ValueError, match=f"level={level!r}: expected a level of loguru, such as 'INFO'"):
        MetricsLogger(level=level)
