"""A real Prometheus scrapes `/metrics`."""

from __future__ import annotations

import time

from tests.backends_others.conftest import Scraping, found
from tests.scripted import SHORT, run_call
from voice_metrics import Telemetry, VoiceMetricsProcessor
from voice_metrics.series.prometheus_names import series_names
from voice_metrics.series.table import LLM_TOKENS, TTFB


async def test_prometheus_scrapes_a_call(scraping: Scraping) -> None:
    telemetry = Telemetry(environ={**scraping.environ, "VOICE_METRICS_DB": "off"})
    metrics = VoiceMetricsProcessor(call_id="c-1", llm_model="gpt-4.1", telemetry=telemetry)
    truth = await run_call(SHORT, before_output=[metrics])
    try:
        call = '{call_id="c-1",llm_model="gpt-4.1",job="bot"'
        (tokens,) = series_names(LLM_TOKENS)
        await found(scraping.store, f'sum({tokens}{call},token_type="prompt"}})', time.time(), truth.prompt_tokens)
        await found(scraping.store, f"sum(voice_calls_active{call}}})", time.time(), 0)
        await found(scraping.store, f'{series_names(TTFB)[2]}{call},service="llm"}}', time.time(), 1)
    finally:
        telemetry.shutdown(2.0)
