"""Rates of language, realtime and some speech models, from genai-prices.

A row billed by a quantity that Pipecat does not report has no rates.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from voice_metrics.call.facts import TokensUsed
from voice_metrics.prices.names import Asked, candidates, catalogue_name
from voice_metrics.prices.price_lists import GENAI, Listed, PriceLists, Prices, Steps
from voice_metrics.prices.rates import AudioRate, CharacterRate, Rates, TokenRates
from voice_metrics.prices.tariff import Span, Tariff

_TOKEN_KEYS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "audio_input": "input_audio_mtok",
    "cached_audio_input": "cache_audio_read_mtok",
    "audio_output": "output_audio_mtok",
    "reasoning": "output_reasoning_mtok",
}
# Billed beside or instead of tokens, and not reported by Pipecat.
_UNREPORTED = frozenset({"audio_hours", "input_audio_hours", "input_text_messages_kcount", "output_citation_mtok"})
_AUDIO = frozenset({"input_audio_mtok", "output_audio_mtok"})
_IMAGES = {
    "image_input": ("input_image_mtok", "input_video_mtok"),
    "image_output": ("output_image_mtok", "output_video_mtok"),
}
# The library's price keys that this module reads.
LANGUAGE_PRICES = _UNREPORTED | {*_TOKEN_KEYS.values(), "requests_kcount", "input_mchars"}.union(*_IMAGES.values())
# Groq: "billed at a minimum of 10 seconds per request", console.groq.com/docs/speech-to-text; genai-prices 0.2.3
# applies it in code, not in its data.
_GROQ_MINIMUM_SECONDS = Decimal(10)


class GenaiPrices:
    """Prices from Pydantic's genai-prices."""

    def __init__(self, lists: PriceLists) -> None:
        self._lists = lists

    def tariff(self, asked: Asked) -> Tariff | None:
        """Return the list's tariff for a model, without rates if its row cannot be used; `None` if it is not listed."""
        seller = catalogue_name(asked.provider or "")
        found = next(filter(None, (self._lists.find(GENAI, seller, name) for name in candidates(asked))), None)
        if found is None:
            return None
        owner, model = found
        borrowed = "" if owner.id == seller else f", {owner.name}'s price"
        source = f"{GENAI} {self._lists.version(GENAI)}{borrowed}"
        return Tariff(source, f"{owner.id}/{model.id}", self._lists.released_on(GENAI), _periods(model, asked))


def _periods(model: Listed, asked: Asked) -> tuple[tuple[Span, Rates | None], ...]:
    rates = ((span, _rates(prices, asked)) for span, prices in model.periods())
    return tuple((span, None if rate is None or rate.is_zero else rate) for span, rate in rates)


def _rates(prices: Prices, asked: Asked) -> Rates | None:
    if asked.usage is TokensUsed:
        # Of OpenAI's models for audio in chats the list has the rates of text alone, a sixteenth of those of audio.
        lacks_audio = "audio" in f"{asked.model} {asked.answering}".lower() and not _AUDIO & prices.keys()
        return None if lacks_audio or _UNREPORTED & prices.keys() else _token_rates(prices)
    per_hour = prices.get("input_audio_hours", prices.get("audio_hours"))
    if per_hour is not None and not {"input_mtok", "output_mtok"} & prices.keys():
        return AudioRate(_price_at(per_hour, 0), _GROQ_MINIMUM_SECONDS if asked.provider == "groq" else Decimal(0))
    if (per_million := prices.get("input_mchars")) is not None:
        return CharacterRate(_price_at(per_million, 0))
    return _token_rates(prices)


def _token_rates(prices: Prices) -> TokenRates | None:
    if "input_mtok" not in prices or "output_mtok" not in prices:
        return None
    starts = {start for price in prices.values() if isinstance(price, Steps) for start, _ in price.steps}
    longer = tuple((start, _token_rates_at(prices, start + 1)) for start in sorted(starts))
    return replace(_token_rates_at(prices, 0), longer=longer)


def _token_rates_at(prices: Prices, prompt_tokens: int) -> TokenRates:
    rates: dict[str, Any] = {
        name: _price_at(prices[key], prompt_tokens) for name, key in _TOKEN_KEYS.items() if key in prices
    }
    for name, keys in _IMAGES.items():
        rates[name] = max((_price_at(prices[key], prompt_tokens) for key in keys if key in prices), default=None)
    per_request = _price_at(prices.get("requests_kcount", Decimal(0)), prompt_tokens) / 1000
    return TokenRates(**rates, per_request=per_request)


def _price_at(price: Decimal | Steps, prompt_tokens: int) -> Decimal:
    if isinstance(price, Decimal):
        return price
    return [price.base, *(step for start, step in price.steps if prompt_tokens > start)][-1]
