"""What usage costs: from a provider's published rates or the user's own, or honestly not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from voice_metrics.prices.book import VARIABLE, PriceBook
from voice_metrics.prices.file_book import file_book

__all__ = ["PriceBook", "price_book"]


def price_book(
    prices: PriceBook | Mapping[str, Any] | str | os.PathLike[str] | None, environ: Mapping[str, str]
) -> PriceBook:
    """The price book that an argument asks for.

    Args:
        prices: A price book to share; or the user's own prices, as a path or a mapping, which replace those of the
            environment; or `None` for the environment's. Calls share the book of a file while it stays the same, and
            keep the last good one when it becomes unusable.
        environ: Environment variables.

    Raises:
        SettingsError: The prices cannot be used.
    """
    if isinstance(prices, PriceBook):
        return prices
    if isinstance(prices, (str, os.PathLike)):
        return file_book(os.fspath(prices), "prices").book()
    if prices is not None:
        return PriceBook(prices)
    path = environ.get(VARIABLE)
    return file_book(path, VARIABLE).book() if path else _public_book()


@lru_cache(maxsize=1)
def _public_book() -> PriceBook:
    return PriceBook()
