"""Each alert rule, evaluated by promtool: when it fires, and when it must not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from voice_metrics.grafana.burn import UNUSUAL
from voice_metrics.grafana.documents import ALERTS
from voice_metrics.grafana.threshold_alerts import Thresholds, render, rules

from .minutes import groups
from .programs import promtool

CALL, SHARED = {"call_id": "c1"}, {}
JOB = {"job": "voice-bot"}

Series = dict[str, str]


def counter(name: str, values: str, **labels: str) -> Series:
    """One input series of promtool, one value a minute."""
    text = ", ".join(f'{key}="{value}"' for key, value in {**JOB, **labels}.items())
    return {f"{name}{{{text}}}": values}


def answers(values: str, bucket: str = "3000", **labels: str) -> Series:
    """A histogram of response times, all of them in one bucket."""
    return histogram("voice_response_milliseconds", values, bucket, **labels)


def histogram(name: str, values: str, bucket: str, **labels: str) -> Series:
    """A histogram with all values in the bucket that ends at `bucket`, the one before it being 1000 lower."""
    return {
        **counter(f"{name}_bucket", "0x120", le=str(int(bucket) - 1000), **labels),
        **counter(f"{name}_bucket", values, le=bucket, **labels),
        **counter(f"{name}_bucket", values, le="+Inf", **labels),
        **counter(f"{name}_count", values, **labels),
    }


def ttfb(values: str, bucket: str, service: str, interrupted: str = "false", **labels: str) -> Series:
    """A histogram of TTFB, all values in one bucket."""
    return histogram("voice_ttfb_milliseconds", values, bucket, service=service, interrupted=interrupted, **labels)


def lag(in_time: str, ticks: str) -> Series:
    """How late the event loop is: ticks no later than 500 ms, and all ticks."""
    name = "voice_event_loop_lag_milliseconds"
    return {
        **counter(f"{name}_bucket", in_time, le="500"),
        **counter(f"{name}_bucket", ticks, le="+Inf"),
        **counter(f"{name}_count", ticks),
    }


@dataclass(frozen=True)
class Case:
    """One moment of one alert.

    Parameters:
        alert: The rule.
        minute: Minute of evaluation.
        series: What happened.
        fires: Labels of the alert beside job and severity, or `None` where it must not fire.
        summary: Its summary, or `None` where it must not fire.
    """

    alert: str
    minute: int
    series: Series
    fires: Mapping[str, str] | None = None
    summary: str | None = None


SLOW = "Callers of voice-bot wait 2950 ms (p95) for an answer."
CASES = {
    # Thirty answers, one a minute, from minute 1 on.
    "response-slow-with-call-ids": Case("VoiceResponseSlow", 20, answers("0+2x30", **CALL), {}, SLOW),
    "response-slow-in-off-mode": Case("VoiceResponseSlow", 20, answers("0+2x30"), {}, SLOW),
    "response-slow-in-many-short-calls": Case(
        "VoiceResponseSlow",
        8,
        {k: v for n in range(12) for k, v in answers("_ 0 1 1 1 1 1 1 1", call_id=f"c{n}").items()},
        {},
        SLOW,
    ),
    "response-not-yet-long-enough": Case("VoiceResponseSlow", 7, answers("0+2x30", **CALL)),
    "response-fast": Case("VoiceResponseSlow", 20, answers("0+2x30", bucket="2000", **CALL)),
    "response-too-few-answers": Case("VoiceResponseSlow", 20, answers("0 9x30", **CALL)),
    "response-recovered": Case("VoiceResponseSlow", 45, answers("0+2x15 30x60", **CALL)),
    "stt-slow": Case(
        "VoiceSttSlow", 20, ttfb("0+2x30", "2000", "stt", **CALL), {},
        "The STT of voice-bot takes 1950 ms (p95) to its first output.",
    ),
    "stt-fast": Case("VoiceSttSlow", 20, ttfb("0+2x30", "1000", "stt", **CALL)),
    "llm-slow": Case(
        "VoiceLlmSlow", 20, ttfb("0+2x30", "3000", "llm"), {},
        "The LLM of voice-bot takes 2950 ms (p95) to its first output.",
    ),
    "tts-slow": Case(
        "VoiceTtsSlow", 20, ttfb("0+2x30", "2000", "tts", **CALL), {},
        "The TTS of voice-bot takes 1950 ms (p95) to its first output.",
    ),
    "interrupted-requests-are-not-slow": Case("VoiceLlmSlow", 20, ttfb("0+2x30", "3000", "llm", "true", **CALL)),
    "slow-llm-is-not-slow-tts": Case("VoiceTtsSlow", 20, ttfb("0+2x30", "3000", "llm", **CALL)),
    "errors": Case(
        "VoiceErrors",
        20,
        counter("voice_errors_total", "0+1x30", processor="A", **CALL)
        | counter("voice_turns_total", "0+2x30", outcome="completed", **CALL),
        {},
        "voice-bot reports 0.50 errors per turn.",
    ),
    "errors-and-no-turn-at-all": Case(
        "VoiceErrors", 20, counter("voice_errors_total", "0+1x30", processor="A"), {},
        "voice-bot reports +Inf errors per turn.",
    ),
    "one-error": Case("VoiceErrors", 20, counter("voice_errors_total", "0 1x30", processor="A", **CALL)),
    "few-errors-among-many-turns": Case(
        "VoiceErrors",
        20,
        counter("voice_errors_total", "0+1x30", processor="A", **CALL)
        | counter("voice_turns_total", "0+40x30", outcome="completed", **CALL),
    ),
    "errors-are-over": Case(
        "VoiceErrors", 60,
        counter("voice_errors_total", "0+1x10 10x60", processor="A")
        | counter("voice_turns_total", "0+1x80", outcome="completed"),
    ),
    "interruptions": Case(
        "VoiceInterruptions",
        30,
        counter("voice_turns_total", "0+1x60", outcome="interrupted", **CALL)
        | counter("voice_turns_total", "0+1x60", outcome="completed", **CALL),
        {},
        "Callers of voice-bot cut off 50% of the bot's turns.",
    ),
    "interruptions-of-few-turns": Case(
        "VoiceInterruptions", 30, counter("voice_turns_total", "0 9x60", outcome="interrupted", **CALL)
    ),
    "interruptions-are-rare": Case(
        "VoiceInterruptions",
        30,
        counter("voice_turns_total", "0+1x60", outcome="interrupted", **CALL)
        | counter("voice_turns_total", "0+4x60", outcome="completed", **CALL),
    ),
    "unanswered": Case(
        "VoiceUnanswered",
        20,
        counter("voice_turns_unanswered_total", "0+1x30", cause="no_answer", **CALL) | answers("0+3x30", **CALL),
        {},
        "25% of what callers of voice-bot say gets no answer.",
    ),
    "unanswered-and-no-answer-at-all": Case(
        "VoiceUnanswered", 20, counter("voice_turns_unanswered_total", "0+1x30", cause="no_transcript"), {},
        "100% of what callers of voice-bot say gets no answer.",
    ),
    "unanswered-as-callers-go-on": Case(
        "VoiceUnanswered", 20, counter("voice_turns_unanswered_total", "0+1x30", cause="caller_resumed")
    ),
    "four-turns-unanswered": Case(
        "VoiceUnanswered", 20, counter("voice_turns_unanswered_total", "0 4x30", cause="no_answer", **CALL)
    ),
    "one-turn-in-twenty-unanswered": Case(
        "VoiceUnanswered",
        20,
        counter("voice_turns_unanswered_total", "0+1x30", cause="no_answer") | answers("0+19x30"),
    ),
    "rate-limited": Case(
        "VoiceRateLimited",
        20,
        counter("voice_errors_total", "0+1x30", processor="A", provider="openai", error_type="429", **CALL),
        {"provider": "openai"},
        "openai refused 15 requests of voice-bot: its rate limit is reached.",
    ),
    "rate-limited-around-a-restart-under-the-same-name": Case(
        "VoiceRateLimited",
        20,
        counter("voice_errors_total", "5x7 6 7 8 9 0 1 2 3 3x30", processor="A", provider="openai", error_type="429"),
        {"provider": "openai"},
        "openai refused 8 requests of voice-bot: its rate limit is reached.",
    ),
    "two-requests-refused": Case(
        "VoiceRateLimited",
        20,
        counter("voice_errors_total", "0 2x30", processor="A", provider="openai", error_type="429"),
    ),
    "other-errors-are-no-rate-limit": Case(
        "VoiceRateLimited",
        20,
        counter("voice_errors_total", "0+1x30", processor="A", provider="openai", error_type="401"),
    ),
    "switched": Case(
        "VoiceServiceSwitched",
        5,
        {'voice_service_switches_total{job="voice-bot", service="stt", from="deepgram", to="openai"}': "0 1x30"},
        {"service": "stt", "from": "deepgram", "to": "openai"},
        "voice-bot switched its stt from deepgram to openai.",
    ),
    "switched-long-ago": Case(
        "VoiceServiceSwitched",
        30,
        {'voice_service_switches_total{job="voice-bot", service="stt", from="deepgram", to="openai"}': "0 1x40"},
    ),
    "loop-held": Case(
        "VoiceLoopHeld",
        10,
        lag("0 600 1200 1800x30", "0 601 1202 1803x30"),
        {},
        "Something held the event loop of voice-bot for 500 ms and more, 3 times in 10 minutes.",
    ),
    "loop-held-once": Case("VoiceLoopHeld", 10, lag("0 600 1200 1800x30", "0 601 1201 1801x30")),
    "loop-held-long-ago": Case("VoiceLoopHeld", 30, lag("0 600 1200 1800x40", "0 601 1202 1803x40")),
    "cost-high-today": Case(
        "VoiceCostHighToday", 120, counter("voice_cost_usd_total", "0+1x140", cost_type="llm", **CALL), {},
        "voice-bot cost 118.00 dollars in the last 24 hours.",
    ),
    "cost-high-today-in-off-mode": Case(
        "VoiceCostHighToday", 120, counter("voice_cost_usd_total", "0+1x140", cost_type="llm"), {},
        "voice-bot cost 118.00 dollars in the last 24 hours.",
    ),
    "cost-not-high-today": Case(
        "VoiceCostHighToday", 90, counter("voice_cost_usd_total", "0+1x120", cost_type="llm")
    ),
    "cost-high": Case(
        "VoiceCostHigh", 30, counter("voice_cost_usd_total", "0+0.5x60", cost_type="llm", **CALL), {},
        "voice-bot cost 15.00 dollars in the last hour.",
    ),
    "cost-high-in-off-mode": Case(
        "VoiceCostHigh", 90, counter("voice_cost_usd_total", "0+0.2x120", cost_type="llm"), {},
        "voice-bot cost 12.00 dollars in the last hour.",
    ),
    "cost-low": Case("VoiceCostHigh", 90, counter("voice_cost_usd_total", "0+0.1x120", cost_type="llm")),
    "cost-of-a-process-that-is-old": Case(
        "VoiceCostHigh", 90, counter("voice_cost_usd_total", "5000x120", cost_type="llm")
    ),
    "unpriced": Case(
        "VoiceUsageUnpriced", 5, counter("voice_usage_unpriced_total", "0 0 3x60", service="tts", model="m", **CALL),
        {"service": "tts", "model": "m"},
        "No price is known for m (tts) of voice-bot: costs are incomplete.",
    ),
    "everything-priced": Case(
        "VoiceUsageUnpriced", 5, counter("voice_usage_unpriced_total", "0x60", service="tts", model="m")
    ),
    "unpriced-long-ago": Case(
        "VoiceUsageUnpriced", 100, counter("voice_usage_unpriced_total", "0 3x120", service="tts", model="m")
    ),
    "metrics-stopped": Case(
        "VoiceMetricsStopped", 20, counter("voice_calls_active", "0 1x10 _x60", **CALL), {},
        "Metrics of voice-bot stopped while calls were running (1).",
    ),
    "metrics-stopped-in-off-mode": Case(
        "VoiceMetricsStopped", 20, counter("voice_calls_active", "0 4x10 _x60"), {},
        "Metrics of voice-bot stopped while calls were running (4).",
    ),
    "calls-ended-and-so-did-their-metrics": Case(
        "VoiceMetricsStopped", 20, counter("voice_calls_active", "0 1x9 0 _x60", **CALL)
    ),
    "metrics-late-by-minutes": Case("VoiceMetricsStopped", 14, counter("voice_calls_active", "0 1x10 _x60", **CALL)),
    "metrics-came-back": Case("VoiceMetricsStopped", 40, counter("voice_calls_active", "0 1x10 _x20 1x30", **CALL)),
    "metrics-stopped-long-ago": Case("VoiceMetricsStopped", 90, counter("voice_calls_active", "0 1x10 _x90", **CALL)),
    "calls-without-measurements": Case(
        "VoiceMeasurementsMissing", 20, counter("voice_calls_ended_total", "0+1x60", end_reason="completed"), {},
        "20 calls of voice-bot ended without a single TTFB: is enable_metrics on?",
    ),
    "two-calls-without-measurements": Case(
        "VoiceMeasurementsMissing", 20, counter("voice_calls_ended_total", "0 2x60", end_reason="completed")
    ),
    "calls-with-measurements": Case(
        "VoiceMeasurementsMissing",
        20,
        counter("voice_calls_ended_total", "0+1x60", end_reason="completed") | ttfb("0+1x60", "2000", "llm"),
    ),
    "telemetry-dropped": Case(
        "VoiceTelemetryDropped", 5, counter("voice_telemetry_dropped_total", "0 2x60", reason="bad_value", **CALL),
        {"reason": "bad_value"},
        "The metrics plug-in of voice-bot dropped 2 items: bad_value.",
    ),
    "telemetry-dropped-long-ago": Case(
        "VoiceTelemetryDropped", 40, counter("voice_telemetry_dropped_total", "0 2x60", reason="bad_value")
    ),
}  # fmt: skip


def only(alert: str, file: Mapping[str, Any]) -> dict[str, Any]:
    """The rules without the other alerts, which would take most of the time."""
    return {
        "groups": [
            {**group, "rules": [rule for rule in group["rules"] if rule.get("alert", alert) == alert]}
            for group in file["groups"]
        ]
    }


def verdict(case: Case, folder: Path, rules_file: Path = ALERTS) -> str:
    """What promtool says about a case; empty when the rule does what the case says."""
    rule = next(rule for rule in rules(Thresholds()) if rule.name == case.alert)
    read = folder / "rules.yml"
    # JSON is YAML.
    read.write_text(json.dumps(only(case.alert, yaml.safe_load(rules_file.read_text()))))
    expected = []
    if case.fires is not None:
        expected.append(
            {
                "exp_labels": {**JOB, **case.fires, "severity": rule.severity},
                "exp_annotations": {"summary": case.summary},
            }
        )
    text = json.dumps(
        {
            "rule_files": [str(read)],
            "evaluation_interval": "1m",
            "group_eval_order": groups(rules_file.read_text()),
            "tests": [
                {
                    "interval": "1m",
                    "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
                    "alert_rule_test": [
                        {"alertname": case.alert, "eval_time": f"{case.minute}m", "exp_alerts": expected}
                    ],
                }
            ],
        }
    )
    (folder / "test.yml").write_text(text)
    answer = promtool("test", "rules", str(folder / "test.yml"))
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_alert_fires_when_it_should_and_only_then(case: Case, tmp_path: Path):
    assert verdict(case, tmp_path) == ""


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_may_not():
    named = {rule.name for rule in rules(Thresholds())}
    # The comparison with last week has its cases beside the objectives'.
    named.remove(UNUSUAL)
    assert {case.alert for case in CASES.values() if case.fires is not None} == named
    assert {case.alert for case in CASES.values() if case.fires is None} >= named


def test_promtool_finds_no_fault_in_the_rules(tmp_path: Path):
    answer = promtool("check", "rules", "--lint=all", "--lint-fatal", str(ALERTS))
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_rules_for_one_bot_with_other_thresholds_are_right_too(tmp_path: Path):
    file = tmp_path / "alerts.yml"
    file.write_text(render(Thresholds(response_p95_ms=3500), job='voice-bot "2"'))
    assert promtool("check", "rules", "--lint=all", "--lint-fatal", str(file)).returncode == 0
    assert "VoiceResponseSlow" in verdict(CASES["response-slow-with-call-ids"], tmp_path, file)


def test_a_rule_that_does_not_fire_is_noticed(tmp_path: Path):
    file = tmp_path / "alerts.yml"
    file.write_text(render(Thresholds(response_p95_ms=3500)))
    assert "VoiceResponseSlow" in verdict(CASES["response-slow-with-call-ids"], tmp_path, file)
