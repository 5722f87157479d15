"""Attaches the demo's observers from outside the bot.

Pipecat loads this file because `PIPECAT_SETUP_FILES` names it; `bot.py` has no code for it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.workers.runner import WorkerRunner

from demo.observed import Record
from demo.progress import Progress
from voice_metrics import VoiceMetricsProcessor

RECORD = "VOICE_METRICS_DEMO_RECORD"


async def setup_pipeline_worker(worker: PipelineWorker) -> None:
    """Attach the observers to a call."""
    worker.add_observer(Progress())
    if path := os.environ.get(RECORD):
        record = Record(Path(path))
        worker.add_observer(record)
        for processor in _processors(worker.pipeline):
            if isinstance(processor, VoiceMetricsProcessor):
                processor.add_event_handler("on_call_summary", record.add_summary)


async def setup_worker_runner(runner: WorkerRunner) -> None:
    """Do nothing: Pipecat warns about a setup file without this function."""


def _processors(outer: FrameProcessor) -> Iterator[FrameProcessor]:
    yield outer
    for inner in outer.processors:
        yield from _processors(inner)
