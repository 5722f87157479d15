from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from tests.prices.published import NOVEMBER, WORKED, Worked
from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, Leg, Priced, TokensUsed, Unpriced, Usage
from voice_metrics.prices import PriceBook
from voice_metrics.prices.names import Asked


def charged(
    book: PriceBook, leg: Leg, provider: str | None, usage: Usage, at: datetime = NOVEMBER
) -> Priced | Unpriced:
    return book.offer(Asked.about(provider, usage)).charge(leg, usage, at)


@pytest.mark.parametrize("row", WORKED, ids=lambda row: row.name)
def test_a_usage_costs_what_the_published_rate_makes_it(book: PriceBook, row: Worked) -> None:
    priced = charged(book, row.leg, row.provider, row.usage, row.at)
    assert isinstance(priced, Priced), priced
    assert priced.usd == row.usd


def test_the_table_is_long_and_every_row_has_its_source() -> None:
    assert len(WORKED) >= 40
    assert len({row.name for row in WORKED}) == len(WORKED)
    assert all(row.rate and row.source and row.read_on for row in WORKED)


def _tokens(model: str, **details: Any) -> TokensUsed:
    return TokensUsed("SomeLLMService", model, 1000, 100, **details)


@pytest.mark.parametrize(
    ("provider", "usage", "reason"),
    [
        pytest.param(
            "openai",
            CharactersSpoken("OpenAITTSService", "gpt-4o-mini-tts", 76),
            "billed by the token, and Pipecat reports characters",
            id="gpt-4o-mini-tts-is-billed-by-the-token",
        ),
        pytest.param(
            "openai",
            AudioTranscribed("OpenAISTTService", "gpt-4o-transcribe", 60.0),
            "billed by the token, and Pipecat reports seconds of audio",
            id="an-estimate-per-minute-is-no-price",
        ),
        pytest.param(
            "soniox",
            AudioTranscribed("SonioxSTTService", "stt-rt-v5", 60.0),
            "billed by the token",
            id="soniox-is-billed-by-the-token",
        ),
        pytest.param(
            "google",
            CharactersSpoken("GeminiTTSService", "gemini-3.1-flash-tts-preview", 76),
            "billed by the token",
            id="gemini-speech-is-billed-by-the-token",
        ),
        pytest.param(
            "openai", _tokens("gpt-live-1"), "no rate for what Pipecat reports", id="gpt-live-is-billed-by-the-hour"
        ),
        pytest.param(
            "xai", _tokens("grok-voice-latest"), "no rate for what Pipecat reports", id="grok-voice-by-the-hour"
        ),
        pytest.param(
            "elevenlabs",
            _tokens("eleven_realtime_v1_max"),
            "no rate for what Pipecat reports",
            id="tokens-are-only-a-part-of-its-bill",
        ),
        pytest.param(
            "openai",
            _tokens("gpt-4.1", output_audio=50),
            "no price for its audio output",
            id="text-models-do-not-speak",
        ),
        pytest.param(
            "openai", _tokens("gpt-4.1", cache_read=2000), "parts of the prompt exceed", id="contradicting-parts"
        ),
        pytest.param(
            "openai", _tokens("gpt-realtime", output_audio=500), "parts of the completion exceed", id="more-than-all"
        ),
        pytest.param(
            "elevenlabs",
            AudioTranscribed("ElevenLabsSTTService", "scribe_v1", 60.0),
            "no rate for what Pipecat reports",
            id="a-row-without-a-rate-is-not-free",
        ),
        pytest.param(
            "deepgram",
            AudioTranscribed("DeepgramSTTService", "nova", 60.0),
            "no rate for what Pipecat reports",
            id="a-seed-is-not-free",
        ),
        pytest.param(
            "aws",
            _tokens("amazon.nova-2-sonic-v1:0"),
            "how much of the completion is audio",
            id="nova-sonic-reports-none",
        ),
        pytest.param(
            "google",
            _tokens("models/gemini-2.5-flash-native-audio-preview-12-2025", input_audio=511),
            "how much of the completion is audio",
            id="gemini-live-without-details-of-its-answer",
        ),
        pytest.param(
            "google",
            _tokens("models/gemini-3.8-live", output_audio=50),
            "how much of the prompt is audio",
            id="gemini-live-without-details-of-its-prompt",
        ),
        pytest.param(
            "google",
            _tokens("models/gemini-3.8-live", input_audio=500, output_audio=100, may_have_images=True),
            "how much of the prompt is images or video",
            id="gemini-live-with-video",
        ),
        pytest.param(
            "google",
            _tokens("gemini-2.5-flash", may_have_audio=True),
            "how much of the prompt is audio",
            id="gemini-with-audio-in-its-context",
        ),
        pytest.param(
            "openai",
            _tokens("gpt-4o-audio-preview-2025-06-03"),
            "no rate for what Pipecat reports",
            id="a-model-of-audio-with-rates-of-text",
        ),
        pytest.param(
            "openrouter",
            _tokens("openai/gpt-audio-mini"),
            "no rate for what Pipecat reports",
            id="a-model-of-audio-at-a-reseller",
        ),
        pytest.param(
            "openai",
            _tokens("gpt-realtime", input_audio=500, output_audio=100, may_have_images=True),
            "how much of the prompt is images or video",
            id="gpt-realtime-with-images",
        ),
        pytest.param(
            "google",
            _tokens("gemini-2.5-flash-image"),
            "how much of the completion is images or video",
            id="a-model-that-draws",
        ),
        pytest.param(
            "openai",
            _tokens("gpt-4.1", option="service_tier=priority"),
            "service_tier=priority has rates of its own",
            id="another-service-tier",
        ),
        pytest.param(
            "aws",
            TokensUsed("AWSBedrockLLMService", "us.amazon.nova-lite-v1:0", 0, 12),
            "the prompt of a request that was interrupted",
            id="bedrock-cut-off",
        ),
        pytest.param("openai", _tokens("gpt-oss-120b"), "does not sell its open models", id="another-host-runs-it"),
        pytest.param("openai", _tokens("llama3"), "no source has a price", id="a-custom-base-url"),
        pytest.param("azure", _tokens("my-deployment"), "no source has a price", id="a-deployment-of-any-name"),
        pytest.param("nebius", _tokens("Qwen/Qwen3-30B-A3B-Instruct-2507"), "no source", id="not-its-resellers-price"),
        pytest.param("perplexity", _tokens("openai/gpt-5.6-luna"), "no source", id="not-openais-price-elsewhere"),
        pytest.param("ollama", _tokens("llama2"), "your own machine", id="self-hosted-is-not-free-by-itself"),
        pytest.param(
            None,
            _tokens("gpt-4.1"),
            "SomeLLMService has no known provider; set its price or sold_by in your price file",
            id="a-service-of-ones-own",
        ),
        pytest.param(
            "azure",
            TokensUsed("AzureVoiceLiveLLMService", "gpt-4.1", 1000, 100),
            "prices of its own",
            id="voice-live-is-not-azure-openai",
        ),
        pytest.param(
            "deepgram",
            AudioTranscribed("DeepgramSageMakerSTTService", "nova-3", 60.0),
            "bills the instance",
            id="sagemaker-bills-the-instance",
        ),
        pytest.param(
            "aws", CharactersSpoken("AWSPollyTTSService", "Joanna", 76), "bills by engine", id="polly-without-an-engine"
        ),
        pytest.param(
            "aws",
            CharactersSpoken("AWSPollyTTSService", "Joanna", 76, "engine=new"),
            "no source has a price",
            id="an-unlisted-engine-of-polly",
        ),
        pytest.param(
            "azure",
            CharactersSpoken("AzureTTSService", "en-US-Ava:DragonHDLatestNeural", 76),
            "a price for this voice",
            id="a-high-definition-voice-costs-more",
        ),
        pytest.param(
            "google",
            CharactersSpoken("GoogleTTSService", "en-US-Journey-D", 76),
            "a price for this voice",
            id="a-voice-of-an-unlisted-family",
        ),
    ],
)
def test_what_has_no_price_is_said_to_have_none(
    book: PriceBook, provider: str | None, usage: Usage, reason: str
) -> None:
    unpriced = charged(book, Leg.OTHER, provider, usage)
    assert isinstance(unpriced, Unpriced), unpriced
    assert reason in unpriced.reason


