import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.prices.published import NOVEMBER
from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, Leg, Priced, TokensUsed, Unpriced, Usage
from voice_metrics.prices import PriceBook, price_book
from voice_metrics.prices.names import Asked
from voice_metrics.settings.environment import SettingsError

THREE_LINES = """\
scripted-llm = { unit = "million tokens", input = 2, output = 8 }
scripted-stt = { unit = "minute", price = 0.006 }
scripted-tts = { unit = "million characters", price = 15 }
"""


def written(tmp_path: Path, text: str) -> PriceBook:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    return PriceBook.from_environment({"VOICE_METRICS_PRICES": str(path)})


def charged(book: PriceBook, usage: Usage, provider: str | None = None, at: datetime = NOVEMBER) -> Priced | Unpriced:
    return book.offer(Asked.about(provider, usage)).charge(Leg.OTHER, usage, at)


def usd(book: PriceBook, usage: Usage, provider: str | None = None, at: datetime = NOVEMBER) -> Decimal:
    priced = charged(book, usage, provider, at)
    assert isinstance(priced, Priced), priced
    return priced.usd


def tokens(model: str | None, **details: int) -> TokensUsed:
    return TokensUsed("SomeLLMService", model, 1000, 100, **details)


def test_three_lines_price_a_call_of_three_services(tmp_path: Path) -> None:
    book = written(tmp_path, THREE_LINES)
    assert usd(book, tokens("scripted-llm")) == Decimal("0.0028")
    assert usd(book, AudioTranscribed("SomeSTTService", "scripted-stt", 30.0)) == Decimal("0.003")
    assert usd(book, CharactersSpoken("SomeTTSService", "scripted-tts", 1000)) == Decimal("0.015")


def test_the_users_price_comes_before_every_other(tmp_path: Path) -> None:
    book = written(tmp_path, '"gpt-4.1" = { unit = "million tokens", input = 1.5, output = 6, cached_input = 0.3 }')
    priced = charged(book, tokens("gpt-4.1", cache_read=400), "openai")
    assert isinstance(priced, Priced)
    assert priced.usd == Decimal("0.00162")
    assert priced.source == "your price file prices.toml"


def test_what_the_user_says_is_free_is_free(tmp_path: Path) -> None:
    book = written(tmp_path, 'llama2 = { unit = "million tokens", input = 0, output = 0 }')
    assert usd(book, tokens("llama2"), "ollama") == Decimal(0)


def test_a_service_that_names_no_model_is_priced_by_its_class(tmp_path: Path) -> None:
    book = written(tmp_path, 'PiperTTSService = { unit = "million characters", price = 0 }')
    assert usd(book, CharactersSpoken("PiperTTSService", "PiperTTSService", 10), "piper") == Decimal(0)
    assert usd(book, CharactersSpoken("PiperTTSService", None, 10), "piper") == Decimal(0)


def test_a_deployment_has_the_price_of_the_model_behind_it(tmp_path: Path) -> None:
    book = written(tmp_path, 'my-deployment = { same_as = "gpt-4.1-mini", provider = "azure" }')
    assert usd(book, tokens("my-deployment"), "azure") == Decimal("0.00056")
    assert isinstance(charged(book, tokens("my-deployment"), "openai"), Unpriced)


def test_an_own_service_has_the_price_of_the_provider_that_bills_it(tmp_path: Path) -> None:
    book = written(tmp_path, 'my-llm = { same_as = "gpt-4.1-mini", sold_by = "openai" }')
    assert usd(book, tokens("my-llm")) == Decimal("0.00056")


def test_pollys_engine_is_named_by_an_alias(tmp_path: Path) -> None:
    book = written(tmp_path, 'Joanna = { same_as = "polly-neural" }')
    for option in (None, "engine=standard"):
        said = CharactersSpoken("AWSPollyTTSService", "Joanna", 1000, option)
        assert usd(book, said, "aws") == Decimal("0.016")


def test_one_model_of_two_providers_has_two_prices(tmp_path: Path) -> None:
    book = written(
        tmp_path,
        """
        [[shared]]
        unit = "million tokens"
        input = 1
        output = 1

        [[shared]]
        provider = "azure"
        unit = "million tokens"
        input = 2
        output = 2
        """,
    )
    assert usd(book, tokens("shared"), "azure") == Decimal("0.0022")
    assert usd(book, tokens("shared"), "openai") == Decimal("0.0011")


DATED = """
[["gpt-4.1"]]
until = 2026-03-01
unit = "million tokens"
input = 4
output = 8

[["gpt-4.1"]]
from = 2026-03-01
unit = "million tokens"
input = 1
output = 2
"""


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC), "0.0048", id="the-last-second-before"),
        pytest.param(datetime(2026, 3, 1, 0, 0, 0, tzinfo=UTC), "0.0012", id="the-first-second-after"),
    ],
)
def test_a_call_that_spans_a_price_change_uses_the_price_of_the_moment(
    tmp_path: Path, at: datetime, expected: str
) -> None:
    assert usd(written(tmp_path, DATED), tokens("gpt-4.1"), "openai", at) == Decimal(expected)


