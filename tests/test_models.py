"""A call's tags and summary name the model that answers."""

from __future__ import annotations

import pytest

from voice_metrics.call.facts import Leg
from voice_metrics.call.models import Models, ServiceSwitched

FOUND = {Leg.LLM: "gpt-4.1", Leg.STT: "nova-3", Leg.TTS: None}
INSTANCES = {Leg.LLM: "LLM#0", Leg.STT: "STT#0", Leg.TTS: None}


def llm_after(*answers: tuple[str | None, str | None], given: str | None = None) -> str | None:
    models = Models({Leg.LLM: given}, FOUND, INSTANCES)
    for instance, model in answers:
        models.answered(Leg.LLM, instance, model)
    return models.current[Leg.LLM]


@pytest.mark.parametrize(
    ("answers", "named"),
    [
        pytest.param([], "gpt-4.1", id="before-any-answer"),
        pytest.param([("LLM#0", "gpt-4.1-mini")], "gpt-4.1-mini", id="a-model-changed-at-run-time"),
        pytest.param([("LLM#1", "judge")], "gpt-4.1", id="a-second-one-beside-it"),
        pytest.param([("LLM#0", None)], "gpt-4.1", id="an-answer-that-names-none"),
    ],
)
def test_first_service_of_the_pipeline_names_the_model(answers: list[tuple[str, str | None]], named: str) -> None:
    assert llm_after(*answers) == named


def test_name_that_the_user_gave_stays() -> None:
    assert llm_after(("LLM#0", "gpt-4.1-mini"), given="mine") == "mine"


def test_part_that_the_pipeline_lacks_is_named_by_whatever_answers() -> None:
    models = Models({}, FOUND, INSTANCES)
    assert [models.answered(Leg.TTS, "TTS#7", model) for model in ("aura", "aura", "sonic")] == [True, False, True]
    assert models.current == {**FOUND, Leg.TTS: "sonic"}


def test_after_a_switch_the_model_is_that_of_the_service_in_use_once_it_answers() -> None:
    models = Models({}, FOUND, INSTANCES)
    models.switched(ServiceSwitched(Leg.LLM, "LLM#0", "LLM#1", "OpenAILLMService", "GroqLLMService"))
    assert models.current[Leg.LLM] == "gpt-4.1"
    assert not models.answered(Leg.LLM, "LLM#0", "late")
    assert models.answered(Leg.LLM, "LLM#1", "llama")
    assert models.current[Leg.LLM] == "llama"


def test_switch_of_a_second_service_beside_the_first_changes_nothing() -> None:
    models = Models({}, FOUND, INSTANCES)
    models.switched(ServiceSwitched(Leg.LLM, "Judge#0", "Judge#1", "a", "b"))
    assert models.answered(Leg.LLM, "LLM#0", "gpt-4.1-mini")
