"""Pipecat's frames are read right, whichever version made them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from pipecat.frames import frames
from pipecat.frames.frames import (
    BotSpeakingFrame,
    BotStartedSpeakingFrame,
    ErrorFrame,
    Frame,
    FunctionCallCancelFrame,
    FunctionCallInProgressFrame,
    FunctionCallResultFrame,
    FunctionCallResultProperties,
    FunctionCallsStartedFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMRunFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallFromLLM, FunctionCallParams, LLMService
from pipecat.workers.runner import WorkerRunner

from tests.store import Store
from voice_metrics.call.errors import ErrorRaised, Failures
from voice_metrics.call.events import (
    BotSpeaking,
    BotStarted,
    Interruption,
    UserStopped,
    VoiceStarted,
    VoiceStopped,
)
from voice_metrics.call.facts import Failed
from voice_metrics.call.functions import FunctionAnswered, FunctionDropped, FunctionRaised, FunctionRunning
from voice_metrics.pipecat.conversation_frames import RESULTS_NAME_ERRORS, event, function_raised, is_echo, reads
from voice_metrics.processor import VoiceMetricsProcessor

END: Any = getattr(frames, "EndWorkerFrame", None) or frames.EndTaskFrame  # renamed in 1.4.0
RUNNING = {"function_name": "book", "tool_call_id": "call_1", "arguments": {}}


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        pytest.param(BotStartedSpeakingFrame(), BotStarted(), id="bot-starts"),
        pytest.param(BotSpeakingFrame(), BotSpeaking(), id="bot-speaks-on"),
        pytest.param(UserStoppedSpeakingFrame(), UserStopped(), id="caller-stops"),
        pytest.param(VADUserStartedSpeakingFrame(), VoiceStarted(0.0), id="voice-is-heard"),
        pytest.param(
            VADUserStartedSpeakingFrame(start_secs=0.2), VoiceStarted(0.2), id="voice-was-heard-for-long-enough"
        ),
        pytest.param(VADUserStoppedSpeakingFrame(stop_secs=0.3), VoiceStopped(0.3), id="silence-is-certain"),
        pytest.param(VADUserStoppedSpeakingFrame(), VoiceStopped(0.0), id="silence-is-reported-at-once"),
        pytest.param(InterruptionFrame(), Interruption(), id="interruption"),
        pytest.param(FunctionCallsStartedFrame([]), None, id="functions-are-asked-for-but-do-not-run-yet"),
        pytest.param(InputAudioRawFrame(b"", 16000, 1), None, id="audio"),
    ],
)
def test_what_a_frame_says(frame: Any, expected: object) -> None:
    assert event(frame) == expected


def test_the_twins_of_an_interruption_have_one_number() -> None:
    down, up = InterruptionFrame(), InterruptionFrame()
    down.broadcast_sibling_id, up.broadcast_sibling_id = up.id, down.id

    told = [event(frame) for frame in (down, up)]

    assert [one.number for one in told if isinstance(one, Interruption)] == [down.id, down.id]


def test_a_subclass_says_what_its_base_says() -> None:
    @dataclass
    class Own(BotStartedSpeakingFrame):
        pass

    assert event(Own()) == BotStarted()
    assert reads(Own)
    assert not reads(InputAudioRawFrame)


def test_the_two_directions_of_a_broadcast_are_one_frame() -> None:
    down, up = FunctionCallInProgressFrame(**RUNNING), FunctionCallInProgressFrame(**RUNNING)
    down.broadcast_sibling_id, up.broadcast_sibling_id = up.id, down.id

    assert event(down) == event(up)
    assert is_echo(up, FrameDirection.UPSTREAM)
    assert not is_echo(down, FrameDirection.DOWNSTREAM)
    assert not is_echo(BotStartedSpeakingFrame(), FrameDirection.UPSTREAM)


class Item:
    timeout_secs = 2.5


class Model:
    """What the door reads of a language model."""

    def __init__(self, functions: dict[str | None, Item], timeout: float | None) -> None:
        self._functions = functions
        self._function_call_timeout_secs = timeout


@pytest.mark.parametrize(
    ("model", "seconds"),
    [
        pytest.param(Model({"book": Item(), None: object()}, 10.0), 2.5, id="the-functions-own"),
        pytest.param(Model({None: Item()}, 10.0), 2.5, id="of-the-function-for-all-names"),
        pytest.param(Model({}, 10.0), 10.0, id="the-services"),
        pytest.param(Model({}, None), None, id="none"),
        pytest.param(object(), None, id="of-a-model-that-does-not-say"),
        pytest.param(None, None, id="of-an-unknown-model"),
    ],
)
def test_a_functions_deadline(model: object, seconds: float | None) -> None:
    running = event(FunctionCallInProgressFrame(**RUNNING), model)

    assert isinstance(running, FunctionRunning)
    assert (running.call_id, running.function, running.deadline_seconds) == ("call_1", "book", seconds)


@pytest.mark.parametrize(
    ("registered", "told"),
    [
        pytest.param(["book"], True, id="under-its-name"),
        pytest.param(["book", None], True, id="under-its-name-beside-one-for-all-names"),
        pytest.param(["pay", None], None, id="by-one-for-all-names"),
        pytest.param(["pay"], False, id="another-one"),
        pytest.param([], False, id="none"),
    ],
)
def test_whether_a_function_is_registered(registered: list[str | None], told: bool | None) -> None:
    model = LLMService()
    for name in registered:
        model.register_function(name, _book)
    frame = FunctionCallInProgressFrame(**RUNNING)

    running = event(frame, model)

    assert isinstance(running, FunctionRunning)
    assert running.registered is told


def test_of_an_unknown_model_no_function_counts_as_unregistered() -> None:
    for model in (None, object()):
        frame = FunctionCallInProgressFrame(**RUNNING)
        assert event(frame, model) == FunctionRunning(frame.id, "call_1", "book", None, None)


async def _book(params: FunctionCallParams) -> None:
    await params.result_callback("booked")


class Mind(LLMService):
    """Calls functions of all the names at once."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names = names

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMRunFrame):
            context = LLMContext()
            await self.run_function_calls(
                [
                    FunctionCallFromLLM(function_name=name, tool_call_id=f"call_{name}", arguments={}, context=context)
                    for name in self._names
                ]
            )
        else:
            await self.push_frame(frame, direction)


