"""The processor in real pipelines: every number of a call, every way it can end, and nothing that hurts it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest
from pipecat.bus.messages import BusFrameMessage
from pipecat.bus.serializers import JSONMessageSerializer
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    CancelFrame,
    ControlFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    MetricsFrame,
    StartFrame,
    StopFrame,
    SystemFrame,
    TextFrame,
    TTSAudioRawFrame,
)
from pipecat.metrics.metrics import (
    LLMTokenUsage,
    LLMUsageMetricsData,
    MetricsData,
    TTFBMetricsData,
    TTSUsageMetricsData,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.workers.runner import WorkerRunner

from tests.scripted import DEMO, SHORT, run_call
from tests.store import Store
from tests.waiting import flush, until
from voice_metrics import CallSummary, GrafanaMetricsExporter, VoiceMetricsObserver, VoiceMetricsProcessor
from voice_metrics.ledger import LedgerReader, ledger_at
from voice_metrics.series.table import PROCESS

pytestmark = pytest.mark.slow


@pytest.fixture
def store() -> Store:
    return Store()


class Pass(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Sink(Pass):
    """Keeps what comes through."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[Frame] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        self.frames.append(frame)
        await super().process_frame(frame, direction)


class Twice(FrameProcessor):
    """Delivers metrics twice, and what came before them a second time with them, as SyncParallelPipeline does."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: list[Frame] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, SystemFrame) and not isinstance(frame, StartFrame):
            self._passed.append(frame)
        if isinstance(frame, MetricsFrame):
            passed, self._passed = self._passed, []
            for again in passed:
                await self.push_frame(again, direction)


class Pause(FrameProcessor):
    """Holds metrics back until what came before is long past."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, MetricsFrame):
            await asyncio.sleep(0.04)
        await self.push_frame(frame, direction)


class Passed(ControlFrame):
    """Comes to the end of the pipeline behind everything that was sent before."""


async def run(
    processors: Sequence[FrameProcessor],
    frames: Sequence[Frame] = (),
    *,
    ending: Frame | None = None,
    params: PipelineParams | None = None,
    cancel: bool = False,
) -> PipelineWorker:
    """Run a pipeline from its start to its end."""
    worker = PipelineWorker(
        Pipeline(list(processors)),
        params=params or PipelineParams(enable_metrics=True, enable_usage_metrics=True),
        enable_rtvi=False,
        enable_turn_tracking=False,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")
    async def on_pipeline_started(worker: PipelineWorker, frame: Frame) -> None:
        started.set()

    passed = asyncio.Event()
    worker.set_reached_downstream_filter((Passed,))

    @worker.event_handler("on_frame_reached_downstream")
    async def on_frame_reached_downstream(worker: PipelineWorker, frame: Frame) -> None:
        passed.set()

    async def feed() -> None:
        await asyncio.wait_for(started.wait(), 120)
        await worker.queue_frames(list(frames))
        if cancel:
            # A cancellation overtakes what is under way.
            await worker.queue_frame(Passed())
            await asyncio.wait_for(passed.wait(), 120)
            await worker.cancel()
        else:
            await worker.queue_frame(ending or EndFrame())

    await asyncio.wait_for(asyncio.gather(runner.run(), feed()), 120)
    return worker


def metrics_frame(*items: MetricsData) -> MetricsFrame:
    return MetricsFrame(data=list(items))


def usage(prompt: int, completion: int) -> MetricsFrame:
    tokens = LLMTokenUsage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)
    return metrics_frame(LLMUsageMetricsData(processor="OpenAILLMService#4", model="gpt-4.1", value=tokens))


def ttfb(seconds: float) -> MetricsFrame:
    return metrics_frame(TTFBMetricsData(processor="OpenAILLMService#4", model="gpt-4.1", value=seconds))


def from_another_process(frame: Frame, number: int) -> Frame:
    """The frame as Pipecat's bus brings it from a process that has counted so far."""
    serializer = JSONMessageSerializer()
    message = BusFrameMessage(source="elsewhere", frame=frame, direction=FrameDirection.DOWNSTREAM)
    told = json.loads(serializer.serialize(message))
    told["__data__"]["frame"]["__data__"] |= {"id": number, "name": f"{type(frame).__name__}#{number}"}
    arrived = serializer.deserialize(json.dumps(told).encode())
    assert isinstance(arrived, BusFrameMessage)
    return arrived.frame


