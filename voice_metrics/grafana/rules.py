"""Rules for Prometheus as data, and their text: alerts, recordings, and the groups that evaluate them in order."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from voice_metrics.call.text import clean

INTERVAL = "1m"
_LONGEST_ADDRESS = 2000


@dataclass(frozen=True, slots=True)
class Rule:
    """One alerting rule.

    Parameters:
        name: Its name, and the heading of its section in docs/alerts.md.
        expression: PromQL; the alert is active for each series of the answer.
        minutes: Time that the expression must hold before the alert fires.
        severity: "critical" (act now) or "warning" (look today).
        summary: One sentence with the value, a Prometheus template.
        labels: Further labels, such as the objective.
    """

    name: str
    expression: str
    minutes: int
    severity: str
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded query.

    Parameters:
        name: Name of the series, as level:metric:window.
        expression: PromQL.
        labels: Labels of the series beside those of the answer.
    """

    name: str
    expression: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Rules in their order of evaluation: a rule may read an earlier one's recording. `name` is unique in the file."""

    name: str
    rules: tuple[Rule | Recording, ...]


def text(groups: Iterable[Group], runbook: str | None = None) -> str:
    """Return the rules as a file; `runbook` is the address of the page about the alerts, or `None` for no link."""
    return "\n".join(("groups:", *(line for group in groups for line in _group(group, runbook)))) + "\n"


def _group(group: Group, runbook: str | None) -> Iterator[str]:
    yield f"  - name: {group.name}"
    yield f"    interval: {INTERVAL}"
    yield "    rules:"
    for rule in group.rules:
        yield from _alert(rule, runbook) if isinstance(rule, Rule) else _recording(rule)


def _alert(rule: Rule, runbook: str | None) -> Iterator[str]:
    yield f"      - alert: {rule.name}"
    yield from _expression(rule.expression)
    yield f"        for: {rule.minutes}m"
    yield from _labels({"severity": rule.severity, **rule.labels})
    yield "        annotations:"
    yield f"          summary: {_quoted(rule.summary)}"
    if runbook is not None:
        # Annotations are templates.
        address = clean(runbook, _LONGEST_ADDRESS).replace("{{", '{{ "{{" }}')
        yield f"          runbook_url: {_quoted(f'{address}#{rule.name.lower()}')}"


def _recording(rule: Recording) -> Iterator[str]:
    yield f"      - record: {rule.name}"
    yield from _expression(rule.expression)
    if rule.labels:
        yield from _labels(rule.labels)


def _expression(expression: str) -> Iterator[str]:
    yield "        expr: |-"
    yield f"          {expression}"


def _labels(labels: Mapping[str, str]) -> Iterator[str]:
    yield "        labels:"
    for name, value in labels.items():
        yield f"          {name}: {value if value.isalnum() else _quoted(value)}"


def _quoted(words: str) -> str:
    """Text in YAML, which knows JSON's escapes except pairs of surrogates."""
    return json.dumps(words, ensure_ascii=False)
