"""A row of the dashboard about usage and cost."""

from __future__ import annotations

from voice_metrics.grafana.panels import ALL, NUMBER, SECONDS, USD, Query, Row, bars, figure, table
from voice_metrics.grafana.queries import RANGE, STEP
from voice_metrics.series.table import (
    CALLS,
    COST,
    LLM_TOKEN_DETAILS,
    LLM_TOKENS,
    STT_AUDIO,
    TTS_CHARACTERS,
    UNPRICED,
)

_MODEL = {"processor": "Processor", "model": "Model"}

ROW = Row(
    "Cost and usage",
    (
        figure("Cost", "Cost in the time range, where a price is known.", USD, Query(ALL.total(COST, RANGE)), width=6),
        figure(
            "Cost per call",
            "Cost in the time range, divided by the calls that started in it.",
            USD,
            Query(f"{ALL.total(COST, RANGE)} / ({ALL.total(CALLS, RANGE)} > 0)"),
            width=6,
        ),
        figure(
            "Unpriced requests",
            "Requests for which no price is known; their cost is missing everywhere on this page.",
            NUMBER,
            Query(ALL.total_or_zero(UNPRICED, RANGE)),
            width=6,
            limits=(1,),
        ),
        figure(
            "Calls",
            "Calls that started in the time range.",
            NUMBER,
            Query(ALL.total_or_zero(CALLS, RANGE)),
            width=6,
        ),
        figure(
            "Tokens",
            "Prompt tokens (cached ones included) and completion tokens together.",
            NUMBER,
            Query(ALL.total_or_zero(LLM_TOKENS, RANGE)),
            width=8,
        ),
        figure(
            "Characters",
            "Characters sent to speech synthesis.",
            NUMBER,
            Query(ALL.total_or_zero(TTS_CHARACTERS, RANGE)),
            width=8,
        ),
        figure(
            "Audio recognised",
            "Audio that speech recognition processed; streaming services count silence too.",
            SECONDS,
            Query(ALL.total_or_zero(STT_AUDIO, RANGE)),
            width=8,
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
            "Cost in the time of each bar.",
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
            height=6,
        ),
        table(
            "Speech synthesis",
            "Characters by model.",
            Query(ALL.total(TTS_CHARACTERS, RANGE, ("processor", "model")), "Characters"),
            labels=_MODEL,
            order="Characters",
            height=6,
        ),
        bars(
            "Calls started",
            "Calls that started in the time of each bar.",
            NUMBER,
            Query(ALL.total(CALLS, STEP), "calls"),
            width=8,
        ),
        bars(
            "Tokens over time",
            "Tokens in the time of each bar.",
            NUMBER,
            Query(ALL.total(LLM_TOKENS, STEP, ("token_type",)), "{{token_type}}"),
            width=8,
        ),
        bars(
            "Characters over time",
            "Characters sent to speech synthesis in the time of each bar.",
            NUMBER,
            Query(ALL.total(TTS_CHARACTERS, STEP), "characters"),
            width=8,
        ),
        table(
            "Unpriced usage",
            "Requests for which no price is known, by model. VOICE_METRICS_PRICES names a file with your prices.",
            Query(ALL.total(UNPRICED, RANGE, ("service", "model")), "Requests"),
            labels={"service": "Service", "model": "Model"},
            order="Requests",
            width=24,
            height=6,
        ),
    ),
)
