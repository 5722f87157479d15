"""Hostile text in the alert rules, read by promtool: it is refused in words, or it is a label's value only."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
import typer
from typer.testing import CliRunner

from tests.hostile_texts import SNIPPETS, sample
from voice_metrics.call.text import clean
from voice_metrics.cli.alerts import alerts
from voice_metrics.grafana.queries import quoted

from .minutes import groups
from .programs import promtool

WIKI = "https://wiki.example.com/alerts"


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return sample(20)


def run(*arguments: str) -> tuple[int, str, str]:
    app = typer.Typer()
    app.command()(alerts)
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, click.unstyle(result.stderr)


def written(job: str, runbook: str = WIKI) -> str:
    status, rules, said = run("--job", job, "--slo", "response=1500ms:95%", "--runbook", runbook)
    assert (status, said) == (0, "")
    return rules


def test_promtool_accepts_rules_for_a_bot_and_an_address_of_any_name(texts: list[str], tmp_path: Path):
    files = [tmp_path / f"{number}.yml" for number in range(len(texts))]
    for text, file in zip(texts, files, strict=True):
        file.write_text(written(text, f"{WIKI}/{text}"), encoding="utf-8")
    answer = promtool("check", "rules", "--lint=all", "--lint-fatal", *map(str, files))
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_hostile_name_is_the_value_of_a_matcher_and_nothing_else_changes(texts: list[str]):
    plain = written("plain-bot")
    assert f"job={quoted('plain-bot')}" in plain
    changed = [
        text
        for text in texts
        if written(text).replace(f"job={quoted(clean(text))}", f"job={quoted('plain-bot')}") != plain
    ]
    assert changed == []


@pytest.mark.parametrize("text", SNIPPETS, ids=range(len(SNIPPETS)))
def test_an_alert_about_hostile_labels_fires_and_says_them(text: str, tmp_path: Path):
    safe = clean(text)
    rules = tmp_path / "rules.yml"
    rules.write_text(written(text), encoding="utf-8")
    labels = {"job": safe, "service": "llm", "model": safe}
    inside = ", ".join(f"{name}={quoted(value)}" for name, value in labels.items())
    fired = {
        "exp_labels": {**labels, "severity": "warning"},
        "exp_annotations": {
            "summary": f"No price is known for {safe} (llm) of {safe}: costs are incomplete.",
            "runbook_url": f"{WIKI}#voiceusageunpriced",
        },
    }
    # Hostile text must not let another bot's series in.
    others = 'voice_usage_unpriced_total{job="another", service="llm", model="m"}'
    case = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "group_eval_order": groups(rules.read_text(encoding="utf-8")),
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": series, "values": "0 1x9"}
                    for series in (f"voice_usage_unpriced_total{{{inside}}}", others)
                ],
                "alert_rule_test": [{"alertname": "VoiceUsageUnpriced", "eval_time": "5m", "exp_alerts": [fired]}],
            }
        ],
    }
    # YAML reads no pairs of surrogates.
    (tmp_path / "test.yml").write_text(json.dumps(case, ensure_ascii=False), encoding="utf-8")
    answer = promtool("test", "rules", str(tmp_path / "test.yml"))
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("option", ["--slo", "--window", "--cost-per-hour"])
def test_hostile_text_in_place_of_a_number_is_refused_in_safe_words(option: str):
    for text in (*SNIPPETS, "inf", "1e999", "-1"):
        status, out, said = run(f"{option}={text}")
        assert (status, out) == (2, "")
        assert "Traceback" not in said
