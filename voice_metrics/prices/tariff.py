"""A model's price over time, with where it comes from.

Pure: knows neither a library nor a file. Refuses to apply a price outside the time it is for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Protocol

from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, Leg, Priced, TokensUsed, Unpriced, Usage
from voice_metrics.prices.rates import Rates, Unbillable, bill


class Span(Protocol):
    """The time that a price is for."""

    def active(self, request_timestamp: datetime, /) -> bool:
        """Whether a moment is inside."""


@dataclass(frozen=True, slots=True)
class Days:
    """A span of whole days, UTC.

    Parameters:
        starts_on: First day, or `None` if it has always been so.
        ends_on: The day after the last, or `None` if no end is known.
    """

    starts_on: date | None = None
    ends_on: date | None = None

    def active(self, request_timestamp: datetime, /) -> bool:
        """Whether a moment is inside."""
        if self.starts_on is None and self.ends_on is None:
            return True
        day = request_timestamp.astimezone(UTC).date()
        return (self.starts_on is None or day >= self.starts_on) and (self.ends_on is None or day < self.ends_on)


ALWAYS = Days()


@dataclass(frozen=True, slots=True)
class Since:
    """The time from a moment on.

    Parameters:
        starts_at: The moment, with its zone.
    """

    starts_at: datetime

    def active(self, request_timestamp: datetime, /) -> bool:
        """Whether a moment is inside."""
        return request_timestamp >= self.starts_at


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of every day, UTC; over midnight if it ends before it starts.

    Parameters:
        starts_at: Its first moment.
        ends_at: The first moment after it.
    """

    starts_at: time
    ends_at: time

    def active(self, request_timestamp: datetime, /) -> bool:
        """Whether a moment is inside."""
        moment = request_timestamp.astimezone(UTC).time()
        if self.ends_at < self.starts_at:
            return moment >= self.starts_at or moment < self.ends_at
        return self.starts_at <= moment < self.ends_at


@dataclass(frozen=True, slots=True)
class Tariff:
    """What one source says a model costs.

    Parameters:
        source: Where the price comes from, such as "genai-prices 0.2.3".
        row: The source's own name for what it prices.
        priced_on: ISO date at which the source last checked it, or `None` if it does not say.
        periods: Rates with the time that they are for, or `None` where the source has none that can be used; of those
            that fit a moment, the last holds.
        may_be_free: Whether a cost of 0 is believed, as it is from the user only.
    """

    source: str
    row: str
    priced_on: str | None
    periods: tuple[tuple[Span, Rates | None], ...]
    may_be_free: bool = False

    def rates(self, at: datetime) -> Rates | None:
        """The rates at a moment, or `None` if this source has none for it."""
        return next((rates for span, rates in reversed(self.periods) if span.active(at)), None)


@dataclass(frozen=True, slots=True)
class Offer:
    """All that is known about the price of one model.

    Parameters:
        tariffs: From each source that has the model, in the order in which they are asked.
        reason: Why there is no price, where no tariff gives one.
    """

    tariffs: tuple[Tariff, ...]
    reason: str

    def charge(self, leg: Leg, usage: Usage, at: datetime) -> Priced | Unpriced:
        """Price a usage by the first source that can.

        Args:
            leg: The service's part in the bot.
            usage: What was used.
            at: When; a time with its zone.

        Returns:
            The cost with its source, or why there is none.
        """
        # The libraries take the day from the moment's own zone, and their prices change at midnight UTC.
        at = at if at.tzinfo is UTC else at.astimezone(UTC)
        reasons: list[str] = []
        for tariff in self.tariffs:
            try:
                usd = _usd(tariff, usage, at)
            except Unbillable as unbillable:
                reasons.append(f"{tariff.source}: {unbillable}")
                continue
            if usd is not None:
                return Priced(leg, usage.processor, usage.model, usd, tariff.source, tariff.priced_on)
        return Unpriced(leg, usage.processor, usage.model, reasons[0] if reasons else self.reason)


def _usd(tariff: Tariff, usage: Usage, at: datetime) -> Decimal | None:
    rates = tariff.rates(at)
    if rates is None:
        if not tariff.periods or any(span.active(at) for span, _ in tariff.periods):
            raise Unbillable("it has no rate for what Pipecat reports")
        return None
    usd = bill(rates, usage)
    if not usd and not tariff.may_be_free and quantity(usage):
        raise Unbillable("its price comes to nothing")
    return usd


def quantity(usage: Usage) -> float:
    """How much was used, in the usage's own unit; 0 costs nothing."""
    match usage:
        case TokensUsed():
            return usage.total
        case CharactersSpoken():
            return usage.characters
        case AudioTranscribed():
            return usage.seconds
