"""Hostile text through every entrance, looked at in every exit: it arrives the same everywhere, and it is only text."""

from __future__ import annotations

import asyncio
import base64
import csv
import http.client
import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from loguru import logger
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

from tests.page.conftest import running as serving
from tests.receiver import Exchange, Receiver, free_port, running
from voice_metrics import Telemetry, VoiceMetricsProcessor
from voice_metrics.call.text import MOST_CHARACTERS, clean
from voice_metrics.cli import run as command
from voice_metrics.ledger import LedgerReader, ledger_at
from voice_metrics.page import PageServer

pytestmark = pytest.mark.slow

CANARY = "glc_S3cr3tTokenValue/+xyz9876"
BASIC = base64.b64encode(f"654321:{CANARY}".encode()).decode()
SECRETS = [CANARY, CANARY[6:], BASIC, BASIC[:24], BASIC[10:34], quote(CANARY, safe=""), CANARY.lower()]
SNIPPETS = [
    "\ud83d", "\x1b[31mred", "\x1b]0;title\x07", "\x9b2J", "a\nWARNING forged", "\r\nSet-Cookie: a=b", "\x00",
    "\u202egpj", "=cmd|'/c calc'!A1", "@SUM(1)", "<script>alert(1)</script>", "{call_id}{0}%s", "\u2028x",
    "'; DROP TABLE call; --",
    '"} 1\nforged_total{a="', "__proto__", "[red]markup[/red]", "x" * 5000, "🏴‍☠️", "приём", "\ufeff", "\U000e0041",
]  # fmt: skip
TEXT = st.lists(st.sampled_from(SNIPPETS) | st.text(min_size=1, max_size=20), min_size=1, max_size=4).map("".join)
# Each example is a call; making a failing one shorter would take minutes.
PHASES = [Phase.explicit, Phase.generate]
# What no exit may have, but for line ends that are its own.
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\U000e0000-\U000e007f]"
)


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
    while metrics.summary() is None:
        await asyncio.sleep(0.001)
    metrics.record("own.number", 1.0, kind="gauge", note=text[:200])
    metrics.record(f"{text}?", 1.0)  # no name, whatever the text is
    await worker.stop_when_done()
    await asyncio.wait_for(running_call, 20)


def asked(server: PageServer, address: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    try:
        connection.request("GET", address)
        return connection.getresponse().read()
    finally:
        connection.close()


def printed(*arguments: str) -> str:
    """What a command prints, and what it says of errors."""
    out, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(errors):
        command(arguments)
    return out.getvalue() + errors.getvalue()


def scraped(port: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("localhost", int(port), timeout=10)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(text=TEXT, call_id=TEXT)
def test_hostile_text_is_the_same_safe_text_in_every_exit(text: str, call_id: str) -> None:
    log: list[str] = []
    sink = logger.add(lambda message: log.append(message.record["message"]), level="DEBUG", filter="voice_metrics")
    try:
        with place() as (receiver, environ, path):
            telemetry = Telemetry(environ=environ)
            metrics = VoiceMetricsProcessor(
                telemetry=telemetry, llm_model=text, attributes={"caller": text, "tenant": text}
            )
            asyncio.run(hostile_call(metrics, text, call_id))
            status, page = scraped(environ["OTEL_EXPORTER_PROMETHEUS_PORT"])
            telemetry.shutdown(5.0)
            assert ledger_at(path, 30).flush(5.0) or ledger_at(path).flush(5.0)
            summary = metrics.summary()
            assert summary is not None
            exits = {"prometheus": page, "log": "\n".join(log), "summary": json.dumps(summary.to_dict())}
            with serving(PageServer(path)) as server:
                calls = asked(server, "/api/calls")
                one = asked(server, f"/api/call?id={quote(metrics.call_id, safe='')}")
                asked(
                    server,
                    f"/api/calls?model={quote(text.encode('utf-8', 'replace'))}&order={quote(metrics.call_id)}",
                )
            exits |= {"calls": calls.decode(), "one": one.decode()}
            exits |= {
                " ".join(arguments): printed(*arguments)
                for arguments in (
                    ["calls"],
                    ["calls", metrics.call_id],
                    ["calls", metrics.call_id, "--json"],
                    ["calls", "--json"],
                    ["calls", "--csv"],
                )
            }
            exits["doctor"] = printed("doctor")
            exits["file"] = path.read_bytes().decode("latin-1")
            # Of the file only secrets are looked for: it is binary.
            unsafe = {name: UNSAFE.findall(shown) for name, shown in exits.items() if name != "file"}
            assert {name: found for name, found in unsafe.items() if found} == {}
            assert [(secret, name) for secret in SECRETS for name, shown in exits.items() if secret in shown] == []
            safe_id, safe = clean(call_id), clean(text)
            assert metrics.call_id == safe_id
            assert len(safe_id) <= MOST_CHARACTERS
            assert json.loads(calls)["calls"][0]["call_id"] == safe_id
            assert json.loads(one)["summary"]["attributes"] == {"caller": safe, "tenant": safe}
            assert json.loads(exits["calls --json"])[0]["llm_model"] == safe
            (row,) = csv.DictReader(io.StringIO(exits["calls --csv"]))
            assert row["call_id"].removeprefix("'") == safe_id.removeprefix("'")
            assert not [cell for cell in row.values() if cell.startswith(("=", "+", "@"))]
            ids = {point.attributes.get("call_id") for point in receiver.points} - {None}
            assert ids == {safe_id}
            assert {point.attributes["caller"] for point in receiver.points if "caller" in point.attributes} == {safe}
            assert status == 200
            # A line of the scrape is a comment or one sample of a metric that there is.
            assert all(
                re.match(r"(#|voice_|gen_ai_|own_number|target_info)", line) for line in page.split("\n") if line
            )
            # Nothing in the log but a call's summary has more than one line.
            assert not [line for line in log if "\n" in line and not line.startswith("Call ")]
    finally:
        logger.remove(sink)


async def test_two_running_calls_of_one_id_are_two_rows_and_one_warning(log: list[str], tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with mock.patch.dict(os.environ, {"VOICE_METRICS_DB": str(path)}):
        meters = [VoiceMetricsProcessor(attributes={"caller": caller}) for caller in ("A", "B")]
        await asyncio.gather(*(hostile_call(metrics, "x", "sip-1") for metrics in meters))
        assert sum("another running call has this id" in line for line in log) == 1
        for days in (30, 30.0):
            ledger_at(path, days).flush(5.0)
    with LedgerReader(path) as reader:
        rows = [reader.call_of(call.key) for call in reader.calls()]
    assert sorted(row.summary["attributes"]["caller"] for row in rows) == ["A", "B"]
    assert [(row.row.call_id, row.row.end_reason, row.row.prompt_tokens) for row in rows] == [
        ("sip-1", "completed", 9)
    ] * 2
    assert [len([each for each in row.timeline if each.kind == "prompt_tokens"]) for row in rows] == [1, 1]
