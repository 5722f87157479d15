"""The file of price lists says what the libraries say: every name, every price, every moment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from genai_prices import Usage as GenaiUsage
from genai_prices.data import providers as language
from voice_prices.data import providers as speech
from voice_prices.types import Usage as VoiceUsage

from tests.prices.published import NOVEMBER
from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, TokensUsed, Usage
from voice_metrics.prices import PriceBook
from voice_metrics.prices.language import GenaiPrices
from voice_metrics.prices.libraries import lists_text
from voice_metrics.prices.names import Asked
from voice_metrics.prices.price_lists import GENAI, PACKAGED, VOICE, PriceLists, newest, user_lists
from voice_metrics.prices.rates import LAST_DIGIT, TokenRates, Unbillable, bill
from voice_metrics.prices.speech import VoicePrices
from voice_metrics.prices.tariff import Tariff

pytestmark = pytest.mark.slow

DAY = date(2026, 11, 29)
PROVIDERS: dict[str, Any] = {GENAI: language, VOICE: speech}
KINDS = {"equals", "starts_with", "ends_with", "contains", "regex", "or_", "and_"}


@cache
def lists() -> PriceLists:
    return PriceLists(lists_text(DAY))


def test_the_packages_lists_are_those_of_the_installed_libraries() -> None:
    packaged = PriceLists(PACKAGED.read_text("utf-8"))
    if (packaged.version(GENAI), packaged.version(VOICE)) != (version(GENAI), version(VOICE)):
        pytest.skip("the lists are made from other releases of the libraries than these")
    made = lists_text(date.fromisoformat(packaged.made_on))
    assert PACKAGED.read_text("utf-8") == made, "run make prices"


def rules(rule: Any) -> Iterator[tuple[str, Any]]:
    for kind, operand in vars(rule).items():
        yield kind, operand
        if isinstance(operand, list):
            for clause in operand:
                yield from rules(clause)


def names(model: Any) -> Iterator[str]:
    """Names at the edges of a model's rules: each literal alone, with more around it, and in capitals."""
    yield model.id
    for kind, operand in rules(model.match):
        match kind:
            case "regex":
                yield sample(operand)
                yield f"{sample(operand)}-tts"
            case "equals" | "starts_with" | "ends_with" | "contains":
                yield from (operand, f"{operand}-20261107", f"x-{operand}", f"x/{operand}-y", operand.upper())
                yield f"{operand}-20261399"  # no such day


def sample(pattern: str) -> str:
    """A text that a pattern of the libraries matches."""
    text = re.sub(r"\(\?!.*?\)+(?=\$|$|[^)])", "", pattern)
    for found, instead in ((r"\d{4}-\d{2}-\d{2}", "2026-11-07"), (r"\d{8}", "20261107"), (r"\d", "1"), ("[-@]", "-")):
        text = text.replace(found, instead)
    text = re.sub(r"\((?:\?:)?([^()|]*)(?:\|[^()]*)?\)\??", r"\1", text)
    return text.strip("^$").replace("\\", "").replace("*", "").replace("+", "")


# The library compares each of its names with each model; with coverage and on a busy machine that takes minutes.
@pytest.mark.timeout(900)
@pytest.mark.parametrize("library", [GENAI, VOICE])
def test_every_name_is_the_same_model_as_in_the_library(library: str) -> None:
    everyone, found, kinds, hits = PROVIDERS[library], 0, set(), set()
    sold = [provider for provider in everyone if lists().provider(library, provider.id)]
    for provider in sold:
        for name in {name for model in provider.models for name in names(model)} | {"", "no-such-model"}:
            theirs = provider.find_model(name, all_providers=everyone)
            mine = lists().find(library, provider.id, name)
            # What voice-prices lends from a provider without speech is no price of speech.
            if mine is None and theirs is not None and theirs not in provider.models:
                assert library == VOICE
                continue
            assert (mine and mine[1].id) == (theirs and theirs.id), (provider.id, name)
            if theirs:
                hits.add((provider.id, theirs.id))
                found += 1
        for model in provider.models:
            for kind, operand in rules(model.match):
                kinds.add(kind)
                assert kind != "regex" or re.search(operand, sample(operand)), operand
    assert found > 1000
    assert len(hits) > 0.95 * sum(len(provider.models) for provider in sold)
    assert library == VOICE or kinds == KINDS


@pytest.mark.parametrize("provider", ["azure", "google"])
def test_a_provider_sells_the_models_of_its_lenders_at_their_price(provider: str) -> None:
    seller = next(one for one in language if one.id == provider)
    for lender in seller.fallback_model_providers or ():
        for model in next(one for one in language if one.id == lender).models:
            theirs = seller.find_model(model.id, all_providers=language)
            mine = lists().find(GENAI, provider, model.id)
            assert (mine and mine[1].id) == (theirs and theirs.id), model.id


