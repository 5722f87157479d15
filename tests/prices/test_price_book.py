import asyncio
import os
import subprocess
import sys
import threading
from dataclasses import dataclass

from tests.prices.published import NOVEMBER
from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, Leg, Priced, TokensUsed, Unpriced
from voice_metrics.prices import PriceBook
from voice_metrics.prices.book import Source
from voice_metrics.prices.names import Asked
from voice_metrics.prices.tariff import Tariff

GPT = TokensUsed("OpenAILLMService", "gpt-4.1", 1000, 80)
SONIC = CharactersSpoken("CartesiaTTSService", "sonic-3.6", 76)
NOVA = AudioTranscribed("DeepgramSTTService", "nova-3-general", 60.0)


@dataclass(frozen=True)
class Service:
    leg: Leg
    provider: str | None
    model: str | None
    processor: str


def test_the_first_look_up_answers_later_and_the_next_ones_at_once() -> None:
    book = PriceBook()
    assert book.cost(Leg.LLM, "openai", GPT, NOVEMBER) is None
    assert book.wait(30)
    assert isinstance(book.cost(Leg.LLM, "openai", GPT, NOVEMBER), Priced)


def test_prepared_services_are_known_before_they_are_used() -> None:
    book = PriceBook()
    book.prepare(
        [
            Service(Leg.LLM, "openai", "gpt-4.1", "OpenAILLMService"),
            Service(Leg.TTS, "cartesia", "sonic-3.6", "CartesiaTTSService"),
            Service(Leg.STT, "azure", None, "AzureSTTService"),
            Service(Leg.OTHER, None, None, "SileroVAD"),
        ]
    )
    assert book.wait(30)
    assert isinstance(book.cost(Leg.LLM, "openai", GPT, NOVEMBER), Priced)
    assert isinstance(book.cost(Leg.TTS, "cartesia", SONIC, NOVEMBER), Priced)
    unnamed = AudioTranscribed("AzureSTTService", "AzureSTTService", 60.0)
    assert isinstance(book.cost(Leg.STT, "azure", unnamed, NOVEMBER), Priced)


async def test_a_look_up_runs_in_a_thread_of_its_own() -> None:
    names: list[str] = []

    class Watched(PriceBook):
        def sources(self, asked: Asked) -> tuple[Source, ...]:
            names.append(threading.current_thread().name)
            return ()

    book = Watched()
    assert book.cost(Leg.LLM, "openai", GPT, NOVEMBER) is None
    await asyncio.to_thread(book.wait, 30)
    assert names == ["voice-metrics-prices"]


def test_the_thread_ends_when_everything_is_known() -> None:
    book = PriceBook()
    book.prepare([])
    assert book.wait(30)
    book.cost(Leg.STT, "deepgram", NOVA, NOVEMBER)
    assert book.wait(30)
    assert "voice-metrics-prices" not in {thread.name for thread in threading.enumerate()}


def test_a_source_that_fails_leaves_the_others_and_a_reason() -> None:
    class Broken:
        def tariff(self, asked: Asked) -> Tariff | None:
            raise RuntimeError("damaged")

    class Books(PriceBook):
        def sources(self, asked: Asked) -> tuple[Source, ...]:
            good = super().sources(asked)
            return (Broken(), *good) if asked.model == "gpt-4.1" else (Broken(),)

    book = Books()
    for usage in (GPT, TokensUsed("OpenAILLMService", "gpt-4o", 1, 1)):
        book.cost(Leg.LLM, "openai", usage, NOVEMBER)
    assert book.wait(30)
    assert isinstance(book.cost(Leg.LLM, "openai", GPT, NOVEMBER), Priced)
    unpriced = book.cost(Leg.LLM, "openai", TokensUsed("OpenAILLMService", "gpt-4o", 1, 1), NOVEMBER)
    assert unpriced == Unpriced(Leg.LLM, "OpenAILLMService", "gpt-4o", "Broken failed: RuntimeError: damaged")


def test_one_class_at_two_providers_has_two_prices() -> None:
    book = PriceBook()
    usage = TokensUsed("LLM", "gpt-oss-120b", 1_000_000, 0)
    for provider in ("cerebras", "sambanova"):
        book.cost(Leg.LLM, provider, usage, NOVEMBER)
    assert book.wait(30)
    cerebras = book.cost(Leg.LLM, "cerebras", usage, NOVEMBER)
    assert isinstance(cerebras, Priced)
    assert isinstance(book.cost(Leg.LLM, "sambanova", usage, NOVEMBER), Unpriced)


def test_endless_new_models_do_not_fill_the_memory() -> None:
    book = PriceBook()
    for number in range(2100):
        book.cost(Leg.LLM, None, TokensUsed("LLM", f"m{number}", 1, 1), NOVEMBER)
    assert book.wait(60)
    assert len(book._offers) <= 2000


def test_neither_the_package_nor_a_price_book_loads_a_price_library() -> None:
    program = (
        "import sys, voice_metrics.prices as prices; prices.PriceBook();"
        "print(sorted(name for name in sys.modules if name in ('genai_prices', 'voice_prices')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_forked_child_looks_up_for_itself() -> None:
    book = PriceBook()
    book.prepare([])
    assert book.wait(30)
    # As a fork while another thread holds the lock leaves it.
    book._lock.acquire()
    book._process = os.getpid() + 1
    assert book.cost(Leg.LLM, "openai", GPT, NOVEMBER) is None
    assert book.wait(30)
    assert isinstance(book.cost(Leg.LLM, "openai", GPT, NOVEMBER), Priced)
