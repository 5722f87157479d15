"""`voice-metrics prices`: the price of a model with its source, and the models without a price."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import product
from typing import Annotated

import typer

from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, Leg, TokensUsed, Unpriced, Usage
from voice_metrics.call.text import clean
from voice_metrics.cli.places import ledger_file
from voice_metrics.cli.printable import printable
from voice_metrics.ledger import LedgerReader, LedgerUnreadable
from voice_metrics.prices import PriceBook
from voice_metrics.prices.names import PROVIDERS, Asked, any_voice
from voice_metrics.prices.price_lists import GENAI, VOICE, PriceLists
from voice_metrics.prices.rate_words import in_words
from voice_metrics.prices.rates import AudioRate, CharacterRate, TokenRates
from voice_metrics.settings.environment import Settings, SettingsError

_EXAMPLES: dict[Leg, Usage] = {
    Leg.LLM: TokensUsed("", None, prompt=1000, completion=1000, input_audio=0, output_audio=0),
    Leg.STT: AudioTranscribed("", None, seconds=60.0),
    Leg.TTS: CharactersSpoken("", None, characters=1000),
}
_RATES = {Leg.LLM: TokenRates, Leg.STT: AudioRate, Leg.TTS: CharacterRate}
# Latest calls that `--check` examines.
_LAST_CALLS = 100


@dataclass(frozen=True, slots=True)
class Found:
    """The price of a model in one service of one provider.

    Parameters:
        model: The model in the question.
        service: The service's part of the bot.
        provider: Pipecat's name of its provider, or `None` for the user's own service.
        price: The price in words, or `None`.
        source: Its source, or `None` without a price.
        row: The source's name for the priced model, or `None`.
        priced_on: ISO date at which the source last checked it, or `None` if unknown.
        reason: Reason for the lack of a price, or `None` if there is one.
        instead: Prices of later sources.
    """

    model: str
    service: str
    provider: str | None
    price: str | None
    source: str | None
    row: str | None
    priced_on: str | None
    reason: str | None
    instead: tuple[str, ...]


def prices(
    models: Annotated[list[str] | None, typer.Argument(help="Models, as Pipecat's services name them.")] = None,
    provider: Annotated[
        str | None, typer.Option(help="Pipecat's name of the provider, such as openai; all of them if left out.")
    ] = None,
    service: Annotated[Leg | None, typer.Option(metavar="<llm|stt|tts>", help="Only as this service.")] = None,
    check: Annotated[bool, typer.Option("--check", help="List the models of the last calls without a price.")] = False,
    anew: Annotated[
        bool, typer.Option("--refresh", help="Make the price lists anew from the installed price libraries.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text.")] = False,
) -> None:
    """Show which price would be used for a model, and why."""
    if check and (models or provider or service):
        raise typer.BadParameter("--check is for the models of the last calls; name no model with it")
    if anew and (models or provider or service or check or as_json):
        raise typer.BadParameter("--refresh stands alone; look at prices with another command")
    if anew:
        raise typer.Exit(_refresh_price_lists())
    try:
        book = PriceBook.from_environment(os.environ)
        if check:
            raise typer.Exit(_list_unpriced(book, as_json=as_json))
        if not models:
            raise typer.BadParameter("name a model, or use --check")
        if service is Leg.OTHER:
            raise typer.BadParameter("--service: expected llm, stt or tts")
        models = [clean(model) for model in models]
        found = list(_prices_found(book, models, provider, service))
    except (SettingsError, LedgerUnreadable) as error:
        # Status 2 for the ledger's errors too, because 1 means that a model has no price.
        typer.echo(f"voice-metrics: {printable(str(error))}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps([asdict(line) for line in found], indent=2))
    else:
        _print(models, found)
    if {line.model for line in found if line.price} != set(models):
        raise typer.Exit(1)


def _refresh_price_lists() -> int:
    # Imported here, because the libraries take two seconds to load.
    from voice_metrics.prices.libraries import refresh

    try:
        path = refresh(os.environ, datetime.now(UTC).date())
    except (ModuleNotFoundError, OSError, RuntimeError) as error:
        typer.echo(f"voice-metrics: {printable(str(error))}", err=True)
        return 2
    made = PriceLists(path.read_text("utf-8"))
    libraries = " and ".join(f"{library} {made.version(library)}" for library in (GENAI, VOICE))
    typer.echo(f"{path} has the prices of {libraries}. Bots that start from now on use it.")
    return 0


def _prices_found(book: PriceBook, models: Sequence[str], provider: str | None, service: Leg | None) -> Iterator[Found]:
    for model in models:
        legs = [service] if service else list(_EXAMPLES)
        if provider:
            yield from (_price_of(book, model, provider.lower(), leg) for leg in legs)
        else:
            yield from _of_every_provider(book, model, legs)


def _of_every_provider(book: PriceBook, model: str, legs: Sequence[Leg]) -> Iterator[Found]:
    everywhere: set[Found] = set()
    if model.lower() in book.own_models:
        for leg in legs:
            line = _price_of(book, model, None, leg)
            if line.price:
                everywhere.add(replace(line, instead=()))
                yield line
    for leg, provider in product(legs, PROVIDERS):
        line = _price_of(book, model, provider, leg)
        users = (line.source or "").startswith("your ")
        # A provider with one price for all voices would match every name.
        named = users or not any_voice(Asked(provider, model, "", type(_EXAMPLES[leg])))
        if line.price and named and replace(line, provider=None, instead=()) not in everywhere:
            yield line


def _price_of(book: PriceBook, model: str, provider: str | None, leg: Leg) -> Found:
    example = _EXAMPLES[leg]
    now = datetime.now(UTC)
    offer = book.offer(Asked(provider, model, "", type(example)))
    charged = offer.charge(leg, example, now)
    if isinstance(charged, Unpriced):
        return Found(model, leg.value, provider, None, None, None, None, charged.reason, ())
    fitting = [
        (tariff, in_words(rates))
        for tariff in offer.tariffs
        if (rates := tariff.rates(now)) is not None and type(rates) is _RATES[leg]
    ]
    (used, price), *later = fitting
    instead = tuple(f"{tariff.source}: {words}" for tariff, words in later)
    return Found(model, leg.value, provider, price, used.source, used.row, used.priced_on, None, instead)


def _print(models: Sequence[str], found: Sequence[Found]) -> None:
    for model in models:
        lines = [line for line in found if line.model == model]
        typer.echo(model)
        for line in lines:
            typer.echo(
                f"  {line.service}, {line.provider or 'any provider'}: {line.price or f'no price: {line.reason}'}"
            )
            if line.price:
                typer.echo(f"    from {line.source} ({line.row})" + (f" of {line.priced_on}" if line.priced_on else ""))
            for words in line.instead:
                typer.echo(f"    also {words}")
        if not lines:
            typer.echo("  no price of any provider that has a price list; with --provider it is said why")


def _list_unpriced(book: PriceBook, *, as_json: bool) -> int:
    ledger = ledger_file(Settings.from_environment(os.environ))
    counts: Counter[str] = Counter()
    reasons: dict[str, str] = {}
    with LedgerReader(ledger) as reader:
        calls = reader.calls(limit=_LAST_CALLS)
        for call in calls:
            cost = reader.call_of(call.key).summary.get("cost") or {}
            unpriced = cost.get("unpriced") or ()
            counts.update(unpriced)
            # The latest call comes first, and its reasons win.
            reasons = dict(zip(unpriced, cost.get("unpriced_reasons") or (), strict=False)) | reasons
    missing = {model: number for model, number in counts.most_common() if model.lower() not in book.own_models}
    last = "call" if len(calls) == 1 else f"{len(calls)} calls"
    if as_json:
        typer.echo(json.dumps({"calls": len(calls), "unpriced": missing}, indent=2))
    elif not calls:
        typer.echo("The ledger has no call yet.")
    elif not missing:
        typer.echo(f"Every model of the last {last} has a price.")
    else:
        typer.echo(f"Without a price, of the models of the last {last}:")
        for model, number in missing.items():
            why = f": {printable(reasons[model])}" if reasons.get(model) else ""
            typer.echo(f"  {printable(model)} ({number} {'call' if number == 1 else 'calls'}){why}")
        typer.echo("Give them one in the file that VOICE_METRICS_PRICES names; `voice-metrics prices MODEL` says more.")
    return 1 if missing else 0
