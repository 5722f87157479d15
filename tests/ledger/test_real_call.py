"""A real call through a real pipeline in the ledger: the same numbers as in the summary and in the script."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from pipecat.frames.frames import EndFrame, Frame, StartFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from tests.scripted import SHORT, run_call
from tests.waiting import flush
from voice_metrics.ledger import CallState, LedgerReader, ledger_at
from voice_metrics.processor import VoiceMetricsProcessor
from voice_metrics.telemetry import Telemetry

pytestmark = pytest.mark.slow


class SlowToConnect(FrameProcessor):
    """A service that passes the StartFrame on when it is connected."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            await asyncio.sleep(0.3)
        await self.push_frame(frame, direction)


async def test_the_ledger_has_the_numbers_of_the_script(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_METRICS_DB", str(path))
    telemetry = Telemetry(environ={"VOICE_METRICS_DB": str(path)})
    metrics = VoiceMetricsProcessor(call_id="a-real-call", telemetry=telemetry)
    truth = await run_call(SHORT, before_output=[metrics])
    ledger = ledger_at(path, 30)
    flush(ledger)
    with LedgerReader(path) as reader:
        call = reader.call("a-real")
    telemetry.shutdown()
    ledger.close()
    summary = metrics.summary()
    assert summary is not None
    assert call.summary == summary.to_dict()
    row = call.row
    assert (row.state, row.end_reason, row.turns) == (CallState.ENDED, "completed", sum(truth.turns.values()))
    assert (row.prompt_tokens, row.completion_tokens) == (truth.prompt_tokens, truth.completion_tokens)
    assert row.characters == truth.characters
    kinds = Counter(measured.kind for measured in call.timeline)
    assert kinds["ttfb"] == sum(truth.ttfb.values())
    assert kinds["response"] == len(truth.responses)
    assert kinds["turn"] == sum(truth.turns.values())
    prompts = [measured.value for measured in call.timeline if measured.kind == "prompt_tokens"]
    assert sum(value or 0 for value in prompts) == truth.prompt_tokens
    # The set-up of services precedes the start.
    moments = [measured.at for measured in call.timeline if measured.kind != "set_up"]
    assert row.started_at <= moments[0] <= moments[-1] <= row.updated_at


async def test_a_call_starts_at_the_same_moment_in_the_ledger_and_in_its_summary(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICE_METRICS_DB", str(path))
    telemetry = Telemetry(environ={"VOICE_METRICS_DB": str(path)})
    metrics = VoiceMetricsProcessor(telemetry=telemetry)
    worker = PipelineWorker(Pipeline([SlowToConnect(), metrics]), enable_rtvi=False)
    await worker.queue_frame(EndFrame())
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await asyncio.wait_for(runner.run(), 120)
    ledger = ledger_at(path, 30)
    flush(ledger)
    with LedgerReader(path) as reader:
        (row,) = reader.calls()
    telemetry.shutdown()
    ledger.close()
    summary = metrics.summary()
    assert summary is not None
    assert row.started_at == summary.started_at.timestamp()
    assert row.duration_seconds == round(summary.duration_seconds, 3)
