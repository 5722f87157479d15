"""Rates in words, to compare with a provider's page."""

from __future__ import annotations

from decimal import Decimal

from voice_metrics.prices.rates import AudioRate, CharacterRate, Rates, TokenRates

_NAMES = {
    "input": "input",
    "cached_input": "cached input",
    "cache_write": "cache write",
    "output": "output",
    "reasoning": "reasoning",
    "audio_input": "audio input",
    "cached_audio_input": "cached audio input",
    "audio_output": "audio output",
}


def in_words(rates: Rates) -> str:
    """Word a price, such as "input $2, output $8 per million tokens"."""
    match rates:
        case TokenRates():
            return _token_rates(rates)
        case CharacterRate(per_million):
            return f"{_usd(per_million)} per million characters"
        case AudioRate(per_hour, minimum_seconds):
            least = f", at least {minimum_seconds} s a request" if minimum_seconds else ""
            return f"{_usd(per_hour)} an hour of audio{least}"


def _token_rates(rates: TokenRates) -> str:
    words = f"{_token_prices(rates)} per million tokens"
    if rates.per_request:
        words += f", {_usd(rates.per_request)} a request"
    return "; ".join(
        [words, *(f"for prompts of more than {start} tokens {_token_prices(longer)}" for start, longer in rates.longer)]
    )


def _token_prices(rates: TokenRates) -> str:
    prices = ((word, getattr(rates, name)) for name, word in _NAMES.items())
    return ", ".join(f"{word} {_usd(price)}" for word, price in prices if price is not None)


def _usd(price: Decimal) -> str:
    return f"${price.normalize():f}"
