"""The dashboard in Grafana's format: rows of panels, built with Grafana's SDK.

Needs `grafana-foundation-sdk`, a development dependency; the result is committed as `dashboard.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, TypeVar

from grafana_foundation_sdk.builders import common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from voice_metrics.grafana import dashboard_variables
from voice_metrics.grafana.dashboard_rows import ROWS
from voice_metrics.grafana.panels import Look, Panel, Query, Row

UID = "voice-metrics"
TITLE = "Voice bot calls"
# The plug-in exports every 10 s; a data source's own minimum (60 s in many set-ups) would hide a first call.
MINIMAL_STEP = "15s"
# Bars of half a minute for an hour.
BARS = 120
# A line breaks at five minutes without a value.
LONGEST_GAP_MS = 300_000
_COLOURS = ("orange", "red")
_OPENS_CALL = {
    "title": "Show this call",
    "url": "/d/${__dashboard.uid}?${__url_time_range}&${datasource:queryparam}&${job:queryparam}"
    "&var-call_id=${__value.raw}",
}

_Builder = TypeVar("_Builder", stat.Panel, timeseries.Panel, table.Panel)


def dashboard_json() -> str:
    """Return the dashboard as JSON for Grafana's import."""
    return json.dumps(json.loads(JSONEncoder(sort_keys=True).encode(_dashboard())), indent=1, sort_keys=True) + "\n"


def _dashboard() -> model.Dashboard:
    board = (
        build.Dashboard(TITLE)
        .uid(UID)
        .description("Metrics of Pipecat voice calls, sent by the voice_metrics plug-in.")
        .tags(["pipecat", "voice", "opentelemetry"])
        .time("now-1h", "now")
        .timezone("browser")
        .refresh("30s")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .variables([dashboard_variables.source(), dashboard_variables.job(), dashboard_variables.call()])
    )
    identifiers = count(1)
    for row in ROWS:
        _add_row(board, row, identifiers)
    return board.build()


def _add_row(board: build.Dashboard, row: Row, identifiers: Iterator[int]) -> None:
    board.with_row(build.Row(row.title).id(next(identifiers)))
    for panel in row.panels:
        board.with_panel(_LOOKS[panel.look](panel, next(identifiers)))


def _figures(panel: Panel, identifier: int) -> stat.Panel:
    named = len(panel.queries) > 1 or bool(panel.queries[0].name)
    return (
        _with_common_options(stat.Panel(), panel, identifier)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(looks.BigValueGraphMode.NONE)
        .color_mode(looks.BigValueColorMode.VALUE)
        .text_mode(looks.BigValueTextMode.VALUE_AND_NAME if named else looks.BigValueTextMode.VALUE)
        .thresholds(_limits(panel))
        .targets([_target(query, letter).instant() for letter, query in _lettered(panel)])
    )


def _lines(panel: Panel, identifier: int) -> timeseries.Panel:
    return (
        _with_common_options(timeseries.Panel(), panel, identifier)
        .min(0)
        .line_width(2)
        .show_points(looks.VisibilityMode.AUTO)
        .span_nulls(LONGEST_GAP_MS)
        .targets([_target(query, letter).range() for letter, query in _lettered(panel)])
    )


def _bars(panel: Panel, identifier: int) -> timeseries.Panel:
    return (
        _with_common_options(timeseries.Panel(), panel, identifier)
        .min(0)
        .max_data_points(BARS)
        .draw_style(looks.GraphDrawStyle.BARS)
        .fill_opacity(70)
        .stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL).group("A"))
        .targets([_target(query, letter).range() for letter, query in _lettered(panel)])
    )


def _table(panel: Panel, identifier: int) -> table.Panel:
    columns = dict(panel.labels)
    hidden = {"Time": True}
    for letter, query in _lettered(panel):
        # With one query only, Grafana calls the column "Value".
        field = f"Value #{letter}" if len(panel.queries) > 1 else "Value"
        if query.name:
            columns[field] = query.name
        else:
            hidden[field] = True
    places = {title: place for place, title in enumerate(panel.first)}
    ordered = sorted(columns, key=lambda field: places.get(columns[field], len(places)))
    organized = {
        "excludeByName": hidden,
        "indexByName": {name: place for place, name in enumerate(ordered)},
        "renameByName": columns,
    }
    built = (
        _with_common_options(table.Panel(), panel, identifier)
        .targets([_target(query, letter).instant().format(PromQueryFormat.TABLE) for letter, query in _lettered(panel)])
        .with_transformation(model.DataTransformerConfig("merge", options={}))
        .with_transformation(model.DataTransformerConfig("organize", options=organized))
    )
    for query in panel.queries:
        if query.unit is not None and query.unit != panel.unit:
            built.override_by_name(query.name, [model.DynamicConfigValue("unit", query.unit)])
    if "call_id" in panel.labels:
        built.override_by_name(panel.labels["call_id"], [model.DynamicConfigValue("links", [_OPENS_CALL])])
    if panel.order:
        built.sort_by([common.TableSortByFieldState().display_name(panel.order).desc(True)])
    return built


def _with_common_options(built: _Builder, panel: Panel, identifier: int) -> _Builder:
    return (
        built.id(identifier)
        .title(panel.title)
        .description(panel.description)
        .datasource(dashboard_variables.SOURCE)
        .unit(panel.unit)
        .interval(MINIMAL_STEP)
        .span(panel.width)
        .height(panel.height)
    )


def _limits(panel: Panel) -> build.ThresholdsConfig:
    # A number without limits is neither good nor bad.
    steps = [model.Threshold(value=None, color="green" if panel.limits else "text")]
    steps += [
        model.Threshold(value=float(limit), color=colour)
        for limit, colour in zip(panel.limits, _COLOURS[-len(panel.limits) :], strict=False)
    ]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _lettered(panel: Panel) -> Iterator[tuple[str, Query]]:
    return zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", panel.queries, strict=False)


def _target(query: Query, letter: str) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .expr(query.expression)
        .legend_format(query.name or "__auto")
        .ref_id(letter)
        .interval(MINIMAL_STEP)
        .datasource(dashboard_variables.SOURCE)
    )


_LOOKS: dict[Look, Callable[[Panel, int], Any]] = {
    Look.FIGURES: _figures,
    Look.LINES: _lines,
    Look.BARS: _bars,
    Look.TABLE: _table,
}