def told(metrics: VoiceMetricsProcessor) -> dict[str, Any]:
    summary = metrics.summary()
    assert summary is not None
    return summary.to_dict()


async def test_a_whole_call_is_measured_exactly(store: Store) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    truth = await run_call(DEMO, before_output=[metrics])
    summary = told(metrics)
    assert summary["llm"]["requests"] == truth.inferences
    assert summary["llm"]["prompt_tokens"] == truth.prompt_tokens
    assert summary["llm"]["completion_tokens"] == truth.completion_tokens
    assert summary["llm"]["cache_read_tokens"] == truth.cache_read_tokens
    assert summary["tts"]["characters"] == truth.characters
    assert summary["ttfb"]["count"] + summary["ttfb"]["interrupted"] == sum(truth.ttfb.values())
    assert summary["models"] == {"llm": "mind-1", "stt": "ear-1", "tts": "mouth-1"}
    assert summary["interruptions"] == truth.interruptions
    assert store.total("voice.llm.tokens.total", token_type="prompt") == truth.prompt_tokens
    assert store.total("voice.tts.characters.total") == truth.characters


async def test_every_point_of_a_call_carries_its_tags(store: Store) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry, attributes={"tenant": "acme"}, tts_model="mine")
    await run_call(SHORT, before_output=[metrics])
    tags = {
        "call_id": metrics.call_id,
        "llm_model": "mind-1",
        "stt_model": "ear-1",
        "tts_model": "mine",
        "tenant": "acme",
    }
    of_no_call = {row.name for row in PROCESS}
    points = [(name, has) for name, has, _ in store.points() if name.startswith("voice.") and name not in of_no_call]
    assert len({name for name, _ in points}) > 10
    for name, attributes in points:
        assert tags.items() <= attributes.items(), name
    assert not [
        name for name, attributes, _ in store.points() if name.startswith("gen_ai.") and "call_id" in attributes
    ]


async def test_seconds_become_milliseconds_and_numbers_leave_the_names(store: Store) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    await run([metrics], [ttfb(0.25)])
    found = [(has["processor"], has["model"], value) for name, has, value in store.points() if "ttfb" in name]
    assert found == [("OpenAILLMService", "gpt-4.1", 250.0)]
    assert told(metrics)["ttfb"]["average_ms"] == 250.0


async def test_a_frame_that_is_delivered_twice_counts_once(store: Store) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    await run([Twice(), metrics], [usage(100, 10), ttfb(0.2)])
    assert told(metrics)["llm"]["total_tokens"] == 110
    assert store.total("voice.llm.tokens.total") == 110


async def test_a_frame_of_another_process_counts_under_an_id_that_was_seen(store: Store) -> None:
    metrics, here = VoiceMetricsProcessor(telemetry=store.telemetry), usage(100, 10)
    await run([metrics], [here, from_another_process(usage(50, 5), here.id)])
    assert told(metrics)["llm"]["total_tokens"] == 165


async def test_an_interruption_that_is_delivered_again_later_cuts_nothing(store: Store) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    said = [BotStartedSpeakingFrame(), BotStoppedSpeakingFrame(), InterruptionFrame(), BotStartedSpeakingFrame()]
    await run([Pause(), Twice(), metrics], [*said, ttfb(0.01), BotStoppedSpeakingFrame()])
    assert (told(metrics)["ttfb"]["count"], told(metrics)["ttfb"]["interrupted"]) == (1, 0)
    assert (told(metrics)["turns"], told(metrics)["interruptions"]) == (
        {"completed": 2, "interrupted": 0, "unanswered": 0},
        0,
    )


