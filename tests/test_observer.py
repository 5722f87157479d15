"""The observer for bots whose code is not touched: attached from outside, harmless, complete."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger
from pipecat.frames.frames import EndFrame, TTSSpeakFrame
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.worker import PipelineWorker

import voice_metrics.setup_file
from tests.local_providers import Answer, FakeOpenAI
from tests.scripted import Script, Turn, run_call, scripted_call
from tests.test_placements import happened, told
from tests.test_services_of_a_call import USAGE, Measure, asked_once, call, openai
from voice_metrics.call.summary import CallSummary
from voice_metrics.observer import VoiceMetricsObserver
from voice_metrics.processor import VoiceMetricsProcessor
from voice_metrics.settings.environment import Settings

pytestmark = pytest.mark.slow

SHORT = Script(turns=(Turn("hello there"),), farewell="Goodbye.")
SETUP_FILE = Path(voice_metrics.setup_file.__file__)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is logged at INFO and above."""
    said: list[str] = []
    sink = logger.add(lambda message: said.append(message.record["message"]), level="INFO")
    yield said
    logger.remove(sink)


async def test_a_bot_is_measured_without_a_change_to_its_code(
    monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    monkeypatch.setenv("PIPECAT_SETUP_FILES", str(SETUP_FILE))

    truth = await run_call(SHORT)

    (summary,) = [line for line in lines if "turns" in line and "TTS characters" in line]
    assert f"{truth.turns['completed']} completed, 0 interrupted" in summary
    assert f"TTS characters {truth.characters}" in summary
    # Pipecat warns of a function that it looks for in a setup file and does not find.
    assert [line for line in lines if "setup file" in line] == []


async def test_a_bot_with_its_own_processor_is_not_measured_twice(
    monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    monkeypatch.setenv("PIPECAT_SETUP_FILES", str(SETUP_FILE))

    await run_call(SHORT, before_output=[VoiceMetricsProcessor()])

    assert sum("begins" in line for line in lines) == 1


async def test_of_two_workers_the_one_that_talks_to_the_caller_is_observed(
    monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    monkeypatch.setenv("PIPECAT_SETUP_FILES", str(SETUP_FILE))

    await run_call(SHORT, beside_mind=())

    assert sum("begins" in line for line in lines) == 1


async def test_an_unusable_setting_is_logged_and_the_call_is_measured(
    monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    monkeypatch.setenv("PIPECAT_SETUP_FILES", str(SETUP_FILE))
    monkeypatch.setenv("VOICE_METRICS_EXPORT_TIMEOUT", "soon")

    truth = await run_call(SHORT)

    assert truth.turns["completed"] == 2
    assert any("Call" in line and "begins" in line for line in lines)
    assert not any("not measured" in line for line in lines)
    assert Settings.of_process().advice[0].startswith("VOICE_METRICS_EXPORT_TIMEOUT='soon'")


async def test_observer_that_is_added_to_a_running_worker_measures_the_rest() -> None:
    measure = Measure("observer")
    async with FakeOpenAI(Answer(usage=USAGE)) as server:
        llm = openai(server)
        ask = asked_once(llm, out_of_band=False)

        async def ask_observed(line: PipelineWorker) -> None:
            (observer,) = measure.observers
            line.add_observer(observer)
            await ask(line)

        await call(Measure("nowhere"), [llm], ask_observed)

    assert measure.summary["llm"]["total_tokens"] == USAGE["total_tokens"]
    assert measure.summary["end_reason"] == "completed"


async def test_it_has_the_processors_parameters() -> None:
    def parameters(kind: type) -> list[inspect.Parameter]:
        return list(inspect.signature(kind).parameters.values())

    assert parameters(VoiceMetricsObserver) == parameters(VoiceMetricsProcessor)
    with pytest.raises(TypeError):
        VoiceMetricsObserver(modle="misspelt")  # type: ignore[call-arg]


async def test_the_summary_is_announced_once_and_complete() -> None:
    observer = VoiceMetricsObserver(call_id="call-7", llm_model="mine", attributes={"tenant": "acme"})
    announced: list[CallSummary] = []
    observer.add_event_handler("on_call_summary", lambda _, summary: announced.append(summary))

    truth = await run_call(SHORT, observers=[observer])

    assert [told(summary) for summary in announced] == [happened(truth, "completed")]
    assert announced[0].to_dict()["models"] == {"llm": "mine", "stt": "ear-1", "tts": "mouth-1"}
    assert (observer.call_id, announced[0].attributes) == ("call-7", {"tenant": "acme"})


async def test_speech_that_is_still_being_made_when_the_end_is_announced_counts() -> None:
    observer = VoiceMetricsObserver()
    slow = Script(turns=(Turn("hello there"),), farewell="Thank you for calling.", synthesis_seconds=0.8)

    truth = await run_call(slow, observers=[observer])

    assert truth.turns["completed"] == 2
    assert told(observer.summary()) == happened(truth, "completed")


async def test_a_fault_costs_one_measurement_and_not_the_observer() -> None:
    observer = VoiceMetricsObserver()
    broken = TTSSpeakFrame("hi")
    end = EndFrame()

    # A push without the fields that Pipecat gives it.
    await observer.on_push_frame(FramePushed(None, None, None, None, 0))  # type: ignore[arg-type]
    await observer.on_push_frame(FramePushed(None, None, broken, None, 0))  # type: ignore[arg-type]
    await observer.on_push_frame(FramePushed(None, None, end, None, 0))  # type: ignore[arg-type]
    await observer.cleanup()

    assert observer.summary() is None


async def test_observing_a_frame_never_waits() -> None:
    observer, other = VoiceMetricsObserver(), asyncio.Event()
    call = scripted_call(SHORT, observers=[Stopwatch(observer, other)])

    truth = await call.run()

    assert not other.is_set()
    assert told(observer.summary()) == happened(truth, "completed")


class Stopwatch(BaseObserver):
    """Passes frames on and notes whether another task could run in between."""

    def __init__(self, inner: VoiceMetricsObserver, waited: asyncio.Event) -> None:
        super().__init__(observe_every_push=False)
        self._inner, self._waited = inner, waited

    async def on_push_frame(self, data: FramePushed) -> None:
        turn = self._inner.on_push_frame(data)
        try:
            turn.send(None)
        except StopIteration:
            return
        self._waited.set()

    async def cleanup(self) -> None:
        await self._inner.cleanup()
        await super().cleanup()
