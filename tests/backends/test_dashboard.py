"""Every query of the dashboard, asked of a real Prometheus that was fed a hundred known calls, answers the truth.

Once with call ids on the series, once without; with an outage of eight minutes in the middle.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from voice_metrics import series as s

from .board import Question, questions, variable
from .chain import Chain
from .expected import Answer, World
from .otlp import Feed
from .replay import OUTAGE, Replay
from .script import SPAN_SECONDS, calls

RANGE_SECONDS = 2460.0
STEP_SECONDS = 30.0


@pytest.fixture(scope="module", params=[True, False], ids=["label", "off"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Chain, World]]:
    """The chain after the script went through it, and the truth about it."""
    chain = Chain(tmp_path_factory.mktemp("chain"))
    chain.start()
    script = calls()
    # Steps of graphs begin at multiples of the step.
    started_at = (time.time() - SPAN_SECONDS - 30) // STEP_SECONDS * STEP_SECONDS
    replay = Replay(Feed(chain), script, request.param, started_at)
    replay.run()
    assert replay.refused > 0
    yield chain, World(script, script, request.param, RANGE_SECONDS, started_at, replay.live_series())
    chain.stop()


def ask(chain: Chain, world: World, question: Question, call_id: str = ".*") -> dict:
    end = world.started_at + SPAN_SECONDS
    if not question.counts_steps:
        # A percentile's window is the whole range, so that the answer is about all calls.
        return chain.store.instant(question.filled(RANGE_SECONDS, RANGE_SECONDS, call_id), end)
    expression = question.filled(RANGE_SECONDS, STEP_SECONDS, call_id)
    over_time = chain.store.over_time(expression, end - RANGE_SECONDS, end, STEP_SECONDS)
    per_hour = 3600 / STEP_SECONDS if "per hour" in question.title else 1
    return {labels: sum(values.values()) / per_hour for labels, values in over_time.items()}


@pytest.mark.parametrize("question", list(questions()), ids=str)
def test_each_query_answers_the_truth(world: tuple[Chain, World], question: Question):
    chain, about = world
    expected = about.answers[question.title][question.place]
    expected.check(str(question), ask(chain, about, question))


def test_the_truth_knows_every_query(world: tuple[Chain, World]):
    asked: dict[str, int] = {}
    for question in questions():
        asked[question.title] = asked.get(question.title, 0) + 1
    assert {title: len(parts) for title, parts in world[1].answers.items()} == asked


def test_no_panel_is_empty(world: tuple[Chain, World]):
    chain, about = world
    shown: dict[str, int] = {}
    for question in questions():
        shown[question.title] = shown.get(question.title, 0) + len(ask(chain, about, question))
    assert [title for title, found in shown.items() if not found] == []


def test_each_call_by_its_id_answers_the_truth_about_it(world: tuple[Chain, World]):
    chain, about = world
    if not about.labelled:
        pytest.skip("series carry no ids")
    for call in about.script[:: len(about.script) // 12]:
        chosen = replace(about, chosen=[call])
        for question in questions():
            if "$call_id" in question.expression:
                expected = chosen.answers[question.title][question.place]
                expected.check(f"{call.call_id} {question}", ask(chain, about, question, call.call_id))


def test_active_calls_over_time_are_those_that_ran(world: tuple[Chain, World]):
    chain, about = world
    (question,) = (q for q in questions() if q.title == "Active calls over time")
    start, end = about.started_at, about.started_at + SPAN_SECONDS
    (over_time,) = chain.store.over_time(
        question.filled(RANGE_SECONDS, STEP_SECONDS), start, end, STEP_SECONDS
    ).values()
    for at, active in over_time.items():
        moment = at - start
        if moment <= OUTAGE[0] or moment > OUTAGE[1] + 10:
            running = [c for c in about.script if c.begin <= moment and (c.end is None or c.end > moment)]
            assert active == len(running), moment


def test_halves_of_the_range_add_up_to_the_whole(world: tuple[Chain, World]):
    chain, about = world
    end, half = about.started_at + SPAN_SECONDS, RANGE_SECONDS / 2
    for title in ("Calls", "Tokens", "Characters", "Cost", "Errors"):
        (question,) = (q for q in questions() if q.title == title)
        halves = [
            value for at in (end - half, end) for value in chain.store.instant(question.filled(half, half), at).values()
        ]
        about.answers[title][0].check(title, {(): sum(halves)})


def test_percentiles_of_the_windows_lie_between_the_values(world: tuple[Chain, World]):
    chain, about = world
    end = about.started_at + SPAN_SECONDS
    for question in questions():
        if question.over_time and "quantile" in question.expression:
            expression = question.filled(RANGE_SECONDS, 60)
            over_time = chain.store.over_time(expression, end - RANGE_SECONDS, end, 15)
            values = [value for found in over_time.values() for value in found.values()]
            assert len(values) > 100, question
            assert all(0 < value <= max(s.LATENCY_MS) for value in values), question


def test_the_call_variable_lists_the_recent_calls_most_recent_first(world: tuple[Chain, World]):
    chain, about = world
    query = re.fullmatch(r"query_result\((.*)\)", variable("call_id"))
    assert query
    expression = Question("", 0, query[1], "", False).filled(RANGE_SECONDS, STEP_SECONDS)
    listed = chain.store.instant(expression, about.started_at + SPAN_SECONDS)
    ids = {dict(labels)["call_id"] for labels in listed}
    assert ids == ({call.call_id for call in about.script} if about.labelled else set())


def test_victoria_metrics_counts_the_same(world: tuple[Chain, World]):
    chain, about = world
    second = chain.second_store
    for title in (
        "Calls",
        "Tokens",
        "Characters",
        "Cost",
        "Errors",
        "Turns",
        "Ends of calls",
        "Cost by service and model",
    ):
        (question,) = (q for q in questions() if q.title == title)
        answer = second.instant(question.filled(RANGE_SECONDS, RANGE_SECONDS), about.started_at + SPAN_SECONDS)
        about.answers[title][0].check(title, answer)


def test_a_wrong_answer_is_noticed():
    with pytest.raises(AssertionError, match="instead of"):
        Answer((), {(): (3.0, 3.0)}).check("x", {(): 3.1})
    with pytest.raises(AssertionError, match="instead of"):
        Answer((), {(): (3.0, 3.0)}).check("x", {})
    with pytest.raises(AssertionError, match="labels beside"):
        Answer((), {(): (3.0, 3.0)}).check("x", {(("a", "1"),): 3.0, (("a", "2"),): 3.0})
