"""Handling a MetricsFrame of four items, against the same points recorded straight into the SDK's instruments.

The ratio holds everything that is ours: reading the frame, holding latencies back, the call's record, prices and
attributes. Both sides pay the same turns of the event loop, which are left out of the ratio.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from typing import Any

from loguru import logger
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint
from pipecat.frames.frames import MetricsFrame, StartFrame
from pipecat.metrics.metrics import (
    LLMTokenUsage,
    LLMUsageMetricsData,
    ProcessingMetricsData,
    TTFBMetricsData,
    TTSUsageMetricsData,
)
from voice_metrics.export.instruments import instrument
from voice_metrics.export.reader import delta_reader

from benchmarks.machine import Work, added, in_turns
from voice_metrics import Telemetry
from voice_metrics.call.facts import Leg
from voice_metrics.call.summary import CallSummary
from voice_metrics.pipecat.options import Options
from voice_metrics.pipecat.recorder import CallRecorder
from voice_metrics.pipecat.services import Flags
from voice_metrics.prices import PriceBook
from voice_metrics.series import table
from voice_metrics.settings.environment import Settings

FRAMES = 400
ROUNDS = 25
PRICES = {
    "gpt-4.1": {"unit": "million tokens", "input": 2, "output": 8},
    "sonic-2": {"unit": "million characters", "price": 40},
}
# Longer than measurements wait to be read together, so that each frame is read alone.
STEP_SECONDS = 0.3


def metrics_frame() -> MetricsFrame:
    """What one answer measures: time to first byte, processing time, tokens, characters."""
    llm, tts = "OpenAILLMService#0", "CartesiaTTSService#0"
    tokens = LLMTokenUsage(prompt_tokens=900, completion_tokens=60, total_tokens=960)
    return MetricsFrame(
        data=[
            TTFBMetricsData(processor=llm, model="gpt-4.1", value=0.31),
            ProcessingMetricsData(processor=llm, model="gpt-4.1", value=0.92),
            LLMUsageMetricsData(processor=llm, model="gpt-4.1", value=tokens),
            TTSUsageMetricsData(processor=tts, model="sonic-2", value=76),
        ]
    )


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock goes on when it is told to, so that no timer is waited for."""

    now = 0.0

    def time(self) -> float:
        """The clock, in seconds."""
        return self.now


class Bench:
    """One live call, and the points that a frame of it makes."""

    def __init__(self, environ: dict[str, str]) -> None:
        """Begin a call.

        Args:
            environ: Its environment.
        """
        self._loop = asyncio.get_running_loop()
        self._reader = delta_reader(20_000, exponential=False)
        self.provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self.tap = CallRecorder(
            Options.checked({Leg.LLM: "gpt-4.1", Leg.STT: "nova-3", Leg.TTS: "sonic-2"}, None, None),
            lambda: telemetry,
            PriceBook(PRICES),
            Settings.from_environment(environ),
            _nothing,
            lambda: Flags(metrics=True, usage=True, initial_only=False),
            self._loop.time,
        )
        telemetry = Telemetry(meter_provider=self.provider, environ=environ)
        self.tap.take(StartFrame())

    async def prices_are_known(self) -> None:
        """Handle a frame until nothing of it waits for its price."""
        for _ in range(100):
            self.tap.take(metrics_frame())
            await self.pass_time()
            if any(name == table.COST.name for name, _, _ in self._points()):
                return
            await asyncio.to_thread(time.sleep, 0.05)
        raise TimeoutError("no prices")

    async def pass_time(self) -> None:
        """Let latencies be held back for as long as they are."""
        assert isinstance(self._loop, SteppedLoop)
        self._loop.now += STEP_SECONDS
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def handle(self) -> None:
        """Handle frames."""
        for frame in [metrics_frame() for _ in range(FRAMES)]:
            self.tap.take(frame)
            await self.pass_time()

    async def recorder(self) -> Work:
        """What records the points of one frame straight into instruments, for as many frames."""
        self._points()
        self.tap.take(metrics_frame())
        await self.pass_time()
        meter = MeterProvider([delta_reader(20_000, exponential=False)], shutdown_on_exit=False).get_meter("direct")
        rows = {row.name: row for row in (*table.VOICE, *table.GEN_AI)}
        calls = [(instrument(meter, rows[name]), value, attributes) for name, value, attributes in self._points()]

        async def record() -> None:
            for _ in [metrics_frame() for _ in range(FRAMES)]:
                for write, value, attributes in calls:
                    write(value, attributes)
                await self.pass_time()

        self.points = len(calls)
        return record

    async def idle(self) -> None:
        """Make frames and let time pass."""
        for _ in [metrics_frame() for _ in range(FRAMES)]:
            await self.pass_time()

    def _points(self) -> list[tuple[str, float, dict[str, Any]]]:
        data = self._reader.get_metrics_data()
        return [
            (metric.name, point.sum if isinstance(point, HistogramDataPoint) else point.value, dict(point.attributes))
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
            if metric.name != table.SESSION_DURATION.name
        ]


async def _nothing(summary: CallSummary) -> None:
    """Leave the summary alone."""


async def compare(environ: dict[str, str]) -> str:
    """Compare, and say how.

    Args:
        environ: The environment of the call.
    """
    bench = Bench(environ)
    await bench.prices_are_known()
    record = await bench.recorder()
    ways = {"ours": bench.handle, "instruments": record, "idle": bench.idle}
    lines = [f"{bench.points} points of a frame"]
    # The ledger's rows are made and written on a thread of its own.
    for where, clock in (("on the event loop", time.thread_time), ("on all threads", time.process_time)):
        spent = await in_turns(ways, ROUNDS, clock)
        ours, straight = added(spent, "ours", "idle") / FRAMES, added(spent, "instruments", "idle") / FRAMES
        ratio = statistics.median(
            (ours - idle) / (straight - idle)
            for ours, straight, idle in zip(spent["ours"], spent["instruments"], spent["idle"], strict=True)
        )
        lines.append(f"  {where}: {ours * 1e6:.0f} us handled, {straight * 1e6:.0f} us straight, {ratio:.2f}")
    await bench.tap.conclude()
    return "\n".join(lines)


def main() -> None:
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    with tempfile.TemporaryDirectory() as folder:
        for what, ledger in (("with the ledger", f"{folder}/calls.db"), ("without", "off")):
            with asyncio.Runner(loop_factory=SteppedLoop) as runner:
                print(f"MetricsFrame of four items, {what}:", runner.run(compare({"VOICE_METRICS_DB": ledger})))


if __name__ == "__main__":
    main()
