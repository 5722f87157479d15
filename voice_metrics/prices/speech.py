"""Rates of speech recognition and synthesis, from what voice-prices says of them.

Refuses what the library marks as an estimate, and names that it takes for another model.
"""

from __future__ import annotations

from decimal import Decimal

from voice_metrics.call.facts import AudioTranscribed
from voice_metrics.prices.names import Asked, candidates, catalogue_name
from voice_metrics.prices.price_lists import VOICE, Listed, PriceLists, Prices
from voice_metrics.prices.rates import AudioRate, CharacterRate, Rates, TokenRates
from voice_metrics.prices.tariff import Span, Tariff

# All prices of the library that are of use here.
SPEECH_PRICES = frozenset({"input_audio_kseconds", "input_kchars", "input_mtok", "output_mtok", "output_audio_mtok"})
_SECONDS_PER_HOUR = Decimal(3600)
_GROQ_MINIMUM_SECONDS = Decimal(10)
# Hourly rates are published with this many decimals at most: $0.0043 a minute is $0.258 an hour.
_PUBLISHED_DIGITS = 4
# voice-prices 0.11.0 takes every model that starts with "ink" for ink-2, which costs three times as much.
_MISTAKEN = {("cartesia", "ink-whisper")}


class VoicePrices:
    """Prices that voice-prices lists."""

    def __init__(self, lists: PriceLists) -> None:
        """Use its list.

        Args:
            lists: The lists of both libraries.
        """
        self._lists = lists

    def tariff(self, asked: Asked) -> Tariff | None:
        """What the list says of a model, or `None` if it does not have it.

        Args:
            asked: The model.

        Returns:
            Its tariff; without rates where those of the row cannot be used.
        """
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
        # Of a model that is billed by the token only this much matters: that it is, and so not by what is reported.
        output = prices.get("output_mtok") or prices.get("output_audio_mtok")
        return TokenRates(per_million, output if isinstance(output, Decimal) else Decimal(0))
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
