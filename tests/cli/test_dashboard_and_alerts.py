"""What `voice-metrics dashboard` and `voice-metrics alerts` write."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from typer.testing import CliRunner

from voice_metrics.cli.alerts import alerts
from voice_metrics.cli.dashboard import dashboard
from voice_metrics.grafana import documents
from voice_metrics.grafana.documents import ALERTS, DASHBOARD

BOARD: dict[str, Any] = json.loads(DASHBOARD.read_text())


def run(command: Callable[..., None], *arguments: str) -> tuple[int, str, str]:
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, click.unstyle(result.stderr)


def test_a_title_makes_a_second_dashboard_and_a_job_is_chosen():
    board = json.loads(documents.dashboard("Café — Lines 1+2", "restaurant-bot"))
    assert (board["title"], board["uid"]) == ("Café — Lines 1+2", "voice-metrics-caf-lines-1-2")
    (job,) = (v for v in board["templating"]["list"] if v["name"] == "job")
    assert job["current"] == {"text": ["restaurant-bot"], "value": ["restaurant-bot"]}


def test_text_that_no_file_can_hold_is_made_safe():
    board = json.loads(documents.dashboard("Lines \udcff", "bot\x1b"))
    (job,) = (v for v in board["templating"]["list"] if v["name"] == "job")
    assert (board["title"], job["current"]["value"]) == ("Lines □", ["bot□"])


def test_nothing_asked_for_is_nothing_changed():
    assert json.loads(documents.dashboard()) == BOARD


def test_a_uid_is_never_too_long_for_grafana():
    assert len(json.loads(documents.dashboard("long " * 20))["uid"]) <= 40


def test_a_title_without_letters_is_refused():
    with pytest.raises(ValueError, match="at least one letter or digit"):
        documents.dashboard("—")


def test_the_dashboard_goes_to_standard_output():
    status, out, _ = run(dashboard)
    assert (status, json.loads(out)) == (0, BOARD)


def test_the_dashboard_goes_to_a_file(tmp_path: Path):
    file = tmp_path / "dashboard.json"
    status, out, told = run(dashboard, "--title", "Lines", "--job", "bot", str(file))
    assert (status, out) == (0, "")
    assert "Dashboards > New > Import" in told
    assert file.read_text() == documents.dashboard("Lines", "bot")


def test_a_title_that_is_no_title_is_a_mistake_of_the_arguments():
    status, _, told = run(dashboard, "--title", "—")
    assert status == 2
    assert "at least one letter or digit" in told


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path):
    status, _, told = run(alerts, str(tmp_path / "missing" / "alerts.yml"))
    assert status == 2
    assert "cannot be written" in " ".join(told.split())


def test_the_alerts_are_the_committed_ones():
    status, out, _ = run(alerts)
    assert (status, out) == (0, ALERTS.read_text())


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--response-p95-ms", "1800", "> 1800 and"),
        ("--stt-ttfb-p95-ms", "701", "> 701 and"),
        ("--llm-ttfb-p95-ms", "702", "> 702 and"),
        ("--tts-ttfb-p95-ms", "703", "> 703 and"),
        ("--error-ratio", "0.21", "> 0.21 and"),
        ("--cost-per-hour", "5.5", "> 5.5\n"),
        ("--interruption-ratio", "0.33", "> 0.33 and"),
        ("--job", "restaurant-bot", 'voice_calls_active{job="restaurant-bot"}'),
        ("--runbook", "https://wiki.example/alerts", '"https://wiki.example/alerts#voicecosthigh"'),
    ],
)
def test_each_option_reaches_the_rules(option: str, value: str, expected: str):
    status, out, _ = run(alerts, option, value)
    assert status == 0
    assert expected in out
    assert expected not in ALERTS.read_text()


@pytest.mark.parametrize("arguments", [("--runbook", "alerts.yml"), ("--window", "7d")])
def test_an_option_that_leads_nowhere_is_a_usage_error(arguments: tuple[str, ...]):
    status, out, told = run(alerts, *arguments)
    assert (status, out) == (2, "")
    assert arguments[0] in told
