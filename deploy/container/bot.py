"""A bot that ends its call when the container is stopped; the services of a real one go where the comments are."""

import asyncio

from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.workers.runner import WorkerRunner

import voice_metrics


async def main() -> None:
    """Hold one call, until it ends or the process gets SIGTERM."""
    pipeline = Pipeline(
        [
            # Before it: the transport's input, speech recognition, user aggregator, model, speech synthesis.
            voice_metrics.VoiceMetricsProcessor(),
            # After it: the transport's output and the assistant aggregator.
        ]
    )
    worker = PipelineWorker(pipeline, params=PipelineParams(enable_metrics=True, enable_usage_metrics=True))
    # Without this Python ends at once on SIGTERM: no summary, no last export.
    runner = WorkerRunner(handle_sigterm=True)
    await runner.add_workers(worker)
    await runner.run()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    finally:
        voice_metrics.shutdown()