async def test_calls_one_after_another_have_their_own_numbers(store: Store) -> None:
    ids, totals = set(), []
    for number in range(1, 11):
        metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
        await run([metrics], [usage(number, 0)])
        ids.add(metrics.call_id)
        totals.append(told(metrics)["llm"]["total_tokens"])
    assert totals == list(range(1, 11))
    assert len(ids) == 10
    assert store.total("voice.calls.total") == 10
    assert store.total("voice.calls.active") == 0
    assert store.total("voice.calls.ended.total", end_reason="completed") == 10


async def test_calls_at_the_same_time_have_their_own_numbers(store: Store) -> None:
    calls = [VoiceMetricsProcessor(telemetry=store.telemetry) for _ in range(10)]
    await asyncio.gather(*(run([metrics], [usage(number, 0)]) for number, metrics in enumerate(calls, 1)))
    for number, metrics in enumerate(calls, 1):
        assert told(metrics)["llm"]["total_tokens"] == number
        assert store.total("voice.llm.tokens.total", call_id=metrics.call_id) == number


@pytest.mark.parametrize(
    ("ending", "cancel", "reason"),
    [
        pytest.param(EndFrame, False, "completed", id="end"),
        pytest.param(StopFrame, False, "completed", id="stop"),
        pytest.param(None, True, "cancelled", id="cancel"),
    ],
)
async def test_each_ending_is_announced_once(
    store: Store, log: list[str], ending: type[Frame] | None, cancel: bool, reason: str
) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    summaries: list[CallSummary] = []

    @metrics.event_handler("on_call_summary")
    async def on_call_summary(processor: VoiceMetricsProcessor, summary: CallSummary) -> None:
        summaries.append(summary)

    await run([metrics], [usage(1, 1)], ending=ending() if ending else None, cancel=cancel)
    await until(lambda: summaries)
    # After a StopFrame, Pipecat 1.3.0 leaves this to the processor's owner.
    await metrics.cleanup()
    assert [summary.end_reason for summary in summaries] == [reason]
    assert len([line for line in log if line.startswith(f"INFO Call {metrics.call_id}: ")]) == 1
    assert store.total("voice.calls.ended.total", end_reason=reason) == 1


async def test_the_summary_is_complete_when_the_pipeline_has_finished(store: Store) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    worker = PipelineWorker(Pipeline([metrics]), params=PipelineParams(enable_metrics=True, enable_usage_metrics=True))
    seen: list[dict[str, Any]] = []

    @worker.event_handler("on_pipeline_finished")
    async def on_pipeline_finished(worker: PipelineWorker, frame: Frame) -> None:
        seen.append(told(metrics))

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await worker.queue_frames([ttfb(0.2), usage(7, 3), EndFrame()])
    await asyncio.wait_for(runner.run(), 120)
    assert [(one["ttfb"]["count"], one["llm"]["total_tokens"], one["end_reason"]) for one in seen] == [
        (1, 10, "completed")
    ]


async def test_after_a_stop_the_processor_starts_a_second_call_of_its_own(store: Store) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry, call_id="mine")
    await run([metrics], [usage(1, 0)], ending=StopFrame())
    first = metrics.call_id
    await run([metrics], [usage(2, 0)])
    assert first == "mine"
    assert metrics.call_id != first
    assert told(metrics)["llm"]["total_tokens"] == 2
    assert store.total("voice.calls.ended.total") == 2


async def test_clean_up_without_a_start_announces_no_call(store: Store, log: list[str]) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    await metrics.cleanup()
    assert metrics.summary() is None
    assert log == []


async def test_clean_up_without_an_end_is_an_end_of_unknown_reason(store: Store) -> None:
    class Lazy(Pass):
        """Keeps the CancelFrame, as a processor that hangs does."""

        async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
            await FrameProcessor.process_frame(self, frame, direction)
            if not isinstance(frame, CancelFrame):
                await self.push_frame(frame, direction)

    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    worker = PipelineWorker(Pipeline([Lazy(), metrics]), cancel_timeout_secs=0.2)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    started = asyncio.Event()
    worker.add_event_handler("on_pipeline_started", lambda worker, frame: started.set())

    async def cancel() -> None:
        await asyncio.wait_for(started.wait(), 120)
        await worker.cancel()

    await asyncio.wait_for(asyncio.gather(runner.run(), cancel()), 120)
    assert told(metrics)["end_reason"] == "unknown"


