"""Objectives: indicators, shares and limits, and the PromQL that counts good and bad events (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from voice_metrics.grafana.queries import Selection
from voice_metrics.series.table import CALLS_ENDED, ERRORS, GREETING, RESPONSE, TURNS, TURNS_UNANSWERED, Series

JOB = ("job",)
# No answer is due to a caller who continued speaking or hung up.
NOT_DUE = 'cause!~"caller_resumed|call_ended"'

# Least useful share of good events, and the share that leaves no budget.
_LEAST, _ALL = 0.5, 1.0
_WORDS = re.compile(r"(?P<name>[a-z_]+)(=((?P<limit>[\d.]+)(?P<unit>ms|s):)?(?P<share>[\d.]+)%)?")
_WINDOW = re.compile(r"(\d{1,3})([dw])")
_SHORTEST_DAYS, _LONGEST_DAYS = 7, 90


class BadObjective(ValueError):
    """An unusable objective; the message says the right form."""


Count = Callable[[Selection, str, float | None], str]


@dataclass(frozen=True, slots=True)
class Indicator:
    """The events of an objective.

    Parameters:
        meaning: The good events in words, with the limit as `{limit}`.
        share: Default share of good events, or `None` if each bot needs its own.
        good: Good events of a window, as PromQL by job; gets the limit.
        bad: The other events, likewise.
        latency: The histogram with the limit among its bounds, or `None` for no limit.
        limit_ms: Default limit in milliseconds, or `None`.
    """

    meaning: str
    share: float | None
    good: Count
    bad: Count
    latency: Series | None = None
    limit_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Objective:
    """A bot's promised share of good events.

    Parameters:
        name: The indicator's name, label `slo` of its series.
        share: Share of good events, below 1.
        limit_ms: Longest good latency, or `None` for an objective without a latency.
    """

    name: str
    share: float
    limit_ms: float | None = None

    @property
    def budget(self) -> float:
        """Allowed share of bad events."""
        # 1 - 0.995 is 0.0050000000000000044.
        return round(1 - self.share, 9)

    @property
    def goal(self) -> str:
        """The objective in words, for a table."""
        words = INDICATORS[self.name].meaning.format(limit=f"{self.limit_ms:g} ms" if self.limit_ms else "")
        return f"{100 * self.share:g} % {words}"

    def good(self, bots: Selection, window: str) -> str:
        """Return PromQL for the good events of a window by job; empty before the first."""
        return INDICATORS[self.name].good(bots, window, self.limit_ms)

    def bad(self, bots: Selection, window: str) -> str:
        """Return PromQL for the other events of a window by job; empty before the first."""
        return INDICATORS[self.name].bad(bots, window, self.limit_ms)


def read_objectives(words: Iterable[str]) -> tuple[Objective, ...]:
    """Parse several objectives, each as `objective` does.

    Raises:
        BadObjective: One of them is unusable, or two have the same name.
    """
    read = [objective(each) for each in words]
    names = [each.name for each in read]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadObjective(f"{twice}: expected one objective of each name")
    return tuple(read)


def objective(words: str) -> Objective:
    """Parse an objective: `response=1500ms:95%`, `answered=99%`, or a name alone for its defaults.

    Raises:
        BadObjective: It is unusable; the message says the right form.
    """
    found = _WORDS.fullmatch(words)
    if found is None:
        raise BadObjective(f"{words!r}: expected such as response=1500ms:95% or answered=99%")
    if (indicator := INDICATORS.get(found["name"])) is None:
        raise BadObjective(f"{words!r}: {found['name']!r} is none of {', '.join(INDICATORS)}")
    share = _share(words, found["share"], indicator)
    if indicator.latency is None:
        if found["limit"]:
            raise BadObjective(f"{words!r}: {found['name']} has no limit, such as {found['name']}={100 * share:g}%")
        return Objective(found["name"], share)
    return Objective(found["name"], share, _limit_ms(words, found["limit"], found["unit"], indicator))


def window_days(words: str) -> int:
    """Parse the length of an objective's window, such as `30d` or `4w`, in days.

    Raises:
        BadObjective: It is no length of 7 to 90 days.
    """
    found = _WINDOW.fullmatch(words)
    days = int(found[1]) * (7 if found[2] == "w" else 1) if found else 0
    if not _SHORTEST_DAYS <= days <= _LONGEST_DAYS:
        raise BadObjective(f"{words!r}: expected {_SHORTEST_DAYS} to {_LONGEST_DAYS} days, such as 30d or 4w")
    return days


def _share(words: str, percent: str | None, indicator: Indicator) -> float:
    if percent is None and indicator.share is not None:
        return indicator.share
    try:
        share = round(float(percent or "") / 100, 9)
    except ValueError:
        share = 0.0
    if not _LEAST <= share < _ALL:
        raise BadObjective(f"{words!r}: expected at least {100 * _LEAST:g}% and less than 100%")
    return share


def _limit_ms(words: str, limit: str | None, unit: str | None, indicator: Indicator) -> float:
    assert indicator.latency is not None
    assert indicator.limit_ms is not None
    if limit is None:
        return indicator.limit_ms
    try:
        limit_ms = float(limit) * (1000 if unit == "s" else 1)
    except ValueError:
        limit_ms = 0.0
    if limit_ms not in indicator.latency.buckets:
        bounds = ", ".join(f"{bound:g}" for bound in indicator.latency.buckets)
        raise BadObjective(f"{words!r}: answers are counted up to {bounds} ms; expected one of these")
    return limit_ms


def _count_over(bots: Selection, series: Series, window: str, limit_ms: float | None) -> str:
    return f"{bots.observations(series, window, JOB)} - {_count_within(bots, series, window, limit_ms)}"


def _count_within(bots: Selection, series: Series, window: str, limit_ms: float | None) -> str:
    assert limit_ms is not None
    return bots.up_to(limit_ms, series, window, JOB)


INDICATORS = {
    # OpenBenchmarks (2 078 turns, 2026-08): two of four platforms have a p95 under 2000 ms, none under 1500 ms.
    "response": Indicator(
        "of answers begin within {limit}",
        0.95,
        lambda bots, window, limit_ms: _count_within(bots, RESPONSE, window, limit_ms),
        lambda bots, window, limit_ms: _count_over(bots, RESPONSE, window, limit_ms),
        RESPONSE,
        2000.0,
    ),
    # Callers who hear nothing for three seconds say "hello?" or hang up; users of Pipecat report greetings of 4 to 5 s.
    "greeting": Indicator(
        "of greetings begin within {limit}",
        0.95,
        lambda bots, window, limit_ms: _count_within(bots, GREETING, window, limit_ms),
        lambda bots, window, limit_ms: _count_over(bots, GREETING, window, limit_ms),
        GREETING,
        3000.0,
    ),
    # In one of ten calls of ten turns, one turn of the caller gets no answer.
    "answered": Indicator(
        "of callers' turns are answered",
        0.99,
        lambda bots, window, _: bots.observations(RESPONSE, window, JOB),
        lambda bots, window, _: bots.where(NOT_DUE).total(TURNS_UNANSWERED, window, JOB),
    ),
    # A turn needs the bot and three providers, each of which promises 99.9 % at most.
    "errors": Indicator(
        "of turns have no error",
        0.995,
        lambda bots, window, _: bots.total(TURNS, window, JOB),
        lambda bots, window, _: bots.total(ERRORS, window, JOB),
    ),
    "success": Indicator(
        "of calls with a known outcome succeed",
        None,
        lambda bots, window, _: bots.where('success="true"').total(CALLS_ENDED, window, JOB),
        lambda bots, window, _: bots.where('success="false"').total(CALLS_ENDED, window, JOB),
    ),
}
