"""The dashboard obeys the lint, and every rule of the lint notices what it forbids."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from voice_metrics.grafana.documents import DASHBOARD

from . import lint
from .lint import RULES, Json, Lint

BOARD: Json = json.loads(DASHBOARD.read_text())


def panel(board: Json, title: str) -> Json:
    return next(panel for panel in board["panels"] if panel["title"] == title and panel["type"] != "row")


def target(board: Json, title: str = "Calls") -> Json:
    return panel(board, title)["targets"][0]


def variable(board: Json, name: str) -> Json:
    return next(variable for variable in board["templating"]["list"] if variable["name"] == name)


def asks(expression: str) -> Callable[[Json], Any]:
    return lambda board: target(board).update(expr=expression)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_dashboard_obeys(rule: Lint):
    assert list(rule(BOARD)) == []


BREAKS: dict[str, tuple[Lint, Callable[[Json], Any]]] = {
    "a-panel-with-a-fixed-source": (
        lint.source_is_the_variable,
        lambda board: panel(board, "Calls").update(datasource={"type": "prometheus", "uid": "grafanacloud-prom"}),
    ),
    "a-query-with-a-fixed-source": (
        lint.source_is_the_variable,
        lambda board: target(board).update(datasource={"type": "prometheus", "uid": "prometheus"}),
    ),
    "a-variable-with-a-fixed-source": (
        lint.source_is_the_variable,
        lambda board: variable(board, "job").pop("datasource"),
    ),
    "a-title-twice": (lint.panels_explain_themselves, lambda board: panel(board, "Calls").update(title="Tokens")),
    "no-description": (lint.panels_explain_themselves, lambda board: panel(board, "Calls").pop("description")),
    "no-unit": (
        lint.panels_explain_themselves,
        lambda board: panel(board, "Calls")["fieldConfig"]["defaults"].pop("unit"),
    ),
    "no-query": (lint.panels_explain_themselves, lambda board: panel(board, "Calls").update(targets=[])),
    "a-rate": (
        lint.counters_are_counted_without_extrapolation,
        asks('sum(rate(voice_calls_total{job=~"$job"}[$__rate_interval]))'),
    ),
    "an-increase-of-series-of-calls": (
        lint.counters_are_counted_without_extrapolation,
        asks('sum(increase(voice_calls_total{job=~"$job"}[$__range]))'),
    ),
    "a-counter-as-it-is": (lint.counters_are_never_shown_raw, asks('sum(voice_calls_total{job=~"$job"})')),
    "a-bucket-as-it-is": (
        lint.counters_are_never_shown_raw,
        asks('histogram_quantile(0.5, sum by (le) (voice_response_milliseconds_bucket{job=~"$job"}))'),
    ),
    "another-bots-series": (
        lint.every_series_is_of_the_chosen_bot,
        asks('sum(last_over_time(voice_calls_active{call_id=""}[5m]))'),
    ),
    "every-bots-series": (lint.every_series_is_of_the_chosen_bot, asks("sum(last_over_time(voice_calls_active[5m]))")),
    "all-names-of-every-bot": (
        lint.every_series_is_of_the_chosen_bot,
        asks('count({__name__=~"voice_.*"})'),
    ),
    "an-unknown-variable": (
        lint.variables_are_declared_and_follow_the_time_range,
        asks('sum(voice_calls_active{job=~"$job", model=~"$model"})'),
    ),
    "a-variable-asked-once": (
        lint.variables_are_declared_and_follow_the_time_range,
        lambda board: variable(board, "job").update(refresh=1),
    ),
    "all-that-needs-the-label": (
        lint.variables_are_declared_and_follow_the_time_range,
        lambda board: variable(board, "call_id").update(allValue=".+"),
    ),
    "a-description-without-an-actor": (
        lint.panels_explain_themselves,
        lambda board: panel(board, "Speaking time").update(description="Seconds of the calls by who was speaking."),
    ),
    "an-id-twice": (lint.identifiers_are_unique, lambda board: panel(board, "Calls").update(id=3)),
    "an-id-of-the-dashboard": (lint.identifiers_are_unique, lambda board: board.update(id=7)),
    "a-query-letter-twice": (
        lint.identifiers_are_unique,
        lambda board: panel(board, "Response time")["targets"][1].update(refId="A"),
    ),
    "the-sources-own-step": (
        lint.a_first_call_is_seen_within_a_minute,
        lambda board: target(board).pop("interval"),
    ),
    "no-refresh": (lint.a_first_call_is_seen_within_a_minute, lambda board: board.update(refresh="")),
    "panels-on-each-other": (
        lint.panels_do_not_overlap,
        lambda board: panel(board, "Response time")["gridPos"].update(x=0),
    ),
    "a-panel-outside": (lint.panels_do_not_overlap, lambda board: panel(board, "Interruptions")["gridPos"].update(w=9)),
    "a-graph-without-a-legend": (
        lint.graphs_have_a_legend,
        lambda board: target(board, "Calls started").update(legendFormat="__auto"),
    ),
    "a-column-without-a-name": (
        lint.tables_name_their_columns,
        lambda board: panel(board, "TTFB")["transformations"][1]["options"]["renameByName"].pop("Value #B"),
    ),
    "a-label-without-a-name": (
        lint.tables_name_their_columns,
        lambda board: panel(board, "TTFB")["transformations"][1]["options"]["renameByName"].pop("service"),
    ),
    "a-column-name-twice": (
        lint.tables_name_their_columns,
        lambda board: panel(board, "TTFB")["transformations"][1]["options"]["renameByName"].update(service="p95"),
    ),
}


@pytest.mark.parametrize(("rule", "broken"), BREAKS.values(), ids=BREAKS.keys())
def test_each_rule_notices_what_it_forbids(rule: Lint, broken: Callable[[Json], Any]):
    board = copy.deepcopy(BOARD)
    broken(board)
    assert list(rule(board)) != []


def test_every_rule_has_something_it_noticed():
    assert {rule for rule, _ in BREAKS.values()} == set(RULES)
