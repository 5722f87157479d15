"""A summary is read back as it was written, and what is no value of a summary reads as absent."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger.summaries import summary
from voice_metrics.call.wording import summary_lines
from voice_metrics.ledger.stored_summary import KEYS, read_summary
from voice_metrics.page.demo import demo_ledger

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.just(10**4000) | st.text(max_size=3),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=3), parts, max_size=3),
    max_leaves=6,
)
COST = {"llm_usd": 0.1, "unpriced": ["m"], "unpriced_reasons": ["r"], "prices": [{"model": "m"}]}
TTFB = {"count": 1, "p50_ms": 2.0, "by_service": {"llm": {"count": 1, "p50_ms": 2.0}}}


@pytest.mark.slow
def test_summaries_of_calls_are_read_as_they_were_written() -> None:
    with demo_ledger() as path, sqlite3.connect(path) as db:
        written = [json.loads(text) for (text,) in db.execute("SELECT summary FROM call")]
    assert len(written) > 10
    assert [read_summary(each) for each in written] == written
    assert {key for each in written for key in each} == set(KEYS)


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        pytest.param({"errors": "many", "dropped": True}, {"errors": None, "dropped": None}, id="no-number"),
        pytest.param({"errors": math.nan, "greeting_ms": 1e308}, {"errors": None, "greeting_ms": None}, id="infinite"),
        pytest.param({"models": 5, "response": [1]}, {"models": {}, "response": {}}, id="no-dictionary"),
        pytest.param({"attributes": {"a": "b", "c": 7}}, {"attributes": {"a": "b", "c": None}}, id="no-text"),
        pytest.param({"exported": "yes"}, {"exported": None}, id="no-flag"),
        pytest.param({"later": 5, "latest": {"deep": []}}, {"later": 5}, id="keys-of-another-version"),
    ],
)  # fmt: skip
def test_what_is_no_value_of_a_summary_reads_as_absent(changes: Mapping[str, Any], read: Mapping[str, Any]) -> None:
    assert read_summary(summary() | changes) == summary() | read


@given(st.data())
def test_whatever_was_stored_can_be_shown_and_is_json(data: st.DataObject) -> None:
    odd: dict[str, Any] = {**summary(), "cost": {**COST}, "ttfb": {**TTFB}}
    for key in data.draw(st.sets(st.sampled_from(sorted(KEYS)), min_size=1)):
        inside = odd.get(key)
        if isinstance(inside, dict) and inside and data.draw(st.booleans()):
            odd[key] = inside | {data.draw(st.sampled_from(sorted(inside))): data.draw(ANYTHING)}
        else:
            odd[key] = data.draw(ANYTHING)
    found = read_summary(odd)
    json.dumps(found, allow_nan=False)
    assert all(isinstance(text, str) for line in summary_lines(found) for text in line)
