"""A bot of a few lines in an environment that holds nothing of the repository: one call through a real pipeline."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from pipecat.frames.frames import EndFrame, Frame, TextFrame
from pipecat.metrics.metrics import LLMTokenUsage
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

import voice_metrics


class Model(FrameProcessor):
    """Answers each text after a moment and reports what that took."""

    def can_generate_metrics(self) -> bool:
        """Tell Pipecat that its measurements are wanted."""
        return True

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Measure one answer."""
        await super().process_frame(frame, direction)
        if isinstance(frame, TextFrame):
            await self.start_ttfb_metrics()
            await asyncio.sleep(0.02)
            await self.stop_ttfb_metrics()
            usage = LLMTokenUsage(prompt_tokens=30, completion_tokens=12, total_tokens=42)
            await self.start_llm_usage_metrics(usage)
        await self.push_frame(frame, direction)


async def main() -> dict[str, Any]:
    """Hold the call and return its summary."""
    metrics = voice_metrics.VoiceMetricsProcessor(call_id="first-call", llm_model="small")
    params = PipelineParams(enable_metrics=True, enable_usage_metrics=True)
    worker = PipelineWorker(Pipeline([Model(), metrics]), params=params, enable_rtvi=False)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await worker.queue_frames([TextFrame("Hello"), TextFrame("Goodbye"), EndFrame()])
    await runner.run()
    summary = metrics.summary()
    assert summary is not None
    return summary.to_dict()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main())))
    voice_metrics.shutdown()
