"""Rules that the dashboard has to obey, each a function from the dashboard's JSON to complaints."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]
Lint = Callable[[Json], Iterator[str]]

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Grafana's own, and those that the dashboard declares.
GRAFANA_VARIABLES = {"__range", "__range_s", "__interval", "__interval_ms", "__rate_interval"}
GRAFANA_WIDTH = 24
# Words that hide the actor, and the word for a bar of a graph that only its maker knows.
UNPLAIN = r"\b(who|whoever|nobody|no one|is told|of ours|each step)\b"


def panels(board: Json) -> Iterator[Json]:
    """All panels that show something."""
    return (panel for panel in board["panels"] if panel["type"] != "row")


def targets(board: Json) -> Iterator[tuple[str, Json]]:
    """All queries, with their panel's title."""
    return ((panel["title"], target) for panel in panels(board) for target in panel["targets"])


def source_is_the_variable(board: Json) -> Iterator[str]:
    """No fixed data source: its uid differs in each Grafana."""
    variables = [variable for variable in board["templating"]["list"] if variable["type"] == "query"]
    for thing in (*panels(board), *(target for _, target in targets(board)), *variables):
        if thing.get("datasource") != SOURCE:
            yield f"{thing.get('title', thing.get('name', thing.get('refId')))}: data source {thing.get('datasource')}"


def panels_explain_themselves(board: Json) -> Iterator[str]:
    """Every panel has a title of its own, a description that is a sentence, a unit, and queries."""
    titles = [panel["title"] for panel in panels(board)]
    for panel in panels(board):
        if not panel["title"] or titles.count(panel["title"]) > 1:
            yield f"title {panel['title']!r}: missing or twice"
        if not re.fullmatch(r"[A-Z`].{10,}\.", panel.get("description", ""), re.S):
            yield f"{panel['title']}: description {panel.get('description')!r}"
        if unplain := re.findall(UNPLAIN, f"{panel['title']} {panel.get('description')}", re.I):
            yield f"{panel['title']}: says {', '.join(unplain)}"
        if not panel["fieldConfig"]["defaults"].get("unit"):
            yield f"{panel['title']}: no unit"
        if not panel.get("targets"):
            yield f"{panel['title']}: asks nothing"


def counters_are_counted_without_extrapolation(board: Json) -> Iterator[str]:
    """`rate()` never, `increase()` only for shared series that fell: both are wrong for series of short calls."""
    for title, target in targets(board):
        for name, selected in re.findall(r"\b(i?rate|increase)\(([^\[]*)", target["expr"]):
            if name != "increase" or 'call_id=""' not in selected:
                yield f"{title}: {name}({selected}"


def counters_are_never_shown_raw(board: Json) -> Iterator[str]:
    """A counter's value says only how long its process runs: it stands within a function over time."""
    for title, target in targets(board):
        expression = re.sub(r"\{[^}]*\}", "", target["expr"])
        for name in re.findall(r"(?<!_over_time\()(?<!resets\()(?<!increase\()(?<!timestamp\()\bvoice_\w+", expression):
            if name.endswith(("_total", "_bucket", "_sum", "_count")):
                yield f"{title}: {name}"


def every_series_is_of_the_chosen_bot(board: Json) -> Iterator[str]:
    """Every selector has the `job` variable."""
    for title, target in targets(board):
        for name, matchers in re.findall(
            r"\b((?:voice:[\w:]+|(?:voice|gen_ai_(?:client|execute_tool))_\w+)(?=[\{\[\)]))(\{[^}]*\})?", target["expr"]
        ):
            if 'job=~"$job"' not in matchers:
                yield f"{title}: {name}{matchers}"
        for matchers in re.findall(r"\{(__name__[^}]*)\}", target["expr"]):
            if 'job=~"$job"' not in matchers:
                yield f"{title}: {matchers}"


