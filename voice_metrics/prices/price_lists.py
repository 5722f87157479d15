"""The public price lists as data, without genai-prices or voice-prices installed.

The file, written by `libraries`, has blocks between empty lines: a header with the libraries' versions and dates, then
one block per provider, with a JSON line for the provider and one for each model. A block is parsed on first use;
reading the file takes about a millisecond.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from loguru import logger

from voice_metrics.prices.tariff import ALWAYS, Days, Hours, Since, Span
from voice_metrics.settings.environment import data_directory

GENAI, VOICE = "genai-prices", "voice-prices"
# Files of another format, written by a newer or older release, are refused.
FORMAT = 1
PACKAGED = Path(__file__).parent / "data" / "price_lists.txt"
# LiteLLM and OpenRouter write "gpt-5.2-20251211" where the list has "gpt-5.2-2025-12-11".
_COMPACT_DATE = r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)"


@dataclass(frozen=True, slots=True)
class Steps:
    """A price that depends on the length of the prompt.

    Parameters:
        base: Price up to the first step.
        steps: Pairs, ascending, of a number of prompt tokens and the price for all tokens of a longer prompt.
    """

    base: Decimal
    steps: tuple[tuple[int, Decimal], ...]


Prices = Mapping[str, Decimal | Steps]


@dataclass(frozen=True, slots=True)
class Listed:
    """A model in a price list.

    Parameters:
        id: The list's name of it.
        rule: Matching names: a text for equality, or a kind of comparison with its operands.
        prices: Prices as the file has them: for all times, or as a list of spans with prices.
        checked_on: ISO date on which the list last compared it with the provider's page, or `None` if unknown.
        estimated: Keys of prices that the provider prints as an estimate beside the billed one.
    """

    id: str
    rule: Any
    prices: Any
    checked_on: str | None = None
    estimated: tuple[str, ...] = ()

    def is_match(self, name: str) -> bool:
        """True if a name, in lower case, is this model."""
        return _matches(self.rule, name)

    def periods(self) -> Iterator[tuple[Span, Prices]]:
        """Yield spans with prices; of those that contain a moment, the last one holds."""
        if isinstance(self.prices, dict):
            yield ALWAYS, _parsed_prices(self.prices)
        else:
            for span, prices in self.prices:
                yield _parsed_span(span), _parsed_prices(prices)


@dataclass(frozen=True, slots=True)
class ListedProvider:
    """A provider in a price list.

    Parameters:
        id: The list's name of it.
        name: Its name for people.
        lenders: Providers whose prices hold for models not listed here.
        models: Its models; the first match counts.
    """

    id: str
    name: str
    lenders: tuple[str, ...]
    models: tuple[Listed, ...]

    def find(self, name: str) -> Listed | None:
        """Return the model for a name in lower case, or `None`."""
        return next((model for model in self.models if model.is_match(name)), None)


class PriceLists:
    """The price lists of both libraries."""

    def __init__(self, text: str) -> None:
        """Index the blocks of a file's text.

        Raises:
            ValueError: It is no such file, or of another format.
        """
        header, *blocks = text.strip("\n").split("\n\n")
        self._about = json.loads(header)
        if not isinstance(self._about, dict) or self._about.get("format") != FORMAT:
            raise ValueError(f"expected price lists of format {FORMAT}")
        self._blocks: dict[tuple[str, str], str] = {}
        for block in blocks:
            library, provider, *_ = json.loads(block.partition("\n")[0])
            self._blocks[library, provider] = block
        self._providers: dict[tuple[str, str], ListedProvider] = {}

    @classmethod
    def empty(cls) -> PriceLists:
        """Return lists without a price."""
        return cls(json.dumps({"format": FORMAT, "made_on": ""}))

    @property
    def made_on(self) -> str:
        """ISO date on which the file was made."""
        return str(self._about.get("made_on", ""))

    @property
    def providers(self) -> tuple[tuple[str, str], ...]:
        """Library and id of each provider."""
        return tuple(self._blocks)

    def version(self, library: str) -> str:
        """Return a library's release, such as "0.2.3"."""
        return str((self._about.get(library) or {}).get("version", ""))

    def released_on(self, library: str) -> str | None:
        """Return the ISO date of a library's release, or `None` if unknown when the file was made."""
        return (self._about.get(library) or {}).get("released_on")

    def provider(self, library: str, id: str) -> ListedProvider | None:
        """Return a provider by its exact id, or `None` if the library does not have it."""
        found = self._providers.get((library, id))
        if found is None and (block := self._blocks.get((library, id))) is not None:
            found = self._providers[library, id] = _parsed_provider(block)
        return found

    def find(self, library: str, provider: str, name: str) -> tuple[ListedProvider, Listed] | None:
        """Return a model with the provider that lists it, lenders included; `None` if there is none.

        Args:
            library: The list to search.
            provider: The list's id of the provider.
            name: The model, as a service reports it.
        """
        name = name.lower()
        found = self._find(library, provider, name)
        if found is None and library == GENAI and (dashed := _with_dashed_date(name)) != name:
            found = self._find(library, provider, dashed)
        return found

    def _find(self, library: str, id: str, name: str) -> tuple[ListedProvider, Listed] | None:
        first = self.provider(library, id)
        for owner in (first, *(self.provider(library, lender) for lender in (first.lenders if first else ()))):
            if owner is not None and (model := owner.find(name)) is not None:
                return owner, model
        return None


