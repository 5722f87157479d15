"""Attaches the demo's observers from outside the bot.

Pipecat loads this file because `PIPECAT_SETUP_FILES` names it, so `bot.py` knows nothing of them.
"""

import os
from pathlib import Path

from pipecat.pipeline.worker import PipelineWorker
from pipecat.workers.runner import WorkerRunner

from demo.progress import Progress
from demo.record import Record

RECORD = "VOICE_METRICS_DEMO_RECORD"


async def setup_pipeline_worker(worker: PipelineWorker) -> None:
    """Attach the observers to a call."""
    worker.add_observer(Progress())
    if record := os.environ.get(RECORD):
        worker.add_observer(Record(Path(record)))


async def setup_worker_runner(runner: WorkerRunner) -> None:
    """Do nothing: Pipecat warns about a setup file without this function."""
