"""Objectives as rules: recorded counts, burn rates over several windows, and alerts.

Windows and rates are those of the SRE workbook (chapter 5, "Alerting on SLOs", table 5-8, read 2026-11-29). Each minute
a rule records the counts of the last five minutes, so that a month is read from one series per bot and not from those
of each call. An event is in five recorded counts, which cancel out in a ratio.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from voice_metrics.grafana.objectives import JOB, Objective
from voice_metrics.grafana.queries import Selection
from voice_metrics.grafana.rules import Group, Recording, Rule
from voice_metrics.series.table import CALLS, COST, RESPONSE

COUNTED = "5m"
# Recorded counts that contain one event: five minutes, one count each minute.
_TIMES = 5

CALLS_COUNTED = f"voice:calls:{COUNTED}"
COST_COUNTED = f"voice:cost_usd:{COUNTED}"
RESPONSE_BUCKETS = f"voice:response_bucket:{COUNTED}"
UNUSUAL = "VoiceResponseUnusual"
RESPONSE_P95 = "voice:response_p95:1h"
GOOD, BAD, EVENTS = (f"voice:slo_{what}:{COUNTED}" for what in ("good", "bad", "events"))
BUDGET_LEFT, GOAL = "voice:slo_budget_left", "voice:slo_goal"

# Long window, short window, and the burn rate in both as a multiple of the allowed one. In 30 days the four lines stand
# for 2 %, 5 %, 10 % and 10 % of the budget.
FAST = (("1h", "5m", 14.4), ("6h", "30m", 6.0))
SLOW = (("1d", "2h", 3.0), ("3d", "6h", 1.0))
# An objective of 90 % burns ten times too fast at most, so a rate of 14.4 is capped.
_WORST_SHARE = 0.9
# Bad events of fewer calls may be one caller's poor line.
FEWEST_BAD_CALLS = 5

# Fewer calls in the hour, this week or last, have no meaningful 95th percentile.
_FEWEST_CALLS = 20
# A faster bot is not slow, whatever it was last week (Hamming's norm for p95).
_NOTICED_MS = 800
_TIMES_LAST_WEEK = 2


def recordings(bots: Selection) -> Group:
    """Return the recordings for every bot, with and without objectives."""
    hour = f"sum by (job, le) (sum_over_time({RESPONSE_BUCKETS}[1h]))"
    return Group(
        "voice-metrics-recorded",
        (
            Recording(CALLS_COUNTED, bots.total(CALLS, COUNTED, JOB)),
            Recording(COST_COUNTED, bots.total(COST, COUNTED, JOB)),
            Recording(RESPONSE_BUCKETS, bots.buckets(RESPONSE, COUNTED, JOB)),
            Recording(RESPONSE_P95, f"histogram_quantile(0.95, {hour}) >= 0"),
        ),
    )


def counted(name: str, window: str, offset: str = "") -> str:
    """Return PromQL for a recorded series' events in a window, which ended `offset` ago ("" for now)."""
    return f"sum_over_time({name}[{window}]{offset}) / {_TIMES}"


def unusual() -> Rule:
    """Return the alert for bots without an objective: callers wait twice as long as a week ago at this hour."""
    # Compare with the hours around, so that a peak half an hour earlier does not fire.
    last_week = f"max_over_time({RESPONSE_P95}[2h] offset 6d23h)"
    enough = " and ".join(
        f"on (job) {counted(CALLS_COUNTED, '1h', offset)} >= {_FEWEST_CALLS}" for offset in ("", " offset 1w")
    )
    return Rule(
        UNUSUAL,
        f"{RESPONSE_P95} > {_TIMES_LAST_WEEK} * {last_week} and {RESPONSE_P95} > {_NOTICED_MS} and {enough}",
        10,
        "warning",
        'Callers of {{ $labels.job }} wait {{ printf "%.0f" $value }} ms (p95), '
        f"more than {_TIMES_LAST_WEEK} times as long as a week ago at this hour.",
    )


def objective_groups(bots: Selection, objectives: Sequence[Objective], days: int) -> Iterator[Group]:
    """Yield a group per objective: counts, burn rates, remaining budget, and two alerts.

    Args:
        bots: The bots to watch.
        objectives: The objectives.
        days: Length of every objective's window.
    """
    for each in objectives:
        slo = {"slo": each.name}
        burning = [Recording(burn(window), _burn_rate(each, window), slo) for window in _windows()]
        budget = _burn_rate(each, f"{days}d")
        yield Group(
            f"voice-metrics-objective-{each.name}",
            (
                *_counts(bots, each, slo),
                *burning,
                Recording(BUDGET_LEFT, f"1 - {budget}", slo),
                Recording(GOAL, f"0 * {BUDGET_LEFT}{_selector(each)} + {each.share:g}", {**slo, "goal": each.goal}),
                _alert(each, "VoiceBudgetBurnsFast", FAST, "critical", days),
                _alert(each, "VoiceBudgetBurnsSlowly", SLOW, "warning", days),
            ),
        )


def burn(window: str) -> str:
    """Return the name of a burn rate's series."""
    return f"voice:slo_burn:{window}"


def _counts(bots: Selection, objective: Objective, slo: Mapping[str, str]) -> Iterator[Recording]:
    of = _selector(objective)
    yield Recording(GOOD, objective.good(bots, COUNTED), slo)
    # A series begins with its first event, so count a missing side as 0.
    yield Recording(BAD, f"{objective.bad(bots, COUNTED)} or sum by (job) (0 * {GOOD}{of})", slo)
    yield Recording(EVENTS, f"{BAD}{of} + ({GOOD}{of} or 0 * {BAD}{of})", slo)


def _windows() -> Iterable[str]:
    return dict.fromkeys(window for long, short, _ in (*FAST, *SLOW) for window in (long, short))


def _selector(objective: Objective) -> str:
    return f'{{slo="{objective.name}"}}'


def _burn_rate(objective: Objective, window: str) -> str:
    of = _selector(objective)
    if window == COUNTED:
        return f"{BAD}{of} / ({EVENTS}{of} > 0) / {objective.budget:g}"
    return f"sum_over_time({BAD}{of}[{window}]) / (sum_over_time({EVENTS}{of}[{window}]) > 0) / {objective.budget:g}"


def _alert(
    objective: Objective, name: str, windows: Sequence[tuple[str, str, float]], severity: str, days: int
) -> Rule:
    conditions = " or ".join(f"({_burning_condition(objective, *window)})" for window in windows)
    summary = (
        f"{{{{ $labels.job }}}} misses its objective, {objective.goal}: its budget of {days} days burns "
        '{{ printf "%.1f" $value }} times too fast.'
    )
    return Rule(name, conditions, 0, severity, summary, {"slo": objective.name})


def _burning_condition(objective: Objective, long: str, short: str, times: float) -> str:
    limit = min(times, round(_WORST_SHARE / objective.budget, 3))
    slow, now = f"{burn(long)}{_selector(objective)}", f"{burn(short)}{_selector(objective)}"
    bad_calls = f"{slow} * {objective.budget:g} * on (job) {counted(CALLS_COUNTED, long)}"
    return f"{slow} > {limit:g} and {now} > {limit:g} and on (job) {bad_calls} > {FEWEST_BAD_CALLS}"