def test_an_open_price_ends_where_the_next_begins(tmp_path: Path) -> None:
    book = written(tmp_path, DATED.replace("until = 2026-03-01\n", ""))
    assert usd(book, tokens("gpt-4.1"), "openai", datetime(2026, 2, 1, tzinfo=UTC)) == Decimal("0.0048")
    assert usd(book, tokens("gpt-4.1"), "openai", NOVEMBER) == Decimal("0.0012")


@pytest.mark.parametrize(
    ("at", "source"),
    [
        pytest.param(datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC), "genai-prices", id="before-them"),
        pytest.param(datetime(2026, 2, 1, tzinfo=UTC), "your price file", id="on-the-first-day"),
        pytest.param(datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC), "your price file", id="on-the-last-day"),
        pytest.param(datetime(2026, 3, 1, tzinfo=UTC), "genai-prices", id="on-the-day-after"),
        pytest.param(
            datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=1))), "your price file", id="days-are-utc"
        ),
    ],
)
def test_outside_the_users_dates_the_public_price_holds(tmp_path: Path, at: datetime, source: str) -> None:
    days = "from = 2026-02-01, until = 2026-03-01"
    book = written(tmp_path, f'"gpt-4.1" = {{ unit = "million tokens", input = 1, output = 2, {days} }}')
    priced = charged(book, tokens("gpt-4.1"), "openai", at)
    assert isinstance(priced, Priced)
    assert priced.source.startswith(source)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            'a = { unit = "minute", prise = 1 }', "line 1: model 'a': unknown key 'prise': expected one of", id="key"
        ),
        pytest.param(
            '\n\na = { unit = "minute", price = -1 }',
            "line 3: model 'a': price = -1: expected a price in US dollars, 0 or more",
            id="negative",
        ),
        pytest.param(
            'a = { unit = "minute", price = "1" }',
            "line 1: model 'a': price = '1': expected a number, the price in US dollars",
            id="text-for-a-number",
        ),
        pytest.param(
            'a = { unit = "minute", price = true }',
            "line 1: model 'a': price = True: expected a number",
            id="truth-for-a-number",
        ),
        pytest.param(
            'a = { unit = "minute", price = nan }', "line 1: model 'a': price = NaN: expected a price", id="nan"
        ),
        pytest.param(
            'a = { unit = "minute", price = inf }', "line 1: model 'a': price = Infinity: expected", id="infinite"
        ),
        pytest.param(
            "[a]\nprice = 1",
            "line 1: model 'a': unit is missing: expected one of million tokens, million characters",
            id="no-unit",
        ),
        pytest.param(
            '"a" = { unit = "minute", price = 1 }\n[gpt-4.1]\nunit = "million tokens"\ninput = 1\noutput = 2',
            "line 2: model 'gpt-4': a dot outside of quotes divides the name: expected 'gpt-4.1'",
            id="dot-in-a-heading",
        ),
        pytest.param(
            'eleven_v2.5.1 = { unit = "minute", price = 1 }',
            "line 1: model 'eleven_v2': a dot outside of quotes divides the name: expected 'eleven_v2.5.1'",
            id="dots-in-a-key",
        ),
        pytest.param(
            '[a]\nunit = "furlong"\nprice = 1', "line 2: model 'a': unit = 'furlong': expected one of", id="bad-unit"
        ),
        pytest.param(
            '[a]\nunit = "million tokens"\ninput = 1', "line 1: model 'a': output is missing", id="half-a-price"
        ),
        pytest.param(
            '[a]\nunit = "minute"\nprice = 1\ninput = 1',
            "line 4: model 'a': unknown key 'input': expected one of unit, provider, from, until, price",
            id="a-key-of-another-unit",
        ),
        pytest.param(
            '[a]\nunit = "minute"\nprice = 1\nfrom = "2026-03-01"',
            "line 4: model 'a': from = '2026-03-01': expected a day without quotes, such as 2026-03-01",
            id="a-day-in-quotes",
        ),
        pytest.param(
            '[a]\nunit = "minute"\nprice = 1\nfrom = 2026-03-01\nuntil = 2026-03-01',
            "line 5: model 'a': until = 2026-03-01: expected a day after 2026-03-01",
            id="no-days-at-all",
        ),
        pytest.param(
            '[[a]]\nunit = "minute"\nprice = 1\nuntil = 2026-03-02\n'
            '[[a]]\nunit = "minute"\nprice = 2\nfrom = 2026-03-01',
            "line 5: model 'a': its dates overlap those of another price of the same model",
            id="overlapping-dates",
        ),
        pytest.param(
            'a = [\n  { unit = "minute", price = 1 },\n  { unit = "minute", price = 2 },\n]',
            "line 3: model 'a': its dates overlap",
            id="two-prices-for-always",
        ),
        pytest.param(
            '[b]\nunit = "minute"\nprice = 1\n[a]\nunit = "minute"\nprice = -1',
            "line 6: model 'a': price = -1",
            id="the-right-one-of-two",
        ),
        pytest.param("a.unit = 'minute'\na.price = -1", "line 2: model 'a': price = -1", id="dotted-keys"),
        pytest.param("unit = 'minute'", "line 1: model 'unit': 'minute': expected a table such as", id="no-model"),
        pytest.param("x = 1\na = oops", "line 2: Invalid value: expected TOML", id="not-toml"),
        pytest.param("\na = [", "line 2: ", id="not-finished"),
        pytest.param(
            '[a]\nunit = "minute"\nprice = 1\n[a]', "line 4: Cannot declare ('a',) twice: expected TOML", id="twice"
        ),
        pytest.param(
            f'b = 1\na = {{ unit = "minute", price = {"9" * 5000} }}',
            "line 2: a number cannot be read: expected TOML",
            id="an-integer-of-5000-digits",
        ),
        pytest.param(
            f'a = {{ unit = "minute", price = 0.{"1" * 5000} }}',
            "line 1: model 'a': price has more than 30 digits: expected a price",
            id="a-fraction-of-5000-digits",
        ),
        pytest.param(
            f'a = {{ unit = "minute", price = 0x{"f" * 5000} }}',
            "line 1: model 'a': price has more than 9 digits: expected a price",
            id="a-hexadecimal-of-5000-digits",
        ),
        pytest.param(
            'a = { unit = "minute", price = 1e99 }',
            "line 1: model 'a': price = 1E+99: expected a price from 0.000000001 to 1000000000 US dollars, or 0",
            id="more-than-money",
        ),
        pytest.param('a = { unit = "minute", price = 1e-99 }', "price = 1E-99: expected a price from", id="next-to-0"),
        pytest.param(
            'a = { unit = "minute", price = 1e99999999999999999999 }', "line 1", id="an-exponent-out-of-range"
        ),
        pytest.param(f"a = {'[' * 5000}", "brackets inside brackets without end: expected TOML", id="deep"),
        pytest.param(
            f'a = {{ unit = "{"x" * 5000}", price = 1 }}', f"unit = '{'x' * 78}…: expected one of", id="a-long-text"
        ),
        pytest.param(
            '"" = { unit = "minute", price = 1 }', "line 1: model \"''\": expected the name", id="a-model-without-name"
        ),
        pytest.param("a = { same_as = 3 }", "line 1: model 'a': same_as = 3: expected a name in quotes", id="alias"),
        pytest.param(
            'a = { same_as = "b", input = 3 }',
            "line 1: model 'a': unknown key 'input': expected one of same_as, sold_by, provider",
            id="an-alias-with-a-price",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_line_and_reason(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        written(tmp_path, text)
    assert message in str(refused.value)
    assert str(refused.value).startswith(f"VOICE_METRICS_PRICES='{tmp_path}/prices.toml': ")
    assert len(str(refused.value)) < 500


def test_a_file_that_does_not_exist_is_a_loud_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"VOICE_METRICS_PRICES='.*none.toml': No such file or directory"):
        PriceBook.from_environment({"VOICE_METRICS_PRICES": str(tmp_path / "none.toml")})


def test_a_file_that_is_not_text_is_a_loud_error(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="it is not UTF-8 text"):
        PriceBook.from_environment({"VOICE_METRICS_PRICES": str(tmp_path / "prices.toml")})


def test_prices_are_given_as_a_mapping_too() -> None:
    book = PriceBook({"m": {"unit": "million tokens", "input": 0.1, "output": 0.3}})
    assert usd(book, tokens("m")) == Decimal("0.00013")


def test_a_wrong_mapping_says_where_it_is_wrong() -> None:
    with pytest.raises(SettingsError, match=r"prices: model 'm'\[1\]: unit is missing"):
        PriceBook({"m": [{"unit": "minute", "price": 1}, {"price": 2}]})


@pytest.mark.parametrize("wrong", [5, [], ["prices.toml"]])
def test_prices_of_another_type_raise(wrong: object) -> None:
    with pytest.raises(SettingsError, match=f"prices is a {type(wrong).__name__}: expected the path of a TOML file"):
        PriceBook(wrong)  # type: ignore[arg-type]  # what a type checker would find


def test_an_argument_replaces_the_environments_file(tmp_path: Path) -> None:
    environ = {"VOICE_METRICS_PRICES": str(tmp_path / "none.toml")}
    shared = PriceBook()
    assert price_book(shared, environ) is shared
    assert price_book({"m": {"unit": "minute", "price": 1}}, environ).own_models == {"m"}
    with pytest.raises(SettingsError):
        price_book(None, environ)


def test_calls_share_the_price_book_of_the_environment_while_its_file_stays_the_same(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(THREE_LINES)
    environ = {"VOICE_METRICS_PRICES": str(path)}
    book = price_book(None, environ)
    assert price_book(None, environ) is book
    assert price_book(None, {}) is price_book(None, {})
    assert price_book(None, {}) is not book
    path.write_text('m = { unit = "minute", price = 1 }')
    os.utime(path, ns=(1, 1))
    assert price_book(None, environ).own_models == {"m"}


def test_a_file_that_was_wrong_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    environ = {"VOICE_METRICS_PRICES": str(path)}
    with pytest.raises(SettingsError):
        price_book(None, environ)
    path.write_text(THREE_LINES)
    assert "scripted-llm" in price_book(None, environ).own_models


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_text(path.read_text()[:20]), id="half-saved"),
        pytest.param(lambda path: path.write_text(""), id="emptied"),
        pytest.param(lambda path: path.unlink(), id="deleted"),
        pytest.param(lambda path: path.write_bytes(b"\xff\xfe"), id="no-text"),
        pytest.param(lambda path: (path.unlink(), path.mkdir()), id="a-folder-instead"),
    ],
)
@pytest.mark.parametrize("argument", [True, False], ids=["prices=", "VOICE_METRICS_PRICES"])
def test_a_file_that_becomes_unusable_leaves_its_last_prices_and_one_warning(
    tmp_path: Path, log: list[str], damage: Callable[[Path], object], argument: bool
) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(THREE_LINES)
    given, environ = (str(path), {}) if argument else (None, {"VOICE_METRICS_PRICES": str(path)})
    book = price_book(given, environ)
    damage(path)
    assert [price_book(given, environ) for _ in range(3)] == [book] * 3
    (warning,) = [line for line in log if "WARNING" in line]
    assert str(path) in warning
    assert "the prices read before stay in use" in warning


