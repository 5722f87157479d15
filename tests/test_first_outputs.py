"""A service that hears and speaks may measure from the end of the caller's turn to its next audio (Gemini Live)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    FunctionCallFromLLM,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import FunctionCallParams, LLMService
from pipecat.workers.runner import WorkerRunner

from tests.scripted_providers import CHUNK, SAMPLE_RATE, Bench, Speaker, llm_settings
from tests.scripts import Script
from tests.test_services_of_a_call import PLACES, Measure
from tests.virtual_time import in_virtual_time, measure_in_virtual_time


class Live(LLMService):
    """Measures and speaks as Pipecat's service for Gemini Live, whose package is not installed here."""

    def __init__(self) -> None:
        super().__init__(settings=llm_settings())
        self._speaks = False

    def can_generate_metrics(self) -> bool:
        return True

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, UserStoppedSpeakingFrame):
            await self.start_ttfb_metrics()
        elif isinstance(frame, InterruptionFrame):
            await self.stop_all_metrics()
        await self.push_frame(frame, direction)

    async def write(self) -> None:
        """Push a text, which ends no measurement, as OpenAI's service does."""
        await self.push_frame(LLMFullResponseStartFrame())
        await self.push_frame(LLMTextFrame("Nine."))
        await asyncio.sleep(0.2)

    async def speak(self, chunks: int = 1) -> None:
        """Push audio, a chunk each 0.1 s."""
        for _ in range(chunks):
            await self.stop_ttfb_metrics()
            if not self._speaks:
                self._speaks = True
                await self.push_frame(TTSStartedFrame())
                await self.push_frame(LLMFullResponseStartFrame())
            await self.push_frame(TTSAudioRawFrame(CHUNK, SAMPLE_RATE, 1))
            await asyncio.sleep(0.1)

    async def complete_turn(self) -> None:
        self._speaks = False
        await self.push_frame(TTSStoppedFrame())
        await self.push_frame(LLMFullResponseEndFrame())


Live.__module__ = "pipecat.services.google.gemini_live.llm"

Talk = Callable[[PipelineWorker, Live], Awaitable[None]]


async def _begin_turn(line: PipelineWorker) -> None:
    await line.queue_frame(UserStartedSpeakingFrame())
    await asyncio.sleep(1.0)


async def _end_turn(line: PipelineWorker) -> None:
    await line.queue_frame(UserStoppedSpeakingFrame())


async def _ask(line: PipelineWorker) -> None:
    await _begin_turn(line)
    await _end_turn(line)
    await asyncio.sleep(0.5)


async def answers(line: PipelineWorker, model: Live) -> None:
    await _ask(line)
    await model.speak(5)
    await model.complete_turn()


async def answers_before_the_turn_ends(line: PipelineWorker, model: Live) -> None:
    await _begin_turn(line)
    await model.speak(3)
    await _end_turn(line)
    await asyncio.sleep(0.05)
    await model.speak(5)
    await model.complete_turn()


async def answers_all_before_the_turn_ends(line: PipelineWorker, model: Live) -> None:
    for _ in range(2):
        await _begin_turn(line)
        await model.speak(3)
        await model.complete_turn()
        await _end_turn(line)
        await asyncio.sleep(5.0)


async def writes(line: PipelineWorker, model: Live) -> None:
    await _ask(line)
    await model.write()
    await model.push_frame(LLMFullResponseEndFrame())
    await asyncio.sleep(5.0)
    await line.queue_frame(InterruptionFrame())


async def is_interrupted_as_it_writes(line: PipelineWorker, model: Live) -> None:
    await _ask(line)
    await model.write()
    await _begin_turn(line)
    await line.queue_frame(InterruptionFrame())


async def writes_and_then_speaks(line: PipelineWorker, model: Live) -> None:
    await writes(line, model)
    await _ask(line)
    await model.speak(5)
    await model.complete_turn()


async def writes_and_later_speaks_unasked(line: PipelineWorker, model: Live) -> None:
    await _ask(line)
    await model.write()
    await model.push_frame(LLMFullResponseEndFrame())
    await asyncio.sleep(5.0)
    await model.speak(5)
    await model.complete_turn()


