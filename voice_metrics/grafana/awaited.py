"""Rows of the table of series that the dashboard and the rules read by their documented names."""

from __future__ import annotations

from voice_metrics.series.table import LATENCY_MS, VOICE, Kind, Series

_SECONDS = (1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 21.0, 34.0, 55.0)
_LENGTHS = (5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)


def _row(name: str, kind: Kind, unit: str, attributes: tuple[str, ...] = (), bounds: tuple[float, ...] = ()) -> Series:
    found = next((row for row in VOICE if row.name == name), None)
    return found or Series(name, kind, unit, name, attributes, bounds)


_COUNTER, _HISTOGRAM = Kind.COUNTER, Kind.HISTOGRAM
UNANSWERED = _row("voice.turns.unanswered.total", _COUNTER, "{turn}", ("cause",))
FALSE_INTERRUPTIONS = _row("voice.interruptions.false.total", _COUNTER, "{interruption}")
SWITCHES = _row("voice.service.switches.total", _COUNTER, "{switch}", ("service", "from", "to"))
FLOOR = _row("voice.floor.seconds", _COUNTER, "s", ("holder",))
SILENCE = _row("voice.silence.seconds", _HISTOGRAM, "s", ("after",), _SECONDS)
GAP = _row("voice.bot.gap.seconds", _HISTOGRAM, "s", ("cause",), _SECONDS)
GREETING = _row("voice.greeting.milliseconds", _HISTOGRAM, "ms", (), LATENCY_MS)
STOP = _row("voice.interruption.stop.milliseconds", _HISTOGRAM, "ms", (), LATENCY_MS)
LOOP_LAG = _row("voice.event_loop.lag.milliseconds", _HISTOGRAM, "ms", (), LATENCY_MS)
CALL_DURATION = _row("voice.call.duration.seconds", _HISTOGRAM, "s", ("end_reason", "outcome", "success"), _LENGTHS)
