"""A model that hears the caller itself has audio in its context, whose share of the prompt Pipecat does not report."""

from __future__ import annotations

from typing import Any

import pytest
from pipecat.frames.frames import InputAudioRawFrame, LLMMessagesAppendFrame
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.openai.llm import OpenAILLMService

from tests.local_providers import Answer, FakeOpenAI
from tests.test_services_of_a_call import PLACES, USAGE, Measure, call
from tests.waiting import until
from voice_metrics.pipecat.heard_contexts import HeardContexts

pytestmark = pytest.mark.slow

PRICES = {"ears": {"unit": "million tokens", "input": 1, "output": 2, "audio_input": 10}}
WORDS = {"role": "user", "content": [{"type": "text", "text": "what is free tonight"}]}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("hears", [True, False])
async def test_prompt_with_audio_is_not_priced_as_text(place: str, hears: bool) -> None:
    measure = Measure(place, prices=PRICES)
    sound = InputAudioRawFrame(b"\0\1" * 160, 16_000, 1)
    message: Any = await LLMContext.create_audio_message(audio_frames=[sound]) if hears else WORDS
    async with FakeOpenAI(Answer(usage=USAGE)) as server:
        llm = OpenAILLMService(api_key="x", base_url=server.url, settings=OpenAILLMService.Settings(model="ears"))

        async def ask(line: PipelineWorker) -> None:
            await line.queue_frame(LLMMessagesAppendFrame([message], run_llm=True))
            await until(lambda: measure.summary["llm"]["requests"])

        await call(measure, [llm], ask)

    cost = measure.summary["cost"]
    assert (cost["llm_usd"], cost["unpriced"]) == ((None, ["ears"]) if hears else (0.00012, []))


SOUND: Any = {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}


class Keeper:
    """A processor with a context."""

    def __init__(self, *messages: Any) -> None:
        self.context = LLMContext([*messages])


class Watched(dict[str, Any]):
    """A message that counts how often it is looked at."""

    looks = 0

    def get(self, name: str, default: Any = None) -> Any:
        self.looks += 1
        return super().get(name, default)


def test_audio_is_seen_while_it_is_in_a_context() -> None:
    keeper = Keeper(WORDS)
    contexts = HeardContexts([keeper, keeper])
    assert not contexts.have_audio()
    keeper.context.add_message(SOUND)
    assert contexts.have_audio()
    keeper.context.set_messages([WORDS, WORDS, WORDS])
    assert not contexts.have_audio()
    keeper.context.set_messages([SOUND, dict(WORDS), dict(WORDS)])
    assert contexts.have_audio()
    keeper.context.set_messages([])
    assert not contexts.have_audio()


def test_a_message_without_audio_is_looked_at_once() -> None:
    first, second = Watched(WORDS), Watched(WORDS)
    keeper = Keeper(first)
    contexts = HeardContexts([keeper])
    for _ in range(3):
        assert not contexts.have_audio()
    keeper.context.add_message(second)
    for _ in range(3):
        assert not contexts.have_audio()
    assert (first.looks, second.looks) == (1, 1)
