"""The file for Pipecat's `PIPECAT_SETUP_FILES`: measures every call of a bot whose code is not touched.

`voice-metrics setup-file` prints where it is. Pipecat runs it by its path, once for every worker.
"""

from __future__ import annotations

from typing import Any

from loguru import logger

from voice_metrics.observer import VoiceMetricsObserver
from voice_metrics.pipecat.workers import processors_of
from voice_metrics.processor import VoiceMetricsProcessor


async def setup_worker_runner(runner: Any) -> None:
    """Do nothing: Pipecat warns of a setup file without this function.

    Args:
        runner: Pipecat's runner.
    """


async def setup_pipeline_worker(worker: Any) -> None:
    """Observe a worker, if it is one that talks to a caller and is not measured already.

    Args:
        worker: Pipecat's worker, before its pipeline starts.
    """
    try:
        processors = list(processors_of(worker.pipeline))
        if any(isinstance(processor, VoiceMetricsProcessor) for processor in processors):
            logger.info("{}: measured by its own VoiceMetricsProcessor, no observer is added", worker)
        elif not any(_is_output(processor) for processor in processors):
            # Of workers that share a call, the one with the caller's line sees the others' frames.
            logger.debug("{}: talks to no caller, not observed", worker)
        else:
            worker.add_observer(VoiceMetricsObserver())
    except Exception as fault:
        logger.error("This call is not measured: {}", fault)


def _is_output(processor: Any) -> bool:
    return any(base.__name__ == "BaseOutputTransport" for base in type(processor).__mro__)
