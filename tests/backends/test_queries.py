"""The forms of counting, where the hundred calls do not reach: a first call, slow exports, restarts, long gaps."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from voice_metrics.grafana import overview_panels
from voice_metrics.grafana.panels import ALL
from voice_metrics.series import table
from voice_metrics.series.table import CALL_ID

from .board import Question, questions
from .chain import Chain
from .hundred_calls import Event, calls, tags
from .otlp import Feed, Points
from .programs import promtool

HOUR = 3600.0


def test_promtool_reads_every_query(tmp_path: Path):
    asked = [question.filled(HOUR, 15) for question in questions()]
    rules = [{"record": f"dashboard:query:{place}", "expr": expression} for place, expression in enumerate(asked)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    answer = promtool("check", "rules", "--lint=none", str(tmp_path / "rules.yml"))
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"{len(asked)} rules found" in answer.stdout


def first_call(began_at: float, instance: str, until: float) -> Points:
    """A call as the script has them, that began when the bot's user looked at the dashboard for the first time."""
    call = next(call for call in calls() if call.seconds > 100)
    points = Points(began_at, instance)
    record(points, Event(0, table.CALLS_ACTIVE, {}, 1))
    record(points, Event(0, table.SESSION_DURATION, {}, until - began_at))
    for event in call.events:
        if event.series is not table.CALLS_ENDED and event.at - call.begin < 9:
            points.add(event.series, tags(call, event.series, event.attributes, True), event.value)
    return points


def record(points: Points, event: Event) -> None:
    points.add(event.series, {CALL_ID: "call-000", **event.attributes}, event.value)


@pytest.mark.parametrize("interval", [10.0, 60.0], ids=["the-default-interval", "a-point-a-minute"])
def test_a_first_call_is_seen_with_its_first_export(chain: Chain, interval: float):
    job, now = f"first-{interval:g}", time.time()
    feed = Feed(chain, job)
    points = first_call(now - interval - 5, job, now)
    assert feed.send([points], now - 5)
    feed.settle(now)
    # The first call has not ended, and had neither an error nor an unanswered turn.
    quiet = {"Failed calls", "Errors and unanswered turns over time"}
    shown = {panel.title for panel in overview_panels.ROW.panels} - quiet
    for question in questions():
        if question.title in shown:
            assert answered(chain, question, now, job), question


def test_a_bot_without_calls_has_none_and_one_that_sends_nothing_has_no_data(chain: Chain):
    now, feed = time.time(), Feed(chain, "idle")
    points = Points(now - HOUR, "idle")
    points.add(table.LOOP_LAG, {}, 0.5)
    assert feed.send([points], now - 5)
    feed.settle(now)
    for title in ("Active calls", "Active calls over time", "Calls", "Errors"):
        question = next(question for question in questions() if question.title == title)
        found = question.filled(900, 15, job="idle"), question.filled(900, 15, job="none-of-this-name")
        assert [list(chain.store.instant(expression, now).values()) for expression in found] == [[0.0], []], title


def answered(chain: Chain, question: Question, now: float, job: str) -> bool:
    """Whether a panel shows anything, at the smallest step and with the `$__rate_interval` that follows from it."""
    if not question.over_time:
        return bool(chain.store.instant(question.filled(HOUR, HOUR, job=job), now))
    expression = question.filled(HOUR, 15 if question.counts_steps else 60, job=job)
    return any(chain.store.over_time(expression, now - 300, now, 15).values())


def test_a_process_that_restarts_under_the_same_name_is_counted_to_a_few_percent(chain: Chain):
    now, feed = time.time(), Feed(chain, "restarting")
    for begin, end in ((now - 1800, now - 905), (now - 900, now)):
        points = Points(begin, "pod-1")
        for moment in range(int(begin) + 10, int(end), 10):
            points.add(table.LLM_TOKENS, {"token_type": "prompt"}, 100)
            assert feed.send([points], moment)
    feed.settle(now)
    truth = 100 * (len(range(int(now - 1800) + 10, int(now - 905), 10)) + len(range(int(now - 900) + 10, int(now), 10)))
    total = Question("Tokens", 0, ALL.total(table.LLM_TOKENS, "$__range"), "stat", False)
    (answer,) = chain.store.instant(total.filled(HOUR, HOUR, job="restarting"), now).values()
    assert answer == pytest.approx(truth, rel=0.02)


