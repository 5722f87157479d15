"""The same call measured from every place gives the same integers, and they are the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pipecat.frames.frames import EndFrame, Frame, TTSSpeakFrame
from pipecat.pipeline.parallel_pipeline import ParallelPipeline
from pipecat.pipeline.sync_parallel_pipeline import SyncParallelPipeline
from pipecat.pipeline.worker import PipelineParams
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from tests.every_place import PLACES as EVERY_PLACE
from tests.every_place import measured_everywhere
from tests.scripted import DEMO, SHORT, Script, ScriptedCall, Tool, Truth, Turn, knows, run_call
from tests.scripted_providers import GIVE_UP_SECONDS
from tests.test_services_of_a_call import Silent
from tests.virtual_time import in_virtual_time, measure_in_virtual_time, meter_at
from voice_metrics.call.summary import CallSummary
from voice_metrics.observer import VoiceMetricsObserver
from voice_metrics.processor import VoiceMetricsProcessor

pytestmark = pytest.mark.slow

PLACES = ("before_output", "after_output", "at_end")
RESUMED = Script(
    turns=(
        Turn("book me a table", think_seconds=GIVE_UP_SECONDS),
        Turn("I mean two tables", resumes=True, reply=("Two tables it is.",)),
    ),
)
FAREWELL = Script(
    greeting="Hello.",
    turns=(Turn("please hang up", tools=(Tool("hang_up", outcome="failed", seconds=0.01),)),),
    farewell="Goodbye and have a nice day.",
)
# Long enough that the transcript comes well before its end on a busy machine too.
LONG = ("Hello.", "There is much to say.", "And more.", "And still more.")
UNHEARD = Script(
    turns=(Turn("hello there", reply=LONG), Turn("no", barges_in=True, reply=("Sorry.",))), voice_activity=False
)


class Pass(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


def told(summary: CallSummary | None) -> dict[str, Any]:
    """The integers of a summary, and the audio seconds, which are sums of exact ones."""
    assert summary is not None
    story = summary.to_dict()
    return {
        "end_reason": story["end_reason"],
        "requests": story["llm"]["requests"],
        "prompt": story["llm"]["prompt_tokens"],
        "completion": story["llm"]["completion_tokens"],
        "total": story["llm"]["total_tokens"],
        "cached": story["llm"]["cache_read_tokens"],
        "characters": story["tts"]["characters"],
        "audio_seconds": story["stt"]["audio_seconds"] and round(story["stt"]["audio_seconds"], 6),
        "latencies": sum(story[kind]["count"] + story[kind]["interrupted"] for kind in ("ttfb", "processing")),
        "cut": sum(story[kind]["interrupted"] for kind in ("ttfb", "processing")),
        "responses": story["response"]["count"],
        "turns": {outcome: story["turns"][outcome] for outcome in ("completed", "interrupted")},
        "interruptions": story["interruptions"],
        "functions": {outcome: count for outcome, count in story["function_calls"].items() if count},
        "errors": story["errors"],
        "dropped": story["dropped"],
    }


def happened(truth: Truth, end_reason: str) -> dict[str, Any]:
    """The expected result of `told`."""
    functions: dict[str, int] = {}
    for (_, outcome), count in truth.functions.items():
        functions[outcome] = functions.get(outcome, 0) + count
    return {
        "end_reason": end_reason,
        "requests": truth.inferences,
        "prompt": truth.prompt_tokens,
        "completion": truth.completion_tokens,
        "total": truth.prompt_tokens + truth.completion_tokens,
        "cached": truth.cache_read_tokens,
        "characters": truth.characters,
        "audio_seconds": round(truth.audio_seconds, 6) if knows("STTUsageMetricsData") else None,
        "latencies": truth.ttfb.total() + truth.processing.total(),
        "cut": truth.cut,
        "responses": len(truth.responses),
        "turns": {"completed": truth.turns["completed"], "interrupted": truth.turns["interrupted"]},
        "interruptions": truth.interruptions,
        "functions": functions,
        "errors": truth.errors.total(),
        "dropped": 0,
    }


@pytest.mark.parametrize("place", [*PLACES, "observers"])
@pytest.mark.parametrize(
    ("script", "end_reason"),
    [
        pytest.param(DEMO, "cancelled", id="barge-in-tools-switched-recognition-cut-off"),
        pytest.param(RESUMED, "completed", id="caller-goes-on-while-the-model-thinks"),
        pytest.param(FAREWELL, "completed", id="function-raises-and-farewell-is-queued-with-the-end"),
        pytest.param(UNHEARD, "completed", id="no-voice-activity-detector"),
    ],
)
@in_virtual_time
async def test_every_number_is_true_in_every_place(script: Script, end_reason: str, place: str) -> None:
    metrics = meter_at(place)

    truth = await run_call(script, **{place: [metrics]})

    assert told(metrics.summary()) == happened(truth, end_reason)


@in_virtual_time
async def test_one_call_gives_identical_integers_in_all_places_and_to_the_observer() -> None:
    places = {place: measure_in_virtual_time(VoiceMetricsProcessor()) for place in PLACES}
    observer = measure_in_virtual_time(VoiceMetricsObserver())

    truth = await run_call(DEMO, observers=[observer], **{place: [metrics] for place, metrics in places.items()})

    expected = happened(truth, "cancelled")
    assert [told(metrics.summary()) for metrics in (*places.values(), observer)] == [expected] * 4


@in_virtual_time
async def test_the_demo_has_what_the_script_says() -> None:
    metrics = measure_in_virtual_time(VoiceMetricsProcessor())

    truth = await run_call(DEMO, at_end=[metrics])

    # Every turn of the caller interrupts, most of them a silent bot.
    assert (truth.interruption_frames, truth.interruptions) == (5, 1)
    assert truth.turns["interrupted"] == 2  # the caller's barge-in, and the end of the call in mid-sentence
    assert dict(truth.functions) == {("find_table", "completed"): 1, ("slow_search", "timed_out"): 1}
    assert truth.errors.total() == 1
    assert told(metrics.summary())["functions"] == {"completed": 1, "timed_out": 1}


@in_virtual_time
async def test_response_times_are_the_callers_waits() -> None:
    metrics = measure_in_virtual_time(VoiceMetricsProcessor())
    turns = (Turn("hello there"), Turn("goodbye", think_seconds=0.8))

    truth = await run_call(Script(turns=turns, stop_seconds=1.0), before_output=[metrics])

    response = metrics.summary().to_dict()["response"]
    waits_ms = [1000 * wait for wait in truth.responses]
    assert response["min_ms"] == pytest.approx(min(waits_ms), abs=1)
    assert response["max_ms"] == pytest.approx(max(waits_ms), abs=1)
    assert response["average_ms"] == pytest.approx(sum(waits_ms) / len(waits_ms), abs=1)


def _behind_branches(voice: list[FrameProcessor]) -> list[FrameProcessor]:
    return [ParallelPipeline(voice, [Pass()])]


def _behind_synchronous_branches(voice: list[FrameProcessor]) -> list[FrameProcessor]:
    return [*voice, SyncParallelPipeline([Pass()], [Pass()])]


@pytest.mark.parametrize(
    "around",
    [
        pytest.param(_behind_branches, id="services-in-a-parallel-pipeline"),
        pytest.param(_behind_synchronous_branches, id="frames-come-twice-behind-a-synchronous-one"),
    ],
)
@pytest.mark.parametrize("place", ["before_output", "at_end", "observers"])
@in_virtual_time
async def test_branches_neither_hide_nor_double(
    around: Callable[[list[FrameProcessor]], list[FrameProcessor]], place: str
) -> None:
    # Pipecat's SyncParallelPipeline keeps the EndFrame of such a call for ever, with or without us.
    # The model answers at once: a synchronous one delivers the turn's interruption again with the model's first frame.
    quick = 0.001
    script = Script(
        turns=(
            Turn("what is free tonight", tools=(Tool("find_table"),), think_seconds=quick),
            Turn("thank you", think_seconds=quick),
        ),
        ending="cancel",
    )
    metrics = meter_at(place)

    truth = await run_call(script, around=around, **{place: [metrics]})

    assert told(metrics.summary()) == happened(truth, "cancelled")


@in_virtual_time
async def test_inside_a_branch_it_counts_once() -> None:
    inside = measure_in_virtual_time(VoiceMetricsProcessor())

    truth = await run_call(
        Script(turns=(Turn("hello there"),)), around=lambda voice: [ParallelPipeline([*voice, inside], [Pass()])]
    )

    assert told(inside.summary()) == happened(truth, "completed")


@pytest.mark.parametrize("place", ["before_output", "observers"])
@in_virtual_time
async def test_without_metrics_the_conversation_is_still_told(place: str) -> None:
    metrics = meter_at(place)

    truth = await run_call(DEMO, params=PipelineParams(), **{place: [metrics]})

    conversation = ("end_reason", "responses", "turns", "interruptions", "functions", "errors")
    expected = happened(truth, "cancelled")
    assert {key: told(metrics.summary())[key] for key in conversation} == {key: expected[key] for key in conversation}
    assert told(metrics.summary())["latencies"] == 0


@in_virtual_time
async def test_with_initial_latencies_only_there_is_one_of_each_service() -> None:
    metrics = measure_in_virtual_time(VoiceMetricsProcessor())
    params = PipelineParams(enable_metrics=True, enable_usage_metrics=True, report_only_initial_ttfb=True)

    truth = await run_call(Script(turns=(Turn("hello there"), Turn("goodbye"))), params=params, before_output=[metrics])

    assert dict(truth.ttfb) == {"Ear": 1, "Mind": 1, "Mouth": 1}
    assert told(metrics.summary()) == happened(truth, "completed")


class Broken(Silent):
    """A language model that fails at once, as one without a key does."""

    async def answer(self) -> None:
        await self.push_error("no key")


def test_model_that_fails_before_the_end_of_the_turn_passes_is_answered_by_no_later_words() -> None:
    async def converse(call: ScriptedCall) -> None:
        await call.line.say(SHORT.turns[0])
        await asyncio.sleep(4)
        await call.worker.queue_frames([TTSSpeakFrame("We close now."), EndFrame()])

    _, summaries = measured_everywhere(SHORT, converse, around=lambda voice: [Broken(), voice[1]])

    stories = {place: summary.to_dict() for place, summary in summaries.items()}
    heard = {place: (story["response"]["count"], story["turns"]["unanswered"]) for place, story in stories.items()}
    assert heard == dict.fromkeys(EVERY_PLACE, (0, 1))
