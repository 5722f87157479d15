"""The processor that a bot appends to its pipeline. Every frame passes at once and in order."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from os import PathLike
from typing import Any

from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor, FrameProcessorSetup

from voice_metrics.call.facts import Leg
from voice_metrics.call.summary import CallSummary
from voice_metrics.pipecat.options import Options, destination
from voice_metrics.pipecat.recorder import CallRecorder
from voice_metrics.pipecat.services import Flags
from voice_metrics.pipecat.spending import Budget
from voice_metrics.prices import PriceBook, price_book
from voice_metrics.series.declarations import OwnKind
from voice_metrics.settings.environment import Settings
from voice_metrics.telemetry import Telemetry


class VoiceMetricsProcessor(FrameProcessor):
    """Measures the calls of its pipeline.

    Place it after the text-to-speech service and before `transport.output()`; after the output and at the
    very end of the pipeline work too. Its numbers go to OpenTelemetry as series that carry the call's id,
    and to the log as a summary when the call ends.

    Event handlers available:

    - on_call_summary: Called with the `CallSummary` once a call has ended.
    - on_budget: Called with the US dollars spent, once, when the priced usage of a call reaches `budget_usd`.

    Example::

        metrics = VoiceMetricsProcessor()
        pipeline = Pipeline([transport.input(), stt, user_aggregator, llm, tts,
                             metrics_logger, metrics, transport.output(), assistant_aggregator])

        @metrics.event_handler("on_call_summary")
        async def on_call_summary(processor, summary):
            ...
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
        """Make a processor and read the environment; the first call begins when its pipeline is set up.

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
            name: Pipecat's name of the processor, or `None` for its class and a number.

        Raises:
            SettingsError: The user's own prices cannot be used.
            TypeError: An argument has a wrong type; names and attributes are text.
            ValueError: An attribute has the name of a label that series already have, or the budget is not positive.
        """
        # Direct mode has no queue: queues would let system frames overtake the others.
        super().__init__(name=name, enable_direct_mode=True)
        options = Options.checked({Leg.LLM: llm_model, Leg.STT: stt_model, Leg.TTS: tts_model}, call_id, attributes)
        # Read the environment in another frame: tracebacks with local variables must not show its secrets.
        settings = Settings.of_process()
        self._recorder = CallRecorder(
            options,
            destination(telemetry, service_name),
            price_book(prices, settings.price_variables),
            settings,
            self._run_summary_handlers,
            lambda: Flags(self.metrics_enabled, self.usage_metrics_enabled, self.report_only_initial_ttfb),
            budget=Budget(budget_usd),
            over_budget=self._run_budget_handlers,
        )
        self._readers = self._recorder.readers
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

    def link(self, processor: FrameProcessor) -> None:
        """Link to the next processor, and listen to those in front, which may fail before this one's set-up."""
        super().link(processor)
        self._recorder.listen_in_front(self)

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]  # as FrameProcessor does
        """Find the pipeline's services and begin the call."""
        await super().setup(setup)
        await self._recorder.discover(setup)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Read a frame and pass it on."""
        await super().process_frame(frame, direction)
        try:
            if (read := self._readers[type(frame)]) is not None:
                read(frame)
        except Exception as fault:
            self._recorder.faulted(type(frame).__name__, fault)
        # Pipecat waits forever for an EndFrame that a processor does not pass on.
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """End the call, within the export timeout."""
        try:
            await self._recorder.conclude()
        finally:
            await super().cleanup()  # type: ignore[no-untyped-call]

    async def _run_summary_handlers(self, summary: CallSummary) -> None:
        await self._call_event_handler("on_call_summary", summary)

    async def _run_budget_handlers(self, spent_usd: float) -> None:
        await self._call_event_handler("on_budget", spent_usd)


class GrafanaMetricsExporter(VoiceMetricsProcessor):
    """`VoiceMetricsProcessor` under the name in existing bots."""
