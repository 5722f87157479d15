"""Two rows of the dashboard: the recent calls, and one call by its id."""

from __future__ import annotations

from voice_metrics.grafana.objectives import NOT_DUE
from voice_metrics.grafana.panels import (
    ALL,
    CALL,
    MILLISECONDS,
    MOMENT,
    NOT_INTERRUPTED,
    NUMBER,
    SECONDS,
    USD,
    Query,
    Row,
    bars,
    figure,
    lines,
    table,
)
from voice_metrics.grafana.queries import LABELLED, RANGE, SMOOTH, STEP, Selection, whole
from voice_metrics.grafana.service_panels import averages, summary
from voice_metrics.series.table import (
    CALLS,
    CALLS_ENDED,
    COMMON_ATTRIBUTES,
    COST,
    ERRORS,
    FLOOR,
    FUNCTION_CALLS,
    GREETING,
    INTERRUPTIONS,
    LLM_TOKENS,
    RESPONSE,
    RESPONSE_PART,
    SESSION_DURATION,
    STT_AUDIO,
    TTFB,
    TTS_CHARACTERS,
    TURNS,
    TURNS_UNANSWERED,
)

_OFF = "With VOICE_METRICS_CALL_ID=off all calls share their series; `voice-metrics calls` lists the calls instead."
_ID = ("call_id",)
_EACH = Selection(ALL.matchers, whole)
_IN_TIME = Selection(CALL.matchers)

_STARTED = (
    f"{ALL.where(LABELLED).last_seen(CALLS, RANGE, _ID)} - {ALL.where(LABELLED).latest(SESSION_DURATION, RANGE, _ID)}"
)

RECENT = Row(
    "Recent calls",
    (
        table(
            "Recent calls",
            "Calls that were seen in the time range, with their totals; unanswered are turns to which one was due. "
            f"A click on an id shows the call below. {_OFF}",
            Query(f"1000 * ({_STARTED})", "Started", MOMENT),
            Query(ALL.latest(SESSION_DURATION, RANGE, _ID), "Length", SECONDS),
            Query(_EACH.total(CALLS_ENDED, RANGE, ("call_id", "end_reason", "outcome"))),
            Query(_EACH.total(TURNS, RANGE, _ID), "Turns"),
            Query(_EACH.total(INTERRUPTIONS, RANGE, _ID), "Interruptions"),
            Query(_EACH.where(NOT_DUE).total(TURNS_UNANSWERED, RANGE, _ID), "Unanswered"),
            Query(_EACH.average(RESPONSE, RANGE, _ID), "Response", MILLISECONDS),
            Query(_EACH.where(NOT_INTERRUPTED).average(TTFB, RANGE, _ID), "TTFB", MILLISECONDS),
            Query(_EACH.total(LLM_TOKENS, RANGE, _ID), "Tokens"),
            Query(_EACH.total(TTS_CHARACTERS, RANGE, _ID), "Characters"),
            Query(_EACH.total(COST, RANGE, _ID), "Cost", USD),
            Query(_EACH.total(ERRORS, RANGE, _ID), "Errors"),
            Query(_EACH.total(CALLS, RANGE, COMMON_ATTRIBUTES)),
            labels={
                "call_id": "Call",
                "end_reason": "End",
                "outcome": "Outcome",
                "llm_model": "LLM",
                "stt_model": "STT",
                "tts_model": "TTS",
            },
            order="Started",
            width=24,
            height=12,
            first=("Call", "Started", "Length", "End", "Outcome", "Response", "Unanswered", "Errors", "Cost"),
        ),
    ),
)

