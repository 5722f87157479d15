"""The dashboard's variables: data source, job, and the id of one call.

Needs `grafana-foundation-sdk`, a development dependency.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh, VariableSort

from voice_metrics.grafana.panels import ALL
from voice_metrics.grafana.queries import LABELLED, RANGE
from voice_metrics.series.prometheus_names import metric_name
from voice_metrics.series.table import CALL_ID, CALLS

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
# More ids than a person reads, few enough for the browser.
LISTED_CALLS = 100
_EVERYTHING = VariableOption(text="All", value="$__all")


def source() -> build.DatasourceVariable:
    """Make the variable for the Prometheus, Mimir or Grafana Cloud data source."""
    return build.DatasourceVariable("datasource").type("prometheus").label("Data source")


def job() -> build.QueryVariable:
    """Make the variable for the bots, by `service.name`."""
    calls = metric_name(CALLS.name, CALLS.unit, CALLS.kind)
    variable = _query("job", "Bot", f"label_values({calls}, job)", "The bot's service.name.")
    return variable.multi(True).sort(VariableSort.ALPHABETICAL_ASC)


def call() -> build.QueryVariable:
    """Make the variable for the calls of the time range, latest first; any other id can be typed."""
    recent = ALL.where(LABELLED).last_seen(CALLS, RANGE, (CALL_ID,))
    variable = _query(
        CALL_ID,
        "Call",
        f"query_result(topk({LISTED_CALLS}, {recent}))",
        f"The {LISTED_CALLS} most recent calls of the time range; any other id can be typed.",
    )
    return variable.regex(f'/{CALL_ID}="([^"]+)"/').allow_custom_value(True)


def _query(name: str, label: str, query: str, description: str) -> build.QueryVariable:
    return (
        build.QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(SOURCE)
        .query({"query": query, "refId": name})
        .definition(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)
        # `.*` matches series without the label too.
        .all_value(".*")
        .current(_EVERYTHING)
    )