def test_a_request_that_used_nothing_costs_nothing(book: PriceBook) -> None:
    priced = charged(book, Leg.LLM, "google", TokensUsed("GoogleLLMService", "gemini-3.8-flash", 0, 0))
    assert isinstance(priced, Priced)
    assert priced.usd == Decimal(0)


def test_a_free_variant_of_a_model_costs_nothing_where_it_is_sold(book: PriceBook) -> None:
    free = "meta-llama/llama-3.3-70b-instruct:free"
    priced = charged(book, Leg.LLM, "openrouter", _tokens(free))
    assert isinstance(priced, Priced)
    assert (priced.usd, priced.source) == (0, "voice_metrics' own table")
    assert isinstance(charged(book, Leg.LLM, "together", _tokens(free)), Unpriced)


@pytest.mark.parametrize(
    ("asked", "answering", "usd"),
    [
        pytest.param("openai/gpt-4.1-mini", "openai/gpt-4.1-mini", "0.00056", id="itself"),
        pytest.param(
            "anthropic/claude-sonnet-4.5", "anthropic/claude-4.5-sonnet-20250929", "0.0045", id="with-its-day"
        ),
        pytest.param("openai/gpt-4.1-mini", "openai/gpt-4.1-mini-2031-01-01", "0.00056", id="with-an-unlisted-day"),
        pytest.param("anthropic/claude-sonnet-4.5", "anthropic/claude-4.5-sonnet-20310101", "0.0045", id="other-order"),
        pytest.param(
            "anthropic/claude-3.7-sonnet", "anthropic/claude-3-7-sonnet-20250219", "0.0045", id="without-its-point"
        ),
        pytest.param("moonshotai/kimi-k2", "moonshotai/kimi-k2-01-31", "0.00080", id="with-its-day-alone"),
        pytest.param("anthropic/claude-sonnet-4", "anthropic/claude-4.7-sonnet-20310101", None, id="a-later-version"),
        pytest.param("anthropic/claude-sonnet-4.5", "openai/gpt-4.1-mini", "0.00056", id="its-fallback"),
        pytest.param("openrouter/auto", "openai/gpt-4.1-mini", "0.00056", id="the-choice-of-a-router"),
        pytest.param("openai/gpt-4.1-mini:nitro", "openai/gpt-4.1-mini", "0.00056", id="on-a-fast-host"),
        pytest.param("openai/gpt-oss-120b:free", "openai/gpt-oss-120b:free", "0", id="the-free-one"),
        pytest.param("openai/gpt-oss-120b:free", "openai/gpt-4.1-mini", "0.00056", id="a-billed-one-for-a-free-one"),
        pytest.param("openai/gpt-4.1-mini", "openai/gpt-oss-120b:free", "0", id="a-free-one-for-a-billed-one"),
        pytest.param("openai/gpt-4.1", "openai/gpt-4.1-tiny", None, id="one-that-no-list-has"),
    ],
)
def test_openrouter_bills_the_model_that_answers(book: PriceBook, asked: str, answering: str, usd: str | None) -> None:
    cost = charged(book, Leg.LLM, "openrouter", _tokens(asked, answering=answering))
    assert (cost.usd if isinstance(cost, Priced) else None) == (None if usd is None else Decimal(usd))


