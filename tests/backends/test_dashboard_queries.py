"""Every query of the dashboard and of the quick start, asked of a Prometheus that has a hundred calls, says the truth.

Once with call ids on the series, once without; with an outage of eight minutes in the middle.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from voice_metrics.series import table

from .board import Moment, Question, ask, questions, variable
from .chain import Chain, Labels
from .expected import Answer, World
from .hundred_calls import SPAN_SECONDS, Truth, calls
from .otlp import Feed
from .replay import OUTAGE, Replay

PAGE = (Path(__file__).parents[2] / "GRAFANA_QUICKSTART.md").read_text()
QUERIES = re.findall(r"([^\n]+):\n\n```promql\n(.*?)\n```", PAGE, re.S)
RANGE_SECONDS = 2460.0
STEP_SECONDS = 30.0


@dataclass(frozen=True)
class Fed:
    """The chain after the script went through it.

    Parameters:
        chain: The chain.
        truth: What is true about the script.
        started_at: Beginning of the script in unix seconds.
    """

    chain: Chain
    truth: World
    started_at: float
    _answers: dict[tuple[Question, str], dict[Labels, float]] = field(default_factory=dict, init=False)

    @property
    def moment(self) -> Moment:
        """The whole script."""
        return Moment(self.started_at + SPAN_SECONDS, RANGE_SECONDS, STEP_SECONDS)

    def ask(self, question: Question, call_id: str = ".*") -> dict[Labels, float]:
        """Prometheus' answer about the whole script."""
        if (question, call_id) not in self._answers:
            self._answers[question, call_id] = ask(self.chain.store, question, self.moment, call_id)
        return self._answers[question, call_id]


@pytest.fixture(scope="module", params=[True, False], ids=["label", "off"])
def fed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fed]:
    chain = Chain(tmp_path_factory.mktemp("chain"))
    chain.start()
    script = calls()
    # Steps of graphs begin at multiples of the step.
    started_at = (time.time() - SPAN_SECONDS - 30) // STEP_SECONDS * STEP_SECONDS
    replay = Replay(Feed(chain), script, request.param, started_at)
    replay.run()
    assert replay.refused > 0
    begins = {call.call_id: started_at + call.begin for call in script}
    lengths = {call.call_id: call.seconds for call in script}
    truth = World(script, script, request.param, RANGE_SECONDS, begins, lengths, 1e-6, replay.live_series())
    yield Fed(chain, truth, started_at)
    chain.stop()


def question_of(title: str) -> Question:
    return next(question for question in questions() if question.title == title)


@pytest.mark.parametrize("question", list(questions()), ids=str)
def test_each_query_answers_the_truth(fed: Fed, question: Question):
    fed.truth.answers[question.title][question.place].check(str(question), fed.ask(question))


def test_the_truth_knows_every_query(fed: Fed):
    asked = Counter(question.title for question in questions())
    assert {title: len(parts) for title, parts in fed.truth.answers.items()} == asked


def test_no_panel_is_empty(fed: Fed):
    shown: Counter[str] = Counter()
    for question in questions():
        shown[question.title] += len(fed.ask(question))
    assert [title for title, found in shown.items() if not found] == []


