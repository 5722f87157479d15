"""What a whole call costs: nothing is claimed without a price, and every cent with one."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from pipecat.metrics import metrics as pipecat_metrics

from tests.scripted import DEMO, run_call
from voice_metrics import Telemetry, VoiceMetricsProcessor
from voice_metrics.call.call import Call, Identity
from voice_metrics.call.facts import CharactersSpoken, Leg, Priced, Unpriced, Usage
from voice_metrics.pipecat.services import Services
from voice_metrics.prices import PriceBook

HEARS = hasattr(pipecat_metrics, "STTUsageMetricsData")
PRICES = """
"mind-1" = { unit = "million tokens", input = 2.00, cached_input = 0.50, output = 8.00 }
"ear-1" = { unit = "minute", price = 0.006 }
"mouth-1" = { unit = "million characters", price = 15.00 }
"""


async def test_models_that_nobody_has_a_price_for_are_named_and_cost_nothing() -> None:
    metrics = VoiceMetricsProcessor()
    await run_call(DEMO, before_output=[metrics])
    summary = metrics.summary()
    assert summary is not None
    assert summary.cost.total_usd is None
    # Older versions of Pipecat report no seconds of speech recognition, so there is nothing to price.
    heard = {"ear-1"} if HEARS else set()
    assert set(summary.cost.unpriced) == {"mind-1", "mouth-1"} | heard


async def test_a_price_file_of_three_lines_prices_the_whole_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prices.toml").write_text(PRICES)
    monkeypatch.setenv("VOICE_METRICS_PRICES", str(tmp_path / "prices.toml"))
    metrics = VoiceMetricsProcessor()
    truth = await run_call(DEMO, before_output=[metrics])
    summary = metrics.summary()
    assert summary is not None
    million = Decimal(1_000_000)
    llm = (
        (truth.prompt_tokens - truth.cache_read_tokens) * Decimal("2.00")
        + truth.cache_read_tokens * Decimal("0.50")
        + truth.completion_tokens * Decimal("8.00")
    ) / million
    tts = truth.characters * Decimal("15.00") / million
    cost = summary.cost
    assert (cost.llm_usd, cost.tts_usd, cost.unpriced) == (llm, tts, ())
    stt = cost.stt_usd or Decimal(0)
    if HEARS:
        assert float(stt) == pytest.approx(truth.audio_seconds / 60 * 0.006)
    assert cost.total_usd == llm + tts + stt


class Later(PriceBook):
    """Knows no price at first, as while the price libraries load."""

    def __init__(self) -> None:
        super().__init__({})
        self.known = False

    def cost(self, leg: Leg, provider: str | None, usage: Usage, at: datetime) -> Priced | Unpriced | None:
        return Priced(leg, usage.processor, usage.model, Decimal("0.25"), "test", None) if self.known else None


def test_usage_that_waited_for_its_price_is_priced_with_the_next_in_order() -> None:
    book = Later()
    telemetry = Telemetry(meter_provider=MeterProvider(shutdown_on_exit=False))
    identity = Identity("c-1", {}, {}, datetime.now(UTC))
    call = Call(identity, Services(), telemetry, book, 0.0)
    for at in (1.0, 2.0):
        call.measured(CharactersSpoken("Mouth", "mouth-1", 10), at)
    assert (call.progress(2.0).cost.total_usd, call.awaits_prices) == (None, True)
    book.known = True
    call.measured(CharactersSpoken("Mouth", "mouth-1", 10), 3.0)
    assert (call.progress(3.0).cost.tts_usd, call.awaits_prices) == (Decimal("0.75"), False)