def variables_are_declared_and_follow_the_time_range(board: Json) -> Iterator[str]:
    """Every variable that a query names exists; those that ask the data source ask anew with each time range."""
    declared = {variable["name"] for variable in board["templating"]["list"]} | GRAFANA_VARIABLES
    for title, target in targets(board):
        for name in set(re.findall(r"\$\{?(\w+)", target["expr"])) - declared:
            yield f"{title}: ${name} is not declared"
    for variable in board["templating"]["list"]:
        if variable["type"] == "query" and variable["refresh"] != 2:
            yield f"{variable['name']}: refreshed on {variable['refresh']}"
        if variable["type"] == "query" and variable.get("allValue") != ".*":
            yield f"{variable['name']}: All is {variable.get('allValue')!r}, which leaves out series without the label"


def identifiers_are_unique(board: Json) -> Iterator[str]:
    """Links to panels and imports stay valid: ids are set and unique, the dashboard has a uid but no id."""
    identifiers = [panel.get("id") for panel in board["panels"]]
    if None in identifiers or len(set(identifiers)) != len(identifiers):
        yield f"panel ids {sorted(str(i) for i in identifiers)}"
    if board.get("id") is not None or not board.get("uid"):
        yield f"id {board.get('id')}, uid {board.get('uid')}"
    for panel in panels(board):
        letters = [target["refId"] for target in panel["targets"]]
        if len(set(letters)) != len(letters):
            yield f"{panel['title']}: queries {letters}"


def a_first_call_is_seen_within_a_minute(board: Json) -> Iterator[str]:
    """The smallest step is set: a data source's own, 60 s in many set-ups, would hide a first call for minutes."""
    for panel in panels(board):
        steps = {panel.get("interval"), *(target.get("interval") for target in panel["targets"])}
        if steps != {"15s"}:
            yield f"{panel['title']}: {steps}"
    if board.get("refresh") != "30s":
        yield f"refreshed every {board.get('refresh')!r}"


def panels_do_not_overlap(board: Json) -> Iterator[str]:
    """Each cell of the grid belongs to one panel, and none lies outside."""
    taken: dict[tuple[int, int], str] = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if x >= GRAFANA_WIDTH or (x, y) in taken:
                    yield f"{panel['title']}: {x},{y} is {taken.get((x, y), 'outside')}"
                    return
                taken[(x, y)] = panel["title"]


def graphs_have_a_legend(board: Json) -> Iterator[str]:
    """Grafana's automatic legend of an answer without labels is the whole query."""
    for panel in panels(board):
        for target in panel["targets"]:
            if panel["type"] == "timeseries" and target.get("legendFormat", "__auto") == "__auto":
                yield f"{panel['title']}: {target['refId']} has no legend"


def tables_name_their_columns(board: Json) -> Iterator[str]:
    """No column of a table is called "Value #B" or as in the database."""
    for panel in panels(board):
        if panel["type"] != "table":
            continue
        (options,) = (t["options"] for t in panel["transformations"] if t["id"] == "organize")
        several = len(panel["targets"]) > 1
        for target in panel["targets"]:
            column = f"Value #{target['refId']}" if several else "Value"
            if column not in options["renameByName"] and column not in options["excludeByName"]:
                yield f"{panel['title']}: {column}"
            grouped = re.match(r"(?:1000 \* \()?\w+ by \(([^)]*)\)", target["expr"])
            for label in grouped[1].split(", ") if grouped else ():
                if label not in (*options["renameByName"], "le"):
                    yield f"{panel['title']}: {label}"
        names = list(options["renameByName"].values())
        if len(set(names)) != len(names):
            yield f"{panel['title']}: columns {names}"


RULES: tuple[Lint, ...] = (
    source_is_the_variable,
    panels_explain_themselves,
    counters_are_counted_without_extrapolation,
    counters_are_never_shown_raw,
    every_series_is_of_the_chosen_bot,
    variables_are_declared_and_follow_the_time_range,
    identifiers_are_unique,
    a_first_call_is_seen_within_a_minute,
    panels_do_not_overlap,
    graphs_have_a_legend,
    tables_name_their_columns,
)
