"""What the caller felt in a call of real audio, against intervals that the script knows, in every place at once."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from pipecat.frames.frames import EndFrame, TTSSpeakFrame

from tests.audible_caller import SILENT, Loudness, Microphone, merged, shares
from tests.every_place import PLACES, EveryPlace
from tests.scripted import Script, ScriptedCall, Turn, scripted_call
from tests.scripted_providers import Bench
from tests.virtual_time import in_virtual_time

pytestmark = pytest.mark.slow

# A chunk in hand is heard whatever happens, and the detector hears in chunks too.
NEAR = 0.05
SCRIPT = Script(
    turns=(
        Turn("book a table", reply=("Let me see.", "There is one at nine.")),
        Turn("for how many", reply=("It seats four.", "It is by the window.", "It is quiet there.")),
        Turn("no wait", reply=("Of course.",)),
        Turn("tell me more", reply=("It has a view.", "Nobody hears this.", "And good wine.")),
        Turn("are you there", reply=()),
    ),
    sentence_seconds=0.6,
    chunk_seconds=0.02,
    late={"There is one at nine.": 1.4},
    lost=frozenset({"Nobody hears this."}),
)


async def _converse(call: ScriptedCall, microphone: Microphone) -> None:
    bench = call.bench
    await _say(call, TTSSpeakFrame("Hello."))
    await asyncio.sleep(3.0)
    for says in ("book a table", "for how many"):
        await _ask(bench, microphone, says)
        await bench.bot_speaks.wait()
        if says == "book a table":
            await asyncio.sleep(2.2)  # it speaks, waits for its late sentence, and speaks again
            await bench.bot_is_quiet.wait()
            await asyncio.sleep(0.4)
    await asyncio.sleep(0.4)
    await _ask(bench, microphone, "no wait")  # barges in
    await bench.bot_is_quiet.wait()
    await bench.bot_speaks.wait()
    await bench.bot_is_quiet.wait()
    await asyncio.sleep(0.3)
    await _ask(bench, microphone, "")  # a cough
    await asyncio.sleep(1.2)
    await _ask(bench, microphone, "tell me more")
    await bench.bot_speaks.wait()
    await asyncio.sleep(0.2)
    await bench.bot_is_quiet.wait()
    await asyncio.sleep(0.3)
    await _say(call, TTSSpeakFrame("By the way."), until_quiet=False)
    await asyncio.sleep(0.2)
    await _ask(bench, microphone, "")  # a cough that cuts the bot off
    await asyncio.sleep(1.2)
    await _ask(bench, microphone, "are you there")
    await asyncio.sleep(1.5)
    await _say(call, TTSSpeakFrame("Are you still there?"))  # answers nothing
    await call.worker.queue_frame(EndFrame())


async def _say(call: ScriptedCall, frame: TTSSpeakFrame, *, until_quiet: bool = True) -> None:
    await call.worker.queue_frame(frame)
    await call.bench.bot_speaks.wait()
    if until_quiet:
        await call.bench.bot_is_quiet.wait()


async def _ask(bench: Bench, microphone: Microphone, says: str) -> None:
    bench.says, bench.turn_is_complete = says, True
    await microphone.speak(0.5 if says else 0.3)


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """One call, and what was measured of it in each place."""
    return _call()


@in_virtual_time
async def _call() -> dict[str, Any]:
    places, loop = EveryPlace(), asyncio.get_running_loop()
    call = scripted_call(
        SCRIPT,
        user_params={"vad_analyzer": Loudness(), "user_turn_stop_timeout": 0.8, **SILENT},
        **places.arrangement,
    )
    microphone = Microphone(call.worker)
    started_at: list[float] = []
    call.worker.add_event_handler("on_pipeline_started", lambda worker, frame: started_at.append(loop.time()))

    async def drive() -> None:
        async with microphone.open():
            await _converse(call, microphone)

    await call.run(drive)
    ended_at = loop.time()
    return {
        "measured": {place: summary.to_dict() for place, summary in places.summaries().items()},
        "caller": microphone.spoken,
        "bot": merged(call.bench.played, 0.001),
        "since": started_at[0],
        "until": ended_at,
        "truth": call.bench.truth,
    }


@pytest.mark.parametrize("place", PLACES)
def test_each_number_is_the_truth_of_the_script(told: dict[str, Any], place: str) -> None:
    story, bot = told["measured"][place], told["bot"]

    # Unanswered: two coughs and a question.
    assert story["turns"] == {"completed": 5, "interrupted": 2, "unanswered": 3}
    assert (story["interruptions"], story["false_interruptions"]) == (2, 1)
    assert story["response"]["count"] == 4
    assert story["greeting_ms"] / 1000 == pytest.approx(bot[0][0] - told["since"], abs=NEAR)
    assert story["bot_gaps"]["count"] == 2  # one late, one lost
    assert story["bot_gaps"]["seconds"] == pytest.approx(bot[2][0] - bot[1][1], abs=NEAR)


@pytest.mark.parametrize("place", PLACES)
def test_the_floor_is_that_of_the_audio(told: dict[str, Any], place: str) -> None:
    story, since = told["measured"][place], told["since"]
    floor, length = story["floor"], story["duration_seconds"]
    truth = shares(told["caller"], told["bot"], since, since + length)

    assert sum(floor[holder] for holder in truth) == pytest.approx(length, abs=0.02)
    assert {holder: floor[holder] for holder in truth} == pytest.approx(truth, abs=NEAR)


@pytest.mark.parametrize("place", PLACES)
def test_the_bot_yields_as_fast_as_its_audio_ends(told: dict[str, Any], place: str) -> None:
    caller, bot = told["caller"], told["bot"]
    overlaps = [(begun, ended) for begun, _ in caller for a, ended in bot if a < begun < ended]
    seconds = [ended - begun for begun, ended in overlaps]
    stop = told["measured"][place]["interruption_stop"]

    assert stop["count"] == len(seconds) == 2
    assert stop["min_ms"] / 1000 == pytest.approx(min(seconds), abs=NEAR)
    assert stop["max_ms"] / 1000 == pytest.approx(max(seconds), abs=NEAR)


@pytest.mark.parametrize("place", PLACES)
def test_the_longest_silence_is_the_scripts(told: dict[str, Any], place: str) -> None:
    story, since = told["measured"][place], told["since"]
    # Behind the output, the call ends with the silence that Pipecat plays at its end.
    over = since + story["duration_seconds"]
    speech = merged([(since, since), *told["caller"], *told["bot"], (over, over)], 0.0)
    pauses = [after - before for (_, before), (after, _) in pairwise(speech)]

    assert story["floor"]["longest_silence_seconds"] == pytest.approx(max(pauses), abs=NEAR)
