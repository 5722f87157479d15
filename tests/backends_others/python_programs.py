"""Python programs in a process of their own, for what a process has once: its global provider, its console."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "VOICE_METRICS_"))}

A_CALL = """
import asyncio, json
from loguru import logger
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from tests.scripted import SHORT, run_call
from voice_metrics import Telemetry, VoiceMetricsProcessor, shutdown
logger.remove()

def a_call(**arguments):
    metrics = VoiceMetricsProcessor(call_id="c-1", **arguments)
    asyncio.run(run_call(SHORT, before_output=[metrics]))
    return metrics.summary()

def shown(reader):
    data = reader.get_metrics_data()
    return {
        metric.name: [[dict(point.attributes), getattr(point, "value", None)] for point in metric.data.data_points]
        for scope in data.resource_metrics[0].scope_metrics for metric in scope.metrics
    }
"""


def output(program: str, **environ: str) -> str:
    """Run a program after `A_CALL`; its standard output.

    Args:
        program: Python.
        environ: Environment variables beside those of the machine.
    """
    code = A_CALL + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=ROOT,
        env={**ENVIRON, "VOICE_METRICS_DB": "off", **environ},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
