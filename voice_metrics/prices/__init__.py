"""What usage costs: from a provider's published rates or the user's own, or honestly not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from voice_metrics.prices.book import PriceBook, PricedService

__all__ = ["PriceBook", "PricedService", "price_book"]


def price_book(
    prices: PriceBook | Mapping[str, Any] | str | os.PathLike[str] | None, environ: Mapping[str, str]
) -> PriceBook:
    """The price book that an argument asks for.

    Args:
        prices: A price book to share; or the user's own prices, as a path or a mapping, which replace those of the
            environment; or `None` for the environment's.
        environ: Environment variables.

    Raises:
        SettingsError: The prices cannot be used.
    """
    if isinstance(prices, PriceBook):
        return prices
    return PriceBook.from_environment(environ) if prices is None else PriceBook(prices)