def test_each_call_by_its_id_answers_the_truth_about_it(fed: Fed):
    if not fed.truth.labelled:
        pytest.skip("series carry no ids")
    for call in fed.truth.script[:: len(fed.truth.script) // 6]:
        truth = replace(fed.truth, chosen=[call])
        for question in questions():
            if "$call_id" in question.expression:
                expected = truth.of_the_chosen[question.title][question.place]
                expected.check(f"{call.call_id} {question}", fed.ask(question, call.call_id))


def test_active_calls_over_time_are_those_that_ran(fed: Fed):
    expression = question_of("Active calls over time").filled(RANGE_SECONDS, STEP_SECONDS)
    (over_time,) = fed.chain.store.over_time(expression, fed.started_at, fed.moment.end, STEP_SECONDS).values()
    for at, active in over_time.items():
        moment = at - fed.started_at
        if not OUTAGE[0] < moment <= OUTAGE[1] + 10:
            running = [c for c in fed.truth.script if c.begin <= moment and (c.end is None or c.end > moment)]
            assert active == len(running), moment


def test_halves_of_the_range_add_up_to_the_whole(fed: Fed):
    half = RANGE_SECONDS / 2
    for title in ("Calls", "Tokens", "Characters", "Cost", "Errors"):
        halves = [
            value
            for end in (fed.moment.end - half, fed.moment.end)
            for value in ask(fed.chain.store, question_of(title), Moment(end, half, STEP_SECONDS)).values()
        ]
        fed.truth.answers[title][0].check(title, {(): sum(halves)})


def test_percentiles_over_time_lie_between_the_values(fed: Fed):
    for question in questions():
        if question.over_time and "quantile" in question.expression:
            expression = question.filled(RANGE_SECONDS, 60)
            answer = fed.chain.store.over_time(expression, fed.started_at, fed.moment.end, 15)
            values = [value for over_time in answer.values() for value in over_time.values()]
            assert len(values) > 100, question
            assert all(0 < value <= max(table.LATENCY_MS) for value in values), question


def test_the_call_variable_lists_the_recent_calls(fed: Fed):
    query = re.fullmatch(r"query_result\((.*)\)", variable("call_id"))
    assert query
    expression = Question("", 0, query[1], "", False).filled(RANGE_SECONDS, STEP_SECONDS)
    ids = {dict(labels)["call_id"] for labels in fed.chain.store.instant(expression, fed.moment.end)}
    assert ids == ({call.call_id for call in fed.truth.script} if fed.truth.labelled else set())


def test_victoria_metrics_counts_the_same(fed: Fed):
    second = fed.chain.second_store
    for title in ("Calls", "Tokens", "Characters", "Cost", "Turns", "Ends of calls", "Cost by service and model"):
        answer = ask(second, question_of(title), fed.moment)
        fed.truth.answers[title][0].check(title, answer)


def by(label: str, answer: dict[Labels, float]) -> dict[tuple[str], float]:
    return {(dict(labels)[label],): value for labels, value in answer.items()}


def test_each_query_of_the_quick_start_answers_the_truth(fed: Fed):
    if not fed.truth.labelled:
        pytest.skip("series carry no ids")
    answered = {title: fed.ask(Question(title, 0, query, "", False)) for title, query in QUERIES}
    truth = Truth.of(fed.truth.script)
    (call,) = (call for call in fed.truth.script if call.call_id == "call-007")
    costs = truth.total(table.COST, ("call_id",))
    dearest = dict(sorted(costs.items(), key=lambda cost: -cost[1])[:10])
    low, high = truth.bucket(0.95, table.RESPONSE)[()]
    uncut = {"where": lambda attributes: attributes.get("interrupted") == "false"}
    sums, counts = truth.total(table.TTFB, ("service",), **uncut), truth.count(table.TTFB, ("service",), **uncut)
    assert len(answered) == 6
    assert by("model", answered["Tokens of the calls in the time range, by model"]) == truth.total(
        table.LLM_TOKENS, ("model",)
    )
    assert answered["What one call cost"][()] == pytest.approx(Truth.of([call]).total(table.COST)[()])
    assert by("call_id", answered["The ten dearest calls"]) == pytest.approx(dearest)
    assert low <= answered["The 95th percentile of the response time"][()] <= high
    assert by("service", answered["Average TTFB by service, without interrupted requests"]) == pytest.approx(
        {service: sums[service] / counts[service] for service in sums}
    )
    assert answered["Calls that run now"][()] == sum(call.end is None for call in fed.truth.script)


def test_a_histogram_is_as_many_series_as_the_quick_start_says():
    assert f"One histogram is {len(table.TTFB.buckets) + 3} of them" in PAGE


def test_the_usual_form_would_be_wrong_by_more_than_a_percent(fed: Fed):
    if not fed.truth.labelled:
        pytest.skip("series are long-lived")
    expression = f'sum(increase(voice_llm_tokens_total{{job="voice-bot"}}[{RANGE_SECONDS:g}s]))'
    answer = fed.chain.store.instant(expression, fed.moment.end)
    with pytest.raises(AssertionError, match="instead of"):
        fed.truth.answers["Tokens"][0].check("increase", answer, slack=0.01)


def test_a_wrong_answer_is_noticed():
    with pytest.raises(AssertionError, match="instead of"):
        Answer((), {(): (3.0, 3.0)}).check("x", {(): 3.1})
    with pytest.raises(AssertionError, match="instead of"):
        Answer((), {(): (3.0, 3.0)}).check("x", {})
    with pytest.raises(AssertionError, match="labels beside"):
        Answer((), {(): (3.0, 3.0)}).check("x", {(("a", "1"),): 3.0, (("a", "2"),): 3.0})
