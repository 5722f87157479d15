"""Random calls of real audio, in virtual time: what adds up in one call adds up in all of them, and noise is no wait.

`RANDOM_CALLS=200` tries more of them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import pytest
from pipecat.frames.frames import EndFrame, Frame, InputAudioRawFrame, TTSSpeakFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from tests.audible_caller import SILENT, Loudness, Microphone, Span, merged, shares
from tests.scripted import Script, ScriptedCall, Turn, scripted_call
from tests.virtual_time import in_virtual_time, measure_in_virtual_time
from voice_metrics.processor import VoiceMetricsProcessor

pytestmark = pytest.mark.slow

CALLS = int(os.environ.get("RANDOM_CALLS", "12"))
# In two of them the call ends while the caller speaks.
SEEDS = sorted({*range(CALLS), 38, 42})
PLACES = ("before_output", "after_output", "at_end")
# A chunk in hand is heard whatever happens, and the detector hears in chunks too: so much for each stretch.
NEAR = 0.05
SENTENCES = ("Yes.", "There is one at nine.", "It seats four.", "And good wine.", "Of course.")
# The detector takes what comes sooner for a part of the same speech.
NEXT_SPEECH_SECONDS = 0.35
# When the call ends in this time after the caller's speech, it is not known yet that the caller stopped.
STOP_SECONDS = 0.2


class Heard(FrameProcessor):
    """Keeps the caller's audio, which nothing behind the turn's aggregator reads: most of a call's frames."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, InputAudioRawFrame):
            await self.push_frame(frame, direction)


class Caller:
    """One call, as its seed has it.

    Args:
        seed: Decides everything.
        turns_start_from: "voice" activity, or the "transcript" alone.
    """

    def __init__(self, seed: int, turns_start_from: str = "voice") -> None:
        self.rng = Random(seed)
        self.place = self.rng.choice(PLACES)
        self.questions = [f"question {number}" for number in range(self.rng.randint(1, 3))]
        self.metrics = VoiceMetricsProcessor()
        self.asked: list[float] = []
        measure_in_virtual_time(self.metrics)
        self.call: ScriptedCall = scripted_call(
            Script(
                turns=tuple(
                    Turn(says, reply=self._reply(), think_seconds=self.rng.uniform(0.8, 1.4)) for says in self.questions
                ),
                sentence_seconds=round(self.rng.uniform(0.3, 0.9), 2),
                chunk_seconds=0.02,
                turns_start_from=turns_start_from,
            ),
            user_params={"vad_analyzer": Loudness(), "user_turn_stop_timeout": 0.8, **SILENT},
            around=lambda voice: [Heard(), *voice],
            enable_turn_tracking=False,
            idle_timeout_secs=None,
            **{self.place: [self.metrics]},
        )
        self.microphone = Microphone(self.call.worker)
        self.started_at = 0.0
        self.call.worker.add_event_handler("on_pipeline_started", self._on_started)

    def _reply(self) -> tuple[str, ...]:
        return tuple(self.rng.sample(SENTENCES, self.rng.randint(1, 3)))

    def _on_started(self, worker: Any, frame: Any) -> None:
        self.started_at = asyncio.get_running_loop().time()

    async def pause(self, least: float, most: float) -> None:
        await asyncio.sleep(self.rng.uniform(least, most))

    async def ask(self, question: str) -> None:
        self.call.bench.says, self.call.bench.turn_is_complete = question, True
        await self.microphone.speak(self.rng.uniform(0.4, 1.0))
        self.asked.append(self.microphone.spoken[-1][1])

    async def cough(self) -> None:
        self.call.bench.says = ""
        await self.microphone.speak(self.rng.uniform(0.12, 0.3))

    async def greet(self) -> None:
        await self.call.worker.queue_frame(TTSSpeakFrame("Hello."))
        await self.call.bench.bot_speaks.wait()

    async def hang_up(self) -> None:
        if self.rng.random() < 0.5:
            await self.call.worker.queue_frame(EndFrame())
        else:
            await self.call.worker.cancel()

    async def run(self, drive: Callable[[Caller], Awaitable[None]]) -> dict[str, Any]:
        """Run the call, and return what was measured of it."""

        async def on_the_line() -> None:
            async with self.microphone.open():
                await drive(self)

        await self.call.run(on_the_line)
        summary = self.metrics.summary()
        assert summary is not None
        return summary.to_dict()

    @property
    def bot(self) -> list[Span]:
        """When the bot was really heard."""
        return merged(self.call.bench.played, 0.001)


async def whatever(caller: Caller) -> None:
    """Asks, coughs, barges in and falls silent, and hangs up at any time."""
    if caller.rng.random() < 0.5:
        await caller.greet()
    for question in caller.questions:
        await caller.pause(NEXT_SPEECH_SECONDS, 2.5)
        await caller.ask(question)
        for _ in range(caller.rng.randint(0, 2)):
            await caller.pause(NEXT_SPEECH_SECONDS, 2.0)
            await caller.cough()
    await caller.pause(0.0, 3.0)
    await caller.hang_up()


async def noisy(caller: Caller) -> None:
    """Asks and listens, on a line that coughs while the bot thinks, speaks and is silent."""
    bench = caller.call.bench
    for question in caller.questions:
        await caller.ask(question)
        # Before the turn is closed, a cough is a part of what the caller says.
        await bench.thinking.wait()
        await caller.pause(0.05, 0.4)
        await caller.cough()
        await bench.bot_speaks.wait()
        await caller.pause(0.0, 0.2)
        await caller.cough()
        await bench.bot_is_quiet.wait()
        await caller.pause(NEXT_SPEECH_SECONDS, 0.6)
        await caller.cough()
        await caller.pause(NEXT_SPEECH_SECONDS, 1.0)
    await caller.hang_up()


@in_virtual_time
async def told(seed: int, drive: Callable[[Caller], Awaitable[None]], **how: str) -> tuple[Caller, dict[str, Any]]:
    caller = Caller(seed, **how)
    return caller, await caller.run(drive)


@pytest.mark.parametrize("seed", SEEDS)
def test_in_any_call_the_four_holders_add_up_to_its_length(seed: int) -> None:
    caller, story = told(seed, whatever)
    floor, length = story["floor"], story["duration_seconds"]
    truth = shares(caller.microphone.spoken, caller.bot, caller.started_at, caller.started_at + length)

    assert sum(floor[holder] for holder in truth) == pytest.approx(length, abs=0.02)
    stretches = len(caller.microphone.spoken) + len(caller.bot)
    assert {holder: floor[holder] for holder in truth} == pytest.approx(truth, abs=NEAR * stretches + STOP_SECONDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_on_a_noisy_line_the_response_times_are_kept(seed: int) -> None:
    caller, story = told(seed, noisy, turns_start_from="transcript")
    waits = [min(begun for begun, _ in caller.bot if begun > asked) - asked for asked in caller.asked]
    response = story["response"]

    assert (response["count"], story["turns"]["unanswered"]) == (len(waits), 0)
    assert response["min_ms"] / 1000 == pytest.approx(min(waits), abs=NEAR)
    assert response["max_ms"] / 1000 == pytest.approx(max(waits), abs=NEAR)