def user_lists(environ: Mapping[str, str]) -> Path:
    """Return the path to which `voice-metrics prices --refresh` writes this user's lists.

    Raises:
        RuntimeError: No home directory is known.
    """
    return data_directory(environ) / "voice-metrics" / PACKAGED.name


def newest(environ: Mapping[str, str]) -> PriceLists:
    """Return the user's refreshed lists, or the package's if those are newer. Never raises."""
    packaged = _read_lists(PACKAGED) or PriceLists.empty()
    try:
        own = _read_lists(user_lists(environ))
    except RuntimeError:
        own = None
    return own if own is not None and own.made_on >= packaged.made_on else packaged


@cache
def _read_lists(path: Path) -> PriceLists | None:
    # Read once per process, because a refresh may replace the file meanwhile.
    try:
        return PriceLists(path.read_text("utf-8"))
    except FileNotFoundError:
        if path == PACKAGED:
            logger.warning("voice_metrics: {} is missing, so that only your own prices are known", path)
    except Exception as fault:
        logger.warning("voice_metrics: the price lists of {} cannot be used: {}", path, fault)
    return None


def _parsed_provider(block: str) -> ListedProvider:
    (_, id, name, lenders), *models = json.loads("[" + block.replace("\n", ",") + "]")
    return ListedProvider(id, name, tuple(lenders), tuple(Listed(*model) for model in models))


def _matches(rule: Any, name: str) -> bool:
    if isinstance(rule, str):
        return bool(rule == name)
    kind, *operands = rule
    match kind:
        case "or":
            return any(_matches(operand, name) for operand in operands)
        case "and":
            return all(_matches(operand, name) for operand in operands)
        case "starts_with":
            return name.startswith(operands[0])
        case "ends_with":
            return name.endswith(operands[0])
        case "contains":
            return operands[0] in name
        case "regex":
            return re.search(operands[0], name) is not None
        case _:
            raise ValueError(f"a rule of the unknown kind {kind!r}")


def _parsed_prices(prices: Mapping[str, Any]) -> Prices:
    return {key: _parsed_price(value) for key, value in prices.items()}


def _parsed_price(value: Any) -> Decimal | Steps:
    if isinstance(value, str):
        return Decimal(value)
    base, *steps = value
    return Steps(Decimal(base), tuple((start, Decimal(price)) for start, price in steps))


def _parsed_span(span: Any) -> Span:
    match span:
        case None:
            return ALWAYS
        case ["day", day]:
            return Days(starts_on=date.fromisoformat(day))
        case ["moment", moment]:
            return Since(datetime.fromisoformat(moment))
        case ["hours", start, end]:
            return Hours(time.fromisoformat(start), time.fromisoformat(end))
        case _:
            raise ValueError(f"a span of the unknown kind {span!r}")


def _with_dashed_date(name: str) -> str:
    def dashed(found: re.Match[str]) -> str:
        try:
            return f"-{date.fromisoformat('-'.join(found.groups()))}"
        except ValueError:
            return found[0]

    return re.sub(_COMPACT_DATE, dashed, name)