def test_a_file_is_the_one_of_the_folder_in_which_the_bot_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: list[str]
) -> None:
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own-prices.toml").write_text(f'{folder} = {{ unit = "minute", price = 1 }}')
    environ = {"VOICE_METRICS_PRICES": "own-prices.toml"}
    monkeypatch.chdir(tmp_path / "first")
    assert price_book(None, environ).own_models == {"first"}
    monkeypatch.chdir(tmp_path / "second")
    assert price_book(None, environ).own_models == {"first"}
    monkeypatch.chdir(tmp_path)
    assert price_book(None, environ).own_models == {"first"}
    assert [line for line in log if "WARNING" in line] == []


def test_a_repaired_file_is_used_and_its_next_damage_logged(tmp_path: Path, log: list[str]) -> None:
    path = tmp_path / "prices.toml"
    environ = {"VOICE_METRICS_PRICES": str(path)}
    for number in range(2):
        path.write_text(f'm{number} = {{ unit = "minute", price = 1 }}')
        os.utime(path, ns=(number, number))
        assert price_book(None, environ).own_models == {f"m{number}"}
        path.unlink()
        assert price_book(None, environ).own_models == {f"m{number}"}
    assert len([line for line in log if "WARNING" in line]) == 2


def test_a_file_of_an_editor_that_marks_utf_8_is_read(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(THREE_LINES, "utf-8-sig")
    assert "scripted-llm" in PriceBook(tmp_path / "prices.toml").own_models


def test_a_pipe_does_not_hold_up_the_bot(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "prices.toml")
    with pytest.raises(SettingsError, match="it is no regular file"):
        PriceBook(tmp_path / "prices.toml")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text("#" * 1_000_001)
    with pytest.raises(SettingsError, match="it has more than 1000000 bytes"):
        PriceBook(tmp_path / "prices.toml")


@pytest.mark.parametrize(
    "prices",
    [
        pytest.param({5: {"unit": "minute", "price": 1}}, id="a-number-as-model"),
        pytest.param({"m": {"unit": "minute", "price": 10**5000}}, id="a-huge-integer"),
        pytest.param({"m": {"unit": "minute", "price": float("nan")}}, id="nan"),
        pytest.param({"m": {"unit": ["minute"], "price": 1}}, id="a-list-as-unit"),
        pytest.param({"m": {10**5000: 1, "unit": "minute", "price": 1}}, id="a-huge-key"),
        pytest.param({"m": {"unit": "minute", "price": "0.006"}}, id="json-text-as-price"),
    ],
)
def test_an_odd_mapping_is_refused_with_words(prices: Any) -> None:
    with pytest.raises(SettingsError, match="expected"):
        PriceBook(prices)
