"""Objectives, evaluated by promtool: when a budget burns too fast, and when nothing may fire."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from voice_metrics.grafana.burn import objective_groups, recordings, unusual
from voice_metrics.grafana.objectives import INDICATORS, read_objectives, window_days
from voice_metrics.grafana.queries import Selection
from voice_metrics.grafana.rules import Group, text
from voice_metrics.grafana.threshold_alerts import Thresholds, render

from .minutes import JOB, Each, Moment, Series, answers, complaints, growing
from .programs import promtool

HOUR, DAY, WEEK = 60, 1440, 10080
RESPONSE, ANSWERED, ERRORS = "response=1500ms:95%", "answered=99%", "errors=99.5%"
FAST, SLOW = "VoiceBudgetBurnsFast", "VoiceBudgetBurnsSlowly"
TURNS = 8


def no(_: int) -> int:
    return 0


def calls(minutes: int, each: Each) -> Series:
    return growing("voice_calls_total", minutes, each)


def busy(_: int) -> int:
    """A hundred and twenty calls an hour."""
    return 2


def quiet(minute: int) -> int:
    """Five calls an hour."""
    return int(minute % 12 == 5)


def world(slo: str, minutes: int, rhythm: Each, bad: Each) -> Series:
    """A bot, and the bad events of each minute among its eight turns for each call.

    Args:
        slo: Which objective the bad events miss.
        minutes: How long it lasts.
        rhythm: Calls of each minute.
        bad: Bad events of each minute, at most its turns.
    """

    def good(minute: int) -> int:
        return TURNS * rhythm(minute) - bad(minute)

    ran = calls(minutes, rhythm)
    if slo == RESPONSE:
        return ran | answers(minutes, good, bad)
    if slo == ANSWERED:
        return (
            ran
            | answers(minutes, good, no)
            | growing("voice_turns_unanswered_total", minutes, bad, cause="no_answer")
            | growing("voice_turns_unanswered_total", minutes, good, cause="caller_resumed")
        )
    return (
        ran
        | growing("voice_turns_total", minutes, good, outcome="completed")
        | growing("voice_errors_total", minutes, bad, processor="A", provider="openai", error_type="429")
    )


def within(start: int, end: int, each: Each) -> Each:
    return lambda minute: each(minute) if start <= minute < end else 0


def all_of(rhythm: Each) -> Each:
    return lambda minute: TURNS * rhythm(minute)


@dataclass(frozen=True)
class Case:
    """A course of events and what fires when.

    Parameters:
        rhythm: Calls of each minute.
        bad: Bad events of each minute.
        fast: Minutes at which the fast alert fires.
        slow: Minutes at which the slow one fires.
        silent: Minutes at which neither may.
        quick: Minutes at which the fast one may not, whatever the other does.
    """

    rhythm: Each
    bad: Each
    fast: tuple[int, ...] = ()
    slow: tuple[int, ...] = ()
    silent: tuple[int, ...] = ()
    no_page: tuple[int, ...] = ()


EVERY_20_MINUTES = tuple(range(20, 8 * HOUR, 20))


def one_in(minutes: int) -> Each:
    """One bad event in so many minutes; a busy bot has sixteen turns in each."""
    return lambda minute: int(minute % minutes == 0)


OUTAGE = within(300, 360, all_of(busy))
A_QUARTER_BAD = within(300, 360, lambda _: 4)
ONE_CALL, FIRST_CALL = within(300, 312, all_of(quiet)), within(0, 12, all_of(quiet))
CASES = {
    "busy-and-good": (RESPONSE, Case(busy, no, silent=(5, 60, 400))),
    "busy-within-the-budget": (RESPONSE, Case(busy, one_in(2), silent=(60, 400, DAY))),
    "busy-and-all-slow-for-an-hour": (
        RESPONSE,
        Case(busy, OUTAGE, fast=(350, 360), silent=(290, 305), no_page=(320, 335, 375, 470)),
    ),
    "busy-and-a-fifth-slow": (
        RESPONSE,
        Case(busy, lambda minute: 16 * int(minute % 5 == 0), slow=(400,), no_page=EVERY_20_MINUTES),
    ),
    "busy-and-unanswered": (
        ANSWERED,
        Case(busy, A_QUARTER_BAD, fast=(345, 360), silent=(290,), no_page=(310, 375)),
    ),
    "busy-and-callers-go-on-speaking": (ANSWERED, Case(busy, no, silent=(60, 400))),
    "busy-and-one-turn-in-two-hundred-unanswered": (ANSWERED, Case(busy, one_in(12), silent=(60, 400))),
    "busy-and-errors": (
        ERRORS,
        Case(busy, A_QUARTER_BAD, fast=(345, 360), silent=(290,), no_page=(302, 400)),
    ),
    "busy-and-one-error-in-a-thousand-turns": (ERRORS, Case(busy, one_in(60), silent=(65, 400))),
    "busy-and-nothing-but-errors": (
        ERRORS,
        Case(busy, within(300, 420, all_of(busy)), fast=(360, 419)),
    ),
    "quiet-and-good": (RESPONSE, Case(quiet, no, silent=EVERY_20_MINUTES)),
    "quiet-and-one-call-slow": (RESPONSE, Case(quiet, ONE_CALL, silent=EVERY_20_MINUTES)),
    "quiet-and-the-first-call-slow": (RESPONSE, Case(quiet, FIRST_CALL, silent=EVERY_20_MINUTES)),
    "quiet-and-the-first-call-unanswered": (ANSWERED, Case(quiet, FIRST_CALL, silent=EVERY_20_MINUTES)),
    "quiet-and-one-call-of-errors": (ERRORS, Case(quiet, ONE_CALL, silent=EVERY_20_MINUTES)),
    "quiet-and-two-calls-of-errors": (
        ERRORS,
        Case(quiet, lambda minute: TURNS * int(minute in (305, 425)), silent=EVERY_20_MINUTES),
    ),
    "quiet-and-all-slow-for-an-hour": (
        RESPONSE,
        Case(quiet, within(300, 360, all_of(quiet)), no_page=EVERY_20_MINUTES),
    ),
    "quiet-and-all-slow-for-hours": (
        RESPONSE,
        Case(quiet, within(300, 480, all_of(quiet)), fast=(450, 470), silent=(300,)),
    ),
    "no-calls-after-an-outage": (
        ERRORS,
        Case(within(0, 360, busy), OUTAGE, fast=(345,), no_page=(400, 480)),
    ),
}


def rules_of(slo: str) -> str:
    """The rules of one objective, and what they read; the alerts without an objective would cost half of the time."""
    groups = objective_groups(Selection(), read_objectives([slo]), window_days("30d"))
    return text([recordings(Selection()), *groups])


def labels(slo: str, severity: str) -> dict[str, str]:
    return {**JOB, "slo": slo.partition("=")[0], "severity": severity}


@pytest.mark.parametrize(("slo", "case"), CASES.values(), ids=CASES.keys())
def test_budget_alerts_fire_when_they_should_and_only_then(slo: str, case: Case, tmp_path: Path):
    last = max((*case.fast, *case.slow, *case.silent, *case.no_page))
    moments = [
        *(Moment(minute, FAST, [labels(slo, "critical")]) for minute in case.fast),
        *(Moment(minute, SLOW, [labels(slo, "warning")]) for minute in case.slow),
        *(Moment(minute, alert) for minute in case.silent for alert in (FAST, SLOW)),
        *(Moment(minute, FAST) for minute in case.no_page),
    ]
    rules = rules_of(slo)
    assert complaints(rules, world(slo, last + 2, case.rhythm, case.bad), moments, tmp_path) == ""


def left(slo: str, budget: float, minute: int) -> dict[str, object]:
    """What promtool compares with the budget that is left."""
    expected = [{"labels": f'{{job="voice-bot", slo="{slo}"}}', "value": budget}]
    return {"expr": "round(voice:slo_budget_left, 0.001) + 0", "eval_time": f"{minute}m", "exp_samples": expected}


def of_one_call(series: Series, minute: int, call_id: str) -> Series:
    """A call's own series: from its first export on, for three minutes."""
    made: Series = {}
    for name, values in series.items():
        total = values.rsplit(" ", 1)[1]
        made[name.replace("{", f'{{call_id="{call_id}", ', 1)] = f"_x{minute} 0 {total} {total}"
    return made


