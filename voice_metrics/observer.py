"""The observer for bots whose code cannot be changed: the same core as the processor, fed from outside the pipeline.

Pipecat drops an observer for the rest of a call when it raises and discards what waits in its queue at the end, so
this one contains its faults, never waits while it is told a frame, and sums up in `cleanup`.
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
from voice_metrics.pipecat.options import Options, destination
from voice_metrics.pipecat.recorder import WATCHED, CallRecorder
from voice_metrics.pipecat.services import Flags
from voice_metrics.pipecat.spending import Budget
from voice_metrics.prices import PriceBook, price_book
from voice_metrics.series.declarations import OwnKind
from voice_metrics.settings.environment import Settings
from voice_metrics.telemetry import Telemetry

# From 1.8.0 on a pipeline's flags are part of its set-up; before, they travel in the StartFrame.
_SET_UP_WITH_FLAGS = "enable_metrics" in {field.name for field in fields(FrameProcessorSetup)}


class VoiceMetricsObserver(BaseObserver):
    """Measures the calls of the worker that it observes; parameters and promises are the processor's.

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
        """Make an observer; the environment is read here, the first call begins when its pipeline is set up.

        Args:
            llm_model: Tag of every series, or `None` for the model found in the pipeline.
            stt_model: The same for speech recognition.
            tts_model: The same for speech synthesis.
            service_name: OTLP `service.name` of the process, or `None` for `OTEL_SERVICE_NAME`, else "voice-bot".
            call_id: Id of the call, or `None` for `StartFrame.metadata["call_id"]`, else a new UUID.
                Series of calls with the same id at the same time are added up.
            attributes: More tags for every series of the call, text to text.
            prices: The user's own prices, or `None` for `VOICE_METRICS_PRICES` and the built-in price book.
            telemetry: Where series go, or `None` for the process's own, made from the environment.
            budget_usd: US dollars that a call may cost before `on_budget` is raised, or `None` for any amount.
            name: Pipecat's name of the observer, or `None` for its class and a number.

        Raises:
            SettingsError: If the user's own prices cannot be used.
            TypeError: If an argument has another type than it should have; a name or an attribute is text.
            ValueError: If an attribute has the name of a label that series have already, or the budget is not more
                than 0.
        """
        # Before Pipecat 1.12 the keyword is ignored and every push of a frame is told.
        super().__init__(name=name, observe_every_push=False)
        options = Options.checked({Leg.LLM: llm_model, Leg.STT: stt_model, Leg.TTS: tts_model}, call_id, attributes)
        self._flags = Flags(metrics=True, usage=True, initial_only=False)
        # A traceback that shows the variables of its lines must not show the environment: it is read behind this one.
        settings = Settings.of_process()
        self._recorder = CallRecorder(
            options,
            destination(telemetry, service_name),
            price_book(prices, settings.price_variables),
            settings,
            self._announce,
            lambda: self._flags,
            budget=Budget(budget_usd),
            over_budget=self._tell_over_budget,
        )
        self._register_event_handler("on_call_summary")
        self._register_event_handler("on_budget")

    @property
    def call_id(self) -> str:
        """Id of the current call, or of the latest one."""
        return self._recorder.call_id

    def summary(self) -> CallSummary | None:
        """The current call so far or the latest one, or `None` before the first."""
        return self._recorder.summary()

    def record(
        self,
        name: str,
        value: float,
        *,
        kind: OwnKind = "histogram",
        unit: str = "",
        **attributes: str | float | bool,
    ) -> None:
        """Record one of the application's own numbers, tagged like the rest of the call. Never raises.

        Args:
            name: OTLP name of the metric.
            value: The value in `unit`; added to a counter, the newest of a gauge.
            kind: "histogram", "counter" or "gauge".
            unit: UCUM unit, such as "ms", or a word in braces, such as "{item}"; empty for none.
            **attributes: More attributes of the value.
        """
        self._recorder.record(name, value, kind, unit, attributes)

    def outcome(self, name: str, *, success: bool | None = None) -> None:
        """Say what the call achieved; the last one counts, and it never follows from how the call ends. Never raises.

        Args:
            name: The application's word for it, one of a few, such as "booked": each is a series.
            success: Whether that is a success, or `None` if that is not known.
        """
        self._recorder.outcome(name, success)

    async def on_processor_setup(self, data: Any) -> None:
        """Begin the call with the first processor that is set up; Pipecat tells of it from 1.8.0 on.

        Args:
            data: The processor and how long it took.
        """
        await self._recorder.discover(data.processor)
        self._recorder.was_set_up(data)

    async def on_push_frame(self, data: FramePushed) -> None:
        """Read a frame, once.

        Args:
            data: The frame and its way.
        """
        try:
            frame = data.frame
            if WATCHED[type(frame)] and not is_echo(frame, data.direction) and not self._recorder.has_read(frame):
                await self._read(frame, data.source)
        except Exception as fault:
            logger.warning("A frame was not measured: {!r}", fault)

    async def cleanup(self) -> None:
        """Tell the call's end, within the export timeout."""
        try:
            await self._recorder.conclude()
        finally:
            await super().cleanup()  # type: ignore[no-untyped-call]

    async def _read(self, frame: Frame, source: Any) -> None:
        match frame:
            case StartFrame():
                self._flags = _flags(frame, source)
                await self._recorder.discover(source)
                self._recorder.take(frame)
            case EndFrame() | StopFrame() if self._recorder.call is not None:
                # It is told as it enters the pipeline, ahead of what is still to be said; `cleanup` follows it.
                self._recorder.announce_end(frame)
            case _:
                self._recorder.take(frame)

    async def _announce(self, summary: CallSummary) -> None:
        await self._call_event_handler("on_call_summary", summary)

    async def _tell_over_budget(self, spent_usd: float) -> None:
        await self._call_event_handler("on_budget", spent_usd)


def _flags(frame: StartFrame, source: Any) -> Flags:
    if _SET_UP_WITH_FLAGS:
        return Flags(source.metrics_enabled, source.usage_metrics_enabled, source.report_only_initial_ttfb)
    return Flags(frame.enable_metrics, frame.enable_usage_metrics, frame.report_only_initial_ttfb)
