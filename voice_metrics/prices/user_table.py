"""The user's own prices, checked word by word.

Anything unknown raises, with its place and the right spelling: a price that is silently ignored would only show on an
invoice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from voice_metrics.prices.names import Asked
from voice_metrics.prices.rates import AudioRate, CharacterRate, Rates, TokenRates
from voice_metrics.prices.tariff import Days, Tariff
from voice_metrics.settings.environment import SettingsError

_TOKENS = "million tokens"
_CHARACTERS = {"million characters": 1, "thousand characters": 1000}
_TIMES = {"hour": 1, "minute": 60, "second": 3600}
UNITS = (_TOKENS, *_CHARACTERS, *_TIMES)
_PUBLIC_ONLY = {"longer", "image_input", "image_output"}
_TOKEN_PRICES = tuple(name for name in TokenRates.__dataclass_fields__ if name not in _PUBLIC_ONLY)
_SHARED = ("unit", "provider", "from", "until")
# Beyond any real price, and within the digits in which costs are exact.
_MOST_USD, _LEAST_USD, _MOST_DIGITS = Decimal(10**9), Decimal("1e-9"), 30

_MOST_PARTS = 5

# Words the place of an entry: model, number of its entry, and the key at fault or `None`.
Place = Callable[[str, int, str | None], str]


@dataclass(frozen=True, slots=True)
class Alias:
    """A model with the same price.

    Parameters:
        model: Its name in a price list.
        sold_by: Pipecat's name of the provider that bills it, or `None` for the service's own.
    """

    model: str
    sold_by: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One price of the user's.

    Parameters:
        model: Model, or the class name of a service that names none.
        provider: Pipecat's name of the provider, or `None` for all.
        rates: The price, or `None` for an alias.
        days: Days on which it holds.
        same_as: The alias, or `None` for a price of its own.
    """

    model: str
    provider: str | None
    rates: Rates | None
    days: Days
    same_as: Alias | None


class UserTable:
    """The user's prices and aliases."""

    def __init__(self, entries: Sequence[Entry], source: str) -> None:
        self._entries = entries
        self._source = source

    @property
    def models(self) -> frozenset[str]:
        """Models with an entry, in lower case."""
        return frozenset(entry.model.lower() for entry in self._entries)

    def tariff(self, asked: Asked) -> Tariff | None:
        """Return the user's price of a model, or `None` if there is none."""
        found = [(entry.days, entry.rates) for entry in self._matching(asked) if entry.rates is not None]
        if not found:
            return None
        return Tariff(self._source, _model_or_processor(asked), None, tuple(found), may_be_free=True)

    def alias(self, asked: Asked) -> Asked | None:
        """Return the model that has the same price according to the user, or `None`."""
        alias = next((entry.same_as for entry in self._matching(asked) if entry.same_as is not None), None)
        if alias is None:
            return None
        return asked._replace(model=alias.model, provider=alias.sold_by or asked.provider, answering=None)

    def _matching(self, asked: Asked) -> list[Entry]:
        named = [entry for entry in self._entries if entry.model.lower() == _model_or_processor(asked).lower()]
        exact = [entry for entry in named if entry.provider is not None and entry.provider == asked.provider]
        return exact or [entry for entry in named if entry.provider is None]


def _model_or_processor(asked: Asked) -> str:
    return asked.model or asked.processor


def read_table(table: Mapping[str, Any], source: str, place: Place) -> UserTable:
    """Read prices from a table of models.

    Args:
        table: Model to a price, or to a list of prices with dates.
        source: Name of the table in summaries.
        place: Words a place in the table for messages, such as "prices.toml: line 4: model 'x'".

    Raises:
        SettingsError: Something in the table cannot be used.
    """
    entries: list[Entry] = []
    for model, content in table.items():
        if not isinstance(model, str) or not model:
            raise SettingsError(f"{place(_shown(model), 0, None)}: expected the name of a model")
        prices = content if isinstance(content, list) else [content]
        read = [_Reader(model, number, price, place).entry() for number, price in enumerate(prices)]
        entries += _in_order(model, read, place)
    return UserTable(entries, source)


def _in_order(model: str, entries: Sequence[Entry], place: Place) -> Iterable[Entry]:
    """Order one model's entries by provider and first day; raise if they overlap, other than by an open end."""
    numbered = sorted(enumerate(entries), key=lambda item: (item[1].provider or "", _first_day(item[1])))
    for (_, earlier), (number, later) in pairwise(numbered):
        if earlier.provider != later.provider:
            continue
        ends_on = earlier.days.ends_on
        if _first_day(earlier) == _first_day(later) or (ends_on is not None and ends_on > _first_day(later)):
            raise SettingsError(
                f"{place(model, number, None)}: its dates overlap those of another price of the same model;"
                " expected each day to have one price"
            )
    # Of two entries that hold, the later one wins.
    return [entry for _, entry in numbered]