class Counter(FrameProcessor):
    """Ends the call after so many results."""

    def __init__(self, results: int) -> None:
        super().__init__()
        self._left = results

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, FunctionCallResultFrame):
            self._left -= 1
            if not self._left:
                await self.push_frame(END(), FrameDirection.UPSTREAM)


@pytest.mark.parametrize(
    ("registered", "expected"),
    [
        pytest.param(["book"], {("book", "completed"): 1, ("unknown", "failed"): 60}, id="made-up-names"),
        pytest.param(
            ["book", None],
            {("book", "completed"): 1, ("other", "completed"): 10}
            | {(f"made_up_{number}", "completed"): 1 for number in range(50)},
            id="made-up-names-that-one-function-answers",
        ),
    ],
)
async def test_a_model_cannot_start_a_series_for_every_name_it_makes_up(
    registered: list[str | None], expected: dict[tuple[str, str], int]
) -> None:
    names = [*(f"made_up_{number}" for number in range(60)), "book"]
    store, mind = Store(), Mind(names)
    for name in registered:
        mind.register_function(name, _book)
    metrics = VoiceMetricsProcessor(telemetry=store.telemetry)
    worker = PipelineWorker(Pipeline([mind, metrics, Counter(len(names))]), enable_rtvi=False)
    await worker.queue_frame(LLMRunFrame())
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    async with asyncio.timeout(120):
        await runner.run()

    assert {
        (point.attributes["function"], point.attributes["outcome"]): point.value
        for point in store.of("voice.function_calls.total")
    } == expected


def test_a_result_settles_only_when_it_is_final() -> None:
    progress = FunctionCallResultProperties(is_final=False)
    final = FunctionCallResultFrame(result={"found": 1}, **RUNNING)
    nothing = FunctionCallResultFrame(result=None, **RUNNING)

    assert event(FunctionCallResultFrame(result="half", properties=progress, **RUNNING)) is None
    assert event(final) == FunctionAnswered(final.id, "call_1", "book")
    assert event(nothing) == FunctionAnswered(nothing.id, "call_1", "book", empty=True, asks_model=False)


@pytest.mark.parametrize(
    ("result", "failed"),
    [
        pytest.param({"status": "error", "error": "no database"}, True, id="flows-caught-an-exception"),
        pytest.param("Error calling mcp tool book: connection closed", True, id="mcp-client-caught-an-exception"),
        pytest.param("Error executing tool book: no database", True, id="mcp-server-caught-an-exception"),
        pytest.param("Sorry, could not call the mcp tool", True, id="mcp-server-gave-no-text"),
        pytest.param({"status": "acknowledged"}, False, id="flows-without-a-result"),
        pytest.param({"error": "no table is free"}, False, id="answer-about-an-error"),
        pytest.param("Error executing tool cancel: no database", False, id="words-about-another-function"),
        pytest.param(["error"], False, id="list"),
    ],
)
def test_result_that_stands_for_an_exception_is_a_failure(result: Any, failed: bool) -> None:
    frame = FunctionCallResultFrame(result=result, **RUNNING)

    assert event(frame) == FunctionAnswered(frame.id, "call_1", "book", failed=failed)


