"""A row of the dashboard about the conversation: floor, silence, greeting, barge-in, gaps and outcome."""

from __future__ import annotations

from voice_metrics.grafana.panels import (
    ALL,
    MILLISECONDS,
    NUMBER,
    SECONDS,
    SHARE,
    USD,
    Query,
    Row,
    bars,
    figure,
    lines,
    table,
)
from voice_metrics.grafana.queries import RANGE, SMOOTH, STEP
from voice_metrics.grafana.service_panels import averages
from voice_metrics.series.table import (
    BOT_GAP,
    CALL_DURATION,
    CALLS_ENDED,
    COST,
    FALSE_INTERRUPTIONS,
    FLOOR,
    GREETING,
    INTERRUPTION_STOP,
    INTERRUPTIONS,
    SILENCE,
    TURNS,
    TURNS_UNANSWERED,
)

_CUT = ALL.where('outcome="interrupted"')
_GOOD, _KNOWN = ALL.where('success="true"'), ALL.where('success=~"true|false"')

ROW = Row(
    "Conversation",
    (
        figure(
            "Success",
            "Share of the calls with a known outcome that succeeded: what `metrics.outcome(…, success=…)` said.",
            SHARE,
            Query(ALL.share(_GOOD.total(CALLS_ENDED, RANGE), _KNOWN.total(CALLS_ENDED, RANGE), RANGE)),
        ),
        figure(
            "Cost per success",
            "Cost in the time range, divided by the calls that succeeded in it.",
            USD,
            Query(f"{ALL.total(COST, RANGE)} / ({_GOOD.total(CALLS_ENDED, RANGE)} > 0)"),
        ),
        figure(
            "Greeting",
            "Caller connected to the bot's first audio, where the bot speaks first: median and 95th percentile.",
            MILLISECONDS,
            Query(ALL.quantile(0.5, GREETING, RANGE), "p50"),
            Query(ALL.quantile(0.95, GREETING, RANGE), "p95"),
            limits=(3000, 5000),
        ),
        figure(
            "Barge-in",
            "Onset of the caller's speech to the bot's silence: median and 95th percentile; under 500 ms is good.",
            MILLISECONDS,
            Query(ALL.quantile(0.5, INTERRUPTION_STOP, RANGE), "p50"),
            Query(ALL.quantile(0.95, INTERRUPTION_STOP, RANGE), "p95"),
            limits=(500, 1000),
        ),
        figure(
            "Interrupted turns",
            "Share of the bot's turns that a caller cut off; under 15 % is usual.",
            SHARE,
            Query(ALL.share(_CUT.total(TURNS, RANGE), ALL.total(TURNS, RANGE), RANGE)),
            limits=(0.15, 0.4),
        ),
        figure(
            "False interruptions",
            "Share of the interruptions after which the caller said nothing: noise, or an echo of the bot.",
            SHARE,
            Query(ALL.share(ALL.total(FALSE_INTERRUPTIONS, RANGE), ALL.total(INTERRUPTIONS, RANGE), RANGE)),
            limits=(0.1, 0.3),
        ),
        bars(
            "Floor over time",
            "Who spoke in each step: caller, bot, both, or none.",
            SECONDS,
            Query(ALL.total(FLOOR, STEP, ("holder",)), "{{holder}}"),
        ),
        lines(
            "Greeting over time, p95",
            "Caller connected to the bot's first audio, 95th percentile of the last few minutes.",
            MILLISECONDS,
            Query(ALL.quantile(0.95, GREETING, SMOOTH), "p95"),
        ),
        table(
            "Floor",
            "Seconds of the calls by who was speaking; the four add up to the length of the calls.",
            Query(ALL.total(FLOOR, RANGE, ("holder",)), "Time", SECONDS),
            labels={"holder": "Holder"},
            order="Time",
            unit=SECONDS,
            width=8,
        ),
        table(
            "Silences",
            "Stretches of a second and more in which no one speaks, by who spoke before.",
            *averages(ALL, SILENCE, ("after",), SECONDS),
            labels={"after": "After"},
            order="Average",
            unit=SECONDS,
            width=8,
        ),
        table(
            "Gaps in the bot's speech",
            "Pauses of over 250 ms within one answer: audio that came late, and text whose audio never came.",
            *averages(ALL, BOT_GAP, ("cause",), SECONDS),
            labels={"cause": "Cause"},
            order="Count",
            unit=SECONDS,
            width=8,
        ),
        table(
            "Unanswered turns by cause",
            "Turns of callers that no answer of the bot belongs to, and how far each got.",
            Query(ALL.total(TURNS_UNANSWERED, RANGE, ("cause",)), "Turns"),
            labels={"cause": "Cause"},
            order="Turns",
            width=8,
        ),
        table(
            "Turns",
            "Turns of the bot by how they ended.",
            Query(ALL.total(TURNS, RANGE, ("outcome",)), "Turns"),
            labels={"outcome": "Outcome"},
            order="Turns",
            width=8,
        ),
        figure(
            "Interruptions",
            "Times a caller cut the bot off while it was speaking.",
            NUMBER,
            Query(ALL.total_or_zero(INTERRUPTIONS, RANGE)),
            width=8,
        ),
        table(
            "Outcomes",
            "Ended calls by what they achieved and by who ended them.",
            Query(ALL.total(CALLS_ENDED, RANGE, ("outcome", "success", "ended_by")), "Calls"),
            labels={"outcome": "Outcome", "success": "Success", "ended_by": "Ended by"},
            order="Calls",
        ),
        table(
            "Ends of calls",
            "Calls by how they ended.",
            Query(ALL.total(CALLS_ENDED, RANGE, ("end_reason",)), "Calls"),
            labels={"end_reason": "Reason"},
            order="Calls",
            width=4,
        ),
        table(
            "Length of calls",
            "Length of the ended calls by their outcome.",
            Query(ALL.observations(CALL_DURATION, RANGE, ("outcome",)), "Calls", NUMBER),
            Query(ALL.average(CALL_DURATION, RANGE, ("outcome",)), "Average", SECONDS),
            Query(ALL.quantile(0.95, CALL_DURATION, RANGE, ("outcome",)), "p95", SECONDS),
            labels={"outcome": "Outcome"},
            order="Average",
            unit=SECONDS,
            width=8,
        ),
    ),
)