def _first_day(entry: Entry) -> date:
    return entry.days.starts_on or date.min


def _shown(value: Any) -> str:
    """A value for a message, short; never raises."""
    try:
        text = repr(value)
    except Exception:  # integers of thousands of digits, and objects that cannot be shown
        return f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:79]}…"


def _divided_name(model: str, content: Mapping[str, Any]) -> str | None:
    """The name of a model that TOML took for tables in tables, as `[gpt-4.1]` is a table "1" in "gpt-4"."""
    parts: list[str] = []
    for _ in range(_MOST_PARTS):
        inner = [
            (key, value) for key, value in content.items() if isinstance(value, Mapping) and str(key)[:1].isdigit()
        ]
        if not inner:
            break
        part, content = inner[0]
        parts.append(str(part))
    return ".".join([model, *parts]) if parts else None


class _Reader:
    """Reads one entry."""

    def __init__(self, model: str, number: int, content: Any, place: Place) -> None:
        self._model, self._number, self._content, self._place = model, number, content, place

    def entry(self) -> Entry:
        if not isinstance(self._content, Mapping):
            raise self._error(None, _shown(self._content), 'a table such as { unit = "minute", price = 0.006 }')
        content = self._content
        if divided := _divided_name(self._model, content):
            raise self._error(None, "a dot outside of quotes divides the name", _shown(divided))
        if "same_as" in content:
            self._refuse_other_keys(("same_as", "sold_by", "provider"))
            alias = Alias(self._text("same_as") or "", self._text("sold_by"))
            return Entry(self._model, self._text("provider"), None, Days(), alias)
        rates = self._rates()
        days = Days(self._date("from"), self._date("until"))
        if days.starts_on and days.ends_on and days.starts_on >= days.ends_on:
            raise self._error("until", f"until = {days.ends_on}", f"a day after {days.starts_on}")
        return Entry(self._model, self._text("provider"), rates, days, None)

    def _rates(self) -> Rates:
        unit = self._content.get("unit")
        if unit not in UNITS:
            found = "unit is missing" if unit is None else f"unit = {_shown(unit)}"
            raise self._error("unit" if unit is not None else None, found, f"one of {', '.join(UNITS)}")
        if unit == _TOKENS:
            self._refuse_other_keys((*_SHARED, *_TOKEN_PRICES))
            given: dict[str, Any] = {name: self._price(name) for name in _TOKEN_PRICES if name in self._content}
            return TokenRates(**{name: self._price(name) for name in ("input", "output")} | given)
        self._refuse_other_keys((*_SHARED, "price"))
        price = self._price("price")
        return CharacterRate(price * _CHARACTERS[unit]) if unit in _CHARACTERS else AudioRate(price * _TIMES[unit])

    def _refuse_other_keys(self, names: Sequence[str]) -> None:
        for key in self._content:
            if key not in names:
                raise self._error(key, f"unknown key {_shown(key)}", f"one of {', '.join(names)}")

    def _price(self, key: str) -> Decimal:
        value = self._content.get(key)
        if value is None:
            raise self._error(None, f"{key} is missing", "a price in US dollars, 0 if it is free")
        # A mapping's 0.1 means a tenth of a dollar, so take the float's shortest text.
        price = Decimal(float.__repr__(value)) if isinstance(value, float) else value
        if isinstance(price, bool) or not isinstance(price, (int, Decimal)):
            raise self._error(key, f"{key} = {_shown(value)}", "a number, the price in US dollars")
        if isinstance(price, int) and abs(price) > _MOST_USD:
            raise self._error(key, f"{key} has more than 9 digits", "a price in US dollars, 0 or more")
        price = Decimal(price)
        if len(price.as_tuple().digits) > _MOST_DIGITS:
            raise self._error(key, f"{key} has more than {_MOST_DIGITS} digits", "a price in US dollars, 0 or more")
        if not price.is_finite() or price < 0:
            raise self._error(key, f"{key} = {price}", "a price in US dollars, 0 or more")
        if price and not _LEAST_USD <= price <= _MOST_USD:
            raise self._error(key, f"{key} = {price}", f"a price from {_LEAST_USD:f} to {_MOST_USD} US dollars, or 0")
        return price

    def _text(self, key: str) -> str | None:
        value = self._content.get(key)
        if value is not None and (not isinstance(value, str) or not value):
            raise self._error(key, f"{key} = {_shown(value)}", "a name in quotes")
        return value

    def _date(self, key: str) -> date | None:
        value = self._content.get(key)
        if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
            raise self._error(key, f"{key} = {_shown(value)}", "a day without quotes, such as 2026-03-01")
        return value

    def _error(self, key: str | None, found: str, expected: str) -> SettingsError:
        return SettingsError(f"{self._place(self._model, self._number, key)}: {found}: expected {expected}")
