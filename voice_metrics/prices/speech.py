"""The door to voice-prices: rates of speech recognition and synthesis.

Takes the library's data, not its arithmetic. Refuses what the library marks as an estimate, and names that it
takes for another model. Importing it takes most of a second, so that nothing here does it at import.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from voice_metrics.call.facts import AudioTranscribed
from voice_metrics.prices.loading import load
from voice_metrics.prices.names import Asked, candidates, catalogue_name
from voice_metrics.prices.rates import AudioRate, CharacterRate, Rates, TokenRates
from voice_metrics.prices.tariff import ALWAYS, Span, Tariff

_SECONDS_PER_HOUR = Decimal(3600)
_GROQ_MINIMUM_SECONDS = Decimal(10)
# Hourly rates are published with this many decimals at most: $0.0043 a minute is $0.258 an hour.
_PUBLISHED_DIGITS = 4
# voice-prices 0.11.0 takes every model that starts with "ink" for ink-2, which costs three times as much.
_MISTAKEN = {("cartesia", "ink-whisper")}


class VoicePrices:
    """Prices that voice-prices bundles."""

    def load(self) -> None:
        """Load the library and its data, which takes most of a second."""
        load("voice_prices.data")

    def tariff(self, asked: Asked) -> Tariff | None:
        """What the library says of a model, or `None` if it does not have it.

        Args:
            asked: The model.

        Returns:
            Its tariff; without periods where no rate of the row can be used.
        """
        import voice_prices
        from voice_prices.data_snapshot import get_snapshot

        row = _find(get_snapshot(), asked)
        if row is None:
            return None
        checked = row.provenance.last_verified if row.provenance else None
        source = f"voice-prices {voice_prices.__version__}"
        return Tariff(source, row.id, checked.isoformat() if checked else None, _periods(row, asked))


def _find(snapshot: Any, asked: Asked) -> Any | None:
    wanted = catalogue_name(asked.provider or "")
    if any(asked.provider == provider and (asked.model or "").startswith(name) for provider, name in _MISTAKEN):
        return None
    provider = next((provider for provider in snapshot.providers if provider.id == wanted), None)
    if provider is None:
        return None
    found = (provider.find_model(name, all_providers=snapshot.providers) for name in candidates(asked))
    return next(filter(None, found), None)


def _periods(row: Any, asked: Asked) -> tuple[tuple[Span, Rates], ...]:
    if isinstance(row.prices, list):
        dated = [(price.constraint or ALWAYS, price.prices) for price in row.prices]
    else:
        dated = [(ALWAYS, row.prices)]
    estimated = frozenset((row.provenance and row.provenance.estimated_fields) or ())
    rates = [(span, _rates(price, asked, estimated)) for span, price in dated]
    return tuple((span, rate) for span, rate in rates if rate is not None and not rate.is_zero)


def _rates(price: Any, asked: Asked, estimated: frozenset[str]) -> Rates | None:
    wanted = "input_audio_kseconds" if asked.usage is AudioTranscribed else "input_kchars"
    rate = None if wanted in estimated else getattr(price, wanted)
    if rate is not None and asked.usage is AudioTranscribed:
        return AudioRate(published_per_hour(rate), _GROQ_MINIMUM_SECONDS if asked.provider == "groq" else Decimal(0))
    if rate is not None:
        return CharacterRate(rate * 1000)
    if isinstance(price.input_mtok, Decimal):
        # Of a model that is billed by the token only this much matters: that it is, and so not by what is reported.
        return TokenRates(price.input_mtok, price.output_mtok or price.output_audio_mtok or Decimal(0))
    return None


def published_per_hour(per_thousand_seconds: Decimal) -> Decimal:
    """The hourly rate that a provider published, from the library's rounded rate per 1 000 seconds.

    The library keeps $0.0065 a minute as 0.108333 per 1 000 seconds, which is a little less.

    Args:
        per_thousand_seconds: US dollars per 1 000 seconds, rounded to its last digit.

    Returns:
        US dollars per hour: of all rates that round to it, the one with the fewest digits.
    """
    per_hour = (per_thousand_seconds * _SECONDS_PER_HOUR / 1000).normalize()
    if _digits(per_hour) <= _PUBLISHED_DIGITS:
        return per_hour
    slack = Decimal(5).scaleb(-_digits(per_thousand_seconds) - 1)
    for digits in range(_PUBLISHED_DIGITS + 1):
        rounded = round(per_hour, digits)
        if abs(rounded * 1000 / _SECONDS_PER_HOUR - per_thousand_seconds) <= slack:
            return rounded
    return per_hour


def _digits(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
