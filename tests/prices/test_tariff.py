"""Which of several prices holds, at which moment, and what is said where none does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as time_of_day
from decimal import Decimal

import pytest

from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, Leg, Priced, TokensUsed, Unpriced, Usage
from voice_metrics.prices.rates import AudioRate, CharacterRate, Rates, TokenRates, Unbillable, bill
from voice_metrics.prices.tariff import ALWAYS, Days, Hours, Offer, Since, Span, Tariff

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SPOKEN = CharactersSpoken("MyTTS", "m", 1_000_000)
USED = TokensUsed("MyLLM", "m", 1_000_000, 1_000_000)
HEARD = AudioTranscribed("MySTT", "m", 3600.0)
TEN = CharacterRate(Decimal(10))
FREE = (TokenRates(Decimal(0), Decimal(0)), CharacterRate(Decimal(0)), AudioRate(Decimal(0)))


@dataclass(frozen=True)
class OwnDay:
    """A span that takes the day from the moment's own zone, as the price libraries do."""

    day: date

    def active(self, request_timestamp: datetime, /) -> bool:
        return request_timestamp.date() == self.day


def tariff(source: str, *periods: tuple[Span, Rates | None], may_be_free: bool = False) -> Tariff:
    return Tariff(source, "row", "2026-11-01", periods, may_be_free)


