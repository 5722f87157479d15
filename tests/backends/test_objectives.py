"""Objectives, evaluated by promtool: when a budget burns too fast, and when nothing may fire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from voice_metrics.grafana.burn import CALLS_COUNTED, objective_groups, recordings
from voice_metrics.grafana.objectives import INDICATORS, read_objectives, window_days
from voice_metrics.grafana.queries import Selection
from voice_metrics.grafana.rules import Group, text
from voice_metrics.grafana.threshold_alerts import Thresholds, render

from .minutes import JOB, Each, Moment, Series, answers, calls, complaints, growing
from .programs import promtool

HOUR, DAY = 60, 1440
RESPONSE, ANSWERED, ERRORS = "response=1500ms:95%", "answered=99%", "errors=99.5%"
FAST, SLOW = "VoiceBudgetBurnsFast", "VoiceBudgetBurnsSlowly"
TURNS = 8


def no(_: int) -> int:
    return 0


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
        no_page: Minutes at which the fast one may not, whatever the other does.
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
ANSWERS_IN_TIME = {
    "busy-and-good": Case(busy, no, silent=(5, 60, 400)),
    "busy-and-all-slow-for-an-hour": Case(
        busy, OUTAGE, fast=(350, 360), silent=(290, 305), no_page=(320, 335, 375, 470)
    ),
    "busy-and-a-fifth-slow": Case(
        busy, lambda minute: 16 * int(minute % 5 == 0), slow=(400,), no_page=EVERY_20_MINUTES
    ),
    "quiet-and-good": Case(quiet, no, silent=EVERY_20_MINUTES),
    "quiet-and-one-call-slow": Case(quiet, ONE_CALL, silent=EVERY_20_MINUTES),
    "quiet-and-the-first-call-slow": Case(quiet, FIRST_CALL, silent=EVERY_20_MINUTES),
    "quiet-and-all-slow-for-an-hour": Case(quiet, within(300, 360, all_of(quiet)), no_page=EVERY_20_MINUTES),
    "quiet-and-all-slow-for-hours": Case(quiet, within(300, 480, all_of(quiet)), fast=(450, 470), silent=(300,)),
}
FOR_A_DAY = {"busy-within-the-budget": Case(busy, one_in(2), silent=(60, 400, DAY))}
TURNS_ANSWERED = {
    "busy-and-unanswered": Case(busy, A_QUARTER_BAD, fast=(345, 360), silent=(290,), no_page=(310, 375)),
    "busy-and-callers-go-on-speaking": Case(busy, no, silent=(60, 400)),
    "busy-and-one-turn-in-two-hundred-unanswered": Case(busy, one_in(12), silent=(60, 400)),
    "quiet-and-the-first-call-unanswered": Case(quiet, FIRST_CALL, silent=EVERY_20_MINUTES),
}
TURNS_WITHOUT_ERROR = {
    "busy-and-errors": Case(busy, A_QUARTER_BAD, fast=(345, 360), silent=(290,), no_page=(302, 400)),
    "busy-and-one-error-in-a-thousand-turns": Case(busy, one_in(60), silent=(65, 400)),
    "busy-and-nothing-but-errors": Case(busy, within(300, 420, all_of(busy)), fast=(360, 419)),
    "quiet-and-one-call-of-errors": Case(quiet, ONE_CALL, silent=EVERY_20_MINUTES),
    "quiet-and-two-calls-of-errors": Case(
        quiet, lambda minute: TURNS * int(minute in (305, 425)), silent=EVERY_20_MINUTES
    ),
    "no-calls-after-an-outage": Case(within(0, 360, busy), OUTAGE, fast=(345,), no_page=(400, 480)),
}


def rules_of(slo: str) -> str:
    """The rules of one objective, and what they read; everything else would cost most of the time."""
    recorded = recordings(Selection())
    read = tuple(rule for rule in recorded.rules if rule.name == CALLS_COUNTED)
    groups = objective_groups(Selection(), read_objectives([slo]), window_days("30d"))
    return text([Group(recorded.name, read), *groups])


def labels(slo: str, severity: str) -> dict[str, str]:
    return {**JOB, "slo": slo.partition("=")[0], "severity": severity}


def last(case: Case) -> int:
    return max((*case.fast, *case.slow, *case.silent, *case.no_page))


def of_bot(name: str, series: Series) -> Series:
    return {each.replace(f'job="{JOB["job"]}"', f'job="{name}"'): values for each, values in series.items()}


def alerts_of_bot(name: str, slo: str, case: Case) -> Iterator[dict[str, object]]:
    """What promtool asks about one bot among others."""

    def asked(minute: int, alert: str, severity: str | None = None) -> dict[str, object]:
        which = f'alertname="{alert}", alertstate="firing", job="{name}"'
        fires = f'ALERTS{{{which}, severity="{severity}", slo="{slo.partition("=")[0]}"}}'
        return {
            "expr": f"ALERTS{{{which}}}",
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": fires, "value": 1}] if severity else [],
        }

    yield from (asked(minute, FAST, "critical") for minute in case.fast)
    yield from (asked(minute, SLOW, "warning") for minute in case.slow)
    yield from (asked(minute, alert) for minute in case.silent for alert in (FAST, SLOW))
    yield from (asked(minute, FAST) for minute in case.no_page)


@pytest.mark.parametrize(
    ("slo", "cases"),
    [
        pytest.param(RESPONSE, ANSWERS_IN_TIME, id="response"),
        pytest.param(RESPONSE, FOR_A_DAY, id="response-for-a-day"),
        pytest.param(ANSWERED, TURNS_ANSWERED, id="answered"),
        pytest.param(ERRORS, TURNS_WITHOUT_ERROR, id="errors"),
    ],
)
def test_budget_alerts_fire_when_they_should_and_only_then(slo: str, cases: Mapping[str, Case], tmp_path: Path):
    """Each case is a bot beside the others: what happens to one fires nothing of another."""
    series: Series = {}
    for name, case in cases.items():
        series |= of_bot(name, world(slo, last(case) + 2, case.rhythm, case.bad))
    queries = [query for name, case in cases.items() for query in alerts_of_bot(name, slo, case)]
    assert complaints(rules_of(slo), series, (), tmp_path, queries) == ""


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


def test_an_objective_that_leaves_much_can_still_burn(tmp_path: Path):
    rules = rules_of("response=1500ms:80%")
    fires = Moment(358, FAST, [labels(RESPONSE, "critical")])
    assert complaints(rules, world(RESPONSE, 365, busy, OUTAGE), [fires], tmp_path) == ""


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
