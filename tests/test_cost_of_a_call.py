"""What a whole call costs: nothing is claimed without a price, and every cent with one."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from pipecat.metrics import metrics as pipecat_metrics

from tests.scripted import DEMO, run_call
from voice_metrics import VoiceMetricsProcessor

pytestmark = pytest.mark.slow

HEARS = hasattr(pipecat_metrics, "STTUsageMetricsData")
PRICES = """
"mind-1" = { unit = "million tokens", input = 2.00, cached_input = 0.50, output = 8.00 }
"ear-1" = { unit = "minute", price = 0.006 }
"mouth-1" = { unit = "million characters", price = 15.00 }
"""


async def test_models_without_a_price_are_named_and_cost_nothing() -> None:
    metrics = VoiceMetricsProcessor()
    await run_call(DEMO, before_output=[metrics])
    summary = metrics.summary()
    assert summary is not None
    assert summary.cost.total_usd is None
    assert summary.cost.unpriced == ("ear-1", "mind-1", "mouth-1")
    assert (
        "no price for mind-1: Mind has no known provider; set its price or sold_by in your price file"
        in summary.render()
    )


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
    # Older versions of Pipecat report no seconds of speech recognition, so that its cost is missing.
    assert (cost.llm_usd, cost.tts_usd, cost.unpriced) == (llm, tts, () if HEARS else ("ear-1",))
    stt = cost.stt_usd or Decimal(0)
    if HEARS:
        assert float(stt) == pytest.approx(truth.audio_seconds / 60 * 0.006)
    assert cost.total_usd == llm + tts + stt
