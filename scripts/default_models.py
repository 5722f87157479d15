"""Writes docs/default-models.md: the default model of every service class in the installed Pipecat, with its price.

Reads Pipecat's source without importing it, because most services need a further package for their import.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, Leg, TokensUsed, Unpriced, Usage
from voice_metrics.prices import PriceBook
from voice_metrics.prices.names import Asked
from voice_metrics.prices.price_lists import GENAI, PACKAGED, VOICE, PriceLists
from voice_metrics.prices.rate_words import in_words

PAGE = Path(__file__).parent.parent / "docs" / "default-models.md"
LISTS = PriceLists(PACKAGED.read_text("utf-8"))
_LEGS = {"LLMService": Leg.LLM, "STTService": Leg.STT, "TTSService": Leg.TTS}
_TITLES = {Leg.LLM: "Language and realtime models", Leg.STT: "Speech recognition", Leg.TTS: "Speech synthesis"}


@dataclass(frozen=True, slots=True)
class Class:
    """A class in Pipecat's source.

    Parameters:
        name: Its name.
        provider: Its directory, or `None` for the classes that all providers share.
        bases: Names of its base classes.
        model: The model or voice that it sets, "" if it sets none, or `None` if its base decides.
    """

    name: str
    provider: str | None
    bases: tuple[str, ...]
    model: str | None


@dataclass(frozen=True, slots=True)
class Default:
    """A service's default model with its price.

    Parameters:
        leg: The service's part of the bot.
        service: Class name.
        provider: Pipecat's name of the provider.
        model: Its default model or voice, or "" if it names none.
        price: The price in words, or `None` if there is none.
        note: Source of the price, or reason for its absence.
    """

    leg: Leg
    service: str
    provider: str
    model: str
    price: str | None
    note: str


def classes() -> dict[str, Class]:
    """Return every class below `pipecat.services`, by its name."""
    spec = find_spec("pipecat.services")
    root = Path(next(iter(spec.submodule_search_locations or ()))) if spec else Path()
    trees = {path: ast.parse(path.read_text("utf-8")) for path in sorted(root.rglob("*.py"))}
    everywhere = {name: text for tree in trees.values() for name, text in _constants(tree).items()}
    found: dict[str, Class] = {}
    for path, tree in trees.items():
        parts = path.relative_to(root).parts
        provider = parts[0] if len(parts) > 1 else None
        names = everywhere | _constants(tree)
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                bases = tuple(_name(base) for base in node.bases)
                found[node.name] = Class(node.name, provider, bases, _default(node, names))
    return found


def _constants(tree: ast.Module) -> dict[str, str]:
    """Named texts of a module: constants, and members of enumerations as "Class.MEMBER"."""
    found = dict(_assigned(tree.body, {}))
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}": text for name, text in _assigned(node.body, {})}
    return found


def _assigned(body: Sequence[ast.stmt], names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                text = _text(value, names)
                if text is not None:
                    yield name, text


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return _name(value)
        case _:
            return ""


def _default(node: ast.ClassDef, names: Mapping[str, str]) -> str | None:
    """The model in `default_settings = self.Settings(model=…, voice=…)` of the constructor."""
    for function in node.body:
        if isinstance(function, ast.FunctionDef) and function.name == "__init__":
            known = dict(names) | dict(_arguments(function, names))
            known |= dict(_assigned(function.body, known))
            for call in _settings(function):
                words = {keyword.arg: _text(keyword.value, known) for keyword in call.keywords}
                if "model" in words:
                    return words["model"] or words.get("voice") or ""
    return None


def _arguments(function: ast.FunctionDef, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    arguments = function.args
    positional = zip(arguments.args[::-1], arguments.defaults[::-1], strict=False)
    for argument, default in (*positional, *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)):
        if isinstance(default, ast.Dict):
            for key, value in zip(default.keys, default.values, strict=True):
                entry = None if key is None else _text(key, {})
                text = _text(value, names)
                if entry is not None and text is not None:
                    yield f"{argument.arg}.{entry}", text
        elif default is not None and (text := _text(default, names)) is not None:
            yield argument.arg, text


def _settings(function: ast.FunctionDef) -> Iterator[ast.Call]:
    for part in ast.walk(function):
        match part:
            case ast.Assign(targets=[ast.Name(id="default_settings")], value=ast.Call() as call):
                yield call


def _text(node: ast.expr, names: Mapping[str, str]) -> str | None:
    match node:
        case ast.Constant(value=str() as value):
            return value
        case ast.Name(id=name):
            return names.get(name)
        case ast.Attribute(value=ast.Name(id=owner), attr=member) if f"{owner}.{member}" in names:
            return names[f"{owner}.{member}"]
        case ast.Attribute(value=value, attr="value"):
            return _text(value, names)
        case ast.BoolOp(op=ast.Or(), values=values):
            return next((text for value in values if (text := _text(value, names))), None)
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id=owner), attr="get"), args=[ast.Constant(value=str() as key), *_]
        ):
            return names.get(f"{owner}.{key}")
        case _:
            return None


def defaults(at: datetime) -> list[Default]:
    """Return the default model of every service class, with its price at a moment."""
    book, known = PriceBook(lists=LISTS), classes()
    return [
        _priced(book, leg, service, inherited(service, known), at)
        for service in sorted(known.values(), key=lambda service: (service.provider or "", service.name))
        if (leg := _leg(service.name, known)) and service.provider and _is_public(service.name)
    ]


def _is_public(name: str) -> bool:
    return not name.startswith("_") and "Base" not in name


def _leg(name: str, known: Mapping[str, Class]) -> Leg | None:
    if name in _LEGS:
        return _LEGS[name]
    bases = known[name].bases if name in known else ()
    return next((leg for base in bases if (leg := _leg(base, known))), None)


def inherited(service: Class, known: Mapping[str, Class]) -> str:
    """Return the model or voice that a class or its nearest base sets; "" if none does."""
    if service.model is not None:
        return service.model
    bases = (known[base] for base in service.bases if base in known and known[base].provider)
    return next((model for base in bases if (model := inherited(base, known))), "")


def _priced(book: PriceBook, leg: Leg, service: Class, model: str, at: datetime) -> Default:
    usage = _example(leg, service.name, model or None)
    offer = book.offer(Asked.about(service.provider, usage))
    charged = offer.charge(leg, usage, at)
    provider = service.provider or ""
    if isinstance(charged, Unpriced):
        return Default(leg, service.name, provider, model, None, charged.reason)
    tariff = next(tariff for tariff in offer.tariffs if tariff.source == charged.source)
    rates = tariff.rates(at)
    assert rates is not None
    checked = f", {charged.priced_on}" if charged.priced_on else ""
    return Default(leg, service.name, provider, model, in_words(rates), f"{charged.source}{checked}")


def _example(leg: Leg, service: str, model: str | None) -> Usage:
    match leg:
        case Leg.LLM:
            return TokensUsed(service, model, 1000, 100, input_audio=0, output_audio=0)
        case Leg.STT:
            return AudioTranscribed(service, model, 60.0)
        case _:
            return CharactersSpoken(service, model, 100)


def page(day: date) -> str:
    """Return the page with the prices of a day."""
    found = defaults(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    versions = ", ".join(
        [f"pipecat-ai {version('pipecat-ai')}", *(f"{library} {LISTS.version(library)}" for library in (GENAI, VOICE))]
    )
    lines = [
        "# What the default models of Pipecat's services cost",
        "",
        f"Made by `python scripts/default_models.py` from {versions}; prices of {day}.",
        "Where a service names no model, its default voice stands in the column. A model without a price is not free:",
        "give it one in [your price file](prices.md).",
        "",
        "| | services | priced | unpriced | default models | priced | unpriced |",
        "|---|---|---|---|---|---|---|",
        *(_counts(title, [row for row in found if row.leg is leg]) for leg, title in _TITLES.items()),
        _counts("All", found),
    ]
    for leg, title in _TITLES.items():
        lines += ["", f"## {title}", "", "| service | provider | default model | price | from, or why not |"]
        lines += ["|---|---|---|---|---|", *(_row(row) for row in found if row.leg is leg)]
    return "\n".join(lines) + "\n"


def _counts(title: str, rows: list[Default]) -> str:
    priced = [row for row in rows if row.price]
    models = {(row.provider, row.model) for row in rows if row.model}
    with_price = {(row.provider, row.model) for row in priced if row.model}
    return (
        f"| {title} | {len(rows)} | {len(priced)} | {len(rows) - len(priced)} "
        f"| {len(models)} | {len(with_price)} | {len(models - with_price)} |"
    )


def _row(row: Default) -> str:
    model = f"`{row.model}`" if row.model else "none named"
    return f"| {row.service} | {row.provider} | {model} | {row.price or '**unpriced**'} | {row.note} |"


def day_of(text: str) -> date:
    """Return the day of a page's prices."""
    return date.fromisoformat(text.partition("prices of ")[2][:10])


if __name__ == "__main__":
    PAGE.write_text(page(datetime.now(UTC).date()), "utf-8")