async def test_two_end_frames_are_one_end(store: Store) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    await run([metrics], [usage(1, 0)])
    await metrics.process_frame(EndFrame(), FrameDirection.DOWNSTREAM)
    await metrics.cleanup()
    assert store.total("voice.calls.ended.total") == 1


@pytest.mark.parametrize(
    ("params", "flags"),
    [
        pytest.param(PipelineParams(), ["enable_metrics", "enable_usage_metrics"], id="both-off"),
        pytest.param(PipelineParams(enable_metrics=True), ["enable_usage_metrics"], id="usage-off"),
        pytest.param(
            PipelineParams(enable_metrics=True, enable_usage_metrics=True, report_only_initial_ttfb=True),
            ["report_only_initial_ttfb"],
            id="first-ttfb-only",
        ),
        pytest.param(PipelineParams(enable_metrics=True, enable_usage_metrics=True), [], id="all-well"),
    ],
)
async def test_a_missing_flag_is_named_once_at_the_start(
    store: Store, log: list[str], params: PipelineParams, flags: list[str]
) -> None:
    await run([VoiceMetricsProcessor(telemetry=store.telemetry)], params=params)
    warnings = [line for line in log if line.startswith("WARNING Call")]
    assert len(warnings) == len(flags)
    for flag, warning in zip(flags, warnings, strict=True):
        assert flag in warning


async def test_the_pipelines_call_id_is_taken_from_the_start_frame(store: Store) -> None:
    params = PipelineParams(enable_metrics=True, enable_usage_metrics=True, start_metadata={"call_id": "from-metadata"})
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    uuid.UUID(metrics.call_id)
    await run([metrics], params=params)
    assert metrics.call_id == "from-metadata"


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
async def test_a_blank_call_id_is_none(store: Store, blank: str) -> None:
    metadata = {"call_id": blank}
    params = PipelineParams(enable_metrics=True, enable_usage_metrics=True, start_metadata=metadata)
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry, call_id=blank)
    await run([metrics], params=params)
    uuid.UUID(metrics.call_id)


async def test_refused_values_are_counted_and_the_rest_goes_on(store: Store, log: list[str]) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    frame = metrics_frame(
        *(TTFBMetricsData(processor="L#1", model="m", value=value) for value in (float("nan"), -1.0, 0.2)),
        TTSUsageMetricsData(processor="T#1", model="m", value=2**70),
    )
    await run([metrics], [frame])
    assert (told(metrics)["ttfb"]["count"], told(metrics)["dropped"]) == (1, 3)
    assert store.total("voice.telemetry.dropped.total", reason="bad_value") == 3


async def test_a_fault_costs_one_measurement_not_the_call(store: Store, log: list[str]) -> None:
    class Broken:
        """Items that cannot be read at all."""

        def __iter__(self) -> Any:
            raise RuntimeError("boom")

        def __bool__(self) -> bool:
            return True

    metrics, sink = VoiceMetricsProcessor(telemetry=store.telemetry), Sink()
    broken = [MetricsFrame(data=Broken()) for _ in range(3)]  # type: ignore[arg-type]
    await run([metrics, sink], [*broken, usage(5, 5), TextFrame("still here")])
    assert (told(metrics)["dropped"], told(metrics)["llm"]["total_tokens"]) == (3, 10)
    assert "TextFrame" in [type(frame).__name__ for frame in sink.frames]
    assert len([line for line in log if "boom" in line]) == 1


async def test_speech_that_cannot_be_read_costs_one_measurement_not_the_call(store: Store) -> None:
    class Voice(TTSService):
        async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
            yield None

    speech = [TTSAudioRawFrame(b"\0" * 640, 16000, 1) for _ in range(2)]
    speech[0].num_channels = 0
    metrics, sink = VoiceMetricsProcessor(telemetry=store.telemetry), Sink()
    voice = Voice(settings=TTSSettings(model="voice-1", voice="anna", language=None))
    await run([voice, metrics, sink], speech)
    assert told(metrics)["dropped"] == 1
    assert [frame for frame in sink.frames if isinstance(frame, TTSAudioRawFrame)] == speech