async def has_nothing_to_say_and_later_speaks_unasked(line: PipelineWorker, model: Live) -> None:
    await _begin_turn(line)
    await _end_turn(line)
    await model.push_frame(LLMFullResponseStartFrame())
    await asyncio.sleep(0.2)
    await model.push_frame(LLMFullResponseEndFrame())
    await asyncio.sleep(5.0)
    await model.speak(5)
    await model.complete_turn()


async def answers_while_an_interrupted_response_ends(line: PipelineWorker, model: Live) -> None:
    await _begin_turn(line)
    await line.queue_frame(InterruptionFrame())
    await _end_turn(line)
    await asyncio.sleep(0.2)
    await model.push_frame(LLMFullResponseEndFrame())
    await asyncio.sleep(0.3)
    await model.speak(5)
    await model.complete_turn()


async def calls_a_function(line: PipelineWorker, model: Live) -> None:
    async def find_table(params: FunctionCallParams) -> None:
        await asyncio.sleep(3.0)
        await params.result_callback("nine")

    model.register_function("find_table", find_table)
    await _ask(line)
    call = FunctionCallFromLLM(context=LLMContext(), tool_call_id="c", function_name="find_table", arguments={})
    await model.run_function_calls([call])
    await asyncio.sleep(3.5)
    await model.speak(5)
    await model.complete_turn()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("talk", "measured"),
    [
        (answers, 1),
        (answers_before_the_turn_ends, 0),
        (answers_all_before_the_turn_ends, 0),
        (calls_a_function, 0),
        (writes, 1),
        (is_interrupted_as_it_writes, 1),
        (writes_and_then_speaks, 2),
        (writes_and_later_speaks_unasked, 1),
        (has_nothing_to_say_and_later_speaks_unasked, 0),
        (answers_while_an_interrupted_response_ends, 1),
    ],
)
def test_only_a_first_output_behind_the_turns_end_has_a_first_byte(place: str, talk: Talk, measured: int) -> None:
    found = _measured(place, talk)["ttfb"]["by_service"]["llm"]
    assert (found["count"], found["interrupted"]) == (measured, 0)
    if measured:
        assert (found["min_ms"], found["max_ms"]) == pytest.approx((500, 500), abs=1)


async def is_asked_again_before_it_ends(line: PipelineWorker, model: Live) -> None:
    async def find_table(params: FunctionCallParams) -> None:
        await params.result_callback("nine")

    model.register_function("find_table", find_table)
    await model.start_processing_metrics()
    await model.push_frame(LLMFullResponseStartFrame())
    await asyncio.sleep(0.5)
    call = FunctionCallFromLLM(context=LLMContext(), tool_call_id="c", function_name="find_table", arguments={})
    await model.run_function_calls([call])
    await asyncio.sleep(0.1)
    await model.start_processing_metrics()
    await asyncio.sleep(0.001)
    await model.stop_processing_metrics()
    await model.push_frame(LLMFullResponseEndFrame())


async def calls_and_answers_in_one_response(line: PipelineWorker, model: Live) -> None:
    await is_asked_again_before_it_ends(line, model)
    await model.start_processing_metrics()
    await model.speak(5)
    await model.stop_processing_metrics()
    await model.complete_turn()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("talk", "measured"), [(is_asked_again_before_it_ends, 0), (calls_and_answers_in_one_response, 1)]
)
def test_the_end_of_a_response_tells_no_processing_time_of_the_next(place: str, talk: Talk, measured: int) -> None:
    found = _measured(place, talk)["processing"]["by_service"]["llm"]
    assert (found["count"], found["interrupted"]) == (measured, 0)


@in_virtual_time
async def _measured(place: str, talk: Talk) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    measure, model = Measure(place), Live()
    measure_in_virtual_time(measure.it)
    line = PipelineWorker(
        Pipeline(
            [
                model,
                *measure.at("before_output"),
                Speaker(Bench(Script(turns=()))),
                *measure.at("after_output"),
                *measure.at("at_end"),
            ]
        ),
        params=PipelineParams(enable_metrics=True),
        observers=measure.observers,
        enable_rtvi=False,
    )
    started = asyncio.Event()
    line.add_event_handler("on_pipeline_started", lambda worker, frame: started.set())

    async def hold() -> None:
        await started.wait()
        await talk(line, model)
        await asyncio.sleep(1.0)
        await line.queue_frame(EndFrame())

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(line)
    talking = asyncio.create_task(hold())
    await runner.run()
    await talking
    return measure.summary
