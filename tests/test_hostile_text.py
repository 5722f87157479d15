"""Hostile text through every entrance, looked at in every exit: it arrives the same everywhere, and it is only text."""

from __future__ import annotations

import asyncio
import csv
import http.client
import io
import json
import os
import re
import uuid
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from loguru import logger

from tests.hostile_texts import SECRETS, TEXT, UNSAFE, hostile_call, place
from tests.page.conftest import running as serving
from tests.waiting import flush
from voice_metrics import Telemetry, VoiceMetricsProcessor
from voice_metrics.call.text import MOST_CHARACTERS, clean
from voice_metrics.cli import run as command
from voice_metrics.ledger import LedgerReader, ledger_at
from voice_metrics.page import PageServer
from voice_metrics.settings.environment import Settings

pytestmark = pytest.mark.slow

# Each example is a call; making a failing one shorter would take minutes.
PHASES = [Phase.explicit, Phase.generate]


def asked(server: PageServer, address: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
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
    connection = http.client.HTTPConnection("localhost", int(port), timeout=60)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=PHASES)
@given(text=TEXT, call_id=TEXT.filter(str.strip))
def test_hostile_text_is_the_same_safe_text_in_every_exit(text: str, call_id: str) -> None:
    log: list[str] = []
    sink = logger.add(lambda message: log.append(message.record["message"]), level="DEBUG", filter="voice_metrics")
    try:
        with place() as (receiver, environ, path):
            telemetry = Telemetry(environ=environ, service_name=text)
            metrics = VoiceMetricsProcessor(
                telemetry=telemetry, llm_model=text, attributes={"caller": text, "tenant": text}
            )
            asyncio.run(hostile_call(metrics, text, call_id))
            status, page = scraped(environ["OTEL_EXPORTER_PROMETHEUS_PORT"])
            telemetry.shutdown(60)
            flush(ledger_at(path, telemetry.settings.ledger_days))
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
            assert receiver.exchanges[0].resource["service.name"] == safe
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
        ledger_at(path, Settings.of_process().ledger_days).close(5.0)
    with LedgerReader(path) as reader:
        rows = [reader.call_of(call.key) for call in reader.calls()]
    assert sorted(row.summary["attributes"]["caller"] for row in rows) == ["A", "B"]
    assert [(row.row.call_id, row.row.end_reason, row.row.prompt_tokens) for row in rows] == [
        ("sip-1", "completed", 9)
    ] * 2
    assert [len([each for each in row.timeline if each.kind == "prompt_tokens"]) for row in rows] == [1, 1]


class Unshown:
    """A value that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize("call_id", [10**5000, Unshown()], ids=["number-of-5000-digits", "value-that-cannot-be-shown"])
async def test_an_id_that_cannot_be_text_is_a_new_one_and_the_call_is_measured(call_id: Any) -> None:
    metrics = VoiceMetricsProcessor()
    await hostile_call(metrics, "x", call_id)
    summary = metrics.summary()
    assert summary is not None
    assert uuid.UUID(summary.call_id)
    assert summary.llm.total_tokens == 12
