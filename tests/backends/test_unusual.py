"""The alert that needs no objective: callers wait much longer than a week ago at this hour, evaluated by promtool."""

from __future__ import annotations

from pathlib import Path

import pytest

from voice_metrics.grafana.burn import recordings, unusual
from voice_metrics.grafana.queries import Selection
from voice_metrics.grafana.rules import Group, text

from .minutes import JOB, Moment, Series, answers, calls, complaints

HOUR, WEEK = 60, 10080
TURNS = 8


def last_week_and_now(before_ms: float, now_ms: float, calls_in_ten_minutes: int) -> Series:
    """What is recorded of a week, an hour, and a bit, in ten-minute steps."""
    week, later = WEEK // 10, 30
    return {
        "voice:response_p95:1h{job='voice-bot'}": f"{before_ms}x{week} {now_ms}x{later}",
        "voice:calls:5m{job='voice-bot'}": f"{5 * calls_in_ten_minutes}x{week + later}",
    }


@pytest.mark.parametrize(
    ("before_ms", "now_ms", "calls_in_ten_minutes", "fires"),
    [
        pytest.param(1000, 2100, 10, True, id="slower-than-last-week"),
        pytest.param(1000, 1900, 10, False, id="a-little-slower"),
        pytest.param(2000, 2100, 10, False, id="as-slow-as-last-week"),
        pytest.param(300, 790, 10, False, id="slower-and-still-fast"),
        pytest.param(1000, 5000, 1, False, id="five-calls-an-hour"),
    ],
)
def test_an_hour_is_compared_with_that_of_last_week(
    before_ms: float, now_ms: float, calls_in_ten_minutes: int, fires: bool, tmp_path: Path
):
    rules = text([Group("unusual", (unusual(),))])
    expected = [{**JOB, "severity": "warning"}] if fires else []
    # A point every ten minutes stands for ten.
    series = last_week_and_now(before_ms, now_ms, calls_in_ten_minutes)
    moments = [Moment(WEEK + 100, unusual().name, expected), Moment(WEEK - 10, unusual().name)]
    assert complaints(rules, series, moments, tmp_path, step="10m") == ""


def unseen(series: Series, start: int, end: int) -> Series:
    """The series without the values of some minutes."""
    made: Series = {}
    for name, text_of_values in series.items():
        values = text_of_values.split()
        made[name] = " ".join([*values[:start], f"_x{end - start}", *values[end:]])
    return made


def test_a_week_of_answers_is_compared_hour_by_hour(tmp_path: Path):
    def slow(minute: int) -> int:
        return 2 * int(minute >= WEEK and minute % 2 == 0)

    def rhythm(minute: int) -> int:
        return 2 * int(minute % WEEK < 2 * HOUR)

    minutes = WEEK + 100
    series = calls(minutes, rhythm) | answers(minutes, lambda minute: TURNS * rhythm(minute) - slow(minute), slow)
    # The rules read two hours around this hour a week ago, and this hour; promtool takes long for idle minutes between.
    series = unseen(series, 5 * HOUR, WEEK - 5 * HOUR)
    rules = text([recordings(Selection()), Group("unusual", (unusual(),))])
    fires = [{**JOB, "severity": "warning"}]
    moments = [Moment(100, unusual().name), Moment(WEEK + 5, unusual().name), Moment(WEEK + 75, unusual().name, fires)]
    assert complaints(rules, series, moments, tmp_path) == ""


def test_the_first_week_is_compared_with_nothing(tmp_path: Path):
    rules = text([recordings(Selection()), Group("unusual", (unusual(),))])
    series = calls(400, lambda _: 2) | answers(
        400, lambda minute: 16 * int(minute < 300), lambda minute: 16 * int(minute >= 300)
    )
    assert complaints(rules, series, [Moment(359, unusual().name)], tmp_path) == ""
