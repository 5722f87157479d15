"""A row of the dashboard about objectives: budgets, burn rates and the worst bots.

The first three panels read series recorded by the rules of `voice-metrics alerts --slo`, and are empty without them.
"""

from __future__ import annotations

from voice_metrics.grafana.burn import BUDGET_LEFT, GOAL, burn
from voice_metrics.grafana.objectives import JOB, NOT_DUE
from voice_metrics.grafana.panels import ALL, MILLISECONDS, NUMBER, SHARE, USD, Query, Row, lines, table
from voice_metrics.grafana.queries import RANGE, selector
from voice_metrics.series.table import CALLS, COST, ERRORS, RESPONSE, TURNS_UNANSWERED

_SLO = ("job", "slo")
_FROM = "`voice-metrics alerts --slo …` writes the rules that record it."


def _recorded(name: str, by: tuple[str, ...] = _SLO) -> str:
    return f"max by ({', '.join(by)}) ({selector(name, ALL.matchers)})"


ROW = Row(
    "Objectives",
    (
        table(
            "Budgets",
            f"Each bot's objectives, what is left of their budgets, and how fast these burn (1: as allowed). {_FROM}",
            Query(_recorded(GOAL, (*_SLO, "goal"))),
            Query(_recorded(BUDGET_LEFT), "Budget left", SHARE),
            *(Query(_recorded(burn(window)), f"Burn {window}", NUMBER) for window in ("1h", "6h", "3d")),
            labels={"job": "Bot", "slo": "Objective", "goal": "Goal"},
            order="Burn 6h",
            width=24,
            height=6,
        ),
        lines(
            "Budget left",
            f"Share of the budget that is left; below 0 the objective is missed. {_FROM}",
            SHARE,
            Query(_recorded(BUDGET_LEFT), "{{job}} {{slo}}"),
        ),
        lines(
            "Burn rate",
            f"How many times faster than allowed the budget burnt in the last hour. {_FROM}",
            NUMBER,
            Query(_recorded(burn("1h")), "{{job}} {{slo}}"),
        ),
        table(
            "Worst bots",
            "Each bot with the numbers that callers notice first, the slowest at the top. Needs no objective.",
            Query(ALL.total(CALLS, RANGE, JOB), "Calls"),
            Query(ALL.quantile(0.95, RESPONSE, RANGE, JOB), "Response p95", MILLISECONDS),
            Query(ALL.where(NOT_DUE).total(TURNS_UNANSWERED, RANGE, JOB), "Unanswered"),
            Query(ALL.total(ERRORS, RANGE, JOB), "Errors"),
            Query(f"{ALL.total(COST, RANGE, JOB)} / ({ALL.total(CALLS, RANGE, JOB)} > 0)", "Cost per call", USD),
            labels={"job": "Bot"},
            order="Response p95",
            width=24,
            height=6,
        ),
    ),
)
