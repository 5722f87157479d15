"""The queries that the quick start shows answer the truth, and what it says of a histogram is so."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from voice_metrics.series import table

from .board import Question
from .chain import Chain
from .hundred_calls import SPAN_SECONDS, Truth, calls
from .otlp import Feed
from .replay import Replay

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
    assert answered["Calls that run now"][()] == sum(call.end is None for call in SCRIPT)


def test_a_histogram_is_as_many_series_as_the_page_says():
    assert f"One histogram is {len(table.TTFB.buckets) + 3} of them" in PAGE
