"""Prometheus takes the plug-in's OTLP itself, and translates it as Mimir and Grafana Cloud do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.programs import Program
from voice_metrics import Telemetry
from voice_metrics.series.prometheus_names import series_names
from voice_metrics.series.table import GEN_AI, PROCESS, VOICE, Kind

from .patient_queries import holds, total
from .stack import DEPLOY, otlp_of, prometheus, samples, store

TYPES = {
    Kind.COUNTER: "counter",
    Kind.UP_DOWN_COUNTER: "gauge",
    Kind.GAUGE: "gauge",
    Kind.HISTOGRAM: "histogram",
}
# Prometheus keeps the words of units that it knows, and drops annotations such as {call}.
UNITS = {"s": "seconds", "ms": "milliseconds", "{token}/s": "per_second"}
ROWS = (*VOICE, *PROCESS, *GEN_AI)


@pytest.fixture
def prom(tmp_path: Path) -> Iterator[Program]:
    running = prometheus(tmp_path / "prometheus", DEPLOY / "local" / "prometheus.yaml", "type-and-unit-labels")
    running.start()
    yield running
    running.stop()


def record_every_row(prom: Program, **environ: str) -> None:
    """A call in which every row of the table is recorded once, exported and ended."""
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp_of(prom), "VOICE_METRICS_DB": "off", **environ}
    telemetry = Telemetry(environ=settings)
    call = telemetry.begin("c-1", {"llm_model": "gpt-4.1"})
    for row in ROWS:
        sink = call if row in VOICE else telemetry
        sink.series(row, dict.fromkeys(row.attributes, "x"))(7.0)
    assert telemetry.end(call).result(60) is True
    assert telemetry.shutdown()


async def test_every_row_has_its_name_type_and_unit(prom: Program) -> None:
    record_every_row(prom)
    await holds(prom, {"count(voice_calls_total)": 1, "count(gen_ai_client_token_usage_count)": 1})
    every = 'label_replace({__name__=~"(voice|gen_ai)_.*"}, "name", "$1", "__name__", "(.+)")'
    came = store(prom).instant(f"group by (name, __type__, __unit__) ({every})", time.time())
    assert {(row["name"], row["__type__"], row.get("__unit__", "")) for row in map(dict, came)} == {
        (name, TYPES[row.kind], UNITS.get(row.unit, "")) for row in ROWS for name in series_names(row)
    }


async def test_environments_with_a_namespace_each_are_two_bots(prom: Program) -> None:
    for name in ("eu-production", "staging"):
        place = f"service.namespace={name},deployment.environment.name={name}"
        record_every_row(prom, OTEL_SERVICE_NAME="restaurant-bot", OTEL_RESOURCE_ATTRIBUTES=place)
    for name in ("eu-production", "staging"):
        await holds(prom, {f'sum(voice_calls_total{{job="{name}/restaurant-bot"}})': 7})


async def test_every_row_begins_at_zero_with_its_call(prom: Program) -> None:
    before = time.time()
    record_every_row(prom)
    after = time.time()
    await holds(prom, {"count(voice_calls_total)": 1, "count(gen_ai_client_token_usage_count)": 1})
    for name in (name for row in ROWS for name in series_names(row)):
        for (begun, first), *_, (ended, last) in samples(prom, name):
            # Prometheus keeps milliseconds.
            assert before - 0.001 <= begun < ended <= after, name
            assert first == 0, name
            assert last >= 0, name
    assert {total(row) for row in samples(prom, "voice_llm_tokens_total")} == {7}


async def test_exponential_histograms_become_native_ones(prom: Program) -> None:
    setting = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
    record_every_row(prom, **{setting: "base2_exponential_bucket_histogram"})
    names = [series_names(row)[0].removesuffix("_bucket") for row in ROWS if row.kind is Kind.HISTOGRAM]
    await holds(prom, {f"histogram_count({name})": 1 for name in names})
    await holds(prom, {f"histogram_sum({name})": 7 for name in names})
    assert not {name for name in store(prom).names() if name.endswith("_bucket")}
