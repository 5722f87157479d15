"""A scripted call in virtual time, measured in each place at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.scripted import Script, ScriptedCall, Truth, scripted_call
from tests.virtual_time import in_virtual_time, measure_in_virtual_time
from voice_metrics.call.summary import CallSummary
from voice_metrics.observer import VoiceMetricsObserver
from voice_metrics.processor import VoiceMetricsProcessor

PLACES = ("before_output", "after_output", "at_end", "observer")


class EveryPlace:
    """A processor in each of its places and an observer, which measure by the running virtual loop's clock.

    Attributes:
        arrangement: Where they stand, as arguments of `scripted_call`.
    """

    def __init__(self) -> None:
        processors = {place: VoiceMetricsProcessor() for place in PLACES[:-1]}
        self._parts = {**processors, PLACES[-1]: VoiceMetricsObserver()}
        for part in self._parts.values():
            measure_in_virtual_time(part)
        self.arrangement: dict[str, Any] = {place: [part] for place, part in processors.items()}
        self.arrangement["observers"] = [self._parts[PLACES[-1]]]

    def summaries(self) -> dict[str, CallSummary]:
        """What each measured."""
        summaries = {place: part.summary() for place, part in self._parts.items()}
        return {place: summary for place, summary in summaries.items() if summary is not None}


def measured_everywhere(
    script: Script, converse: Callable[[ScriptedCall], Awaitable[None]], **arrangement: Any
) -> tuple[Truth, dict[str, CallSummary]]:
    """Hold a call.

    Args:
        script: What happens.
        converse: Does what the caller and the application do.
        arrangement: Further arguments for `scripted_call`.

    Returns:
        What happened in the call, and what was measured of it in each place.
    """

    @in_virtual_time
    async def hold() -> tuple[Truth, dict[str, CallSummary]]:
        places = EveryPlace()
        call = scripted_call(script, **places.arrangement, **arrangement)
        truth = await call.run(lambda: converse(call))
        return truth, places.summaries()

    return hold()


def stories(
    script: Script, converse: Callable[[ScriptedCall], Awaitable[None]], **arrangement: Any
) -> dict[str, dict[str, Any]]:
    """Return what `measured_everywhere` measured in each place, as dictionaries."""
    _, summaries = measured_everywhere(script, converse, **arrangement)
    return {place: summary.to_dict() for place, summary in summaries.items()}