def test_a_calls_own_series_count_as_those_of_a_process(tmp_path: Path):
    series: Series = {}
    for minute in range(90):
        bad = 2 if minute >= 60 else 0
        call = calls(2, lambda _: 2) | answers(2, lambda _, bad=bad: 16 - bad, lambda _, bad=bad: bad)  # type: ignore[misc]
        series |= of_one_call(call, minute, f"c{minute}")
    rules = rules_of(RESPONSE)
    # 60 of 1 440 answers were slow, where 72 may be.
    assert complaints(rules, series, (), tmp_path, [left("response", 0.167, 100)]) == ""


def test_a_process_that_restarts_spends_no_budget(tmp_path: Path):
    before, after = (answers(60, lambda _: 15, lambda _: 1) for _ in range(2))
    series = {name: f"{values} {after[name]}" for name, values in before.items()}
    rules = rules_of(RESPONSE)
    # One in sixteen was slow, where one in twenty may be; an estimate, as what a restart lost is not known.
    near = {**left("response", 1, 119), "expr": "abs(voice:slo_budget_left + 0.25) < bool 0.02"}
    assert complaints(rules, series, (), tmp_path, [near]) == ""


def test_one_bots_outage_is_no_other_bots(tmp_path: Path):
    bad = world(RESPONSE, 365, busy, OUTAGE)
    good = {name.replace("voice-bot", "other"): values for name, values in world(RESPONSE, 365, busy, no).items()}
    rules = rules_of(RESPONSE)
    fires = Moment(355, FAST, [labels(RESPONSE, "critical")])
    assert complaints(rules, bad | good, [fires], tmp_path) == ""


