"""Two calls at the same time in one web server with a database, scraped and exported at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.backends.chain import Store
from tests.backends_others.conftest import Chain, Scraping, found
from tests.backends_others.python_programs import ENVIRON, ROOT
from tests.receiver import free_port
from tests.waiting import until
from voice_metrics.retrieval import READY, Retrieval, Webhook
from voice_metrics.series.prometheus_names import metric_name, series_names
from voice_metrics.series.table import Kind
from voice_metrics.server.server_series import SERVER

TOTALS = {
    "ann": {
        'retrieval_time_milliseconds_sum{{index="menu",{}}}': 120,
        "retrieval_reranking_milliseconds_count{{{}}}": 1,
        'retrieval_embedding_cache_lookups_total{{outcome="hit",{}}}': 3,
        'retrieval_embedding_cache_lookups_total{{outcome="miss",{}}}': 1,
        "retrieval_prompt_characters_sum{{{}}}": 900,
        "webhook_delivery_milliseconds_count{{{}}}": 1,
        'webhook_deliveries_total{{outcome="delivered",{}}}': 1,
        "restaurant_guests_waiting{{{}}}": 2,
        "voice_calls_total{{{}}}": 1,
    },
    "bob": {
        'retrieval_time_milliseconds_sum{{index="menu",{}}}': 480,
        "retrieval_reranking_milliseconds_count{{{}}}": 1,
        'retrieval_embedding_cache_lookups_total{{outcome="hit",{}}}': 5,
        'retrieval_embedding_cache_lookups_total{{outcome="miss",{}}}': 1,
        "retrieval_prompt_characters_sum{{{}}}": 7000,
        "webhook_delivery_milliseconds_count{{{}}}": 1,
        'webhook_deliveries_total{{outcome="delivered",{}}}': 1,
        "restaurant_guests_waiting{{{}}}": 4,
        "voice_calls_total{{{}}}": 1,
    },
}
# Outside of any call, or of the server itself.
SHARED = {
    'webhook_deliveries_total{outcome="delivered",call_id=""}': 1,
    'http_server_request_duration_seconds_count{http_route="/calls/{guest}",http_response_status_code="200"}': 2,
    'http_server_request_duration_seconds_count{http_route="/reservations",http_response_status_code="500"}': 1,
    'http_server_active_requests{http_request_method="POST"}': 0,
    'db_client_operation_duration_seconds_count{db_operation_name="SELECT",db_system_name="sqlite"}': 2,
    'db_client_connection_count{db_client_connection_state="used",db_client_connection_pool_name="bot.db"}': 0,
}


@pytest.fixture
def server(scraping: Scraping, chain: Chain, tmp_path: Path) -> Iterator[str]:
    port = free_port()
    environ = {
        **ENVIRON,
        **scraping.environ,
        "OTEL_METRICS_EXPORTER": "otlp,prometheus",
        "OTEL_EXPORTER_OTLP_ENDPOINT": chain.otlp_endpoint,
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
        "VOICE_METRICS_DB": "off",
        "RESTAURANT_DB": str(tmp_path / "bot.db"),
    }
    command = [sys.executable, "-m", "uvicorn", "tests.backends_others.restaurant:app", "--port", str(port)]
    log = tmp_path / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield _ready(f"http://127.0.0.1:{port}", process, log)
    finally:
        process.terminate()
        process.wait(60)


def _ready(address: str, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 240
    while True:
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]  # noqa: PT018
        try:
            httpx.get(address)
            return address
        except httpx.TransportError:
            time.sleep(0.1)


async def test_every_number_is_in_prometheus_with_the_tags_of_its_call(
    server: str, scraping: Scraping, chain: Chain
) -> None:
    async with httpx.AsyncClient(timeout=240) as client:
        answers = await asyncio.gather(*(client.post(f"{server}/calls/{guest}") for guest in TOTALS))
        assert [answer.json() for answer in answers] == list(TOTALS)
        assert (await client.post(f"{server}/reservations", json={})).status_code == 500
    for store in (scraping.store, chain.store):
        await _holds(store)


async def _holds(store: Store) -> None:
    for guest, totals in TOTALS.items():
        for query, value in totals.items():
            tagged = query.format(f'call_id="{guest}",llm_model="gpt-4.1",stt_model!="",tts_model!=""')
            await found(store, tagged, time.time(), value)
    for query, value in SHARED.items():
        await found(store, query, time.time(), value)
    names = store.names()
    ready = {name for key, metric in READY.items() for name in series_names(metric.series(key.value))}
    assert ready <= names
    for row in SERVER:
        series = row.series
        assert set(series_names(series)) <= names
        name = series_names(series)[-1]
        assert store.instant(f'{name}{{call_id!=""}}', time.time()) == {}
    searches = metric_name(Retrieval.TIME, "ms", Kind.HISTOGRAM) + "_count"
    deliveries = metric_name(Webhook.DELIVERIES, "{delivery}", Kind.COUNTER)
    # A scrape that a busy machine does not answer in its 200 ms ends the series until the next one.
    await until(lambda: _calls(store, searches) == set(TOTALS))
    await until(lambda: _calls(store, deliveries) == {*TOTALS, ""})


def _calls(store: Store, name: str) -> set[str]:
    return {dict(labels).get("call_id", "") for labels in store.instant(f"sum by (call_id) ({name})", time.time())}
