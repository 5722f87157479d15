"""What the documents about Grafana say agrees with the code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.receiver import running
from voice_metrics.grafana.burn import FEWEST_BAD_CALLS, objective_groups
from voice_metrics.grafana.dashboard_rows import ROWS
from voice_metrics.grafana.objectives import INDICATORS, read_objectives
from voice_metrics.grafana.queries import Selection
from voice_metrics.grafana.rules import Rule
from voice_metrics.grafana.threshold_alerts import (
    FEWEST_ANSWERS,
    FEWEST_CALLS,
    FEWEST_ERRORS,
    FEWEST_REFUSED,
    FEWEST_STALLS,
    FEWEST_TURNS,
    FEWEST_UNANSWERED,
    STALL_MS,
    Thresholds,
    rules,
)
from voice_metrics.series.table import LATENCY_MS

ROOT = Path(__file__).parents[2]
QUICKSTART = (ROOT / "GRAFANA_QUICKSTART.md").read_text()
RUNBOOK = (ROOT / "docs" / "alerts.md").read_text()
SOURCE = re.sub(r'"\n\s+f?"', "", "".join(path.read_text() for path in (ROOT / "voice_metrics").rglob("*.py")))
BUDGETS = [
    rule
    for group in objective_groups(Selection(), read_objectives(["response"]), 30)
    for rule in group.rules
    if isinstance(rule, Rule)
]
RULES = [*rules(Thresholds()), *BUDGETS]
MESSAGES = re.findall(r"^\| `([^|]+)` \|", QUICKSTART.partition("## Troubleshooting")[2], re.M)


def line_of(rule: Rule) -> str:
    (line,) = re.findall(rf"^\| \[{rule.name}\]\(#{rule.name.lower()}\) \|.*$", RUNBOOK, re.M)
    return line


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_alert_has_a_section_in_the_runbook_and_its_line_is_right(rule: Rule):
    assert f"\n## {rule.name}\n" in RUNBOOK
    pause = f"{rule.minutes} min" if rule.minutes else "at once"
    assert line_of(rule).endswith(f"| {pause} | {rule.severity} |")


def test_the_runbook_has_no_section_of_an_alert_that_is_gone():
    assert re.findall(r"^## (\w+)$", RUNBOOK, re.M) == [rule.name for rule in RULES]


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("VoiceResponseSlow", (Thresholds().response_p95_ms, FEWEST_ANSWERS)),
        ("VoiceSttSlow", (Thresholds().stt_ttfb_p95_ms, FEWEST_ANSWERS)),
        ("VoiceLlmSlow", (Thresholds().llm_ttfb_p95_ms, FEWEST_ANSWERS)),
        ("VoiceTtsSlow", (Thresholds().tts_ttfb_p95_ms, FEWEST_ANSWERS)),
        ("VoiceErrors", (Thresholds().error_ratio, FEWEST_ERRORS)),
        ("VoiceInterruptions", (Thresholds().interruption_ratio, FEWEST_TURNS)),
        ("VoiceCostHigh", (Thresholds().cost_per_hour_usd,)),
        ("VoiceCostHighToday", (Thresholds().cost_per_day_usd,)),
        ("VoiceUnanswered", (Thresholds().unanswered_ratio, FEWEST_UNANSWERED)),
        ("VoiceRateLimited", (FEWEST_REFUSED,)),
        ("VoiceLoopHeld", (STALL_MS, FEWEST_STALLS)),
        ("VoiceResponseUnusual", (2, 800, 20)),
        ("VoiceMeasurementsMissing", (FEWEST_CALLS,)),
        ("VoiceBudgetBurnsFast", (14.4, 6, FEWEST_BAD_CALLS)),
        ("VoiceBudgetBurnsSlowly", (3, FEWEST_BAD_CALLS)),
    ],
)
def test_the_runbook_names_the_thresholds(name: str, numbers: tuple[float, ...]):
    (rule,) = (rule for rule in RULES if rule.name == name)
    for number in numbers:
        assert re.search(rf"\b{number:g}\b", line_of(rule)), number
        assert f"{number:g}" in rule.expression


@pytest.mark.parametrize("name", INDICATORS)
def test_the_runbook_names_each_objectives_default(name: str):
    (line,) = re.findall(rf"^\| `{name}` \|.*$", RUNBOOK, re.M)
    if INDICATORS[name].share is None:
        assert "| none: yours |" in line
        return
    (read,) = read_objectives([name])
    limit = f"{read.limit_ms:g}ms:" if read.limit_ms else ""
    assert f"| `{limit}{100 * read.share:g}%`: " in line


def test_the_quick_start_names_the_rows_of_the_dashboard():
    described = re.findall(r"^\| ([^|]+) \|", QUICKSTART.partition("## The dashboard")[2].partition("###")[0], re.M)
    assert [row.title.partition(":")[0] for row in ROWS] == described[1:]


def test_the_quick_start_names_the_buckets():
    assert " ".join(f"{bound:g}" for bound in LATENCY_MS) in QUICKSTART


def test_panels_that_the_documents_name_exist():
    titles = {panel.title for row in ROWS for panel in row.panels} | {"Data source", "Bot"}
    other = {row.title for row in ROWS} | {"Prometheus YAML file"}
    pages = " ".join((QUICKSTART + RUNBOOK).split())
    assert set(re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", pages)) - titles - other == set()


@pytest.mark.parametrize("message", MESSAGES)
def test_each_message_of_the_troubleshooting_is_one_of_ours(message: str):
    # A status is put in by the code; other people's words follow.
    fixed = re.sub(r" \d{3}$", "", message.partition(":")[0])
    parts = [part.strip() for part in re.split(r"`|…|\b10 s\b|OTEL_EXPORTER_OTLP_(?:HEADERS|ENDPOINT)", fixed)]
    assert [part for part in parts if part and part not in SOURCE and part != "` `Key"] == []


def test_the_quick_start_shows_what_doctor_says(tmp_path: Path):
    (shown,) = re.findall(r"^\$ voice-metrics doctor\n(.*?)^```", QUICKSTART, re.M | re.S)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "VOICE_METRICS_"))}
    environ = inherited | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environ.pop("XDG_DATA_HOME", None)
    (tmp_path / "bot.py").write_text("from dotenv import load_dotenv")
    with running() as receiver:
        (tmp_path / ".env").write_text(
            f"OTEL_EXPORTER_OTLP_ENDPOINT={receiver.url}/otlp\n"
            "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic%20MTIzNDU2NzpnbGNfYQ==\n"
            "OTEL_SERVICE_NAME=restaurant-bot\n"
        )
        said = subprocess.run(
            [sys.executable, "-m", "voice_metrics", "doctor"],
            env=environ,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
    said = said.replace(receiver.url, "https://otlp-gateway-prod-eu-west-2.grafana.net")
    assert re.sub(r"\d+ ms", "143 ms", " ".join(said.split())) == " ".join(shown.split())


@pytest.mark.parametrize("page", [QUICKSTART, RUNBOOK], ids=["the-quick-start", "the-runbook"])
def test_a_page_about_alerts_gives_their_notifications_an_address(page: str):
    assert re.search(r"^voice-metrics alerts .*--runbook https://.* alerts\.yml$", page, re.M)
