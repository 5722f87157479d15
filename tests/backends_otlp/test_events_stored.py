"""Events go through the gateway of deploy/fleet into VictoriaLogs, and docs/events.md asks for them there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripted import SHORT, run_call
from voice_metrics import Telemetry, VoiceMetricsProcessor

from .records import request
from .stack import Collector, Logs, gateway, post, victoria_logs

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
CALLS = [
    {
        "call_id": f"c-{number}",
        "tenant": "acme" if number % 2 else "globex",
        "voice.duration_seconds": 60.0,
        "voice.end_reason": "completed",
        "voice.success": True,
        "voice.turns.unanswered": 1 if number == 7 else 0,
        "voice.cost.total_usd": 0.25,
        "voice.cost.unpriced": ["sonic-3", "o4-mini"],
        # The first of them had no response.
        **({"voice.response.p95_ms": 100.5 * number} if number else {}),
    }
    for number in range(20)
]


def asked(title: str) -> str:
    """The page's query for VictoriaLogs under a title."""
    section = PAGE.read_text().partition(f"### {title}\n")[2].partition("\n### ")[0]
    found = re.search(r"```logsql\n(.+?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logs]:
    store = victoria_logs(tmp_path_factory.mktemp("victoria"))
    store.program.start()
    yield store
    store.program.stop()


@pytest.fixture(scope="module", autouse=True)
def through(tmp_path_factory: pytest.TempPathFactory, logs: Logs) -> Iterator[Collector]:
    """The gateway, after the calls went through it."""
    running = gateway(tmp_path_factory.mktemp("gateway"), "a", "http://127.0.0.1:9/", logs.otlp_url)
    running.program.start()
    for number, call in enumerate(CALLS):
        assert post(running.otlp_endpoint + "/v1/logs", request(f"process-{number}", call)) == 200
    logs.rows_once_there("*", len(CALLS))
    yield running
    running.program.stop()


def test_an_event_keeps_every_field(logs: Logs) -> None:
    (row,) = logs.rows('call_id:="c-7"')
    shown = {name: value for name, value in row.items() if name not in {"_time", "_stream_id"}}
    assert shown == {
        "_msg": "voice.call",
        "_stream": '{event_name="voice.call",service.name="voice-bot"}',
        "event_name": "voice.call",
        "service.name": "voice-bot",
        "service.instance.id": "process-7",
        "scope.name": "voice_metrics",
        "scope.version": "unknown",
        "severity_number": "9",
        "severity_text": "INFO",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "call_id": "c-7",
        "tenant": "acme",
        "voice.duration_seconds": "60",
        "voice.end_reason": "completed",
        "voice.success": "true",
        "voice.turns.unanswered": "1",
        "voice.cost.total_usd": "0.25",
        "voice.cost.unpriced": '["sonic-3","o4-mini"]',
        "voice.response.p95_ms": "703.5",
    }


def test_the_slowest_calls_are_found(logs: Logs) -> None:
    rows = logs.rows(asked("The slowest calls of the day"))
    assert [row["call_id"] for row in rows] == [f"c-{number}" for number in range(19, 9, -1)]


def test_cost_is_added_up_by_tenant(logs: Logs) -> None:
    rows = logs.rows(asked("Cost by tenant"))
    assert {row["tenant"]: (row["calls"], row["usd"], row["seconds"]) for row in rows} == {
        "acme": ("10", "2.5", "600"),
        "globex": ("10", "2.5", "600"),
    }


def test_calls_with_an_unanswered_turn_are_found(logs: Logs) -> None:
    (row,) = logs.rows(asked("Calls with an unanswered turn"))
    assert (row["call_id"], row["voice.turns.unanswered"]) == ("c-7", "1")


async def test_every_field_of_an_event_is_documented(logs: Logs, through: Collector) -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": through.otlp_endpoint,
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "otlp",
        "VOICE_METRICS_EVENTS": "turns",
        "VOICE_METRICS_DB": "off",
        "OTEL_SERVICE_NAME": "documented",
    }
    telemetry = Telemetry(environ=environ)
    truth = await run_call(SHORT, before_output=[VoiceMetricsProcessor(call_id="real", telemetry=telemetry)])
    assert telemetry.shutdown()
    rows = await asyncio.to_thread(logs.rows_once_there, 'call_id:="real"', 2)
    call, turn = sorted(rows, key=lambda row: row["event_name"])
    assert (call["event_name"], call["voice.llm.prompt_tokens"]) == ("voice.call", str(truth.prompt_tokens))
    assert (turn["event_name"], turn["voice.turn.outcome"]) == ("voice.turn", "completed")
    names = documented()
    assert [name for row in rows for name in row if name.startswith("voice.") and not names.fullmatch(name)] == []


def documented() -> re.Pattern[str]:
    """What matches the names in the page's tables: `.b` after `a.x` is `a.b`; <…> is a word, and * any words."""
    names, base = list[str](), ""
    for row in re.findall(r"^\| (`voice\..*?) \|", PAGE.read_text(), re.MULTILINE):
        for name in re.findall(r"`(\.?[a-z0-9_.<>*]+)`", row):
            if name.startswith("voice."):
                base = name.rpartition(".")[0]
            names.append(base + name if name.startswith(".") else name)
    words = {"<part>": r"\w+", "<service>": r"\w+", "*": r"[\w.]+"}
    return re.compile("|".join(re.sub(r"<\w+>|\*", lambda found: words[found[0]], name) for name in names))
