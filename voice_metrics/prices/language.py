"""The door to genai-prices: rates of language, realtime and some speech models.

Takes the library's data, not its arithmetic. Refuses rows that are billed by something that Pipecat
does not report. Importing the library takes most of a second, so that nothing here does it at import.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from voice_metrics.call.facts import TokensUsed
from voice_metrics.prices.loading import load
from voice_metrics.prices.names import Asked, candidates, catalogue_name
from voice_metrics.prices.rates import AudioRate, CharacterRate, Rates, TokenRates
from voice_metrics.prices.tariff import ALWAYS, Span, Tariff

# The library dates no price, so that its release is the day of all; pypi.org/project/genai-prices, read 2026-11-22.
RELEASED_ON = {"0.2.3": "2026-11-10"}

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
# Meters that run in a call beside or instead of tokens, and that Pipecat does not report.
_UNREPORTED = frozenset({"audio_hours", "input_audio_hours", "input_text_messages_kcount", "output_citation_mtok"})
# Groq: "billed at a minimum of 10 seconds per request", console.groq.com/docs/speech-to-text; genai-prices 0.2.3
# applies it in code, not in its data.
_GROQ_MINIMUM_SECONDS = Decimal(10)


class GenaiPrices:
    """Prices that Pydantic's genai-prices bundles."""

    def load(self) -> None:
        """Load the library and its data, which takes most of a second."""
        load("genai_prices.data")

    def tariff(self, asked: Asked) -> Tariff | None:
        """What the library says of a model, or `None` if it does not have it.

        Args:
            asked: The model.

        Returns:
            Its tariff; without periods where no rate of the row can be used.
        """
        import genai_prices
        from genai_prices.data_snapshot import get_snapshot

        snapshot = get_snapshot()
        found = _find(snapshot, asked)
        if found is None:
            return None
        provider, row = found
        owner = next((other for other in snapshot.providers if any(row is model for model in other.models)), provider)
        borrowed = "" if owner.id == provider.id else f", {owner.name}'s price"
        released = RELEASED_ON.get(genai_prices.__version__)
        checked = snapshot.timestamp.date().isoformat() if snapshot.from_auto_update else released
        source = f"genai-prices {genai_prices.__version__}{borrowed}"
        return Tariff(source, f"{owner.id}/{row.id}", checked, _periods(row, asked))


def _find(snapshot: Any, asked: Asked) -> tuple[Any, Any] | None:
    wanted = catalogue_name(asked.provider or "")
    # By its exact id: the library's own search also takes names that merely contain a provider's.
    provider = next((provider for provider in snapshot.providers if provider.id == wanted), None)
    if provider is None:
        return None
    for name in candidates(asked):
        if row := provider.find_model(name, all_providers=snapshot.providers):
            return provider, row
    return None


def _periods(row: Any, asked: Asked) -> tuple[tuple[Span, Rates], ...]:
    if isinstance(row.prices, list):
        dated = [(price.constraint or ALWAYS, price.prices) for price in row.prices]
    else:
        dated = [(ALWAYS, row.prices)]
    rates = [(span, _rates(price, asked)) for span, price in dated]
    return tuple((span, rate) for span, rate in rates if rate is not None and not rate.is_zero)


def _rates(price: Any, asked: Asked) -> Rates | None:
    prices = {key: value for key, value in vars(price).items() if value is not None}
    if asked.usage is TokensUsed:
        return None if _UNREPORTED & prices.keys() else _token_rates(prices)
    per_hour = prices.get("input_audio_hours", prices.get("audio_hours"))
    if per_hour is not None and not {"input_mtok", "output_mtok"} & prices.keys():
        return AudioRate(per_hour, _GROQ_MINIMUM_SECONDS if asked.provider == "groq" else Decimal(0))
    if (per_million := prices.get("input_mchars")) is not None:
        return CharacterRate(per_million)
    return _token_rates(prices)


def _token_rates(prices: dict[str, Any]) -> TokenRates | None:
    if "input_mtok" not in prices or "output_mtok" not in prices:
        return None
    starts = sorted({tier.start for price in prices.values() for tier in getattr(price, "tiers", ())})
    base = _at_length(prices, 0)
    longer = tuple((start, TokenRates(**_at_length(prices, start + 1))) for start in starts)
    return TokenRates(**base, longer=longer)


def _at_length(prices: dict[str, Any], prompt_tokens: int) -> dict[str, Any]:
    rates = {name: _step(prices[key], prompt_tokens) for name, key in _TOKEN_KEYS.items() if key in prices}
    return rates | {"per_request": prices.get("requests_kcount", Decimal(0)) / 1000}


def _step(price: Any, prompt_tokens: int) -> Decimal:
    if isinstance(price, Decimal):
        return price
    steps = [price.base, *(tier.price for tier in price.tiers if prompt_tokens > tier.start)]
    return Decimal(steps[-1])
