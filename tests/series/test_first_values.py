"""A series begins with its first value: what a service does not report is absent, and not 0."""

from __future__ import annotations

from voice_metrics.call.facts import Leg, TokensUsed
from voice_metrics.pipecat.services import Service, Services
from voice_metrics.series import table
from voice_metrics.series.call_series import CallSeries
from voice_metrics.series.registry import Registry


class Own(Registry):
    """A call's own series."""

    labelled = True


def test_a_detail_that_is_not_reported_has_no_series() -> None:
    own = Own({})
    call = CallSeries(own, Registry({}), Services([Service("Mind#0", "Mind", Leg.LLM, "openai", "m")]), gen_ai=False)

    def details() -> dict[object, float]:
        found = (each for each in own.all if each.row is table.LLM_TOKEN_DETAILS)
        return {each.attributes["detail"]: each.value for each in found}  # type: ignore[attr-defined]

    call.write(TokensUsed("Mind", "m", 10, 2))
    assert details() == {}
    for _ in range(2):
        call.write(TokensUsed("Mind", "m", 10, 2, cache_read=7))
    assert details() == {"cache_read": 14}
