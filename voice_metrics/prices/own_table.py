"""Prices that neither library has, read by us from what providers publish.

Few rows, each with its source and the day on which it was read. Refuses to guess: a model that is not listed
under its exact name has no price here.
"""

from __future__ import annotations

from dataclasses import dataclass

from voice_metrics.facts import AudioTranscribed, CharactersSpoken, TokensUsed
from voice_metrics.prices.names import Asked
from voice_metrics.prices.rates import AudioRate, CharacterRate, Rates, TokenRates
from voice_metrics.prices.tariff import ALWAYS, Tariff


@dataclass(frozen=True, slots=True)
class Row:
    """A published price.

    Parameters:
        provider: Pipecat's name of the provider.
        model: The model, as Pipecat reports it.
        rates: The price.
        source: Where it is published.
        read_on: ISO date of the reading.
    """

    provider: str
    model: str
    rates: Rates
    source: str
    read_on: str


ROWS: tuple[Row, ...] = ()

_USAGES = {TokenRates: TokensUsed, CharacterRate: CharactersSpoken, AudioRate: AudioTranscribed}


class OwnTable:
    """Our rows as a source of prices."""

    def tariff(self, asked: Asked) -> Tariff | None:
        """Our row for a model, or `None` if there is none."""
        for row in ROWS:
            if (row.provider, row.model) == (asked.provider, asked.model) and _USAGES[type(row.rates)] is asked.usage:
                return Tariff(
                    f"voice_metrics' own table ({row.source})", row.model, row.read_on, ((ALWAYS, row.rates),)
                )
        return None
