"""A model that listens while it speaks (OpenAI's Live API): turns come from transcripts, late, and no usage is told."""

from __future__ import annotations

import asyncio
import base64

import pytest
from pipecat.frames.frames import LLMRunFrame, MetricsFrame
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.openai.responses.llm import OpenAIResponsesLLMService
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies

from tests.local_providers import RealtimeProvider
from tests.scripted_providers import CHUNK, CHUNK_SECONDS, Bench, Speaker
from tests.scripts import Script
from tests.test_services_of_a_call import Measure, pushed, run_line

live = pytest.importorskip("pipecat.services.openai.live.llm", reason="this Pipecat has no such service")
pytestmark = pytest.mark.slow

STEP_SECONDS = 0.2


class FakeLive(RealtimeProvider):
    """OpenAI's Live interface: a stream of audio, and transcripts of both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.started = asyncio.Event()
        self._streaming: asyncio.Task[None] | None = None
        self._speaks = False

    async def hear(self, seconds: float) -> None:
        """Transcribe the caller for so long."""
        await self._transcribe("input", seconds)

    async def speak(self, seconds: float) -> None:
        """Speak for so long."""
        self._speaks = True
        await self._transcribe("output", seconds)
        self._speaks = False

    async def _transcribe(self, side: str, seconds: float) -> None:
        for _ in range(round(seconds / STEP_SECONDS)):
            await self.tell(f"session.{side}_transcript.delta", delta=" word")
            await asyncio.sleep(STEP_SECONDS)

    async def heard(self, kind: str) -> None:
        match kind:
            case "session.start":
                await self.tell("session.started", session={"id": "s"})
                self._streaming = asyncio.create_task(self._stream())
                self.started.set()
            case "session.close":
                assert self._streaming is not None
                self._streaming.cancel()
                await self.tell("session.closed", reason="closed", usage={"seconds": 9.0})

    async def _stream(self) -> None:
        while True:
            audio = CHUNK if self._speaks else bytes(len(CHUNK))
            await self.tell("session.output_audio.delta", delta=base64.b64encode(audio).decode())
            await asyncio.sleep(CHUNK_SECONDS)


@pytest.mark.parametrize("place", ["before_output", "at_end", "observer"])
async def test_its_turns_are_answered_and_its_usage_is_unpriced(place: str) -> None:
    measure = Measure(place)
    turns = LLMUserAggregatorParams(user_turn_strategies=ExternalUserTurnStrategies(enable_interruptions=False))
    pair = LLMContextAggregatorPair(LLMContext([{"role": "user", "content": "hello"}]), user_params=turns)

    async def talk(worker: PipelineWorker) -> None:
        await worker.queue_frame(LLMRunFrame())
        await asyncio.wait_for(provider.started.wait(), 60)
        for _ in range(2):
            await provider.hear(0.6)
            # Sooner than the service ends the caller's turn.
            await provider.speak(0.6)
            await asyncio.sleep(1.5)
        usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
        done = {"type": "response.completed", "response": {"id": "r", "usage": usage}}
        await provider.tell("response.event", delegation_id="d", event=done)
        await asyncio.wait_for(reported.wait(), 60)

    async with FakeLive() as provider:
        backend = live.OpenAILiveLLMService.ResponsesDelegation(
            settings=OpenAIResponsesLLMService.Settings(model="gpt-4.1-mini")
        )
        model: FrameProcessor = live.OpenAILiveLLMService(api_key="none", base_url=provider.url, delegation=backend)
        reported = pushed(model, MetricsFrame)
        speaker = Speaker(Bench(Script(turns=())))
        await run_line(
            measure,
            [pair.user(), model, *measure.at("before_output"), speaker, pair.assistant(), *measure.at("at_end")],
            talk,
        )

    summary = measure.summary
    assert summary["turns"] == {"completed": 2, "interrupted": 0, "unanswered": 0}
    assert summary["cost"]["unpriced"] == ["gpt-live-1"]
    assert summary["response"]["count"] == 0  # nothing tells when the caller fell silent
    # Its tokens are those of the model that it delegates work to.
    tokens = measure.attributes("voice.llm.tokens.total", "processor", "model", "token_type", "llm_model")
    of = "OpenAILiveLLMService", "gpt-4.1-mini"
    assert tokens == [(*of, kind, "gpt-live-1") for kind in ("completion", "prompt")]
    assert summary["cost"]["llm_usd"] == pytest.approx((1000 * 0.4 + 100 * 1.6) / 1e6)