@pytest.fixture
def _in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine stands five hours west of Greenwich."""
    with monkeypatch.context() as there:
        there.setenv("TZ", "EST5")
        time.tzset()
        yield
    time.tzset()


def test_the_first_source_that_has_a_price_is_used_and_named():
    offer = Offer((tariff("one"), tariff("two", (ALWAYS, TEN)), tariff("three", (ALWAYS, FREE[1]))), "unknown")
    assert offer.charge(Leg.TTS, SPOKEN, NOON) == Priced(Leg.TTS, "MyTTS", "m", Decimal(10), "two", "2026-11-01")


def test_what_has_no_price_says_the_first_sources_reason():
    offer = Offer((tariff("one"), tariff("two", (ALWAYS, FREE[1]))), "unknown")
    assert offer.charge(Leg.TTS, SPOKEN, NOON) == Unpriced(
        Leg.TTS, "MyTTS", "m", "one: it has no rate for what Pipecat reports"
    )


def test_a_model_that_no_source_has_says_so():
    assert Offer((), "unknown").charge(Leg.LLM, USED, NOON) == Unpriced(Leg.LLM, "MyLLM", "m", "unknown")


@pytest.mark.parametrize(
    ("rates", "usage"), list(zip(FREE, (USED, SPOKEN, HEARD), strict=True)), ids=["tokens", "characters", "audio"]
)
def test_a_price_of_nothing_is_believed_from_the_user_only(rates: Rates, usage: Usage):
    found = Offer((tariff("list", (ALWAYS, rates)),), "unknown").charge(Leg.LLM, usage, NOON)
    assert isinstance(found, Unpriced)
    assert found.reason == "list: its price comes to nothing"
    own = Offer((tariff("own", (ALWAYS, rates), may_be_free=True),), "unknown").charge(Leg.LLM, usage, NOON)
    assert isinstance(own, Priced)
    assert own.usd == 0


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        pytest.param(ALWAYS, [True, True, True], id="always"),
        pytest.param(Days(starts_on=date(2026, 11, 22)), [False, True, True], id="from-a-day-on"),
        pytest.param(Days(ends_on=date(2026, 11, 23)), [True, True, False], id="until-a-day"),
        pytest.param(Days(date(2026, 11, 22), date(2026, 11, 23)), [False, True, False], id="one-day"),
    ],
)
def test_a_span_has_its_first_day_and_not_the_day_that_ends_it(span: Days, expected: list[bool]):
    assert [span.active(NOON + timedelta(days=days)) for days in (-1, 0, 1)] == expected


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param(Hours(time_of_day(12), time_of_day(13)), [False, True, True, False, False], id="within-a-day"),
        pytest.param(Hours(time_of_day(13), time_of_day(12)), [True, False, False, True, True], id="over-midnight"),
    ],
)
def test_hours_hold_every_day_from_their_start_until_their_end_in_utc(hours: Hours, expected: list[bool]):
    moments = [datetime(2026, 11, 22, *at, tzinfo=UTC) for at in ((11, 59, 59), (12,), (12, 59, 59), (13,), (23,))]
    assert [hours.active(at) for at in moments] == expected
    assert [hours.active(at.astimezone(timezone(timedelta(hours=9)))) for at in moments] == expected


def test_a_moment_starts_a_price_to_the_second():
    since = Since(NOON)
    assert [since.active(NOON + timedelta(seconds=seconds)) for seconds in (-1, 0, 1)] == [False, True, True]


def test_a_period_without_a_usable_rate_does_not_revive_the_one_before():
    dated = tariff("list", (ALWAYS, TEN), (Days(starts_on=date(2026, 11, 22)), None))
    before, after = (Offer((dated,), "unknown").charge(Leg.TTS, SPOKEN, at) for at in (NOON - timedelta(days=1), NOON))
    assert isinstance(before, Priced)
    assert isinstance(after, Unpriced)
    assert after.reason == "list: it has no rate for what Pipecat reports"


@pytest.mark.usefixtures("_in_new_york")
@pytest.mark.parametrize("span", [Days(date(2026, 11, 23), date(2026, 11, 24)), OwnDay(date(2026, 11, 23))])
@pytest.mark.parametrize(
    ("at", "priced"),
    [
        pytest.param(datetime(2026, 11, 22, 23, 59, tzinfo=UTC), False, id="before-midnight"),
        pytest.param(datetime(2026, 11, 23, 0, 0, tzinfo=UTC), True, id="midnight"),
        pytest.param(datetime(2026, 11, 22, 23, 0, tzinfo=timezone(timedelta(hours=-5))), True, id="west"),
        pytest.param(datetime(2026, 11, 24, 4, 0, tzinfo=timezone(timedelta(hours=9))), True, id="east"),
        pytest.param(datetime(2026, 11, 23, 23, 0, tzinfo=timezone(timedelta(hours=-5))), False, id="west-after"),
    ],
)
def test_a_day_is_a_day_in_utc_wherever_the_bot_and_the_caller_are(span: Span, at: datetime, priced: bool):
    found = Offer((tariff("list", (span, TEN)),), "unknown").charge(Leg.TTS, SPOKEN, at)
    assert isinstance(found, Priced) is priced


@pytest.mark.parametrize(
    ("rates", "usage", "said"),
    [
        (FREE[0], HEARD, "billed by the token, and Pipecat reports seconds of audio"),
        (FREE[1], USED, "billed by the character, and Pipecat reports tokens"),
        (FREE[2], SPOKEN, "billed by the length of audio, and Pipecat reports characters"),
    ],
)
def test_a_rate_for_another_quantity_says_which(rates: Rates, usage: Usage, said: str):
    with pytest.raises(Unbillable) as refused:
        bill(rates, usage)
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("used", "said"),
    [
        pytest.param(
            TokensUsed("L", "m", 10, 1, cache_creation=20),
            "the reported parts of the prompt exceed the prompt",
            id="more-written-than-prompt",
        ),
        pytest.param(
            TokensUsed("L", "m", 30, 1, cache_read=5, input_audio=10, cache_read_input_audio=10),
            "the reported parts of the prompt exceed the prompt",
            id="more-cached-audio-than-cached",
        ),
        pytest.param(
            TokensUsed("L", "m", 30, 1, cache_read=20, input_audio=10, cache_read_input_audio=20),
            "the reported parts of the prompt exceed the prompt",
            id="more-cached-audio-than-audio",
        ),
        pytest.param(
            TokensUsed("L", "m", 1, 10, reasoning=11),
            "the reported parts of the completion exceed the completion",
            id="more-reasoning-than-completion",
        ),
    ],
)
def test_parts_that_exceed_their_whole_have_no_price(used: TokensUsed, said: str):
    with pytest.raises(Unbillable) as refused:
        bill(TokenRates(Decimal(1), Decimal(2), audio_input=Decimal(3), reasoning=Decimal(4)), used)
    assert str(refused.value) == said


def test_audio_output_without_a_price_of_its_own_has_none():
    with pytest.raises(Unbillable, match=r"^there is no price for its audio output$"):
        bill(TokenRates(Decimal(1), Decimal(2)), TokensUsed("L", "m", 1, 10, output_audio=1))


@pytest.mark.parametrize(
    ("rate", "reasoning", "usd"),
    [
        pytest.param(Decimal(20), 300_000, Decimal("13"), id="own-rate"),
        pytest.param(Decimal(20), None, Decimal("10"), id="own-rate-and-none-reported"),
        pytest.param(None, 300_000, Decimal("10"), id="as-any-completion"),
        pytest.param(None, 2_000_000, Decimal("10"), id="reported-beside-the-completion"),
    ],
)
def test_reasoning_costs_its_own_rate_or_that_of_the_completion(
    rate: Decimal | None, reasoning: int | None, usd: Decimal
):
    rates = TokenRates(Decimal(1), Decimal(10), reasoning=rate)
    assert bill(rates, TokensUsed("L", "m", 0, 1_000_000, reasoning=reasoning)) == usd
