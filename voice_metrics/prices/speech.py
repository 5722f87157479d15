"""Rates of speech recognition and synthesis, from voice-prices.

Prices that the library marks as estimates, and models that it mistakes for another, are left out.
"""

from __future__ import annotations

from decimal import Decimal

from voice_metrics.call.facts import AudioTranscribed
from voice_metrics.prices.names import Asked, candidates, catalogue_name
from voice_metrics.prices.price_lists import VOICE, Listed, PriceLists, Prices
from voice_metrics.prices.rates import AudioRate, CharacterRate, Rates, TokenRates
from voice_metrics.prices.tariff import Span, Tariff

# The library's price keys that this module reads.
SPEECH_PRICES = frozenset({"input_audio_kseconds", "input_kchars", "input_mtok", "output_mtok", "output_audio_mtok"})
_SECONDS_PER_HOUR = Decimal(3600)
_GROQ_MINIMUM_SECONDS = Decimal(10)
# Providers publish hourly rates with this many decimals at most: $0.0043 a minute is $0.258 an hour.
_PUBLISHED_DIGITS = 4
# voice-prices 0.11.0 takes every model that starts with "ink" for ink-2, which costs three times as much.
_MISTAKEN = {("cartesia", "ink-whisper")}


class VoicePrices:
    """Prices from voice-prices."""

    def __init__(self, lists: PriceLists) -> None:
        self._lists = lists

    def tariff(self, asked: Asked) -> Tariff | None:
        """Return the list's tariff for a model, without rates if its row cannot be used; `None` if it is not listed."""
        if any(asked.provider == provider and (asked.model or "").startswith(name) for provider, name in _MISTAKEN):
            return None
        seller = catalogue_name(asked.provider or "")
        found = next(filter(None, (self._lists.find(VOICE, seller, name) for name in candidates(asked))), None)
        if found is None:
            return None
        _, model = found
        return Tariff(f"{VOICE} {self._lists.version(VOICE)}", model.id, model.checked_on, _periods(model, asked))


def _periods(model: Listed, asked: Asked) -> tuple[tuple[Span, Rates | None], ...]:
    rates = ((span, _rates(prices, asked, model.estimated)) for span, prices in model.periods())
    return tuple((span, None if rate is None or rate.is_zero else rate) for span, rate in rates)


def _rates(prices: Prices, asked: Asked, estimated: tuple[str, ...]) -> Rates | None:
    wanted = "input_audio_kseconds" if asked.usage is AudioTranscribed else "input_kchars"
    rate = None if wanted in estimated else prices.get(wanted)
    if isinstance(rate, Decimal):
        if asked.usage is AudioTranscribed:
            least = _GROQ_MINIMUM_SECONDS if asked.provider == "groq" else Decimal(0)
            return AudioRate(published_per_hour(rate), least)
        return CharacterRate(rate * 1000)
    if isinstance(per_million := prices.get("input_mtok"), Decimal):
        # Pipecat reports no tokens of speech: these rates only say that the model is billed by the token.
        output = prices.get("output_mtok") or prices.get("output_audio_mtok")
        return TokenRates(per_million, output if isinstance(output, Decimal) else Decimal(0))
    return None


def published_per_hour(per_thousand_seconds: Decimal) -> Decimal:
    """Return the hourly rate that a provider published, from the library's rounded one.

    The library has $0.0065 a minute as 0.108333 per 1 000 seconds, which is a little less.

    Args:
        per_thousand_seconds: US dollars per 1 000 seconds, rounded to its last digit.

    Returns:
        US dollars per hour: of all rates that round to it, the one with the fewest digits.
    """
    per_hour = (per_thousand_seconds * _SECONDS_PER_HOUR / 1000).normalize()
    if _decimal_places(per_hour) <= _PUBLISHED_DIGITS:
        return per_hour
    slack = Decimal(5).scaleb(-_decimal_places(per_thousand_seconds) - 1)
    for digits in range(_PUBLISHED_DIGITS + 1):
        rounded = round(per_hour, digits)
        if abs(rounded * 1000 / _SECONDS_PER_HOUR - per_thousand_seconds) <= slack:
            return rounded
    return per_hour


def _decimal_places(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
