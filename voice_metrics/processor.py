"""The processor that a bot appends to its pipeline.

Every frame goes on at once and in order, whatever happens here.
"""

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
from voice_metrics.pipecat.recorder import READ, CallRecorder
from voice_metrics.pipecat.services import Flags
from voice_metrics.pipecat.spending import Budget
from voice_metrics.prices import PriceBook, price_book
from voice_metrics.series.declarations import OwnKind
from voice_metrics.settings.environment import Settings
from voice_metrics.telemetry import Telemetry


class VoiceMetricsProcessor(FrameProcessor):
    """Measures the calls of the pipeline that it stands in.

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
        """Make a processor; the environment is read here, the first call begins when its pipeline is set up.

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
            name: Pipecat's name of the processor, or `None` for its class and a number.

        Raises:
            SettingsError: If the user's own prices cannot be used.
            TypeError: If an argument has another type than it should have; a name or an attribute is text.
            ValueError: If an attribute has the name of a label that series have already, or the budget is not more
                than 0.
        """
        # A processor with queues of its own lets system frames overtake the others; this one keeps their order.
        super().__init__(name=name, enable_direct_mode=True)
        options = Options.checked({Leg.LLM: llm_model, Leg.STT: stt_model, Leg.TTS: tts_model}, call_id, attributes)
        # A traceback that shows the variables of its lines must not show the environment: it is read behind this one.
        settings = Settings.of_process()
        self._recorder = CallRecorder(
            options,
            destination(telemetry, service_name),
            price_book(prices, settings.price_variables),
            settings,
            self._announce,
            lambda: Flags(self.metrics_enabled, self.usage_metrics_enabled, self.report_only_initial_ttfb),
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

    def link(self, processor: FrameProcessor) -> None:
        """Listen to the processors in front, which may fail to connect before this one is set up.

        Args:
            processor: The next processor.
        """
        super().link(processor)
        self._recorder.listen_in_front(self)

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]  # as FrameProcessor does
        """Find the pipeline's services and begin the call.

        Args:
            setup: Pipecat's set-up.
        """
        await super().setup(setup)
        await self._recorder.discover(setup)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Read a frame and pass it on.

        Args:
            frame: Any frame.
            direction: Its direction.
        """
        await super().process_frame(frame, direction)
        if READ[type(frame)]:
            self._recorder.passes(frame)
        # Pipecat waits for ever for an EndFrame that a processor keeps.
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        """Tell the call's end, within the export timeout."""
        try:
            await self._recorder.conclude()
        finally:
            await super().cleanup()  # type: ignore[no-untyped-call]

    async def _announce(self, summary: CallSummary) -> None:
        await self._call_event_handler("on_call_summary", summary)

    async def _tell_over_budget(self, spent_usd: float) -> None:
        await self._call_event_handler("on_budget", spent_usd)


class GrafanaMetricsExporter(VoiceMetricsProcessor):
    """`VoiceMetricsProcessor` under the name that existing bots use."""
