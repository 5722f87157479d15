"""This package's few price rows, for models in neither library, each with its source and date of reading.

A model that is not listed under its exact name has no price here.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, TokensUsed
from voice_metrics.prices.names import Asked, candidates, streams
from voice_metrics.prices.rates import AudioRate, CharacterRate, Rates, TokenRates
from voice_metrics.prices.tariff import ALWAYS, Tariff


@dataclass(frozen=True, slots=True)
class Row:
    """A published price.

    Parameters:
        provider: Pipecat's name of the provider.
        model: The model, as Pipecat reports it.
        rates: The price.
        source: Address of the publication.
        read_on: ISO date of the reading.
        streaming: True or False if the price is for streamed or for whole audio only; `None` for both.
    """

    provider: str
    model: str
    rates: Rates
    source: str
    read_on: str
    streaming: bool | None = None


ROWS = (
    Row(
        "assemblyai",
        "universal-3-6-pro",
        AudioRate(Decimal("0.45")),
        "assemblyai.com/pricing: Universal-3.6 Pro Realtime, $0.45 an hour",
        "2026-10-07",
        streaming=True,
    ),
    Row(
        "assemblyai",
        "universal-3-6-pro",
        AudioRate(Decimal("0.30")),
        "assemblyai.com/pricing: Sync API, $0.30 an hour",
        "2026-10-07",
        streaming=False,
    ),
    # Credits at the Pro plan's 100 000 for $5, as voice-prices has Cartesia's other models.
    Row(
        "cartesia",
        "ink-whisper",
        AudioRate(Decimal("0.18")),
        "docs.cartesia.ai/pricing: 1 credit a second over WebSocket; Pro plan, $0.05 per 1 000 credits",
        "2026-11-22",
        streaming=True,
    ),
    Row(
        "deepgram",
        "flux-general-multi",
        AudioRate(Decimal("0.468")),
        "deepgram.com/pricing: Flux Multilingual streaming, pay as you go, $0.0078 a minute",
        "2026-11-04",
        streaming=True,
    ),
    Row(
        "openai",
        "gpt-6-luna-decisions",
        TokenRates(Decimal("0.10"), Decimal(0)),
        "vercel.com/ai-gateway/models/openai/gpt-6-luna-decisions: OpenAI's Decisions API, $0.10 in per million tokens",
        "2026-11-30",
    ),
    Row(
        "sambanova",
        "Meta-Llama-3.3-70B-Instruct",
        TokenRates(Decimal("0.60"), Decimal("1.20")),
        "cloud.sambanova.ai/plans/pricing: $0.60 in, $1.20 out per million tokens",
        "2026-10-07",
    ),
)

_FREE = Tariff(
    "voice_metrics' own table",
    "openrouter.ai/docs/guides/routing/model-variants/free: access to models without cost",
    "2026-11-30",
    ((ALWAYS, TokenRates(Decimal(0), Decimal(0))),),
    may_be_free=True,
)
_USAGES = {TokenRates: TokensUsed, CharacterRate: CharactersSpoken, AudioRate: AudioTranscribed}


class OwnTable:
    """The rows as a source of prices."""

    def tariff(self, asked: Asked) -> Tariff | None:
        """Return the tariff of a model's row, or `None` if there is none."""
        # A free model may have a fallback that is billed.
        if asked.provider == "openrouter" and (asked.answering or asked.model or "").endswith(":free"):
            return _FREE
        row = next((row for row in ROWS if _is_for(row, asked)), None)
        if row is None:
            return None
        return Tariff("voice_metrics' own table", row.source, row.read_on, ((ALWAYS, row.rates),))


def _is_for(row: Row, asked: Asked) -> bool:
    return (
        row.provider == asked.provider
        and row.model in candidates(asked)
        and _USAGES[type(row.rates)] is asked.usage
        and row.streaming in {None, streams(asked.processor)}
    )
