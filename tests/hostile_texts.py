"""Hostile texts, a call in which everything that has a name has one, and a server that repeats its secrets."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock
from urllib.parse import quote

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pipecat.frames.frames import (
    ErrorFrame,
    FunctionCallInProgressFrame,
    FunctionCallResultFrame,
    LLMFullResponseEndFrame,
    MetricsFrame,
)
from pipecat.metrics.metrics import LLMTokenUsage, LLMUsageMetricsData, TTFBMetricsData
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.workers.runner import WorkerRunner

from tests.receiver import Exchange, Receiver, free_port, running
from tests.waiting import until
from voice_metrics import VoiceMetricsProcessor
from voice_metrics.ledger import ledger_at
from voice_metrics.settings.environment import Settings

CANARY = "glc_S3cr3tTokenValue/+xyz9876"
BASIC = base64.b64encode(f"654321:{CANARY}".encode()).decode()
SECRETS = [CANARY, CANARY[6:], BASIC, BASIC[:24], BASIC[10:34], quote(CANARY, safe=""), CANARY.lower()]
SNIPPETS = [
    "\ud83d", "\x1b[31mred", "\x1b]0;title\x07", "\x9b2J", "a\nWARNING forged", "\r\nSet-Cookie: a=b", "\x00",
    "\u202egpj", "=cmd|'/c calc'!A1", "@SUM(1)", "<script>alert(1)</script>", "{call_id}{0}%s", "\u2028x",
    "'; DROP TABLE call; --",
    '"} 1\nforged_total{a="', "__proto__", "[red]markup[/red]", "x" * 5000, "🏴‍☠️", "приём", "\ufeff", "\U000e0041",
    "<img src=x onerror=alert(1)>", "\"><svg onload=alert(1)>", "</script><iframe src=//evil.example>",
    "' onmouseover=alert(1) x='", "javascript:alert(1)", "https://evil.example/x.png", "&lt;b&gt;&#x41;",
    "{{ .Labels }}", "a/b?c#d%2e%zz&e=f", "e\u0301\u0335" * 40, "مكالمة", "${1+1}", "\\", "constructor", "-" * 3, "NaN",
]  # fmt: skip
TEXT = st.lists(st.sampled_from(SNIPPETS) | st.text(min_size=1, max_size=20), min_size=1, max_size=4).map("".join)
# What no exit may have, but for line ends that are its own.
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\U000e0000-\U000e007f]"
)


def sample(number: int) -> list[str]:
    """The snippets alone, and this many texts of `TEXT`, the same in every run."""
    found: list[str] = []

    @settings(max_examples=number, derandomize=True, database=None, phases=[Phase.generate], deadline=None)
    @given(TEXT)
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return [*SNIPPETS, *found]


@contextmanager
def place() -> Iterator[tuple[Receiver, dict[str, str], Path]]:
    """A receiver that repeats every secret, and an environment that names it, with a ledger of its own."""
    with running() as receiver, TemporaryDirectory() as folder:
        receiver.behaviour = echoing
        path = Path(folder) / "calls.db"
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Basic {BASIC}",
            "OTEL_METRICS_EXPORTER": "otlp,prometheus",
            "OTEL_EXPORTER_PROMETHEUS_PORT": str(free_port()),
            "VOICE_METRICS_DB": str(path),
        }
        with mock.patch.dict(os.environ, environ):
            yield receiver, environ, path
        # The one that calls wrote to.
        ledger_at(path, Settings.from_environment(environ).ledger_days).close(5.0)
        ledger_at.cache_clear()


def echoing(exchange: Exchange) -> None:
    """Store, and answer with a rejection that repeats the header, cut and in other words."""
    exchange.store()
    header = exchange.headers.get("authorization", exchange.headers.get("Authorization", ""))
    said = f"bad header {header} {quote(header)} {header[:40]}\n\x1b[31m{CANARY} {'x' * 100} {CANARY}"
    body = json.dumps({"partialSuccess": {"rejectedDataPoints": 1, "errorMessage": said}}).encode()
    exchange.answer(200, body, "application/json")


async def hostile_call(metrics: VoiceMetricsProcessor, text: str, call_id: str) -> None:
    """A call in which everything that has a name has this one."""
    params = PipelineParams(enable_metrics=True, enable_usage_metrics=True, start_metadata={"call_id": call_id})
    worker = PipelineWorker(
        Pipeline([metrics]), params=params, enable_rtvi=False, enable_turn_tracking=False, idle_timeout_secs=None
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    usage = LLMTokenUsage(prompt_tokens=9, completion_tokens=3, total_tokens=12)
    tool: dict[str, Any] = {"function_name": text, "tool_call_id": "1", "arguments": {}}
    await worker.queue_frames(
        [
            MetricsFrame(
                data=[
                    TTFBMetricsData(processor=f"{text}#1", model=text, value=0.3),
                    TTFBMetricsData(processor=f"{text}#1", model=text, value=-1.0),
                    LLMUsageMetricsData(processor="TestLLMService#0", model=text, value=usage),
                ]
            ),
            FunctionCallInProgressFrame(**tool),
            FunctionCallResultFrame(**tool, result=text),
            ErrorFrame(error=text),
            LLMFullResponseEndFrame(),
        ]
    )

    @metrics.event_handler("on_call_summary")
    async def _(_: object, summary: object) -> None:
        """The summary is read from the processor."""

    running_call = asyncio.create_task(runner.run())
    await until(metrics.summary)
    metrics.record("own.number", 1.0, kind="gauge", note=text[:200])
    metrics.record(f"{text}?", 1.0)  # no name, whatever the text is
    metrics.outcome(text, success=True)
    await worker.stop_when_done()
    await asyncio.wait_for(running_call, 120)
