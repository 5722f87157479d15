"""The observer for bots whose code cannot be changed: the processor's measurements from outside the pipeline.

If an observer raises, Pipecat drops it for the rest of the call, and at the end discards its queued frames. This one
contains its faults, never waits in a callback, and sums up in `cleanup`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from os import PathLike
from typing import Any

from loguru import logger
from pipecat.frames.frames import EndFrame, Frame, StartFrame, StopFrame
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.processors.frame_processor import FrameProcessorSetup

from voice_metrics.call.facts import Leg
from voice_metrics.call.summary import CallSummary
from voice_metrics.pipecat.conversation_frames import is_echo
from voice_metrics.pipecat.endings import ENDS
from voice_metrics.pipecat.options import Options, destination
from voice_metrics.pipecat.reading import WATCHED
from voice_metrics.pipecat.recorder import CallRecorder
from voice_metrics.pipecat.services import Flags
from voice_metrics.pipecat.spending import Budget
from voice_metrics.prices import PriceBook, price_book
from voice_metrics.series.declarations import OwnKind
from voice_metrics.settings.environment import Settings
from voice_metrics.telemetry import Telemetry

# Since Pipecat 1.8.0 a pipeline's flags are part of its set-up; before, they travel in the StartFrame.
_SET_UP_WITH_FLAGS = "enable_metrics" in {field.name for field in fields(FrameProcessorSetup)}


class VoiceMetricsObserver(BaseObserver):
    """Measures the calls of a worker; parameters and guarantees are those of `VoiceMetricsProcessor`.

    Event handlers available:

    - on_call_summary: Called with the `CallSummary` once a call has ended.
    - on_budget: Called with the US dollars spent, once, when the priced usage of a call reaches `budget_usd`.

    Example::

        worker = PipelineWorker(pipeline, observers=[VoiceMetricsObserver()])
    """

    def __init__(
        self,
        *,
        llm_model: str | None = None,
        stt_model: str | None = None,
        tts_model: str | None = None,
        service_name: str | None = None,
        call_id: str | None = None,
        attributes: Mapping[str, str] | None = None,
        prices: PriceBook | Mapping[str, Any] | str | PathLike[str] | None = None,
        telemetry: Telemetry | None = None,
        budget_usd: float | Decimal | None = None,
        name: str | None = None,
    ) -> None:
        """Make an observer and read the environment; the first call begins when its pipeline is set up.

        Args:
            llm_model: Tag of every series, or `None` for the model found in the pipeline.
            stt_model: The same for speech recognition.
            tts_model: The same for speech synthesis.
            service_name: OTLP `service.name` of the process, or `None` for `OTEL_SERVICE_NAME`, else "voice-bot".
            call_id: Id of the call, or `None` for `StartFrame.metadata["call_id"]`, else a new UUID.
                Simultaneous calls with the same id share series.
            attributes: More tags for every series of the call, text to text.
            prices: The user's own prices, or `None` for `VOICE_METRICS_PRICES` and the built-in price book.
            telemetry: Destination of series, or `None` for the process's own, made from the environment.
            budget_usd: US dollars at which `on_budget` is called, or `None` for no budget.
            name: Pipecat's name of the observer, or `None` for its class and a number.

        Raises:
            SettingsError: The user's own prices cannot be used.
            TypeError: An argument has a wrong type; names and attributes are text.
            ValueError: An attribute has the name of a label that series already have, or the budget is not positive.
        """
        # Before Pipecat 1.12 the keyword has no effect: every push of a frame arrives here.
        super().__init__(name=name, observe_every_push=False)
        options = Options.checked({Leg.LLM: llm_model, Leg.STT: stt_model, Leg.TTS: tts_model}, call_id, attributes)
        self._flags = Flags(metrics=True, usage=True, initial_only=False)
        # Read the environment in another frame: tracebacks with local variables must not show its secrets.
        settings = Settings.of_process()
        self._recorder = CallRecorder(
            options,
            destination(telemetry, service_name),
            price_book(prices, settings.price_variables),
            settings,
            self._run_summary_handlers,
            lambda: self._flags,
            budget=Budget(budget_usd),
            over_budget=self._run_budget_handlers,
        )
        self._saw_start = False
        self._register_event_handler("on_call_summary")
        self._register_event_handler("on_budget")

    @property
    def call_id(self) -> str:
        """Id of the current call, or of the latest one."""
        return self._recorder.call_id

    def summary(self) -> CallSummary | None:
        """Summary of the current call so far or of the latest one; `None` before the first."""
        return self._recorder.summary()

    def record(
        self,
        name: str,
        value: float,
        /,
        *,
        kind: OwnKind = "histogram",
        unit: str = "",
        **attributes: str | float | bool,
    ) -> None:
        """Record one of the application's own numbers with the call's tags. Never raises.

        Args:
            name: OTLP name of the metric.
            value: Value in `unit`; added to a counter, the newest of a gauge.
            kind: "histogram", "counter" or "gauge".
            unit: UCUM unit, such as "ms", or a word in braces, such as "{item}"; empty for none.
            **attributes: More attributes of the value.
        """
        self._recorder.record(name, value, kind, unit, attributes)

    def outcome(self, name: str, *, success: bool | None = None) -> None:
        """Record the application's outcome of the call; the last one counts. Never raises.

        Args:
            name: One of a few words, such as "booked"; each becomes a series.
            success: True or False, or `None` if unknown.
        """
        self._recorder.outcome(name, success)

    async def on_processor_setup(self, data: Any) -> None:
        """Begin the call with the first processor, and record each one's set-up time; called since Pipecat 1.8.0."""
        self._saw_start = True
        await self._recorder.discover(data.processor)
        self._recorder.was_set_up(data)

    async def on_push_frame(self, data: FramePushed) -> None:
        """Read a frame at its first push, if a measurement needs it. Never raises."""
        try:
            frame = data.frame
            if WATCHED[type(frame)] and not is_echo(frame, data.direction) and not self._recorder.has_read(frame):
                await self._read_frame(frame, data.source)
        except Exception as fault:
            logger.warning("A frame was not measured: {!r}", fault)

    async def cleanup(self) -> None:
        """End the call, within the export timeout."""
        try:
            await self._recorder.conclude()
        finally:
            await super().cleanup()  # type: ignore[no-untyped-call]

    async def _read_frame(self, frame: Frame, source: Any) -> None:
        if not self._saw_start and not isinstance(frame, ENDS):
            # An observer that is added to a running worker sees neither the set-up nor the StartFrame.
            self._saw_start = True
            await self._recorder.discover(source)
        match frame:
            case StartFrame():
                self._flags = _flags(frame, source)
                await self._recorder.discover(source)
                self._recorder.read_frame(frame)
            case EndFrame() | StopFrame() if self._recorder.call is not None:
                # The observer sees it enter the pipeline, before queued speech is spoken; `cleanup` comes last.
                self._recorder.record_end(frame)
            case _:
                self._recorder.read_frame(frame)

    async def _run_summary_handlers(self, summary: CallSummary) -> None:
        await self._call_event_handler("on_call_summary", summary)

    async def _run_budget_handlers(self, spent_usd: float) -> None:
        await self._call_event_handler("on_budget", spent_usd)


def _flags(frame: StartFrame, source: Any) -> Flags:
    if _SET_UP_WITH_FLAGS:
        return Flags(source.metrics_enabled, source.usage_metrics_enabled, source.report_only_initial_ttfb)
    return Flags(frame.enable_metrics, frame.enable_usage_metrics, frame.report_only_initial_ttfb)
