"""CPU time of a frame in a bare pipeline, and in one with a further processor or observer.

The bare pipeline has a source, a voice, four processors that pass frames on, and a sink. It carries frames with 20 ms
of audio, at most 50 at a time. The plug-in's addition to the bare pipeline is divided by the addition of an idle
observer, or of an idle processor in Pipecat's direct mode, which the plug-in's processor has too. The addition of an
idle processor in the default mode, with a queue, is printed beside it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import AsyncGenerator, Sequence
from functools import partial

from loguru import logger
from pipecat.frames.frames import EndFrame, Frame, InputAudioRawFrame, MetricsFrame, TTSAudioRawFrame
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
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
Audio = type[InputAudioRawFrame] | type[TTSAudioRawFrame]
SPEAKERS: dict[str, Audio] = {"the caller's audio": InputAudioRawFrame, "the bot's audio": TTSAudioRawFrame}
QUEUES, IDLE = "a queueing processor that does nothing", "a direct processor that does nothing"
WATCHES = "an observer that does nothing"


class PassesOn(FrameProcessor):
    """Passes every frame on."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass a frame on."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


# Distinct classes, as in a bot: Python is faster where all processors have one class.
STAGES = [type(f"Stage{number}", (PassesOn,), {}) for number in range(4)]


class Voice(TTSService):
    """A voice whose audio the source makes in its stead."""

    def __init__(self) -> None:
        super().__init__(settings=TTSSettings(model="voice-1", voice="anna", language=None))

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Make nothing."""
        yield None


class DoesNothing(FrameProcessor):
    """Passes every frame on; the plug-in's processor is compared with it."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass a frame on."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Sink(FrameProcessor):
    """Counts frames, and sets an event when the last expected one arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.missing = 0
        self.complete = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Count a frame of the benchmark, or pass on one of Pipecat's."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, (InputAudioRawFrame, TTSAudioRawFrame, MetricsFrame)):
            await self.push_frame(frame, direction)
            return
        self.missing -= 1
        if self.missing == 0:
            self.complete.set()


class Watches(BaseObserver):
    """Observes every frame once and does nothing."""

    def __init__(self) -> None:
        super().__init__(observe_every_push=False)

    async def on_push_frame(self, data: FramePushed) -> None:
        """Do nothing."""


class Line:
    """A running pipeline, to be fed with frames."""

    def __init__(self, more: Sequence[FrameProcessor] = (), observers: Sequence[BaseObserver] = ()) -> None:
        """Make the pipeline.

        Args:
            more: Processors between the five and the sink.
            observers: Observers of the worker.
        """
        self._source, self._sink = PassesOn(), Sink()
        self._worker = PipelineWorker(
            Pipeline([self._source, Voice(), *(stage() for stage in STAGES), *more, self._sink]),
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
        """Send frames through the pipeline and wait for the last.

        Args:
            audio: Class of the frames.
            measured: True to send a MetricsFrame after each batch of audio.
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
            # The processor reads MetricsFrames after this delay; count that in the same round.
            await asyncio.sleep(READ_SECONDS * 1.1)

    async def push(self, *frames: Frame) -> None:
        """Send frames without waiting for them.

        Args:
            *frames: The frames, in order.
        """
        for frame in frames:
            await self._source.push_frame(frame)

    async def stop(self) -> None:
        """End the call."""
        await self._worker.queue_frame(EndFrame())
        if self._running is not None:
            await self._running


async def compare(telemetry: Telemetry, speaker: str, *, measured: bool) -> None:
    """Compare the ways with one speaker's audio, and print the result."""
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
    ways = {name: partial(line.feed, SPEAKERS[speaker], measured=measured) for name, line in lines.items()}
    spent = await in_turns(ways, ROUNDS)
    for line in lines.values():
        await line.stop()
    report(spent, f"{speaker}, a MetricsFrame of four items after 50 frames" if measured else f"{speaker} alone")


def report(spent: dict[str, list[float]], what: str) -> None:
    """Print each way's addition to the bare pipeline."""
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
        for speaker in SPEAKERS:
            for measured in (False, True):
                asyncio.run(compare(telemetry, speaker, measured=measured))
        telemetry.shutdown()


if __name__ == "__main__":
    main()