ONE = Row(
    "One call: $call_id",
    (
        figure(
            "Length",
            "Length of the call so far. With VOICE_METRICS_CALL_ID=off: of all running calls together.",
            SECONDS,
            Query(CALL.latest(SESSION_DURATION, RANGE)),
        ),
        figure(
            "Response time of the call",
            "User stopped speaking to bot started speaking: average and 95th percentile.",
            MILLISECONDS,
            Query(CALL.average(RESPONSE, RANGE), "average"),
            Query(CALL.quantile(0.95, RESPONSE, RANGE), "p95"),
            width=8,
        ),
        figure(
            "Greeting of the call",
            "Caller connected to the bot's first audio.",
            MILLISECONDS,
            Query(CALL.average(GREETING, RANGE)),
        ),
        figure("Cost of the call", "Cost where a price is known.", USD, Query(CALL.total(COST, RANGE))),
        figure(
            "Interruptions of the call",
            "Times that the caller cut the bot off.",
            NUMBER,
            Query(CALL.total_or_zero(INTERRUPTIONS, RANGE)),
        ),
        figure(
            "Turns of the call",
            "Turns of the bot by how they ended.",
            NUMBER,
            Query(CALL.total(TURNS, RANGE, ("outcome",)), "{{outcome}}"),
            width=6,
        ),
        figure(
            "Tokens of the call",
            "Prompt and completion tokens.",
            NUMBER,
            Query(CALL.total(LLM_TOKENS, RANGE, ("token_type",)), "{{token_type}}"),
            width=6,
        ),
        figure(
            "Characters of the call",
            "Characters sent to speech synthesis.",
            NUMBER,
            Query(CALL.total_or_zero(TTS_CHARACTERS, RANGE)),
        ),
        figure(
            "Audio of the call",
            "Audio that speech recognition processed.",
            SECONDS,
            Query(CALL.total_or_zero(STT_AUDIO, RANGE)),
        ),
        figure(
            "Errors of the call",
            "Errors that processors of the pipeline reported.",
            NUMBER,
            Query(CALL.total_or_zero(ERRORS, RANGE)),
            limits=(1,),
        ),
        table(
            "Response parts of the call",
            "Parts of the response time of this call, on average, the largest first.",
            *averages(CALL, RESPONSE_PART, ("part",)),
            labels={"part": "Part"},
            order="Average",
            unit=MILLISECONDS,
            width=8,
        ),
        table(
            "Speaking time of the call",
            "Seconds of the call by speaker: caller, bot, both, or none.",
            Query(CALL.total(FLOOR, RANGE, ("holder",)), "Time", SECONDS),
            labels={"holder": "Speaker"},
            order="Time",
            unit=SECONDS,
            width=8,
        ),
        table(
            "Unanswered turns of the call",
            "Turns of the caller without an answer of the bot, and how far each got.",
            Query(CALL.total(TURNS_UNANSWERED, RANGE, ("cause",)), "Turns"),
            labels={"cause": "Cause"},
            order="Turns",
            width=8,
        ),
        table(
            "TTFB of the call",
            "Request to first output. Interrupted requests are left out.",
            *summary(CALL.where(NOT_INTERRUPTED), TTFB, ("service", "model")),
            labels={"service": "Service", "model": "Model"},
            order="p95",
            unit=MILLISECONDS,
            height=6,
        ),
        table(
            "Cost of the call by service",
            "Cost where a price is known.",
            Query(CALL.total(COST, RANGE, ("cost_type", "model")), "Cost"),
            labels={"cost_type": "Service", "model": "Model"},
            order="Cost",
            unit=USD,
            height=6,
        ),
        lines(
            "The call over time",
            "Average response time and TTFB of the last few minutes.",
            MILLISECONDS,
            Query(_IN_TIME.average(RESPONSE, SMOOTH), "response"),
            Query(_IN_TIME.where(NOT_INTERRUPTED).average(TTFB, SMOOTH, ("service",)), "TTFB {{service}}"),
        ),
        bars(
            "Tokens of the call over time",
            "Tokens in the time of each bar.",
            NUMBER,
            Query(_IN_TIME.total(LLM_TOKENS, STEP, ("token_type",)), "{{token_type}}"),
        ),
        table(
            "Function calls of the call",
            "Function calls by how they ended.",
            Query(CALL.total(FUNCTION_CALLS, RANGE, ("function", "outcome")), "Count"),
            labels={"function": "Function", "outcome": "Outcome"},
            order="Count",
            width=8,
            height=6,
        ),
        table(
            "Errors of the call by processor",
            "Errors, counted where they arose.",
            Query(CALL.total(ERRORS, RANGE, ("processor", "error_type", "category")), "Count"),
            labels={"processor": "Processor", "error_type": "Error", "category": "Category"},
            order="Count",
            width=8,
            height=6,
        ),
        table(
            "Identity of the call",
            f"Models of the call. {_OFF}",
            Query(CALL.total(CALLS, RANGE, COMMON_ATTRIBUTES), "Calls"),
            labels={"call_id": "Call", "llm_model": "LLM", "stt_model": "STT", "tts_model": "TTS"},
            width=8,
            height=6,
        ),
    ),
)
