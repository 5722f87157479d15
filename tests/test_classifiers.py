"""Pipecat's classifiers, which ask a model beside the conversation, have their provider, tokens and price."""

from __future__ import annotations

import asyncio
import json
from inspect import signature
from typing import Any

import pytest
from pipecat.extensions.voicemail.voicemail_detector import VoicemailDetector
from pipecat.frames.frames import TranscriptionFrame
from pipecat.pipeline.worker import PipelineWorker
from pipecat.services.openai.llm import OpenAILLMService

from tests.local_providers import Answer, FakeOpenAI
from tests.scripted import Script
from tests.scripted_providers import Bench, Speaker
from tests.test_services_of_a_call import PLACES, USAGE, Measure, openai, run_line

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("classifier" not in signature(VoicemailDetector).parameters, reason="before Pipecat 1.12"),
]


VERDICT = json.dumps({"voicemail": {"choice": "conversation", "probabilities": {"conversation": 0.9}}})


class Mind(OpenAILLMService):
    """Answers the classifier at once."""

    async def run_inference(self, *args: Any, **more: Any) -> str:
        return VERDICT


class Decisions:
    """The client of OpenAI's Decisions API, as far as the classifier uses it."""

    model = "gpt-6-luna"

    async def connect(self) -> None:
        pass

    async def ask(self, state: Any, questions: dict[str, Any]) -> tuple[dict[str, Any], Any]:
        from pipecat.classifiers.openai.decisions.client import OpenAIDecisionsUsage

        answer = {"choice": "conversation", "probabilities": [], "confidence": 0.9}
        return dict.fromkeys(questions, answer), OpenAIDecisionsUsage(input_tokens=1000, output_tokens=12)


async def _detect(measure: Measure, classifier: Any) -> None:
    detector = VoicemailDetector(classifier=classifier)
    asked = asyncio.Event()
    classifier.add_event_handler("on_metrics", lambda *_: asked.set())

    async def pick_up(worker: PipelineWorker) -> None:
        await worker.queue_frame(TranscriptionFrame("Hello?", "caller", "2026-11-30T12:00:00Z"))
        await asyncio.wait_for(asked.wait(), 120)

    voice = Speaker(Bench(Script(turns=())))
    line = [detector, *measure.at("before_output"), voice, *measure.at("after_output"), *measure.at("at_end")]
    await run_line(measure, line, pick_up)


@pytest.mark.parametrize("place", PLACES)
async def test_classifier_that_reports_its_tokens_has_its_providers_price(place: str) -> None:
    decisions = pytest.importorskip("pipecat.classifiers.openai.decisions.classifier")
    measure = Measure(place)
    await _detect(measure, decisions.OpenAIDecisionsClassifier(client=Decisions()))

    named = measure.attributes("voice.llm.tokens.total", "processor", "provider", "model")
    assert set(named) == {("OpenAIDecisionsClassifier", "openai", "gpt-6-luna")}
    # $0.10 per million tokens in, nothing for those out.
    cost = measure.summary["cost"]
    assert (cost["llm_usd"], cost["unpriced"]) == (0.0001, [])


@pytest.mark.parametrize("place", PLACES)
async def test_model_that_classifies_counts_and_names_no_call(place: str) -> None:
    classifier = pytest.importorskip("pipecat.classifiers.llm.classifier")
    measure = Measure(place)
    async with FakeOpenAI(Answer(words=(VERDICT,), usage=USAGE)) as server:
        await _detect(measure, classifier.LLMClassifier(llm=openai(server, "gpt-4.1-nano")))

    named = measure.attributes("voice.llm.tokens.total", "processor", "provider", "model")
    assert set(named) == {("OpenAILLMService", "openai", "gpt-4.1-nano")}
    summary = measure.summary
    assert (summary["llm"]["total_tokens"], summary["cost"]["unpriced"]) == (110, [])
    # $0.10 per million tokens in, $0.40 out.
    assert (summary["cost"]["llm_usd"], summary["models"]["llm"]) == (pytest.approx(0.000014), None)


@pytest.mark.parametrize("place", PLACES)
async def test_model_that_classifies_without_reporting_its_tokens_is_unpriced(place: str) -> None:
    classifier = pytest.importorskip("pipecat.classifiers.llm.classifier")
    measure = Measure(place)
    mind = Mind(api_key="x", settings=Mind.Settings(model="gpt-4.1-nano"))
    await _detect(measure, classifier.LLMClassifier(llm=mind))

    assert measure.attributes("voice.usage.unpriced.total", "service", "model") == [("llm", "gpt-4.1-nano")]
    cost = measure.summary["cost"]
    assert (cost["unpriced"], cost["unpriced_reasons"]) == (["gpt-4.1-nano"], ["run_inference() reported no usage"])
    assert measure.summary["models"]["llm"] is None
