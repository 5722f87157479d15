"""Cost of usage, from the user's own prices or a provider's published ones; without a price, the reason."""

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
    """Return the price book for the `prices` argument of a processor.

    Calls share a file's book while the file stays the same; if it becomes unusable, its last good book stays.

    Args:
        prices: A price book to share; the user's own prices, as a path or mapping, in place of the environment's; or
            `None` for the environment's.
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
