"""CPU time of a MetricsFrame of four items, beside the same points recorded straight into the SDK's instruments.

The ratio includes all work of the plug-in: reading the frame, holding latencies back, the call's record, prices and
attributes. Turns of the event loop, equal on both sides, are left out.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from loguru import logger
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, UpDownCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, HistogramDataPoint, InMemoryMetricReader
from pipecat.frames.frames import MetricsFrame, StartFrame
from pipecat.metrics.metrics import (
    LLMTokenUsage,
    LLMUsageMetricsData,
    ProcessingMetricsData,
    TTFBMetricsData,
    TTSUsageMetricsData,
)

from benchmarks.receiver_process import receiver
from benchmarks.side_by_side import Work, added, in_turns
from voice_metrics import Telemetry
from voice_metrics.call.facts import Leg
from voice_metrics.call.summary import CallSummary
from voice_metrics.export.application import instrument
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
# Longer than the recorder waits for further frames, so that it reads each frame alone.
STEP_SECONDS = 0.3
Point = tuple[str, float, dict[str, Any]]
# Series that no MetricsFrame changes.
LIFE = {table.CALLS.name, table.CALLS_ACTIVE.name, table.SESSION_DURATION.name, table.LOOP_LAG.name}


def metrics_frame() -> MetricsFrame:
    """Make the measurements of one answer: time to first byte, processing time, tokens, characters."""
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
    """An event loop with a clock that the benchmark sets, so that it waits for no timer."""

    now = 0.0

    def time(self) -> float:
        """The clock, in seconds."""
        return self.now


def quiet_recorder(
    telemetry: Telemetry, prices: PriceBook, environ: dict[str, str], clock: Callable[[], float] = time.monotonic
) -> CallRecorder:
    """Make a recorder that ignores summaries.

    Args:
        telemetry: The telemetry that its calls record into.
        prices: The price book.
        environ: Its environment.
        clock: Monotonic seconds.
    """
    return CallRecorder(
        Options.checked({Leg.LLM: "gpt-4.1", Leg.STT: "nova-3", Leg.TTS: "sonic-2"}, None, None),
        lambda: telemetry,
        prices,
        Settings.from_environment(environ),
        _nothing,
        lambda: Flags(metrics=True, usage=True, initial_only=False),
        clock,
    )


async def pass_time() -> None:
    """Advance the clock by a step, so that held-back latencies are recorded."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteppedLoop)
    loop.now += STEP_SECONDS
    await asyncio.sleep(0)
    await asyncio.sleep(0)


class Ours:
    """A live call of the plug-in."""

    def __init__(self, telemetry: Telemetry, environ: dict[str, str]) -> None:
        """Begin a call.

        Args:
            telemetry: The telemetry that it records into.
            environ: Its environment.
        """
        self.recorder = quiet_recorder(telemetry, PriceBook(PRICES), environ, asyncio.get_running_loop().time)
        self.recorder.read_frame(StartFrame())

    async def handle(self) -> None:
        """Handle a round of frames."""
        for frame in [metrics_frame() for _ in range(FRAMES)]:
            self.recorder.read_frame(frame)
            await pass_time()


async def points_of_a_frame() -> list[Point]:
    """Return every point of one frame, as the SDK's instruments take it."""
    delta = dict.fromkeys((Counter, Histogram, UpDownCounter), AggregationTemporality.DELTA)
    reader = InMemoryMetricReader(preferred_temporality=delta)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    environ = {"VOICE_METRICS_DB": "off"}
    ours = Ours(Telemetry(meter_provider=provider, environ=environ), environ)
    found: list[Point] = []
    for _ in range(2):
        ours.recorder.read_frame(metrics_frame())
        await pass_time()
        found = [point for point in _points(reader) if point[0] not in LIFE]
    await ours.recorder.conclude()
    return found


def _points(reader: InMemoryMetricReader) -> list[Point]:
    data = reader.get_metrics_data()
    return [
        (metric.name, point.sum if isinstance(point, HistogramDataPoint) else point.value, dict(point.attributes))
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]


class Instruments:
    """The SDK's instruments, with a reader of the default temporality."""

    def __init__(self, points: list[Point]) -> None:
        """Make an instrument for each metric.

        Args:
            points: The points of each frame.
        """
        self._provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
        meter = self._provider.get_meter("direct")
        rows = {row.name: row for row in (*table.VOICE, *table.GEN_AI)}
        self._calls = [(instrument(meter, rows[name]), value, attributes) for name, value, attributes in points]

    async def record(self) -> None:
        """Record the points of a round of frames."""
        for _ in [metrics_frame() for _ in range(FRAMES)]:
            for write, value, attributes in self._calls:
                write(value, attributes)
            await pass_time()


async def idle() -> None:
    """Make a round of frames and advance the clock, without recording."""
    for _ in [metrics_frame() for _ in range(FRAMES)]:
        await pass_time()


async def _nothing(summary: CallSummary) -> None:
    """Ignore the summary."""


async def compare(environ: dict[str, str]) -> str:
    """Compare the two ways and report it in a line.

    Args:
        environ: The environment of the call.
    """
    points = await points_of_a_frame()
    telemetry = Telemetry(environ=environ)
    ours = Ours(telemetry, environ)
    ways: dict[str, Work] = {"ours": ours.handle, "instruments": Instruments(points).record, "idle": idle}
    lines = [f"{len(points)} points of a frame"]
    # The ledger's thread makes and writes its rows.
    for where, clock in (("on the event loop", time.thread_time), ("on all threads", time.process_time)):
        spent = await in_turns(ways, ROUNDS, clock)
        ours_cost, straight = added(spent, "ours", "idle") / FRAMES, added(spent, "instruments", "idle") / FRAMES
        ratio = statistics.median(
            (own - idle) / (straight - idle)
            for own, straight, idle in zip(spent["ours"], spent["instruments"], spent["idle"], strict=True)
        )
        lines.append(f"  {where}: {ours_cost * 1e6:.0f} us handled, {straight * 1e6:.0f} us straight, {ratio:.2f}")
    await ours.recorder.conclude()
    await asyncio.to_thread(telemetry.shutdown)
    return "\n".join(lines)


def main() -> None:
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    with tempfile.TemporaryDirectory() as folder, receiver() as url:
        for what, ledger in (("with the ledger", f"{folder}/calls.db"), ("without", "off")):
            environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "VOICE_METRICS_DB": ledger}
            with asyncio.Runner(loop_factory=SteppedLoop) as runner:
                print(f"MetricsFrame of four items, {what}:", runner.run(compare(environ)))


if __name__ == "__main__":
    main()
