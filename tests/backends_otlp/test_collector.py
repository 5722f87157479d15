"""Calls through the Collector, with each configuration of deploy/collector, into Prometheus and VictoriaLogs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.backends.programs import Program
from tests.scripted import SHORT, Truth, run_call
from voice_metrics import Telemetry, VoiceMetricsProcessor
from voice_metrics.series.prometheus_names import series_names
from voice_metrics.series.table import GEN_AI, PROCESS, VOICE

from . import records
from .patient_queries import holds
from .stack import DEPLOY, Collector, collector, post, prometheus, store, victoria_logs

CONFIGS = DEPLOY / "collector"


@pytest.fixture
def running() -> Iterator[ExitStack]:
    with ExitStack() as cleanup:
        yield cleanup


def started(cleanup: ExitStack, program: Program) -> None:
    program.start()
    cleanup.callback(program.stop)


def a_store(cleanup: ExitStack, folder: Path) -> Program:
    program = prometheus(folder, DEPLOY / "local" / "prometheus.yaml")
    started(cleanup, program)
    return program


def a_collector(cleanup: ExitStack, folder: Path, config: str, **environ: str) -> Collector:
    made = collector(folder, CONFIGS / config, environ, "COLLECTOR_LISTEN", "COLLECTOR_HEALTH")
    started(cleanup, made.program)
    return made


def telemetry_to(collector: Collector) -> Telemetry:
    return Telemetry(
        environ={
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.otlp_endpoint,
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            "VOICE_METRICS_DB": "off",
        }
    )


async def calls(telemetry: Telemetry, *ids: str) -> list[Truth]:
    """Calls that begin one after another within one export interval, and overlap."""

    async def one(call_id: str, after: float) -> Truth:
        await asyncio.sleep(after)
        return await run_call(SHORT, before_output=[VoiceMetricsProcessor(call_id=call_id, telemetry=telemetry)])

    return list(await asyncio.gather(*(one(call_id, 0.1 * number) for number, call_id in enumerate(ids))))


async def test_days_have_each_call_and_months_have_their_sum(running: ExitStack, tmp_path: Path) -> None:
    days, months = a_store(running, tmp_path / "days"), a_store(running, tmp_path / "months")
    through = a_collector(
        running,
        tmp_path / "collector",
        "config.yaml",
        COLLECTOR_QUEUE=f"{tmp_path}/queue",
        DAYS_URL=f"{days.url}/api/v1/otlp/v1/metrics",
        MONTHS_URL=f"{months.url}/api/v1/otlp/v1/metrics",
        LOGS_URL="http://127.0.0.1:9/",
    )
    telemetry = telemetry_to(through)
    truths = await calls(telemetry, "c-1", "c-2", "c-3", "c-4")
    assert telemetry.shutdown()
    prompt = sum(truth.prompt_tokens for truth in truths)
    tokens = 'voice_llm_tokens_total{token_type="prompt"}'
    await holds(
        days,
        {
            'sum(voice_llm_tokens_total{call_id="c-2",token_type="prompt"})': truths[1].prompt_tokens,
            f"sum({tokens})": prompt,
            "sum(voice_calls_active)": 0,
        },
    )
    await holds(
        months,
        {
            f"sum({tokens})": prompt,
            f"count({tokens})": 1,
            "sum(voice_calls_total)": 4,
            "sum(voice_calls_ended_total)": 4,
            'sum(voice_ttfb_milliseconds_count{service="llm"})': sum(
                sum(count for name, count in truth.ttfb.items() if name == "Mind") for truth in truths
            ),
            'absent({call_id!=""})': 1,
        },
    )


def test_events_go_to_the_log_store(running: ExitStack, tmp_path: Path) -> None:
    logs = victoria_logs(tmp_path / "logs")
    started(running, logs.program)
    nowhere = "http://127.0.0.1:9/"
    through = a_collector(
        running,
        tmp_path / "collector",
        "config.yaml",
        COLLECTOR_QUEUE=f"{tmp_path}/queue",
        DAYS_URL=nowhere,
        MONTHS_URL=nowhere,
        LOGS_URL=logs.otlp_url,
    )
    sent = [{"call_id": f"c-{number}"} for number in range(10)]
    for number, event in enumerate(sent):
        assert post(through.otlp_endpoint + "/v1/logs", records.request(f"process-{number}", event)) == 200
    assert logs.rows_once_there("* | fields call_id | sort by (call_id)", len(sent)) == sent


async def test_remote_write_has_the_names_of_otlp(running: ExitStack, tmp_path: Path) -> None:
    written = a_store(running, tmp_path / "written")
    through = a_collector(
        running, tmp_path / "collector", "remote-write.yaml", REMOTE_WRITE_URL=f"{written.url}/api/v1/write"
    )
    telemetry = telemetry_to(through)
    (truth, _) = await calls(telemetry, "c-1", "c-2")
    assert telemetry.shutdown()
    query = 'sum(voice_llm_tokens_total{call_id="c-1",token_type="prompt",job="voice-bot",instance!=""})'
    await holds(written, {query: truth.prompt_tokens})
    known = {name for row in (*VOICE, *PROCESS, *GEN_AI) for name in series_names(row)}
    assert {name for name in store(written).names() if name.startswith(("voice_", "gen_ai_"))} <= known
