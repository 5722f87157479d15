"""The example for KEDA asks Prometheus two questions, and each has an answer before there is a call, and after."""

from __future__ import annotations

import time

import pytest
import yaml

from tests.backends.programs import Program

from .increments import attributes, observed, request
from .patient_queries import holds
from .stack import DEPLOY, gateway, post

TRIGGERS = [
    trigger["metadata"]["query"]
    for trigger in yaml.safe_load((DEPLOY / "fleet" / "keda.yaml").read_text())["spec"]["triggers"]
]


async def test_calls_and_lag_decide_how_many_pods_there_are(
    prom: Program, tmp_path_factory: pytest.TempPathFactory
) -> None:
    calls, lag = TRIGGERS
    await holds(prom, {calls: 0, lag: 0})
    through = gateway(
        tmp_path_factory.mktemp("gateway"), "a", f"{prom.url}/api/v1/otlp/v1/metrics", "http://127.0.0.1:9/"
    )
    through.program.start()
    try:
        for number in range(3):
            post(through.otlp_endpoint + "/v1/metrics", request(f"process-{number}", *said(7)))
        await holds(prom, {calls: 21})
        # Bounds of 100, 500, 1000: all that is late by 200 ms is in the second bucket. The query asks for a fifth more.
        unbounded = lag.replace(", 60)", ", 9999)")
        await holds(prom, {lag: 60, unbounded: 100 + 0.95 * 400})
    finally:
        through.program.stop()


def said(active: int) -> list:
    """Calls that run now, which is no increment, and an event loop that was late."""
    now = time.time_ns()
    late = observed("voice.event_loop.lag.milliseconds", [200.0] * 10, now - 10**9, now)
    running = type(late)(name="voice.calls.active", unit="{call}")
    running.sum.aggregation_temporality = 2
    point = running.sum.data_points.add(as_int=active, start_time_unix_nano=now - 10**9, time_unix_nano=now)
    point.attributes.extend(attributes({"llm_model": "m"}))
    return [running, late]
