"""A model's price over time, with its source (pure). No price is applied outside its time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Protocol

from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, Leg, Priced, TokensUsed, Unpriced, Usage
from voice_metrics.prices.rates import Rates, Unbillable, bill


class Span(Protocol):
    """A span of time."""

    def active(self, request_timestamp: datetime, /) -> bool:
        """True if a moment is inside."""


@dataclass(frozen=True, slots=True)
class Days:
    """A span of whole days, UTC.

    Parameters:
        starts_on: First day, or `None` for no beginning.
        ends_on: The day after the last, or `None` for no end.
    """

    starts_on: date | None = None
    ends_on: date | None = None

    def active(self, request_timestamp: datetime, /) -> bool:
        """True if a moment is inside."""
        if self.starts_on is None and self.ends_on is None:
            return True
        day = request_timestamp.astimezone(UTC).date()
        return (self.starts_on is None or day >= self.starts_on) and (self.ends_on is None or day < self.ends_on)


ALWAYS = Days()


@dataclass(frozen=True, slots=True)
class Since:
    """The time from `starts_at`, a moment with its zone, on."""

    starts_at: datetime

    def active(self, request_timestamp: datetime, /) -> bool:
        """True if a moment is inside."""
        return request_timestamp >= self.starts_at


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of every day, UTC: from `starts_at` until before `ends_at`, over midnight if that is earlier."""

    starts_at: time
    ends_at: time

    def active(self, request_timestamp: datetime, /) -> bool:
        """True if a moment is inside."""
        moment = request_timestamp.astimezone(UTC).time()
        if self.ends_at < self.starts_at:
            return moment >= self.starts_at or moment < self.ends_at
        return self.starts_at <= moment < self.ends_at


@dataclass(frozen=True, slots=True)
class Tariff:
    """One source's price of a model.

    Parameters:
        source: Name of the source, such as "genai-prices 0.2.3".
        row: The source's name for the priced model.
        priced_on: ISO date at which the source last checked it, or `None` if unknown.
        periods: Rates by span, `None` where none can be used; of the spans that contain a moment, the last one holds.
        may_be_free: True if a cost of 0 is credible, as from the user only.
    """

    source: str
    row: str
    priced_on: str | None
    periods: tuple[tuple[Span, Rates | None], ...]
    may_be_free: bool = False

    def rates(self, at: datetime) -> Rates | None:
        """Return the rates at a moment, or `None` if this source has none for it."""
        for span, rates in reversed(self.periods):
            if span is ALWAYS or span.active(at):
                return rates
        return None


@dataclass(frozen=True, slots=True)
class Offer:
    """All tariffs for one model.

    Parameters:
        tariffs: From each source with the model, in the order of the sources.
        reason: Reason for the lack of a price, if no tariff gives one.
    """

    tariffs: tuple[Tariff, ...]
    reason: str

    def charge(self, leg: Leg, usage: Usage, at: datetime) -> Priced | Unpriced:
        """Return the cost by the first source that can price a usage, or the reason why none can.

        Args:
            leg: The service's part of the bot.
            usage: The usage.
            at: Time of the usage, with its zone.
        """
        # The libraries take the day from the moment's zone, but their prices change at midnight UTC.
        at = at if at.tzinfo is UTC else at.astimezone(UTC)
        reasons: list[str] = []
        for tariff in self.tariffs:
            try:
                usd = _cost_usd(tariff, usage, at)
            except Unbillable as unbillable:
                reasons.append(f"{tariff.source}: {unbillable}")
                continue
            if usd is not None:
                return Priced(leg, usage.processor, usage.model, usd, tariff.source, tariff.priced_on, usage.instance)
        return Unpriced(leg, usage.processor, usage.model, reasons[0] if reasons else self.reason)


def _cost_usd(tariff: Tariff, usage: Usage, at: datetime) -> Decimal | None:
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
    """Return a usage's amount in its own unit; 0 costs nothing."""
    match usage:
        case TokensUsed():
            return usage.total
        case CharactersSpoken():
            return usage.characters
        case AudioTranscribed():
            return usage.seconds
