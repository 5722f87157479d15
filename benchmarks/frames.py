"""CPU that each frame of a call costs: a bare pipeline, and the same with one more processor or observer.

A source, five processors that pass frames on, and a sink; frames of 20 ms of the caller's or of the bot's audio, at
most 50 of them under way. What ours adds to the bare pipeline is compared with what a processor or observer adds that
does nothing, the processor in Pipecat's direct mode as ours is; what a processor of the default mode adds, which
queues, is shown beside it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Sequence
from functools import partial

from loguru import logger
from pipecat.frames.frames import EndFrame, Frame, InputAudioRawFrame, MetricsFrame, OutputAudioRawFrame
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from benchmarks.receiver_process import receiver
from benchmarks.recording import PRICES, metrics_frame
from benchmarks.side_by_side import added, in_turns
from voice_metrics import Telemetry, VoiceMetricsObserver, VoiceMetricsProcessor
from voice_metrics.pipecat.lifetime import READ_SECONDS
from voice_metrics.prices import PriceBook

FRAMES = 1250
ROUNDS = 30
AT_ONCE = 50
AUDIO = b"\0" * 640
Audio = type[InputAudioRawFrame] | type[OutputAudioRawFrame]
WHOSE: dict[str, Audio] = {"the caller's audio": InputAudioRawFrame, "the bot's audio": OutputAudioRawFrame}
QUEUES, IDLE = "a queueing processor that does nothing", "a direct processor that does nothing"
WATCHES = "an observer that does nothing"


class PassesOn(FrameProcessor):
    """Does nothing."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass a frame on."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


# Classes of their own, as in a bot: Python is faster where all are of one class.
STAGES = [type(f"Stage{number}", (PassesOn,), {}) for number in range(5)]


class DoesNothing(FrameProcessor):
    """What ours is compared with."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass a frame on."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Sink(FrameProcessor):
    """Keeps what was fed, and tells when all of it has come."""

    def __init__(self) -> None:
        super().__init__()
        self.missing = 0
        self.complete = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Count a frame, or pass on what Pipecat needs."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, (InputAudioRawFrame, OutputAudioRawFrame, MetricsFrame)):
            await self.push_frame(frame, direction)
            return
        self.missing -= 1
        if self.missing == 0:
            self.complete.set()


class Watches(BaseObserver):
    """Is told every frame once and does nothing."""

    def __init__(self) -> None:
        super().__init__(observe_every_push=False)

    async def on_push_frame(self, data: FramePushed) -> None:
        """Do nothing."""


class Line:
    """A pipeline that runs, to be fed with frames."""

    def __init__(self, more: Sequence[FrameProcessor] = (), observers: Sequence[BaseObserver] = ()) -> None:
        """Put it together.

        Args:
            more: Processors before the sink, besides the five.
            observers: Observers of the worker.
        """
        self._source, self._sink = PassesOn(), Sink()
        self._worker = PipelineWorker(
            Pipeline([self._source, *(stage() for stage in STAGES), *more, self._sink]),
            params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
            observers=list(observers),
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
        )
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the pipeline."""
        started = asyncio.Event()
        self._worker.add_event_handler("on_pipeline_started", lambda worker, frame: started.set())
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self._worker)
        self._running = asyncio.create_task(runner.run())
        await started.wait()

    async def feed(self, audio: Audio, *, measured: bool) -> None:
        """Send frames through, until all have come.

        Args:
            audio: Whose audio.
            measured: Whether a MetricsFrame follows each batch of audio.
        """
        for _ in range(FRAMES // AT_ONCE):
            frames: list[Frame] = [audio(AUDIO, 16000, 1) for _ in range(AT_ONCE)]
            if measured:
                frames.append(metrics_frame())
            self._sink.missing = len(frames)
            self._sink.complete.clear()
            for frame in frames:
                await self._source.push_frame(frame)
            await self._sink.complete.wait()
        if measured:
            # What came is read within the block that it came in.
            await asyncio.sleep(READ_SECONDS * 1.1)

    async def push(self, *frames: Frame) -> None:
        """Send frames without waiting for them.

        Args:
            *frames: In this order.
        """
        for frame in frames:
            await self._source.push_frame(frame)

    async def stop(self) -> None:
        """End the call."""
        await self._worker.queue_frame(EndFrame())
        if self._running is not None:
            await self._running


async def compare(telemetry: Telemetry, whose: str, *, measured: bool) -> None:
    """Compare, and print it."""
    prices = PriceBook(PRICES)
    lines = {
        "bare": Line(),
        QUEUES: Line([DoesNothing()]),
        IDLE: Line([DoesNothing(enable_direct_mode=True)]),
        "VoiceMetricsProcessor": Line([VoiceMetricsProcessor(telemetry=telemetry, prices=prices)]),
        WATCHES: Line(observers=[Watches()]),
        "VoiceMetricsObserver": Line(observers=[VoiceMetricsObserver(telemetry=telemetry, prices=prices)]),
    }
    for line in lines.values():
        await line.start()
    ways = {name: partial(line.feed, WHOSE[whose], measured=measured) for name, line in lines.items()}
    spent = await in_turns(ways, ROUNDS)
    for line in lines.values():
        await line.stop()
    report(spent, f"{whose}, a MetricsFrame of four items after 50 frames" if measured else f"{whose} alone")


def report(spent: dict[str, list[float]], what: str) -> None:
    """Print what each adds to the bare pipeline."""
    bare = statistics.median(spent["bare"])
    print(f"{what}: bare {bare / FRAMES * 1e6:.1f} us a frame")
    for name in [name for name in spent if name != "bare"]:
        print(f"  + {name}: {added(spent, name, 'bare') / FRAMES * 1e6:.1f} us more")
    for ours, idle in (("VoiceMetricsProcessor", IDLE), ("VoiceMetricsObserver", WATCHES)):
        ratio = added(spent, ours, "bare") / added(spent, idle, "bare")
        whole = statistics.median(own / other for own, other in zip(spent[ours], spent[idle], strict=True))
        print(f"  {ours} adds {ratio:.2f} of what {idle} adds; the whole pipeline costs {whole:.3f}", flush=True)


def main() -> None:
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    with receiver() as url:
        telemetry = Telemetry(environ={"OTEL_EXPORTER_OTLP_ENDPOINT": url, "VOICE_METRICS_DB": "off"})
        for whose in WHOSE:
            for measured in (False, True):
                asyncio.run(compare(telemetry, whose, measured=measured))
        telemetry.shutdown()


if __name__ == "__main__":
    main()
