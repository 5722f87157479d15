"""The committed dashboard is the one that the code makes, and Grafana's SDK reads every key of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from voice_metrics.grafana.documents import ALERTS, DASHBOARD
from voice_metrics.grafana.threshold_alerts import Thresholds, render

pytest.importorskip("grafana_foundation_sdk", reason="`uv sync --group dev` installs it")

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from voice_metrics.grafana.layout import dashboard_json

BOARD: dict[str, Any] = json.loads(DASHBOARD.read_text())


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """Where two documents differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys():
            yield from differences(before.get(key), after.get(key), f"{path}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{path}/{place}")
    elif before != after:
        yield path


def through_the_sdk(board: dict[str, Any]) -> Any:
    register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(board)))


def test_the_committed_dashboard_is_current():
    assert DASHBOARD.read_text() == dashboard_json(), "run python -m voice_metrics.grafana"


def test_the_committed_alerts_are_current():
    assert ALERTS.read_text() == render(Thresholds()), "run python -m voice_metrics.grafana"


def test_grafanas_sdk_knows_every_key():
    assert list(differences(BOARD, through_the_sdk(BOARD))) == []


@pytest.mark.parametrize(
    ("place", "key"),
    [
        pytest.param((), "refrsh", id="dashboard"),
        pytest.param(("panels", 1, "fieldConfig", "defaults"), "unitt", id="field"),
        pytest.param(("panels", 1, "options"), "grapMode", id="options"),
        pytest.param(("panels", 1, "targets", 0), "exprr", id="query"),
        pytest.param(("templating", "list", 1), "refesh", id="variable"),
    ],
)
def test_a_misspelt_key_is_noticed(place: tuple[Any, ...], key: str):
    board = copy.deepcopy(BOARD)
    part: Any = board
    for step in place:
        part = part[step]
    part[key] = "x"
    assert [path.rsplit("/")[-1] for path in differences(board, through_the_sdk(board))] == [key]
