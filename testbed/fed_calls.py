"""Random measurements for calls in a real pipeline, and the totals that their series must reach."""

from __future__ import annotations

import random
from collections import Counter

from pipecat.frames.frames import MetricsFrame
from pipecat.metrics.metrics import (
    LLMTokenUsage,
    LLMUsageMetricsData,
    ProcessingMetricsData,
    TTFBMetricsData,
    TTSUsageMetricsData,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor

LLM, TTS = "OpenAILLMService#0", "CartesiaTTSService#0"
# The series that `measured` adds to; a histogram is counted by its values.
FED = (
    "voice.llm.tokens.total",
    "voice.tts.characters.total",
    "voice.ttfb.milliseconds",
    "voice.processing.milliseconds",
)


def worker_of(*processors: FrameProcessor) -> PipelineWorker:
    """Make a worker that never ends an idle call."""
    return PipelineWorker(
        Pipeline(list(processors)),
        params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
    )


def measured(chance: random.Random, total: Counter[str]) -> MetricsFrame:
    """Make the MetricsFrame of one answer.

    Args:
        chance: Source of the numbers.
        total: Expected total of each series; this answer is added to it.
    """
    prompt, completion, characters = chance.randint(1, 5000), chance.randint(1, 500), chance.randint(1, 300)
    tokens = LLMTokenUsage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)
    total.update(dict(zip(FED, (prompt + completion, characters, 1, 1), strict=True)))
    return MetricsFrame(
        data=[
            TTFBMetricsData(processor=LLM, model="gpt-4.1", value=chance.uniform(0.05, 2)),
            ProcessingMetricsData(processor=LLM, model="gpt-4.1", value=chance.uniform(2, 4)),
            LLMUsageMetricsData(processor=LLM, model="gpt-4.1", value=tokens),
            TTSUsageMetricsData(processor=TTS, model="sonic-2", value=characters),
        ]
    )
