"""Measurements wait a moment to be read together, and no reader can notice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from pipecat.frames.frames import EndFrame, InterruptionFrame, MetricsFrame, StartFrame, UserStartedSpeakingFrame
from pipecat.metrics.metrics import LLMTokenUsage, LLMUsageMetricsData, MetricsData, TTFBMetricsData

from tests.store import Store
from tests.virtual_time import VirtualLoop, in_virtual_time
from tests.waiting import until
from voice_metrics.call.facts import Leg
from voice_metrics.call.proofs import Proof
from voice_metrics.call.summary import CallSummary
from voice_metrics.pipecat.options import Options
from voice_metrics.pipecat.recorder import CallRecorder
from voice_metrics.pipecat.services import Flags
from voice_metrics.prices import PriceBook
from voice_metrics.settings.environment import Settings

MIND = "MindLLMService#0"


def frame(*items: MetricsData) -> MetricsFrame:
    return MetricsFrame(data=list(items))


def tokens(prompt: int) -> MetricsFrame:
    used = LLMTokenUsage(prompt_tokens=prompt, completion_tokens=1, total_tokens=prompt + 1)
    return frame(LLMUsageMetricsData(processor=MIND, model="mind-1", value=used))


def ttfb(seconds: float) -> MetricsFrame:
    return frame(TTFBMetricsData(processor=MIND, model="mind-1", value=seconds))


class Fed:
    """A recorder, fed by hand, on a real event loop."""

    def __init__(
        self, models: Mapping[Leg, Any] = MappingProxyType({}), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = Store()
        self.announced: list[CallSummary] = []
        self.recorder = CallRecorder(
            Options(models, "c-1", {}),
            lambda: self._store.telemetry,
            PriceBook({}),
            Settings.from_environment({"VOICE_METRICS_DB": "off"}),
            self._announce,
            lambda: Flags(metrics=True, usage=True, initial_only=False),
            clock,
        )
        self.recorder.read_frame(StartFrame())

    def prompt_tokens(self) -> float:
        """What has come to the meter provider."""
        return self._store.total("voice.llm.tokens.total", token_type="prompt")

    def latencies(self) -> dict[str, int]:
        """How many times to first byte came, by whether they were interrupted."""
        return {point.attributes["interrupted"]: point.count for point in self._store.of("voice.ttfb.milliseconds")}

    async def _announce(self, summary: CallSummary) -> None:
        self.announced.append(summary)


async def test_measurements_are_recorded_without_a_further_frame() -> None:
    fed = Fed()
    for prompt in (100, 20, 3):
        fed.recorder.read_frame(tokens(prompt))
    fed.recorder.read_frame(ttfb(0.25))
    await until(lambda: fed.latencies())
    assert (fed.prompt_tokens(), fed.latencies()) == (123, {"false": 1})
    await fed.recorder.conclude()


async def test_measurements_of_a_later_moment_are_recorded_too() -> None:
    fed = Fed()
    for prompt, total in ((100, 100), (20, 120)):
        fed.recorder.read_frame(tokens(prompt))
        await until(lambda total=total: fed.prompt_tokens() == total)
    await fed.recorder.conclude()


async def test_a_summary_has_what_came_a_moment_ago() -> None:
    fed = Fed()
    fed.recorder.read_frame(tokens(100))
    summary = fed.recorder.summary()
    assert summary is not None
    assert summary.llm.prompt_tokens == 100
    await fed.recorder.conclude()


@pytest.mark.parametrize(("waited", "told"), [(0.01, {"true": 1}), (0.1, {"false": 1})])
async def test_an_interruption_is_set_against_the_moment_at_which_a_latency_came(
    waited: float, told: dict[str, int]
) -> None:
    now = 100.0
    fed = Fed(clock=lambda: now)
    fed.recorder.read_frame(ttfb(0.25))
    now += waited
    fed.recorder.read_frame(InterruptionFrame())
    await fed.recorder.conclude()
    assert fed.latencies() == told


async def test_latency_in_a_frame_that_another_process_counted_is_not_made_after_an_interruption() -> None:
    now = 100.0
    fed = Fed(clock=lambda: now)
    remote = ttfb(0.05)
    remote.id += 10**9
    fed.recorder.read_frame(remote)
    now += 0.1
    fed.recorder.read_frame(InterruptionFrame())
    await fed.recorder.conclude()
    assert fed.latencies() == {"false": 1}


def test_a_held_loop_releases_no_latency_before_the_interruption_that_cut_it() -> None:
    @in_virtual_time
    async def held_loop() -> dict[str, int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        fed = Fed(clock=loop.time)
        fed.recorder.read_frame(UserStartedSpeakingFrame())
        interruption = InterruptionFrame()
        loop.pass_time(0.1)
        fed.recorder.read_frame(ttfb(0.01))
        loop.pass_time(0.6)
        await asyncio.sleep(0.001)  # the reading is due, as is the interruption
        fed.recorder.read_frame(interruption)
        await fed.recorder.conclude()
        return fed.latencies()

    assert held_loop() == {"true": 1}


def test_a_latency_that_is_proved_after_it_was_read_needs_no_further_frame() -> None:
    @in_virtual_time
    async def proved_late() -> dict[str, int]:
        fed = Fed(clock=asyncio.get_running_loop().time)
        latency = ttfb(0.25)
        fed.recorder.proved(latency.id, Proof.OPEN)
        fed.recorder.read_frame(latency)
        await asyncio.sleep(1)
        fed.recorder.read_frame(UserStartedSpeakingFrame())
        fed.recorder.proved(latency.id, Proof.TRUE)
        await asyncio.sleep(1)
        live = fed.latencies()
        await fed.recorder.conclude()
        return live

    assert proved_late() == {"false": 1}


async def test_a_call_that_ends_at_once_has_lost_none() -> None:
    fed = Fed()
    for prompt in (100, 20, 3):
        fed.recorder.read_frame(tokens(prompt))
    fed.recorder.read_frame(ttfb(0.25))
    fed.recorder.read_frame(EndFrame())
    await fed.recorder.conclude()
    assert [(summary.llm.prompt_tokens, summary.ttfb.overall.count) for summary in fed.announced] == [(123, 1)]
    assert (fed.prompt_tokens(), fed.latencies()) == (123, {"false": 1})


async def test_measurements_that_came_in_the_call_before_stay_there() -> None:
    fed = Fed()
    fed.recorder.read_frame(tokens(100))
    fed.recorder.read_frame(EndFrame())
    fed.recorder.read_frame(StartFrame())
    fed.recorder.read_frame(tokens(20))
    await fed.recorder.conclude()
    await until(lambda: len(fed.announced) == 2)
    assert sorted(summary.llm.prompt_tokens or 0 for summary in fed.announced) == [20, 100]


async def test_a_summary_that_cannot_be_shown_is_announced_all_the_same() -> None:
    fed = Fed({Leg.LLM: 7})
    fed.recorder.read_frame(EndFrame())
    await fed.recorder.conclude()
    assert [summary.call_id for summary in fed.announced] == ["c-1"]
