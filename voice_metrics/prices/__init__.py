"""What usage costs: from a provider's published rates or the user's own, or honestly not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from voice_metrics.prices.book import VARIABLE, PriceBook

__all__ = ["PriceBook", "price_book"]


def price_book(
    prices: PriceBook | Mapping[str, Any] | str | os.PathLike[str] | None, environ: Mapping[str, str]
) -> PriceBook:
    """The price book that an argument asks for.

    Args:
        prices: A price book to share; or the user's own prices, as a path or a mapping, which replace those of the
            environment; or `None` for the environment's, which calls share for as long as its file stays the same.
        environ: Environment variables.

    Raises:
        SettingsError: The prices cannot be used.
    """
    if isinstance(prices, PriceBook):
        return prices
    if prices is not None:
        return PriceBook(prices)
    path = environ.get(VARIABLE, "")
    return _of_environment(path, _changed_at(path))


@lru_cache(maxsize=4)
def _of_environment(path: str, changed_at: int) -> PriceBook:
    return PriceBook.from_environment({VARIABLE: path})


def _changed_at(path: str) -> int:
    try:
        return Path(path).expanduser().stat().st_mtime_ns if path else 0
    except (OSError, RuntimeError):
        return 0
