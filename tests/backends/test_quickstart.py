"""The queries that the quick start shows answer the truth, and its figures are those of the script."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from voice_metrics.series import table as s

from .board import Question
from .chain import Chain
from .otlp import Feed
from .replay import Replay
from .script import SPAN_SECONDS, Truth, calls
from .test_plugin import series_of

PAGE = (Path(__file__).parents[2] / "GRAFANA_QUICKSTART.md").read_text()
QUERIES = re.findall(r"([^\n]+):\n\n```promql\n(.*?)\n```", PAGE, re.S)
RANGE_SECONDS = SPAN_SECONDS + 60
SCRIPT = calls()


@pytest.fixture(scope="module")
def answered(chain: Chain) -> Iterator[dict[str, dict]]:
    """The answers by what the page says of the queries."""
    started_at = time.time() - SPAN_SECONDS - 10
    Replay(Feed(chain), SCRIPT, True, started_at).run()
    return {
        title: chain.store.instant(
            Question(title, 0, query, "", False).filled(RANGE_SECONDS, 30), started_at + SPAN_SECONDS
        )
        for title, query in QUERIES
    }


def by(label: str, answer: dict) -> dict[tuple[str], float]:
    return {(dict(labels)[label],): value for labels, value in answer.items()}


def test_each_query_of_the_page_answers_the_truth(answered: dict[str, dict]):
    truth = Truth.of(SCRIPT)
    (call,) = (call for call in SCRIPT if call.call_id == "call-007")
    costs = truth.total(s.COST, ("call_id",))
    dearest = dict(sorted(costs.items(), key=lambda cost: -cost[1])[:10])
    low, high = truth.bucket(0.95, s.RESPONSE)[()]
    uncut = {"where": lambda attributes: attributes.get("interrupted") == "false"}
    sums, counts = truth.total(s.TTFB, ("service",), **uncut), truth.count(s.TTFB, ("service",), **uncut)
    assert len(answered) == 6
    assert by("model", answered["Tokens of the calls in the time range, by model"]) == truth.total(
        s.LLM_TOKENS, ("model",)
    )
    assert answered["What one call cost"][()] == pytest.approx(Truth.of([call]).total(s.COST)[()])
    assert by("call_id", answered["The ten dearest calls"]) == pytest.approx(dearest)
    assert low <= answered["The 95th percentile of the response time"][()] <= high
    assert by("service", answered["Average TTFB by service, without interrupted requests"]) == pytest.approx(
        {service: sums[service] / counts[service] for service in sums}
    )
    assert answered["Calls that run now"][()] == sum(call.end is None for call in SCRIPT)


def test_the_figures_about_series_are_those_of_the_script():
    of_one_call = [series_of([call], True) for call in SCRIPT]
    assert 300 <= min(of_one_call) <= max(of_one_call) <= 450, "300 to 450"
    assert series_of(SCRIPT, False) == pytest.approx(900, rel=0.05), "about 900"
    assert "| 300 to 450 |" in PAGE
    assert "| about 900 |" in PAGE
