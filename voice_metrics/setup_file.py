"""The file for Pipecat's `PIPECAT_SETUP_FILES`: measures every call of a bot without a change to its code.

`voice-metrics setup-file` prints its path, from which Pipecat runs it once for every worker.
"""

from __future__ import annotations

from typing import Any

from loguru import logger

from voice_metrics.observer import VoiceMetricsObserver
from voice_metrics.pipecat.workers import is_output, processors_of
from voice_metrics.processor import VoiceMetricsProcessor


async def setup_worker_runner(runner: Any) -> None:
    """Do nothing: Pipecat warns about a setup file without this function."""


async def setup_pipeline_worker(worker: Any) -> None:
    """Observe a worker that serves a caller and is not measured already, before its pipeline starts."""
    try:
        processors = list(processors_of(worker.pipeline))
        if any(isinstance(processor, VoiceMetricsProcessor) for processor in processors):
            logger.info("{}: measured by its own VoiceMetricsProcessor, no observer is added", worker)
        elif not any(map(is_output, processors)):
            # The worker with the transport sees the frames of the call's other workers.
            logger.debug("{}: talks to no caller, not observed", worker)
        else:
            worker.add_observer(VoiceMetricsObserver())
    except Exception as fault:
        logger.error("This call is not measured: {}", fault)