@pytest.mark.parametrize(
    ("of_frame", "of_properties", "asks_model"),
    [
        pytest.param(None, None, True, id="a-result-asks-the-model-to-go-on"),
        pytest.param(None, False, False, id="unless-the-function-says-no"),
        pytest.param(False, None, False, id="or-its-frame"),
        pytest.param(False, True, True, id="the-functions-word-counts"),
    ],
)
def test_whether_a_result_asks_the_model(of_frame: bool | None, of_properties: bool | None, asks_model: bool) -> None:
    properties = FunctionCallResultProperties(run_llm=of_properties)
    frame = FunctionCallResultFrame(result={"found": 1}, run_llm=of_frame, properties=properties, **RUNNING)

    assert event(frame) == FunctionAnswered(frame.id, "call_1", "book", asks_model=asks_model)


@pytest.mark.skipif(not RESULTS_NAME_ERRORS, reason="this Pipecat's results name no errors")
def test_a_result_that_names_an_error_failed() -> None:
    frame = FunctionCallResultFrame(result="sorry", **RUNNING)
    frame.error = "no such table"

    assert event(frame) == FunctionAnswered(frame.id, "call_1", "book", failed=True)
    assert function_raised(ErrorFrame("Error executing function call [book]: no such table")) is None


@pytest.mark.skipif(RESULTS_NAME_ERRORS, reason="this Pipecat's results name the error")
def test_before_results_named_errors_the_error_names_the_function() -> None:
    frame = ErrorFrame("Error executing function call [book]: no such table")

    assert function_raised(frame) == FunctionRaised(frame.id, "book")
    assert function_raised(ErrorFrame("the line is dead")) is None


def test_inference_after_a_cancelled_call_means_that_it_ran_out_of_time() -> None:
    frame = FunctionCallCancelFrame(function_name="book", tool_call_id="call_1")
    assert event(frame) == FunctionDropped(frame.id, "call_1", "book")

    frame.run_llm = True  # since the version whose timeouts cancel
    assert event(frame) == FunctionDropped(frame.id, "call_1", "book", timed_out=True)


@pytest.mark.skipif(not hasattr(frames, "ExternalFunctionCallInProgressFrame"), reason="not in this Pipecat")
def test_calls_of_another_workers_model_are_function_calls_too() -> None:
    running = frames.ExternalFunctionCallInProgressFrame(**RUNNING)
    half = frames.ExternalFunctionCallResultFrame(result="half", is_final=False, **RUNNING)
    whole = frames.ExternalFunctionCallResultFrame(result="all", **RUNNING)

    assert event(running) == FunctionRunning(running.id, "call_1", "book")
    assert event(half) is None
    assert event(whole) == FunctionAnswered(whole.id, "call_1", "book")


def test_an_error_is_its_processor_and_category_and_never_its_text() -> None:
    frame = ErrorFrame("key sk-123 was refused", processor=FrameProcessor())
    told = event(frame)

    assert frame.processor is not None
    assert told == ErrorRaised(frame.id, "FrameProcessor", "unknown", instance=frame.processor.name)
    assert "sk-123" not in repr(told)


def test_an_error_of_unknown_origin_is_an_event_with_its_fatality() -> None:
    harmless, fatal = ErrorFrame("refused"), ErrorFrame("refused")
    fatal.fatal = True

    assert event(harmless) == ErrorRaised(harmless.id, "unknown", "unknown")
    assert event(fatal) == ErrorRaised(fatal.id, "unknown", "unknown", fatal=True)


@pytest.mark.skipif(not hasattr(frames, "ErrorCategory"), reason="this Pipecat's errors have no category")
def test_an_error_has_pipecats_category() -> None:
    frame, source = ErrorFrame("refused", category=frames.ErrorCategory.AUTHENTICATION), FrameProcessor()

    assert event(frame, source) == ErrorRaised(frame.id, "FrameProcessor", "authentication", instance=source.name)


def test_an_error_that_is_reported_from_two_places_is_one() -> None:
    failures, told = Failures(), event(ErrorFrame("the line is dead", processor=FrameProcessor()))

    assert failures.observe(told) == (Failed("FrameProcessor", "unknown"),)
    assert failures.observe(told) == ()
    assert failures.observe(BotStarted()) == ()


def test_an_error_beside_a_models_responses_is_none_of_them() -> None:
    model = FrameProcessor()
    texts = (
        "refused",
        "Error executing function call [book]: no table",
        "Error generating context summary: no messages",
        "Context summarization timed out after 20s",
    )
    raised = [event(ErrorFrame(text, processor=model)) for text in texts]

    assert [one.instance for one in raised if isinstance(one, ErrorRaised)] == [model.name, "", "", ""]