def moments(model: Any) -> Iterator[datetime]:
    """A moment now, and those around each change of the price."""
    yield NOVEMBER
    for dated in model.prices if isinstance(model.prices, list) else ():
        for bound in vars(dated.constraint).values() if dated.constraint else ():
            if isinstance(bound, datetime):
                change = bound.astimezone(UTC)
            elif isinstance(bound, date):
                change = datetime(bound.year, bound.month, bound.day, tzinfo=UTC)
            else:
                change = datetime.combine(NOVEMBER, bound, bound.tzinfo or UTC).astimezone(UTC)
            yield from (change - timedelta(seconds=1), change, change + timedelta(seconds=1))


def priced_keys(model: Any, at: datetime) -> Mapping[str, Any]:
    return {key: value for key, value in vars(model.get_prices(at)).items() if value is not None}


def lengths(prices: Mapping[str, Any]) -> Iterator[int]:
    yield 1000
    for price in prices.values():
        for tier in getattr(price, "tiers", ()):
            yield from (tier.start, tier.start + 1)


def shares(prompt: int) -> Iterator[dict[str, int]]:
    """The kinds of usage that Pipecat reports, as parts of a prompt and of 200 tokens of completion."""
    yield {}
    yield {"cache_read": prompt // 4}
    yield {"cache_read": prompt // 4, "cache_creation": prompt // 5}
    yield {"reasoning": 150}
    yield {"input_audio": prompt // 2, "output_audio": 120}
    yield {"input_audio": prompt // 2, "output_audio": 0}
    yield {"input_audio": 0, "output_audio": 0, "reasoning": 20}
    yield {
        "cache_read": prompt // 4,
        "input_audio": prompt // 2,
        "cache_read_input_audio": prompt // 8,
        "output_audio": 120,
    }


def their_price(model: Any, provider: Any, prompt: int, share: Mapping[str, int], at: datetime) -> Decimal:
    usage = GenaiUsage(
        input_tokens=prompt,
        output_tokens=200,
        cache_read_tokens=share.get("cache_read", 0),
        cache_write_tokens=share.get("cache_creation", 0),
        output_reasoning_tokens=share.get("reasoning", 0),
        input_audio_tokens=share.get("input_audio", 0),
        output_audio_tokens=share.get("output_audio", 0),
        cache_audio_read_tokens=share.get("cache_read_input_audio", 0),
        # Pipecat reports none of these parts.
        cache_image_read_tokens=0,
        cache_write_1h_tokens=0,
    )
    usd = model.calc_price(usage, provider, genai_request_timestamp=at).total_price
    return Decimal(usd).quantize(LAST_DIGIT)


def charged(tariff: Tariff, usage: Usage, at: datetime) -> Decimal | None:
    rates = tariff.rates(at)
    try:
        return None if rates is None else bill(rates, usage)
    except Unbillable:
        return None


def refused(name: str, prices: Mapping[str, Any], share: Mapping[str, int]) -> bool:
    """Whether this package says that there is no price, where the library would calculate one."""
    beside = {"audio_hours", "input_audio_hours", "input_text_messages_kcount", "output_citation_mtok"} & prices.keys()
    half = not {"input_mtok", "output_mtok"} <= prices.keys()
    free = not any(getattr(price, "base", price) for price in prices.values())
    silent = bool(share.get("output_audio")) and "output_audio_mtok" not in prices
    # Of a model that speaks, a usage that does not say how much of it is audio would be too cheap.
    unsaid = "output_audio_mtok" in prices and "output_audio" not in share
    drawn = bool({"output_image_mtok", "output_video_mtok"} & prices.keys())
    # The rates of text alone are too low for a model of audio.
    unheard = "audio" in name and not {"input_audio_mtok", "output_audio_mtok"} & prices.keys()
    return bool(beside) or half or free or silent or unsaid or drawn or unheard


def reachable(provider: Any, everyone: Any) -> Iterator[tuple[Any, str]]:
    """The models of a provider that some name finds, and such a name."""
    for model in provider.models:
        # Pipecat's names of Google's and Amazon's models may be paths, of which the last part counts.
        own = (name for name in names(model) if "/" not in name or provider.id not in {"google", "aws"})
        name = next((name for name in own if provider.find_model(name, all_providers=everyone) is model), None)
        if name is not None:
            yield model, name


@pytest.mark.parametrize("provider", language, ids=lambda provider: provider.id)
def test_every_language_model_costs_what_the_library_calculates(provider: Any) -> None:
    compared = 0
    for model, name in reachable(provider, language):
        tariff = GenaiPrices(lists()).tariff(Asked(provider.id, name, "LLM", TokensUsed))
        assert tariff is not None
        assert tariff.row == f"{provider.id}/{model.id}"
        for at in moments(model):
            prices = priced_keys(model, at)
            for prompt in lengths(prices):
                for share in shares(prompt):
                    mine = charged(tariff, TokensUsed("LLM", name, prompt, 200, **share), at)
                    theirs = None if refused(name, prices, share) else their_price(model, provider, prompt, share, at)
                    assert mine == theirs, (model.id, at, prompt, share, prices)
        compared += 1
    assert compared > 0.9 * len(provider.models)


SPOKEN = [provider for provider in speech if lists().provider(VOICE, provider.id)]


@pytest.mark.parametrize("provider", SPOKEN, ids=lambda provider: provider.id)
def test_every_voice_and_recogniser_costs_what_the_library_calculates(provider: Any) -> None:
    for model in provider.models:
        listed = lists().find(VOICE, provider.id, model.id)
        if listed is None or listed[1].id != model.id:
            continue
        estimated = set((model.provenance and model.provenance.estimated_fields) or ())
        periods = list(listed[1].periods())
        for at in moments(model):
            kept = next(prices for span, prices in reversed(periods) if span.active(at))
            there = model.get_prices(at)
            for key in ("input_audio_kseconds", "input_kchars"):
                assert kept.get(key) == getattr(there, key), (model.id, at)
            assert set(listed[1].estimated) == estimated
            checked = model.provenance and model.provenance.last_verified
            assert listed[1].checked_on == (checked.isoformat() if checked else None)


def their_speech(model: Any, at: datetime, usage: VoiceUsage) -> Decimal:
    return Decimal(model.get_prices(at).calc_price(usage)["total_price"])


@pytest.mark.parametrize("provider", SPOKEN, ids=lambda provider: provider.id)
def test_speech_is_billed_by_the_librarys_rate(provider: Any) -> None:
    prices = VoicePrices(lists())
    for model in provider.models:
        for kind in (CharactersSpoken, AudioTranscribed):
            tariff = prices.tariff(Asked(provider.id, model.id, "SpeechService", kind))
            # Names of voices and streams are turned into those of the list: another row than this is no comparison.
            if tariff is None or tariff.row != model.id:
                continue
            for at in moments(model):
                rates = tariff.rates(at)
                spoken = kind is CharactersSpoken
                if rates is None or isinstance(rates, TokenRates):
                    continue
                usage: Usage = CharactersSpoken("S", "m", 1234) if spoken else AudioTranscribed("S", "m", 1234.5)
                asked = VoiceUsage(characters=1234) if spoken else VoiceUsage(audio_input_seconds=Decimal("1234.5"))
                theirs = their_speech(model, at, asked)
                # An hourly rate that the library keeps rounded per 1 000 seconds is the published one here.
                assert bill(rates, usage) == pytest.approx(theirs, rel=Decimal("1e-6") if spoken else Decimal("1e-3"))


def test_a_refreshed_file_wins_unless_the_packages_is_newer(tmp_path: Path) -> None:
    for made_on, used in (("2000-01-01", False), ("2999-01-01", True)):
        newer = tmp_path / made_on
        own = user_lists({"XDG_DATA_HOME": str(newer)})
        own.parent.mkdir(parents=True)
        own.write_text(lists_text(date.fromisoformat(made_on)), "utf-8")
        assert (newest({"XDG_DATA_HOME": str(newer)}).made_on == made_on) is used


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("[]", id="another-file"),
        pytest.param('{"format":999,"made_on":"2999-01-01"}', id="another-format"),
        pytest.param('{"format":1,"made_on":"2999-01-01"}\n\nnonsense', id="damaged"),
    ],
)
def test_a_file_that_cannot_be_used_leaves_those_of_the_package(text: str, tmp_path: Path, log: list[str]) -> None:
    own = user_lists({"XDG_DATA_HOME": str(tmp_path)})
    own.parent.mkdir()
    own.write_text(text)
    assert newest({"XDG_DATA_HOME": str(tmp_path)}).made_on == PriceLists(PACKAGED.read_text("utf-8")).made_on
    newest({"XDG_DATA_HOME": str(tmp_path)})
    assert len([line for line in log if "cannot be used" in line]) == 1


def test_lists_without_a_price_price_nothing() -> None:
    book = PriceBook(lists=PriceLists.empty())
    offer = book.offer(Asked("openai", "gpt-4.1", "LLM", TokensUsed))
    assert offer.reason == "no source has a price for this model"


def test_each_line_of_the_file_is_json() -> None:
    assert all(json.loads(line) for line in PACKAGED.read_text("utf-8").splitlines() if line)
