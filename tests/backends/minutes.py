"""What a bot does minute by minute, as input series of promtool, and what promtool says about rules over it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from .programs import promtool

JOB = {"job": "voice-bot"}

Series = dict[str, str]
# How many in a minute.
Each = Callable[[int], int]


def selector(name: str, **labels: str) -> str:
    """A series' name with its labels."""
    text = ", ".join(f'{key}="{value}"' for key, value in {**JOB, **labels}.items())
    return f"{name}{{{text}}}"


def growing(name: str, minutes: int, each: Each, **labels: str) -> Series:
    """A counter of a process that lives longer than the test, from 0 on."""
    return {
        selector(name, **labels): " ".join(
            map(str, accumulate((each(minute) for minute in range(1, minutes)), initial=0))
        )
    }


def calls(minutes: int, each: Each) -> Series:
    """Calls that began."""
    return growing("voice_calls_total", minutes, each)


def answers(minutes: int, fast: Each, slow: Each, **labels: str) -> Series:
    """Answers of about 900 ms, and some of about 4 s, in the histogram of responses."""
    name = "voice_response_milliseconds"

    def both(minute: int) -> int:
        return fast(minute) + slow(minute)

    steps = {"800": lambda _: 0, "1000": fast, "1500": fast, "2000": fast, "3000": fast, "5000": both, "+Inf": both}
    found = growing(f"{name}_count", minutes, both, **labels)
    for le, each in steps.items():
        found |= growing(f"{name}_bucket", minutes, each, le=le, **labels)
    return found


@dataclass(frozen=True)
class Moment:
    """What fires at a minute.

    Parameters:
        minute: Minute of evaluation.
        alert: The rule.
        fires: Label sets, each with its severity, of what fires; empty where nothing may.
    """

    minute: int
    alert: str
    fires: Sequence[Mapping[str, str]] = field(default_factory=tuple)


def complaints(
    rules: str,
    series: Series,
    moments: Iterable[Moment],
    folder: Path,
    queries: Sequence[object] = (),
    step: str = "1m",
) -> str:
    """What promtool finds wrong; empty when all is as it should be. Annotations are left out of the comparison.

    Args:
        rules: The rules as a file's text.
        series: What happened.
        moments: What fires when.
        folder: Where the files go.
        queries: Tests of expressions, as promtool wants them.
        step: Time between two values of a series, and between two evaluations.
    """
    (folder / "rules.yml").write_text(without_annotations(rules))
    tests = [
        {
            "alertname": moment.alert,
            "eval_time": f"{moment.minute}m",
            "exp_alerts": [{"exp_labels": dict(each)} for each in moment.fires],
        }
        for moment in moments
    ]
    document = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": step,
        "group_eval_order": groups(rules),
        "tests": [
            {
                "interval": step,
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "alert_rule_test": tests,
                "promql_expr_test": list(queries),
            }
        ],
    }
    # JSON is YAML.
    (folder / "test.yml").write_text(json.dumps(document))
    answer = promtool("test", "rules", str(folder / "test.yml"))
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


def groups(rules: str) -> list[str]:
    """Names of the groups in their order; without it, chance decides whether an alert sees what was just recorded."""
    return re.findall(r"^  - name: (\S+)$", rules, re.MULTILINE)


def without_annotations(rules: str) -> str:
    """The rules without what they say to people."""
    dropped = ("        annotations:", "          summary:", "          runbook_url:")
    return "".join(line for line in rules.splitlines(keepends=True) if not line.startswith(dropped))