async def test_all_frames_pass_in_order(store: Store) -> None:
    sink = Sink()
    texts = [TextFrame(str(number)) for number in range(200)]
    await run([VoiceMetricsProcessor(telemetry=store.telemetry), sink], texts)
    assert [frame.text for frame in sink.frames if isinstance(frame, TextFrame)] == [str(n) for n in range(200)]
    assert isinstance(sink.frames[0], StartFrame)
    assert isinstance(sink.frames[-1], EndFrame)


async def test_own_numbers_are_tagged_like_the_rest(store: Store) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)

    @metrics.event_handler("on_before_process_frame")
    async def on_frame(processor: FrameProcessor, frame: Frame) -> None:
        if isinstance(frame, TextFrame):
            metrics.record("retrieval.milliseconds", 12.5, unit="ms", index="menu")
            metrics.record("retrieval.milliseconds", float("nan"), unit="ms")

    await run([metrics], [TextFrame("x")])
    assert store.total("retrieval.milliseconds", call_id=metrics.call_id, index="menu") == 12.5
    assert store.total("voice.telemetry.dropped.total", reason="own_metric") == 1


async def test_an_attribute_may_have_the_name_of_a_parameter(store: Store) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    observer = VoiceMetricsObserver(telemetry=store.telemetry)
    own: dict[str, Any] = {"name": "menu", "value": "three", "self": "none"}

    @metrics.event_handler("on_before_process_frame")
    async def on_frame(processor: FrameProcessor, frame: Frame) -> None:
        if isinstance(frame, TextFrame):
            metrics.record("retrieval.milliseconds", 12.5, **own)
            observer.record("retrieval.milliseconds", 12.5, **own)  # before its call, so it is lost

    await run([metrics], [TextFrame("x")])
    points = [has for name, has, _ in store.points() if name == "retrieval.milliseconds"]
    assert [own.items() <= has.items() for has in points] == [True]


def test_an_unknown_keyword_is_an_error() -> None:
    with pytest.raises(TypeError, match="llm_modell"):
        VoiceMetricsProcessor(llm_modell="gpt")  # type: ignore[call-arg]


def test_a_model_that_is_no_text_raises_at_once() -> None:
    with pytest.raises(TypeError, match=r"tts_model=7: expected the name of a model"):
        VoiceMetricsProcessor(tts_model=7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("attributes", "error"),
    [
        pytest.param({"tenant": 7}, TypeError, id="not-text"),
        pytest.param({7: "tenant"}, TypeError, id="name-is-not-text"),
        pytest.param({"call_id": "x"}, ValueError, id="a-reserved-name"),
    ],
)
def test_attributes_are_checked_at_construction(attributes: dict[Any, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match="attributes"):
        VoiceMetricsProcessor(attributes=attributes)


def test_the_exporter_that_bots_know_by_name_is_the_same_processor() -> None:
    exporter = GrafanaMetricsExporter(llm_model="a", stt_model="b", tts_model="c", service_name="bot")
    assert isinstance(exporter, VoiceMetricsProcessor)


async def test_a_call_begun_before_the_last_one_is_concluded_has_its_own_row(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VOICE_METRICS_DB", str(tmp_path / "calls.db"))
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    await run([metrics], [usage(1, 0)], ending=StopFrame())
    first = metrics.call_id
    await run([metrics], [usage(2, 0)])
    ledger = ledger_at(tmp_path / "calls.db", 30)
    flush(ledger)
    with LedgerReader(tmp_path / "calls.db") as reader:
        rows = {call_id: reader.call(call_id).row for call_id in (first, metrics.call_id)}
    ledger.close()
    assert [(row.prompt_tokens, row.end_reason) for row in rows.values()] == [(1, "completed"), (2, "completed")]


async def test_a_value_refused_again_and_again_is_one_line_of_the_log(store: Store, log: list[str]) -> None:
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    await run([metrics], [ttfb(-number) for number in range(1, 20)])
    assert told(metrics)["dropped"] == 19
    assert len([line for line in log if "Refused" in line]) == 1
