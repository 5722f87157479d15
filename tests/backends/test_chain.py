"""The chain works, and real programs give the names that the dashboard relies on."""

from __future__ import annotations

import time

import pytest

from voice_metrics.series.prometheus_names import series_names
from voice_metrics.series.table import CALL_ID, GEN_AI, VOICE

from .chain import Chain
from .otlp import Feed, Points


@pytest.fixture(scope="module")
def fed(chain: Chain) -> Chain:
    """One point of every series of the table has gone through the chain."""
    now = time.time()
    points = Points(now - 10)
    for series in (*VOICE, *GEN_AI):
        points.add(series, {CALL_ID: "c1", **dict.fromkeys(series.attributes, "x")}, 1.0)
    feed = Feed(chain)
    feed.send([points], now - 1)
    feed.settle(now)
    return chain


def test_vmagent_and_prometheus_name_every_series_as_we_do(fed: Chain):
    expected = {name for series in (*VOICE, *GEN_AI) for name in series_names(series)}
    assert fed.store.names() - {"settled"} == expected


def test_victoria_metrics_names_every_series_as_we_do(fed: Chain):
    expected = {name for series in (*VOICE, *GEN_AI) for name in series_names(series)}
    assert fed.second_store.names() - {"settled"} == expected


def test_labels_are_those_of_prometheus_for_otlp(fed: Chain):
    (labels,) = fed.store.instant("voice_calls_total", time.time())
    assert dict(labels) == {"call_id": "c1", "instance": "i1", "job": "voice-bot"}
