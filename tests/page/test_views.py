"""Every view of a ledger in which another program or a bad disk wrote is JSON, and shows the calls that are well."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from tests.page.known_calls import conversation, ended, live
from tests.waiting import flush
from voice_metrics.ledger import Ledger, LedgerReader
from voice_metrics.page import PageServer, views

VIEWS = [("now", {}), ("calls", {}), ("calls", {"order": "cost_usd"}), ("latency", {"period": "hour"}),
         ("usage", {"period": "hour"}), ("call", {"key": "odd"}), ("call", {"id": "well"})]  # fmt: skip
ODD = [
    pytest.param("UPDATE call SET summary = replace(summary, '700.0', 'NaN') WHERE key <> 'well'", id="nan-in-json"),
    pytest.param("UPDATE call SET summary = replace(summary, '700.0', '1e999') WHERE key <> 'well'", id="huge-in-json"),
    pytest.param(
        "UPDATE call SET cost_usd = 9e999, llm_usd = -9e999, duration_seconds = 9e999, worst_response_ms = 9e999 "
        "WHERE key <> 'well'",
        id="infinite-numbers",
    ),
    pytest.param("UPDATE call SET started_at = 9e999 WHERE key = 'odd'", id="infinite-start"),
    pytest.param("UPDATE call SET llm_model = CAST(x'ff61' AS TEXT) WHERE key = 'odd'", id="model-that-is-no-utf-8"),
    pytest.param("UPDATE call SET summary = CAST(x'7bff7d' AS TEXT) WHERE key = 'odd'", id="summary-that-is-no-utf-8"),
    pytest.param("UPDATE measurement SET name = CAST(x'ff' AS TEXT) WHERE call = 1", id="name-that-is-no-utf-8"),
    pytest.param("UPDATE process SET machine = CAST(x'ff' AS TEXT)", id="machine-that-is-no-utf-8"),
    pytest.param("UPDATE call SET prompt_tokens = 9223372036854775807 WHERE key <> 'well'", id="sum-beyond-64-bits"),
    pytest.param("UPDATE call SET cost_usd = 'free', turns = x'ff' WHERE key = 'odd'", id="text-for-a-number"),
    pytest.param("UPDATE measurement SET at = 9e999, value = 9e999 WHERE call = 1 AND id % 2", id="infinite-rows"),
    pytest.param("UPDATE measurement SET value = 9e999 WHERE call = 1", id="infinite-values"),
    pytest.param("UPDATE measurement SET service = x'ff', kind = 'ttfb' WHERE call = 1", id="service-that-is-bytes"),
    pytest.param(
        "UPDATE call SET summary = json_set(summary, '$.models', 'x', '$.response', 5, '$.cost', json('[1]'), "
        "'$.turns', 'x', '$.attributes', 3, '$.floor', json('{\"caller\":\"x\"}')) WHERE key = 'odd'",
        id="other-types",
    ),
]  # fmt: skip


def _refused(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@pytest.mark.parametrize("statement", ODD)
def test_an_odd_row_leaves_every_view_readable(ledger: Ledger, path: Path, statement: str) -> None:
    for key in ("odd", "well"):
        ledger.add(key, conversation(ended(ledger, key)))
    live(ledger, "runs")
    flush(ledger)
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()
    seen: dict[str, dict[str, Any]] = {}
    with PageServer(path) as server:
        for name, query in VIEWS:
            status, answer = server.view(name, query)
            assert (status, name) == (200, name)
            seen[name] = json.loads(json.dumps(answer), parse_constant=_refused)
    assert {call["call_id"] for call in seen["calls"]["calls"]} == {"odd", "well", "runs"}
    assert seen["call"]["summary"]["response"]["p50_ms"] == 700.0
    assert seen["call"]["call"]["cost_usd"] == 0.016
    assert seen["usage"]["whole"]["calls"] >= 2
    assert any(point["service"] == "llm" and point["p50_ms"] == 400.0 for point in seen["latency"]["whole"])
    assert seen["now"]["live"][0]["call_id"] == "runs"
    assert time.time() > seen["calls"]["calls"][0]["started_at"]


def test_the_sums_of_a_day_are_the_same_in_each_view(ledger: Ledger, path: Path) -> None:
    for ago in range(85_050, 86_450, 100):
        ended(ledger, f"call-{ago}", ago=ago)
    flush(ledger)
    at, day = time.time(), {"period": "day"}
    with LedgerReader(path) as reader:
        for moment in (at, at + 300, at + 600):
            listed, used = views.calls(reader, day, moment)["total"], views.usage(reader, day, moment)["whole"]
            sums = views.now(reader, {}, moment)["day"]
            assert sums["calls"] == listed == (used["calls"] if used else 0)
            assert sums["cost_usd"] == (used["cost_usd"] if used else None)