def test_an_objective_that_leaves_much_can_still_burn(tmp_path: Path):
    rules = rules_of("response=1500ms:80%")
    fires = Moment(358, FAST, [labels(RESPONSE, "critical")])
    assert complaints(rules, world(RESPONSE, 365, busy, OUTAGE), [fires], tmp_path) == ""


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


def test_a_week_of_answers_is_compared_hour_by_hour(tmp_path: Path):
    def slow(minute: int) -> int:
        return 2 * int(minute >= WEEK and minute % 2 == 0)

    def rhythm(minute: int) -> int:
        return 2 * int(minute % WEEK < 2 * HOUR)

    minutes = WEEK + 100
    series = calls(minutes, rhythm) | answers(minutes, lambda minute: TURNS * rhythm(minute) - slow(minute), slow)
    rules = text([recordings(Selection()), Group("unusual", (unusual(),))])
    fires = [{**JOB, "severity": "warning"}]
    moments = [Moment(100, unusual().name), Moment(WEEK + 5, unusual().name), Moment(WEEK + 75, unusual().name, fires)]
    assert complaints(rules, series, moments, tmp_path) == ""


def test_the_first_week_is_compared_with_nothing(tmp_path: Path):
    rules = text([recordings(Selection()), Group("unusual", (unusual(),))])
    assert complaints(rules, world(RESPONSE, 400, busy, OUTAGE), [Moment(359, unusual().name)], tmp_path) == ""


@pytest.mark.parametrize("window", ["7d", "30d", "12w"])
def test_promtool_finds_no_fault_in_the_rules(window: str, tmp_path: Path):
    file = tmp_path / "alerts.yml"
    objectives = read_objectives([name if name != "success" else "success=90%" for name in INDICATORS])
    file.write_text(render(Thresholds(), 'voice-bot "2"', None, objectives, window_days(window)))
    answer = promtool("check", "rules", "--lint=all", "--lint-fatal", str(file))
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_a_rule_that_is_wrong_is_noticed(tmp_path: Path):
    rules = rules_of(RESPONSE).replace("> 14.4", "> 44")
    fires = Moment(350, FAST, [labels(RESPONSE, "critical")])
    assert FAST in complaints(rules, world(RESPONSE, 365, busy, OUTAGE), [fires], tmp_path)
