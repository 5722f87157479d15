"""The price book: usage in, cost or its absence out, without ever waiting.

Owns the order of the sources, what is remembered of each model, and the thread in which the sources are asked:
loading a price library takes most of a second and has no place on an event loop.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from loguru import logger

from voice_metrics.call.facts import (
    AudioTranscribed,
    CharactersSpoken,
    Leg,
    Priced,
    TokensUsed,
    Unpriced,
    Usage,
)
from voice_metrics.prices.language import GenaiPrices
from voice_metrics.prices.names import Asked, refusal
from voice_metrics.prices.own_table import OwnTable
from voice_metrics.prices.speech import VoicePrices
from voice_metrics.prices.tariff import Offer, Tariff
from voice_metrics.prices.user_file import read_file
from voice_metrics.prices.user_table import UserTable, read_table
from voice_metrics.settings.environment import SettingsError

VARIABLE = "VOICE_METRICS_PRICES"
# A bot runs a handful of models; a provider that reports a new name for each request must not fill the memory.
_MOST_MODELS = 2000
_USAGE_OF_LEG: dict[Leg, type[Usage]] = {
    Leg.LLM: TokensUsed,
    Leg.STT: AudioTranscribed,
    Leg.TTS: CharactersSpoken,
}


class PricedService(Protocol):
    """What must be known of a service to look up its price ahead."""

    @property
    def leg(self) -> Leg:
        """The part it plays."""

    @property
    def provider(self) -> str | None:
        """Pipecat's name of the provider."""

    @property
    def model(self) -> str | None:
        """Model it runs."""

    @property
    def processor(self) -> str:
        """Class name."""


class Source(Protocol):
    """A place where prices come from."""

    def tariff(self, asked: Asked) -> Tariff | None:
        """What it says of a model, or `None` if it does not have it."""


class PriceBook:
    """Prices of all services, from the first source that has one.

    The user's own prices come first, then genai-prices for tokens and voice-prices for speech, then a small
    table of this package's own. Safe to share between calls and threads.
    """

    def __init__(self, user: UserTable | Mapping[str, Any] | str | os.PathLike[str] | None = None) -> None:
        """Make a price book.

        Args:
            user: The user's own prices: the path of a price file, or what such a file says as a mapping.

        Raises:
            SettingsError: The user's prices cannot be used.
        """
        self._user = _user_table(user)
        self._offers: dict[Asked, Offer] = {}
        self._wanted: set[Asked] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process = os.getpid()
        self._loaded = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> PriceBook:
        """Make the price book that the environment asks for.

        Args:
            environ: Environment variables; `VOICE_METRICS_PRICES` names the user's price file.

        Raises:
            SettingsError: The file cannot be used; the message has the line at fault.
        """
        path = environ.get(VARIABLE)
        return cls(read_file(Path(path), VARIABLE) if path else None)

    def prepare(self, services: Iterable[PricedService]) -> None:
        """Start loading the price libraries and looking up what the services of a pipeline cost; returns at once.

        Best called before a call has audio: loading holds up the interpreter for some ten milliseconds at a time,
        whatever thread it happens in.
        """
        self._want(None)
        for service in services:
            if usage := _USAGE_OF_LEG.get(service.leg):
                model = None if service.model in {None, "", service.processor} else service.model
                self._want(Asked(service.provider, model, service.processor, usage))

    def cost(self, leg: Leg, provider: str | None, usage: Usage, at: datetime) -> Priced | Unpriced | None:
        """What a usage costs; never waits.

        Args:
            leg: The service's part in the bot.
            provider: Pipecat's name of the provider, such as "openai", or `None` for a service of one's own.
            usage: What was used.
            at: When; a time with its zone.

        Returns:
            The cost, or why there is none, or `None` while the price is still being looked up: ask again.
        """
        asked = Asked.about(provider, usage)
        offer = self._offers.get(asked)
        if offer is None:
            self._want(asked)
            return None
        return offer.charge(leg, usage, at)

    def offer(self, asked: Asked) -> Offer:
        """All that is known about the price of a model; waits for the price libraries to load."""
        return self._offers.get(asked) or self._resolve(asked)

    @property
    def own_models(self) -> frozenset[str]:
        """The models that the user has a price or an alias for, in lower case."""
        return self._user.models

    def wait(self, timeout_seconds: float) -> bool:
        """Wait until nothing is being looked up.

        Args:
            timeout_seconds: How long at most.

        Returns:
            Whether all that was asked for so far is known.
        """
        deadline = time.monotonic() + timeout_seconds
        thread = self._thread
        while thread is not None and thread.is_alive() and time.monotonic() < deadline:
            thread.join(max(deadline - time.monotonic(), 0))
            thread = self._thread
        return not self._wanted

    def sources(self, asked: Asked) -> tuple[Source, ...]:
        """The public sources for a kind of usage, in the order in which they are asked."""
        if asked.usage is TokensUsed:
            return (GenaiPrices(), OwnTable())
        return (VoicePrices(), GenaiPrices(), OwnTable())

    def _want(self, asked: Asked | None) -> None:
        if self._process != os.getpid():
            # A fork copies neither the thread nor whoever would release the lock.
            self._process, self._lock, self._thread = os.getpid(), threading.Lock(), None
        with self._lock:
            if asked is not None and asked not in self._offers:
                self._wanted.add(asked)
            if self._thread is None and (self._wanted or not self._loaded):
                self._thread = threading.Thread(target=self._look_up, name="voice-metrics-prices", daemon=True)
                self._thread.start()

    def _look_up(self) -> None:
        for source in (GenaiPrices(), VoicePrices()):
            try:
                source.load()
            except Exception as fault:
                logger.warning("voice_metrics: {} cannot be loaded: {}", type(source).__name__, fault)
        self._loaded = True
        while True:
            with self._lock:
                asked = next(iter(self._wanted), None)
                if asked is None:
                    self._thread = None
                    return
            offer = self._resolve(asked)
            with self._lock:
                if len(self._offers) >= _MOST_MODELS:
                    self._offers.clear()
                self._offers[asked] = offer
                self._wanted.discard(asked)

    def _resolve(self, asked: Asked) -> Offer:
        try:
            return self._asked_in_turn(asked)
        except Exception as fault:
            logger.opt(exception=fault).warning("voice_metrics: no price for {}", asked.model or asked.processor)
            return Offer((), f"its price could not be looked up: {type(fault).__name__}")

    def _asked_in_turn(self, asked: Asked) -> Offer:
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


def _user_table(user: UserTable | Mapping[str, Any] | str | os.PathLike[str] | None) -> UserTable:
    match user:
        case UserTable():
            return user
        case None:
            return UserTable((), "")
        case str() | os.PathLike():
            return read_file(Path(user), "prices")
        case Mapping():
            return read_table(user, "your own prices", lambda model, number, _: f"prices: model {model!r}[{number}]")
        case _:
            found = type(user).__name__
            raise SettingsError(f"prices is a {found}: expected the path of a TOML file, a dict or a PriceBook")
