"""The price book: usage in, a cost or the reason for its absence out."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from loguru import logger

from voice_metrics.call.facts import Leg, Priced, TokensUsed, Unpriced, Usage
from voice_metrics.prices.language import GenaiPrices
from voice_metrics.prices.names import Asked, refusal
from voice_metrics.prices.own_table import OwnTable
from voice_metrics.prices.price_lists import PriceLists, newest
from voice_metrics.prices.speech import VoicePrices
from voice_metrics.prices.tariff import Offer, Tariff
from voice_metrics.prices.user_table import UserTable, read_table
from voice_metrics.settings.environment import SettingsError

VARIABLE = "VOICE_METRICS_PRICES"
# Bounds the cache, because a provider may report a new model name with each request.
_MOST_MODELS = 2000


class Source(Protocol):
    """A source of prices."""

    def tariff(self, asked: Asked) -> Tariff | None:
        """Return the source's tariff for a model, or `None` if it does not list the model."""


class PriceBook:
    """Prices of all services, from the first source that has one.

    Sources in order: the user's own prices, genai-prices for tokens and voice-prices for speech, and a small table of
    this package. Calls and threads may share a book.
    """

    def __init__(
        self,
        user: UserTable | Mapping[str, Any] | str | os.PathLike[str] | None = None,
        lists: PriceLists | None = None,
    ) -> None:
        """Make a price book.

        Args:
            user: The user's own prices: the path of a price file, or its content as a mapping.
            lists: The public price lists; by default the user's refreshed ones or the package's, the newer of both.

        Raises:
            SettingsError: The user's prices cannot be used.
        """
        self._user = _user_table(user)
        self._lists = newest(os.environ) if lists is None else lists
        self._offers: dict[Hashable, Offer] = {}

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> PriceBook:
        """Make the price book of `VOICE_METRICS_PRICES`, the path of the user's price file.

        Raises:
            SettingsError: The file cannot be used; the message has the line at fault.
        """
        path = environ.get(VARIABLE)
        return cls(_read_file(path, VARIABLE) if path else None)

    def cost(self, leg: Leg, provider: str | None, usage: Usage, at: datetime) -> Priced | Unpriced:
        """Return the cost of a usage, or the reason why it has none. Never waits and never raises.

        Args:
            leg: The service's part of the bot.
            provider: Pipecat's name of the provider, such as "openai", or `None` for the user's own service.
            usage: The usage.
            at: Time of the usage, with its zone.
        """
        try:
            # What makes one `Asked` differ from another.
            names = usage.processor, usage.model, usage.option, getattr(usage, "answering", None)
            key = provider, type(usage), names
            offer = self._offers.get(key)
            if offer is None:
                if len(self._offers) >= _MOST_MODELS:
                    self._offers.clear()
                offer = self._offers[key] = self.offer(Asked.about(provider, usage))
            return offer.charge(leg, usage, at)
        except Exception as fault:
            logger.opt(exception=fault).warning("voice_metrics: no price for {}", usage.model or usage.processor)
            reason = f"its price could not be worked out: {type(fault).__name__}"
            return Unpriced(leg, usage.processor, usage.model, reason)

    def offer(self, asked: Asked) -> Offer:
        """Return every source's tariff for a model."""
        own = self._user.tariff(asked)
        asked = self._user.alias(asked) or asked
        reason = refusal(asked)
        tariffs: list[Tariff] = [] if own is None else [own]
        failures: list[str] = []
        for source in () if reason else self.sources(asked):
            try:
                tariff = source.tariff(asked)
            except Exception as fault:
                failures.append(f"{type(source).__name__} failed: {type(fault).__name__}: {fault}")
            else:
                tariffs += [] if tariff is None else [tariff]
        return Offer(tuple(tariffs), reason or next(iter(failures), "no source has a price for this model"))

    @property
    def own_models(self) -> frozenset[str]:
        """Models with a price or an alias of the user's, in lower case."""
        return self._user.models

    def sources(self, asked: Asked) -> tuple[Source, ...]:
        """Return the public sources for a kind of usage, in order."""
        if asked.usage is TokensUsed:
            return (GenaiPrices(self._lists), OwnTable())
        return (VoicePrices(self._lists), GenaiPrices(self._lists), OwnTable())


def _user_table(user: UserTable | Mapping[str, Any] | str | os.PathLike[str] | None) -> UserTable:
    match user:
        case UserTable():
            return user
        case None:
            return UserTable((), "")
        case str() | os.PathLike():
            return _read_file(user, "prices")
        case Mapping():
            return read_table(user, "your own prices", lambda model, number, _: f"prices: model {model!r}[{number}]")
        case _:
            found = type(user).__name__
            raise SettingsError(f"prices is a {found}: expected the path of a TOML file, a dict or a PriceBook")


def _read_file(path: str | os.PathLike[str], setting: str) -> UserTable:
    # Only users of a price file pay for importing a TOML parser.
    from voice_metrics.prices.user_file import read_file

    return read_file(Path(path), setting, shown=str(Path(path)))
