"""Third row of the dashboard: what was used and what it cost."""

from __future__ import annotations

from voice_metrics.grafana.panels import ALL, NUMBER, SECONDS, SHARE, USD, Query, Row, bars, figure, table
from voice_metrics.grafana.queries import RANGE, STEP
from voice_metrics.series.table import (
    CALLS_ENDED,
    COST,
    LLM_TOKEN_DETAILS,
    LLM_TOKENS,
    STT_AUDIO,
    TTS_CHARACTERS,
    TURNS,
    UNPRICED,
)

_MODEL = {"processor": "Processor", "model": "Model"}
_TURNS_CUT = ALL.where('outcome="interrupted"')

ROW = Row(
    "Cost and usage",
    (
        figure("Cost", "Cost in the time range, where a price is known.", USD, Query(ALL.total(COST, RANGE)), width=6),
        figure(
            "Unpriced requests",
            "Requests for which no price is known; their cost is missing everywhere on this page.",
            NUMBER,
            Query(ALL.or_zero(ALL.total(UNPRICED, RANGE), RANGE)),
            width=6,
            limits=(1,),
        ),
        figure(
            "Audio recognised",
            "Audio that speech recognition processed; streaming services count silence too.",
            SECONDS,
            Query(ALL.or_zero(ALL.total(STT_AUDIO, RANGE), RANGE)),
            width=6,
        ),
        figure(
            "Interrupted turns",
            "Share of the bot's turns that a caller cut off.",
            SHARE,
            Query(
                f"({ALL.or_zero(_TURNS_CUT.total(TURNS, RANGE), RANGE)}) / ({ALL.total(TURNS, RANGE)} > 0)",
            ),
            width=6,
        ),
        table(
            "Cost by service and model",
            "Cost in the time range, where a price is known.",
            Query(ALL.total(COST, RANGE, ("cost_type", "processor", "model")), "Cost"),
            labels={"cost_type": "Service", **_MODEL},
            order="Cost",
            unit=USD,
        ),
        bars(
            "Cost by model over time",
            "Cost of each step.",
            USD,
            Query(ALL.total(COST, STEP, ("cost_type", "model")), "{{cost_type}} {{model}}"),
        ),
        table(
            "Tokens by model",
            "Prompt and completion tokens; the two add up to the total.",
            Query(ALL.total(LLM_TOKENS, RANGE, ("processor", "model", "token_type")), "Tokens"),
            labels={**_MODEL, "token_type": "Type"},
            order="Tokens",
        ),
        table(
            "Token details",
            "Parts of the prompt and completion tokens (cached, reasoning, audio), which are counted there already.",
            Query(ALL.total(LLM_TOKEN_DETAILS, RANGE, ("processor", "model", "detail")), "Tokens"),
            labels={**_MODEL, "detail": "Detail"},
            order="Tokens",
        ),
        table(
            "Speech recognition",
            "Seconds of audio by model.",
            Query(ALL.total(STT_AUDIO, RANGE, ("processor", "model")), "Audio", SECONDS),
            labels=_MODEL,
            order="Audio",
            unit=SECONDS,
        ),
        table(
            "Speech synthesis",
            "Characters by model.",
            Query(ALL.total(TTS_CHARACTERS, RANGE, ("processor", "model")), "Characters"),
            labels=_MODEL,
            order="Characters",
        ),
        table(
            "Unpriced usage",
            "Requests for which no price is known, by model. VOICE_METRICS_PRICES names a file with your prices.",
            Query(ALL.total(UNPRICED, RANGE, ("service", "model")), "Requests"),
            labels={"service": "Service", "model": "Model"},
            order="Requests",
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
        table(
            "Ends of calls",
            "Calls by how they ended.",
            Query(ALL.total(CALLS_ENDED, RANGE, ("end_reason",)), "Calls"),
            labels={"end_reason": "Reason"},
            order="Calls",
            width=8,
        ),
    ),
)
