"""The committed dashboard as a list of questions, and Grafana's variables put into them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from voice_metrics.grafana.documents import DASHBOARD

from .chain import Labels, Store


@dataclass(frozen=True)
class Question:
    """One query of a panel.

    Parameters:
        title: The panel's title.
        place: Which of its queries.
        expression: PromQL with Grafana's variables.
        look: The panel's type in Grafana.
        over_time: Whether it is a graph.
    """

    title: str
    place: int
    expression: str
    look: str
    over_time: bool

    def __str__(self) -> str:
        return f"{self.title} [{self.place}]"

    @property
    def counts_steps(self) -> bool:
        """Whether it is a graph whose steps add up to a total."""
        return self.over_time and "$__interval" in self.expression

    def filled(self, range_seconds: float, step_seconds: float, call_id: str = ".*", job: str = ".*") -> str:
        """The expression as a server gets it.

        Args:
            range_seconds: The dashboard's time range.
            step_seconds: A graph's step; also the window of its percentiles.
            call_id: Value of the variable.
            job: Value of the variable.
        """
        values = {
            "__range_s": f"{range_seconds:g}",
            "__range": f"{range_seconds:g}s",
            "__interval_ms": f"{step_seconds * 1000:g}",
            "__interval": f"{step_seconds:g}s",
            "__rate_interval": f"{step_seconds:g}s",
            "call_id": call_id,
            "job": job,
        }
        filled = re.sub(r"\$(\w+)", lambda found: values[found[1]], self.expression)
        assert "$" not in filled, filled
        return filled


@dataclass(frozen=True)
class Moment:
    """When a dashboard is looked at.

    Parameters:
        end: End of its time range in unix seconds.
        range_seconds: Length of its time range.
        step_seconds: Step of its graphs.
    """

    end: float
    range_seconds: float
    step_seconds: float


def questions() -> Iterator[Question]:
    """Every query of every panel."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for place, target in enumerate(panel.get("targets", ())):
            yield Question(panel["title"], place, target["expr"], panel["type"], not target["instant"])


def ask(store: Store, question: Question, about: Moment, call_id: str = ".*") -> dict[Labels, float]:
    """The answer about the whole time range: a percentile's window is the range, a graph's steps are added up.

    Args:
        store: Who is asked.
        question: The question.
        about: When it is asked, and about how long a time.
        call_id: Value of the variable.
    """
    if not question.counts_steps:
        return store.instant(question.filled(about.range_seconds, about.range_seconds, call_id), about.end)
    expression = question.filled(about.range_seconds, about.step_seconds, call_id)
    answer = store.over_time(expression, about.end - about.range_seconds, about.end, about.step_seconds)
    per_hour = 3600 / about.step_seconds if "per hour" in question.title else 1
    return {labels: sum(values.values()) / per_hour for labels, values in answer.items()}


def variable(name: str) -> str:
    """The query of a variable."""
    found = next(v for v in json.loads(DASHBOARD.read_text())["templating"]["list"] if v["name"] == name)
    query: str = found["query"]["query"]
    return query