@pytest.mark.parametrize(("engine", "usd"), [("standard", "0.004"), ("neural", "0.016"), ("generative", "0.03")])
def test_pollys_engine_has_the_price(book: PriceBook, engine: str, usd: str) -> None:
    said = CharactersSpoken("AWSPollyTTSService", "Joanna", 1000, f"engine={engine}")
    priced = charged(book, Leg.TTS, "aws", said)
    assert isinstance(priced, Priced), priced
    assert priced.usd == Decimal(usd)


def test_a_price_says_where_it_comes_from_and_when_it_was_checked(book: PriceBook) -> None:
    sonic = charged(book, Leg.TTS, "cartesia", CharactersSpoken("CartesiaTTSService", "sonic-3.6", 76))
    ink = charged(book, Leg.STT, "cartesia", AudioTranscribed("CartesiaSTTService", "ink-whisper", 60.0))
    azure = charged(book, Leg.LLM, "azure", TokensUsed("AzureLLMService", "gpt-4.1", 1000, 80))
    assert isinstance(sonic, Priced)
    assert isinstance(ink, Priced)
    assert isinstance(azure, Priced)
    assert sonic.source.startswith("voice-prices ")
    assert sonic.priced_on is not None
    assert (ink.source, ink.priced_on) == ("voice_metrics' own table", "2026-11-22")
    assert azure.source.endswith(", OpenAI's price")
    # The library dates no price; a new version of it needs its day in `libraries.RELEASED_ON`.
    assert azure.priced_on is not None


