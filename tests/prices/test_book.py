import subprocess
import sys

import pytest

from tests.prices.published import NOVEMBER
from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, Leg, Priced, TokensUsed, Unpriced
from voice_metrics.prices import PriceBook
from voice_metrics.prices.book import Source
from voice_metrics.prices.names import Asked
from voice_metrics.prices.tariff import Tariff

GPT = TokensUsed("OpenAILLMService", "gpt-4.1", 1000, 80)
SONIC = CharactersSpoken("CartesiaTTSService", "sonic-3.6", 76)
NOVA = AudioTranscribed("DeepgramSTTService", "nova-3-general", 60.0)


def test_a_price_is_there_at_the_first_look_up() -> None:
    assert isinstance(PriceBook().cost(Leg.LLM, "openai", GPT, NOVEMBER), Priced)


def test_a_source_that_fails_leaves_the_others_and_a_reason() -> None:
    class Broken:
        def tariff(self, asked: Asked) -> Tariff | None:
            raise RuntimeError("damaged")

    class Books(PriceBook):
        def sources(self, asked: Asked) -> tuple[Source, ...]:
            good = super().sources(asked)
            return (Broken(), *good) if asked.model == "gpt-4.1" else (Broken(),)

    book = Books()
    assert isinstance(book.cost(Leg.LLM, "openai", GPT, NOVEMBER), Priced)
    unpriced = book.cost(Leg.LLM, "openai", TokensUsed("OpenAILLMService", "gpt-4o", 1, 1), NOVEMBER)
    assert unpriced == Unpriced(Leg.LLM, "OpenAILLMService", "gpt-4o", "Broken failed: RuntimeError: damaged")


def test_one_class_at_two_providers_has_two_prices() -> None:
    book = PriceBook()
    usage = TokensUsed("LLM", "gpt-oss-120b", 1_000_000, 0)
    cerebras = book.cost(Leg.LLM, "cerebras", usage, NOVEMBER)
    assert isinstance(cerebras, Priced)
    assert isinstance(book.cost(Leg.LLM, "sambanova", usage, NOVEMBER), Unpriced)


def test_endless_new_models_do_not_fill_the_memory() -> None:
    book = PriceBook()
    for number in range(2100):
        book.cost(Leg.LLM, None, TokensUsed("LLM", f"m{number}", 1, 1), NOVEMBER)
    assert len(book._offers) <= 2000


@pytest.mark.slow
def test_pricing_loads_no_library_starts_no_thread_and_no_process() -> None:
    program = """
import sys, threading
from datetime import UTC, datetime
forbidden = []
events = {"subprocess.Popen", "os.fork", "os.posix_spawn", "_thread.start_new_thread"}
sys.addaudithook(lambda event, values: forbidden.append(event) if event in events else None)
from voice_metrics.call.facts import *
from voice_metrics.prices import PriceBook
usage = TokensUsed("OpenAILLMService", "gpt-4.1", 1000, 80)
print(type(PriceBook().cost(Leg.LLM, "openai", usage, datetime.now(UTC))).__name__)
print(forbidden, threading.active_count(), sorted({"genai_prices", "voice_prices", "tomllib"} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout.splitlines() == ["Priced", "[] 1 []"]


def test_a_usage_that_cannot_be_worked_out_is_unpriced_and_not_raised(log: list[str]) -> None:
    class Broken(PriceBook):
        def sources(self, asked: Asked) -> tuple[Source, ...]:
            raise RuntimeError("damaged")

    unpriced = Broken().cost(Leg.LLM, "openai", GPT, NOVEMBER)
    assert isinstance(unpriced, Unpriced)
    assert unpriced.reason == "its price could not be worked out: RuntimeError"
    assert len(log) == 1
