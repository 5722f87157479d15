"""OTLP collectors without a token."""

from __future__ import annotations

import time

import pytest

from tests.backends_others.conftest import Chain, found
from tests.scripted import SHORT, run_call
from voice_metrics import Telemetry, VoiceMetricsProcessor


@pytest.mark.parametrize(
    ("collector", "name"),
    [
        pytest.param("vmagent", "voice_llm_tokens_total", id="vmagent-in-front-of-prometheus"),
        pytest.param("victoria", "voice.llm.tokens.total", id="victoria-metrics-itself"),
    ],
)
async def test_a_collector_without_auth_acknowledges_a_call(chain: Chain, collector: str, name: str) -> None:
    url = chain.otlp_endpoint if collector == "vmagent" else f"{chain.victoria.url}/opentelemetry"
    telemetry = Telemetry(environ={"OTEL_EXPORTER_OTLP_ENDPOINT": url, "VOICE_METRICS_DB": "off"})
    metrics = VoiceMetricsProcessor(call_id=f"via-{collector}", telemetry=telemetry)
    truth = await run_call(SHORT, before_output=[metrics])
    telemetry.shutdown(2.0)
    summary = metrics.summary()
    assert summary is not None
    assert summary.exported is True
    store = chain.store if collector == "vmagent" else chain.second_store
    query = f'sum({{__name__="{name}",call_id="via-{collector}",token_type="completion"}})'
    await found(store, query, time.time(), truth.completion_tokens)
