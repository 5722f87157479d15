from dataclasses import replace
from decimal import Decimal, getcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.prices.published import LANGUAGE, NOVEMBER
from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, Leg, Priced, TokensUsed
from voice_metrics.prices import PriceBook
from voice_metrics.prices.names import Asked
from voice_metrics.prices.rates import LAST_DIGIT, AudioRate, CharacterRate, TokenRates, bill
from voice_metrics.prices.speech import published_per_hour
from voice_metrics.prices.tariff import Offer

pytestmark = pytest.mark.slow

PRICES = st.decimals("0.001", "200", places=3)
COUNTS = st.integers(0, 300_000)


@st.composite
def token_rates(draw: st.DrawFn) -> TokenRates:
    """Rates as providers have them: cached is not dearer than fresh, longer prompts are not cheaper."""
    fresh, output = draw(PRICES), draw(PRICES)
    audio = fresh * draw(st.integers(1, 10))
    base = TokenRates(
        fresh,
        output,
        cached_input=fresh / draw(st.integers(1, 40)),
        cache_write=fresh * Decimal("1.25"),
        audio_input=audio,
        cached_audio_input=audio / draw(st.integers(1, 80)),
        audio_output=output * draw(st.integers(1, 10)),
    )
    return replace(base, longer=draw(st.sampled_from([(), ((100_000, _doubled(base)),)])))


def _doubled(rates: TokenRates) -> TokenRates:
    return TokenRates(
        *(2 * price for price in (rates.input, rates.output)),
        *(
            2 * price if price is not None else None
            for price in (
                rates.cached_input,
                rates.cache_write,
                rates.audio_input,
                rates.cached_audio_input,
                rates.audio_output,
            )
        ),
    )


@st.composite
def tokens(draw: st.DrawFn) -> TokensUsed:
    """Usage whose parts fit into the whole."""
    text, audio, completion = draw(COUNTS), draw(COUNTS), draw(COUNTS)
    cached_text = draw(st.integers(0, text))
    cached_audio = draw(st.integers(0, audio))
    return TokensUsed(
        "LLM",
        "m",
        text + audio,
        completion,
        cache_read=cached_text + cached_audio,
        cache_creation=draw(st.integers(0, text - cached_text)),
        input_audio=audio,
        output_audio=draw(st.integers(0, completion)),
        cache_read_input_audio=cached_audio,
    )


@given(token_rates(), tokens(), st.integers(1, 200_000), st.sampled_from(["prompt", "completion"]))
def test_cost_never_falls_when_tokens_are_added(rates: TokenRates, used: TokensUsed, more: int, where: str) -> None:
    assert bill(rates, replace(used, **{where: getattr(used, where) + more})) >= bill(rates, used)


@given(token_rates(), tokens(), st.integers(1, 200_000), st.sampled_from(["cache_read", "input_audio"]))
def test_cost_never_falls_when_tokens_of_a_kind_are_added(
    rates: TokenRates, used: TokensUsed, more: int, kind: str
) -> None:
    grown = replace(used, prompt=used.prompt + more, **{kind: (getattr(used, kind) or 0) + more})
    assert bill(rates, grown) >= bill(rates, used)


@given(token_rates(), tokens())
def test_reading_a_cache_never_costs_more_than_not_reading_it(rates: TokenRates, used: TokensUsed) -> None:
    uncached = replace(used, cache_read=0, cache_read_input_audio=0)
    assert bill(rates, used) <= bill(rates, uncached)


@given(token_rates(), tokens())
def test_an_unreported_share_of_audio_in_the_cache_never_makes_it_cheaper_than_the_dearest_reading(
    rates: TokenRates, used: TokensUsed
) -> None:
    unreported = replace(used, cache_read_input_audio=None, cache_creation=0)
    assert bill(rates, unreported) <= bill(rates, replace(unreported, cache_read=0))


@given(st.lists(st.tuples(token_rates(), tokens()), max_size=30))
def test_the_parts_of_a_call_add_up_to_the_last_digit_in_any_order(parts: list[tuple[TokenRates, TokensUsed]]) -> None:
    costs = [bill(rates, used) for rates, used in parts]
    assert sum(costs, Decimal(0)) == sum(reversed(costs), Decimal(0))
    units = sum(int(cost / LAST_DIGIT) for cost in costs)
    assert sum(costs, Decimal(0)) == units * LAST_DIGIT


@given(st.floats(0.001, 1e6), st.floats(0.001, 1e6), PRICES)
def test_longer_audio_never_costs_less(seconds: float, more: float, per_hour: Decimal) -> None:
    rate = AudioRate(per_hour, Decimal(10))
    shorter, longer = AudioTranscribed("S", "m", seconds), AudioTranscribed("S", "m", seconds + more)
    assert bill(rate, longer) >= bill(rate, shorter)


@given(st.integers(1, 10**9), st.integers(1, 10**9), PRICES)
def test_characters_cost_the_same_together_or_apart(some: int, others: int, per_million: Decimal) -> None:
    rate = CharacterRate(per_million)
    apart = bill(rate, CharactersSpoken("T", "m", some)) + bill(rate, CharactersSpoken("T", "m", others))
    assert apart == bill(rate, CharactersSpoken("T", "m", some + others))


@given(st.integers(1, 99_999), st.integers(2, 4))
def test_a_published_rate_per_minute_is_found_again_from_its_rounded_form(per_minute: int, digits: int) -> None:
    published = Decimal(per_minute).scaleb(-digits)
    rounded = round(published * 1000 / 60, 6)
    assert published_per_hour(rounded) == published * 60


def test_a_real_price_book_keeps_the_laws_for_every_published_model(book: PriceBook) -> None:
    for row in LANGUAGE:
        used = row.usage
        assert isinstance(used, TokensUsed)
        offer = book.offer(Asked.about(row.provider, used))
        base = _usd(offer, used)
        assert _usd(offer, replace(used, prompt=used.prompt + 1)) >= base
        assert _usd(offer, replace(used, completion=used.completion + 1)) >= base
        assert base <= _usd(offer, replace(used, cache_read=0, cache_read_input_audio=0))


def _usd(offer: Offer, used: TokensUsed) -> Decimal:
    priced = offer.charge(Leg.LLM, used, NOVEMBER)
    assert isinstance(priced, Priced)
    return priced.usd


def test_money_has_digits_to_spare() -> None:
    assert getcontext().prec >= 28
