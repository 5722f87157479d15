"""How an objective is written, and what is said about one that is none."""

from __future__ import annotations

import re

import click
import pytest
import typer
from typer.testing import CliRunner

from voice_metrics.cli.alerts import alerts
from voice_metrics.grafana.burn import UNUSUAL
from voice_metrics.grafana.documents import ALERTS
from voice_metrics.grafana.objectives import BadObjective, Objective, objective, read_objectives, window_days


@pytest.mark.parametrize(
    ("words", "read"),
    [
        pytest.param("response=1500ms:95%", Objective("response", 0.95, 1500), id="limit-and-share"),
        pytest.param("greeting=5s:90.5%", Objective("greeting", 0.905, 5000), id="seconds"),
        pytest.param("answered=99%", Objective("answered", 0.99), id="share-alone"),
        pytest.param("response=99%", Objective("response", 0.99, 2000), id="default-limit"),
        pytest.param("errors", Objective("errors", 0.995), id="name-alone"),
        pytest.param("success=50%", Objective("success", 0.5), id="least-share"),
    ],
)
def test_an_objective_is_read(words: str, read: Objective):
    assert objective(words) == read


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param("", "expected such as response=1500ms:95%", id="empty"),
        pytest.param("response=fast", "expected such as response=1500ms:95%", id="no-number"),
        pytest.param("speed=99%", "'speed' is none of response, greeting, answered, errors, success", id="unknown"),
        pytest.param("response=1400ms:95%", "counted up to 50, 100, 150,", id="limit-between-two-bounds"),
        pytest.param("response=1.5.2ms:95%", "counted up to 50, 100, 150,", id="limit-that-is-no-number"),
        pytest.param("answered=2s:99%", "answered has no limit, such as answered=99%", id="limit-of-no-latency"),
        pytest.param("answered=100%", "at least 50% and less than 100%", id="everything"),
        pytest.param("answered=5%", "at least 50% and less than 100%", id="too-little"),
        pytest.param("answered=9.9.9%", "at least 50% and less than 100%", id="share-that-is-no-number"),
        pytest.param("success", "at least 50% and less than 100%", id="no-default"),
    ],
)
def test_what_is_no_objective_is_refused_with_what_would_be_right(words: str, complaint: str):
    with pytest.raises(BadObjective, match=re.escape(complaint)) as refused:
        objective(words)
    assert repr(words) in str(refused.value)


def test_two_objectives_of_one_name_are_refused():
    with pytest.raises(BadObjective, match="errors: expected one objective of each name"):
        read_objectives(["errors=99%", "answered", "errors"])


@pytest.mark.parametrize(("words", "days"), [("7d", 7), ("4w", 28), ("90d", 90)])
def test_a_window_is_read(words: str, days: int):
    assert window_days(words) == days


@pytest.mark.parametrize("words", ["", "30", "6d", "91d", "13w", "1h", "-7d"])
def test_a_window_that_is_none_is_refused(words: str):
    with pytest.raises(BadObjective, match="expected 7 to 90 days, such as 30d or 4w"):
        window_days(words)


def test_a_budget_is_what_a_person_would_write():
    assert f"{Objective('errors', 0.995).budget!r}" == "0.005"


def run(*arguments: str) -> tuple[int, str, str]:
    app = typer.Typer()
    app.command()(alerts)
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, " ".join(click.unstyle(result.stderr).split())


def test_objectives_are_written_beside_the_other_rules():
    status, out, _ = run("--slo", "response=1500ms:95%", "--slo", "answered=99%", "--window", "7d")
    assert status == 0
    static = {line for line in ALERTS.read_text().splitlines() if "alert:" in line}
    written = {line for line in out.splitlines() if "alert:" in line}
    budgets = {"      - alert: VoiceBudgetBurnsFast", "      - alert: VoiceBudgetBurnsSlowly"}
    # An objective for the response takes the place of the comparison with last week.
    assert written == static - {f"      - alert: {UNUSUAL}"} | budgets
    assert 'voice:slo_good:5m{slo="response"}[7d]' not in out
    assert 'voice:slo_bad:5m{slo="response"}[7d]' in out
    assert "its budget of 7 days" in out


def test_the_comparison_with_last_week_stays_without_an_objective_for_the_response():
    assert f"alert: {UNUSUAL}" in run("--slo", "answered=99%")[1]


@pytest.mark.parametrize("arguments", [("--slo", "answered=99"), ("--window", "1y")])
def test_a_mistake_is_one_of_the_arguments(arguments: tuple[str, ...]):
    status, out, told = run(*arguments)
    assert (status, out) == (2, "")
    assert "expected" in told