def test_prices_change_at_midnight_utc_wherever_the_bot_runs(book: PriceBook) -> None:
    usage = TokensUsed("GoogleLLMService", "gemini-3.8-flash", 1000, 100)
    tokyo = timezone(timedelta(hours=9))
    before = charged(book, Leg.LLM, "google", usage, datetime(2027, 1, 1, 8, 59, 59, tzinfo=tokyo))
    after = charged(book, Leg.LLM, "google", usage, datetime(2027, 1, 1, 9, 0, 0, tzinfo=tokyo))
    assert isinstance(before, Priced)
    assert isinstance(after, Priced)
    assert (before.usd, after.usd) == (Decimal("0.001125"), Decimal("0.00225"))


@pytest.mark.parametrize(
    ("provider", "usage", "usd"),
    [
        pytest.param("openai", _tokens("gpt-4.1", may_have_images=True), "0.0028", id="images-cost-what-text-does"),
        pytest.param(
            "google",
            TokensUsed("L", "gemini-3.8-live", 1000, 100, input_audio=1000, output_audio=100, may_have_images=True),
            "0.0042",
            id="a-prompt-of-audio-alone",
        ),
        pytest.param("google", _tokens("gemini-2.5-flash"), "0.00055", id="a-model-of-text-that-hears-too"),
        pytest.param(
            "google",
            _tokens("gemini-2.5-flash", input_audio=0, may_have_audio=True),
            "0.00055",
            id="a-prompt-whose-audio-is-reported",
        ),
        pytest.param("openai", _tokens("gpt-4.1", may_have_audio=True), "0.0028", id="audio-without-a-rate-of-its-own"),
    ],
)
def test_a_modality_that_cannot_matter_leaves_the_price(
    book: PriceBook, provider: str, usage: TokensUsed, usd: str
) -> None:
    priced = charged(book, Leg.LLM, provider, usage)
    assert isinstance(priced, Priced), priced
    assert priced.usd == Decimal(usd)


def test_the_users_own_rates_hold_whatever_the_prompt_may_have() -> None:
    own = {"gemini-3.8-live": {"unit": "million tokens", "input": 1, "output": 2}}
    priced = charged(PriceBook(own), Leg.LLM, "google", _tokens("gemini-3.8-live", may_have_images=True))
    assert isinstance(priced, Priced)
    assert priced.usd == Decimal("0.0012")
