"""One process of a fleet: one call through a real pipeline, exported when it ends, and what was fed to it."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from loguru import logger
from pipecat.frames.frames import EndFrame, MetricsFrame
from pipecat.metrics.metrics import (
    LLMTokenUsage,
    LLMUsageMetricsData,
    ProcessingMetricsData,
    TTFBMetricsData,
    TTSUsageMetricsData,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.workers.runner import WorkerRunner

import voice_metrics
from voice_metrics import VoiceMetricsProcessor

LLM, TTS = "OpenAILLMService#0", "CartesiaTTSService#0"


def measured(chance: random.Random, total: Counter[str]) -> MetricsFrame:
    """What one answer measures.

    Args:
        chance: Decides the numbers.
        total: Receives what the fleet's series must have of them.
    """
    prompt, completion, characters = chance.randint(1, 5000), chance.randint(1, 500), chance.randint(1, 300)
    tokens = LLMTokenUsage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)
    total.update(
        {
            "voice_llm_tokens_total": prompt + completion,
            "voice_tts_characters_total": characters,
            "voice_ttfb_milliseconds_count": 1,
            "voice_processing_milliseconds_count": 1,
        }
    )
    return MetricsFrame(
        data=[
            TTFBMetricsData(processor=LLM, model="gpt-4.1", value=chance.uniform(0.05, 2)),
            ProcessingMetricsData(processor=LLM, model="gpt-4.1", value=chance.uniform(2, 4)),
            LLMUsageMetricsData(processor=LLM, model="gpt-4.1", value=tokens),
            TTSUsageMetricsData(processor=TTS, model="sonic-2", value=characters),
        ]
    )


async def call(call_id: str, chance: random.Random) -> Counter[str]:
    """Run one call.

    Returns:
        What the fleet's series must have of it.
    """
    metrics = VoiceMetricsProcessor(call_id=call_id, attributes={"tenant": chance.choice("abc")})
    worker = PipelineWorker(
        Pipeline([metrics]),
        params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    total = Counter({"voice_calls_total": 1, "voice_calls_ended_total": 1})
    frames = [measured(chance, total) for _ in range(chance.randint(1, 12))]
    await worker.queue_frames([*frames, EndFrame()])
    await asyncio.wait_for(runner.run(), 60)
    return total


def main(number: int, environ: Mapping[str, str], folder: str) -> None:
    """Be one process of the fleet; a line in a file of the folder says what it fed.

    Args:
        number: Which one.
        environ: Its environment.
        folder: Where the file goes.
    """
    logger.remove()
    os.environ.update(environ)
    call_id = f"call-{number:05}"
    total = asyncio.run(call(call_id, random.Random(number)))
    flushed = voice_metrics.shutdown(10.0)
    Path(folder, f"{call_id}.json").write_text(json.dumps({"call_id": call_id, "total": total, "flushed": flushed}))