@pytest.mark.parametrize("labelled", [True, False], ids=["label", "off"])
def test_a_gap_of_half_an_hour_is_not_counted_twice(chain: Chain, labelled: bool):
    job, now = f"gap-{labelled}", time.time()
    feed = Feed(chain, job)
    points = Points(now - 3000, job)
    tags_ = {"token_type": "prompt", **({CALL_ID: "long"} if labelled else {})}
    for ago, tokens in ((2990, 1000), (2980, 500), (900, 30), (890, 7)):
        points.add(table.LLM_TOKENS, tags_, tokens)
        assert feed.send([points], now - ago)
    feed.settle(now)
    total = Question("Tokens", 0, ALL.total(table.LLM_TOKENS, "$__range"), "stat", False)
    (since,) = chain.store.instant(total.filled(1200, 1200, job=job), now).values()
    assert since == 37
    steps = Question("Tokens", 0, ALL.total(table.LLM_TOKENS, "$__interval"), "timeseries", True)
    expression = steps.filled(HOUR, 15, job=job)
    (over_time,) = chain.store.over_time(expression, now - HOUR, now, 15).values()
    assert sum(over_time.values()) == 1537


def test_a_process_that_slept_for_hours_is_not_counted_from_its_beginning(tmp_path: Path):
    chain, now = Chain(tmp_path), time.time()
    chain.start()
    try:
        feed, points = Feed(chain), Points(now - 9000)
        for ago, tokens in ((8000, 1000), (600, 30), (590, 7)):
            points.add(table.LLM_TOKENS, {"token_type": "prompt"}, tokens)
            assert feed.send([points], now - ago)
        feed.settle(now)
        total = Question("Tokens", 0, ALL.total(table.LLM_TOKENS, "$__range"), "stat", False)
        (since,) = chain.store.instant(total.filled(1200, 1200), now).values()
    finally:
        chain.stop()
    # The 30 came some time in those hours.
    assert since == 7


def test_an_hour_of_a_thousand_calls_is_drawn_in_a_blink(chain: Chain):
    now, feed = time.time(), Feed(chain, "busy")
    for number in range(1000):
        begin = now - 3500 + number * 3.3
        points = Points(begin, "busy")
        for tokens in (10, 20, 30):
            begin += 10
            for kind in ("prompt", "completion"):
                points.add(table.LLM_TOKENS, {CALL_ID: f"busy-{number}", "token_type": kind}, tokens)
            points.add(table.RESPONSE, {CALL_ID: f"busy-{number}"}, 700)
            assert feed.send([points], begin)
    feed.settle(now)
    for title in ("Response time over time", "Tokens over time"):
        question = next(question for question in questions() if question.title == title)
        started_at = time.monotonic()
        answer = chain.store.over_time(question.filled(HOUR, 30, job="busy"), now - HOUR + 60, now + 60, 30)
        # A store that looks at every sample once needs a moment, on a machine with other work some seconds.
        assert time.monotonic() - started_at < 60
    assert sum(sum(over_time.values()) for over_time in answer.values()) == 120_000


def test_promtool_reads_the_local_prometheus_configuration(tmp_path: Path):
    root = Path(__file__).parents[2]
    config = (root / "deploy" / "local" / "prometheus.yaml").read_text()
    rules = root / "voice_metrics" / "grafana" / "alerts.yml"
    (tmp_path / "prometheus.yml").write_text(config.replace("/voice-metrics/alerts.yml", str(rules)))
    answer = promtool("check", "config", "--lint=none", str(tmp_path / "prometheus.yml"))
    assert answer.returncode == 0, answer.stdout + answer.stderr
