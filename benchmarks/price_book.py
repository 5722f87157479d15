"""Time of pricing a usage, once its model is known and at the model's first look-up."""

from __future__ import annotations

import timeit
from datetime import UTC, datetime
from time import process_time

from voice_metrics.call.facts import AudioTranscribed, CharactersSpoken, Leg, TokensUsed, Usage
from voice_metrics.prices import PriceBook

USAGES: dict[str, tuple[Leg, str, Usage]] = {
    "gpt-4.1 with a cache": (
        Leg.LLM,
        "openai",
        TokensUsed("OpenAILLMService", "gpt-4.1", 1000, 80, cache_read=160),
    ),
    "gpt-realtime with audio": (
        Leg.LLM,
        "openai",
        TokensUsed("OpenAIRealtimeLLMService", "gpt-realtime", 1000, 200, 400, None, None, 700, 150, 300),
    ),
    "gemini-3.8-flash, dated": (Leg.LLM, "google", TokensUsed("GoogleLLMService", "gemini-3.8-flash", 1000, 80)),
    "sonic-3.6": (Leg.TTS, "cartesia", CharactersSpoken("CartesiaTTSService", "sonic-3.6", 76)),
    "nova-3": (Leg.STT, "deepgram", AudioTranscribed("DeepgramSTTService", "nova-3-general", 5.0)),
    "unpriced": (Leg.TTS, "openai", CharactersSpoken("OpenAITTSService", "gpt-4o-mini-tts", 76)),
}
_ROUNDS = 5000


def main() -> None:
    """Print the table."""
    started = process_time()
    book = PriceBook()
    loaded = process_time()
    for leg, provider, usage in USAGES.values():
        book.cost(leg, provider, usage, datetime.now(UTC))
    asked = process_time()
    print(f"lists loaded in {(loaded - started) * 1e3:.2f} ms of CPU")
    print(f"{len(USAGES)} models looked up in {(asked - loaded) * 1e3:.2f} ms")
    for name, (leg, provider, usage) in USAGES.items():
        at = datetime.now(UTC)
        best = min(timeit.repeat(lambda: book.cost(leg, provider, usage, at), number=_ROUNDS, repeat=5)) / _ROUNDS  # noqa: B023
        print(f"{name:26} {best * 1e6:5.1f} us")


if __name__ == "__main__":
    main()
