"""The gateway of deploy/fleet adds increments of many processes up, and a crash of it loses none."""

from __future__ import annotations

import random
import re
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.backends.programs import Program

from .increments import counted, observed, request
from .patient_queries import comes_to, holds
from .stack import DEPLOY, Collector, gateway, post, samples

PROCESSES = 400


@pytest.fixture
def gateways(prom: Program, tmp_path: Path) -> Iterator[list[Collector]]:
    url = prom.url + "/api/v1/otlp/v1/metrics"
    running = [gateway(tmp_path / name, f"{tmp_path.name}-{name}", url, "http://127.0.0.1:9/") for name in ("a", "b")]
    for one in running:
        one.program.start()
    yield running
    for one in running:
        one.program.stop()


def tell(number: int, endpoint: str, job: str) -> int:
    """What one process sends: its times overlap with those of the others, as calls do."""
    now = time.time_ns()
    began, tags = now - random.randrange(1, 10**10), {"call_id": f"c-{number}"}
    message = request(
        f"process-{number}",
        counted("voice.llm.tokens.total", 3, began, now - random.randrange(1, 10**9), {"model": "m", **tags}),
        observed("voice.response.milliseconds", [50, 700], began, now, tags),
        job=job,
    )
    return post(endpoint + "/v1/metrics", message)


def test_gateway_tells_of_everything_that_is_to_be_watched(gateways: list[Collector]) -> None:
    one = gateways[0]
    assert tell(0, one.otlp_endpoint, "watched") == 200
    watched = set(re.findall(r"\botelcol_\w+", (DEPLOY.parent / "docs" / "fleet.md").read_text()))
    assert len(watched) >= 5
    deadline = time.monotonic() + 60
    while missing := watched - set(re.findall(r"^otelcol_\w+", metrics_of(one), re.MULTILINE)):
        assert time.monotonic() < deadline, missing
        time.sleep(0.1)


def metrics_of(gateway: Collector) -> str:
    """What a gateway says about itself."""
    port = gateway.program.environ["GATEWAY_METRICS_PORT"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return answer.read().decode()


async def test_increments_of_overlapping_processes_add_up(prom: Program, gateways: list[Collector]) -> None:
    job = "adds-up"
    ways = [one.otlp_endpoint for one in gateways]
    with ThreadPoolExecutor(16) as senders:
        answers = list(senders.map(lambda number: tell(number, ways[number % 2], job), range(PROCESSES)))
    assert set(answers) == {200}
    await holds(
        prom,
        {
            f'sum(voice_llm_tokens_total{{job="{job}",model="m"}})': 3 * PROCESSES,
            f'sum(voice_response_milliseconds_count{{job="{job}"}})': 2 * PROCESSES,
            f'sum(voice_response_milliseconds_sum{{job="{job}"}})': 750 * PROCESSES,
            f'sum(voice_response_milliseconds_bucket{{job="{job}",le="100"}})': PROCESSES,
            f'count(voice_llm_tokens_total{{job="{job}"}})': 2,
            # Each began at 0, so the first increment counts too.
            f'sum(min_over_time(voice_llm_tokens_total{{job="{job}"}}[10m]))': 0,
        },
    )


async def test_histograms_with_and_without_buckets_both_count(prom: Program, gateways: list[Collector]) -> None:
    job, now = "mixed", time.time_ns()
    whole = observed("voice.response.part.milliseconds", [50, 700], now - 10**9, now)
    slim = observed("voice.response.part.milliseconds", [60], now - 10**9, now, bounds=())
    for number, metric in enumerate((whole, slim, whole, slim)):
        assert post(gateways[0].otlp_endpoint + "/v1/metrics", request(f"process-{number}", metric, job=job)) == 200
    await holds(
        prom,
        {
            f'sum(voice_response_part_milliseconds_count{{job="{job}"}})': 6,
            f'sum(voice_response_part_milliseconds_sum{{job="{job}"}})': 1620,
            f'sum(voice_response_part_milliseconds_bucket{{job="{job}",le="100"}})': 2,
        },
    )


async def test_a_crash_of_a_gateway_loses_nothing(prom: Program, gateways: list[Collector]) -> None:
    job, endpoint, program = "crash", gateways[0].otlp_endpoint, gateways[0].program
    for crash in range(1, 4):
        for number in range(20):
            assert tell(number, endpoint, job) == 200
            if number == 10:
                program.kill()
                program.start()
        await comes_to(prom, f'voice_llm_tokens_total{{job="{job}"}}', 60 * crash)
        await comes_to(prom, f'voice_response_milliseconds_count{{job="{job}"}}', 40 * crash)
    (row,) = samples(prom, f'voice_llm_tokens_total{{job="{job}"}}')
    # Once for each process that the gateway was: a reset can be seen, even if the next value is higher.
    assert [value for _, value in row].count(0.0) >= 3


async def test_a_store_that_was_away_gets_everything(prom: Program, gateways: list[Collector]) -> None:
    job, endpoint = "away", gateways[0].otlp_endpoint
    selector = f'voice_llm_tokens_total{{job="{job}"}}'
    assert tell(0, endpoint, job) == 200
    await comes_to(prom, selector, 3)
    prom.stop()
    for number in range(1, 20):
        assert tell(number, endpoint, job) == 200
    gateways[0].program.stop()
    prom.start()
    gateways[0].program.start()
    await comes_to(prom, selector, 60)
