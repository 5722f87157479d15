"""Each ended call, and each turn where asked for, is an event in a log store: acknowledged, kept, resent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from testbed.otlp_server import Exchange, Listener, listening
from tests.export.memory_spool import MemorySpool, SlowToOpen
from tests.receiver import Receiver, accept, answering
from tests.scripted import SHORT, run_call
from tests.waiting import blocked_until
from voice_metrics import Telemetry, VoiceMetricsProcessor
from voice_metrics.call.call_events import CallEvent, TurnEvents
from voice_metrics.call.facts import Cause, Responded, ResponsePart, TokensUsed, TurnEnded, TurnOutcome, Unanswered
from voice_metrics.cli import run
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.earlier_requests import resend
from voice_metrics.ledger import CallState, LedgerReader, ledger_at


@dataclass
class LogStore:
    """Takes OTLP logs on loopback."""

    url: str = ""
    status: int = 200
    rejected: int = 0
    seconds: float = 0.0
    records: list[Any] = field(default_factory=list)
    resources: list[Any] = field(default_factory=list)
    requests: int = 0

    def named(self, name: str) -> list[dict[str, Any]]:
        """Attributes of the records of an event."""
        # Field 12, whose name opentelemetry-proto before 1.35 does not know.
        written = bytes((0x62, len(name))) + name.encode()
        return [attributes(record) for record in self.records if written in record.SerializeToString()]


def attributes(record: Any) -> dict[str, Any]:
    def value(found: Any) -> Any:
        kind = found.WhichOneof("value")
        return [value(one) for one in found.array_value.values] if kind == "array_value" else getattr(found, kind)

    return {pair.key: value(pair.value) for pair in record.attributes}


@contextmanager
def log_store() -> Iterator[LogStore]:
    store = LogStore()

    def answer(exchange: Exchange) -> None:
        request = ExportLogsServiceRequest.FromString(exchange.body)
        store.requests += 1
        time.sleep(store.seconds)
        answer = ExportLogsServiceResponse()
        answer.partial_success.rejected_log_records = store.rejected
        if store.status == 200 and not store.rejected:
            for resource in request.resource_logs:
                store.resources.append(resource.resource)
                store.records += [record for scope in resource.scope_logs for record in scope.log_records]
        exchange.answer(store.status, answer.SerializeToString())

    listener = Listener(answer)
    with listening(listener):
        store.url = listener.url
        yield store


@pytest.fixture
def store() -> Iterator[LogStore]:
    with log_store() as store:
        yield store


def telemetry(store: LogStore, **environ: str) -> Telemetry:
    spool = environ.pop("spool", None)
    return Telemetry(
        environ={
            "OTEL_EXPORTER_OTLP_ENDPOINT": store.url,
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "otlp",
            "OTEL_METRIC_EXPORT_INTERVAL": "60000",
            "VOICE_METRICS_DB": "off",
            **environ,
        },
        spool=spool,  # type: ignore[arg-type]
    )


async def test_ended_call_is_one_event_with_the_fields_of_its_summary(store: LogStore) -> None:
    used = telemetry(store)
    metrics = VoiceMetricsProcessor(telemetry=used, call_id="c-1", attributes={"tenant": "acme"})
    truth = await run_call(SHORT, before_output=[metrics])
    (event,) = store.named("voice.call")
    summary = metrics.summary()
    assert summary is not None
    assert summary.exported is True
    assert event["call_id"] == "c-1"
    assert event["tenant"] == "acme"
    assert event["llm_model"] == "mind-1"
    assert event["voice.end_reason"] == summary.to_dict()["end_reason"]
    assert event["voice.llm.prompt_tokens"] == truth.prompt_tokens
    assert event["voice.tts.characters"] == truth.characters
    assert event["voice.response.p95_ms"] == summary.to_dict()["response"]["p95_ms"]
    assert event["voice.duration_seconds"] == pytest.approx(summary.duration_seconds, abs=0.001)
    assert event["voice.cost.unpriced"] == list(summary.cost.unpriced)
    assert not [name for name in event if name.startswith(("voice.exported", "voice.cost.prices", "voice.models"))]
    assert not [name for name, value in event.items() if value in ("", [], None)]
    assert {pair.key for pair in store.resources[0].attributes} >= {"service.name", "service.instance.id"}
    assert store.records[0].body.string_value == "voice.call"
    used.shutdown(1.0)


async def test_turns_are_events_of_their_own_where_asked_for(store: LogStore) -> None:
    used = telemetry(store, VOICE_METRICS_EVENTS="turns")
    metrics = VoiceMetricsProcessor(telemetry=used, call_id="c-1")
    truth = await run_call(SHORT, before_output=[metrics])
    turns = store.named("voice.turn")
    assert [turn["voice.turn.number"] for turn in turns] == list(range(1, len(turns) + 1))
    spoken = [turn for turn in turns if turn["voice.turn.outcome"] != "unanswered"]
    assert len(spoken) == sum(truth.turns.values())
    assert {turn["call_id"] for turn in turns} == {"c-1"}
    assert sum(turn.get("voice.turn.prompt_tokens", 0) for turn in turns) <= truth.prompt_tokens
    used.shutdown(1.0)


def test_turn_has_its_own_response_parts_and_tokens() -> None:
    turns = TurnEvents({"call_id": "c-1"})
    facts = [
        Responded(0.91), ResponsePart("llm", 0.5), TokensUsed("Mind", None, 600, 40),
        TurnEnded(TurnOutcome.COMPLETED, 2.0), Unanswered(Cause.NO_TRANSCRIPT), TurnEnded(TurnOutcome.INTERRUPTED, 1.0),
    ]  # fmt: skip
    made = [event for fact in facts if (event := turns.add(fact, 5.0)) is not None]
    assert [dict(event.attributes) for event in made] == [
        {
            "call_id": "c-1",
            "voice.turn.number": 1,
            "voice.turn.outcome": "completed",
            "voice.turn.interrupted": False,
            "voice.turn.response_ms": 910.0,
            "voice.turn.parts.llm_ms": 500.0,
            "voice.turn.prompt_tokens": 600,
            "voice.turn.completion_tokens": 40,
        },
        {
            "call_id": "c-1",
            "voice.turn.number": 2,
            "voice.turn.outcome": "unanswered",
            "voice.turn.interrupted": False,
            "voice.turn.cause": "no_transcript",
        },
        {
            "call_id": "c-1",
            "voice.turn.number": 3,
            "voice.turn.outcome": "interrupted",
            "voice.turn.interrupted": True,
        },
    ]


def ended(used: Telemetry, name: str) -> Future[bool | None]:
    running = used.begin(name, {}, f"key-{name}")
    used.event(running, CallEvent("voice.call", 5.0, {"call_id": name}))
    return used.end(running)


def test_event_that_was_not_acknowledged_is_kept_and_sent_by_the_next_process(store: LogStore) -> None:
    store.status = 503
    spool = MemorySpool()
    used = telemetry(store, spool=spool)  # type: ignore[arg-type]
    assert ended(used, "c-1").result(60) is False
    assert [dict(request.calls) for request in spool.kept.values()] == [{"key-c-1": "c-1"}]
    assert used.shutdown(1.0) is False
    spool.gone()
    store.status = 200
    heir = Delivery(telemetry(store).settings.logs_endpoint)  # type: ignore[arg-type]
    resent = resend(None, spool, events=heir)
    heir.close()
    assert (resent.delivered, resent.left, spool.left) == (["key-c-1"], 0, {})
    assert [event["call_id"] for event in store.named("voice.call")] == ["c-1"]


def test_earlier_event_is_sent_after_a_call_where_no_series_are(store: LogStore) -> None:
    store.status = 503
    spool = SlowToOpen()
    dead = telemetry(store, spool=spool)  # type: ignore[arg-type]
    assert ended(dead, "c-1").result(60) is False
    dead.shutdown(1.0)
    spool.gone()
    store.status = 200
    spool.claims = 0
    heir = telemetry(store, spool=spool)  # type: ignore[arg-type]
    heir.begin("c-3", {})
    blocked_until(lambda: spool.claims)
    assert ended(heir, "c-2").result(60) is True
    blocked_until(lambda: len(store.records) == 2)
    assert heir.shutdown(60) is True
    assert [event["call_id"] for event in store.named("voice.call")] == ["c-2", "c-1"]


def test_event_arrives_once_the_store_is_well_again(store: LogStore) -> None:
    store.status = 503
    used = telemetry(store, OTEL_METRIC_EXPORT_INTERVAL="100")
    assert ended(used, "c-1").result(60) is False
    store.status = 200
    assert ended(used, "c-2").result(60) is True
    assert used.shutdown(60) is True
    assert sorted(event["call_id"] for event in store.named("voice.call")) == ["c-1", "c-2"]


def test_ledger_hears_of_an_event_that_is_delivered_after_all(store: LogStore) -> None:
    store.status = 503
    spool = MemorySpool()
    used = telemetry(store, spool=spool, OTEL_METRIC_EXPORT_INTERVAL="100")  # type: ignore[arg-type]
    assert ended(used, "c-1").result(60) is False
    store.status = 200
    assert ended(used, "c-2").result(60) is True
    assert used.shutdown(60) is True
    assert spool.delivered_keys == ["key-c-1"]


def test_event_that_a_store_rejects_is_given_up_and_not_sent_again(store: LogStore) -> None:
    store.rejected = 1
    spool = MemorySpool()
    used = telemetry(store, spool=spool)  # type: ignore[arg-type]
    assert ended(used, "c-1").result(60) is False
    store.rejected = 0
    assert ended(used, "c-2").result(60) is True
    assert used.shutdown(60) is True
    assert [event["call_id"] for event in store.named("voice.call")] == ["c-2"]
    assert not spool.kept


def test_call_whose_event_was_rejected_is_not_delivered_by_its_series_later(
    store: LogStore, receiver: Receiver
) -> None:
    spool = MemorySpool()
    metrics = {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{receiver.url}/v1/metrics"}
    used = telemetry(store, spool=spool, **metrics)  # type: ignore[arg-type]
    receiver.behaviour = answering(503)
    store.rejected = 1
    assert ended(used, "c-1").result(60) is False
    store.rejected = 0
    assert ended(used, "c-2").result(60) is False
    receiver.behaviour = accept
    assert ended(used, "c-3").result(60) is True
    assert used.shutdown(60) is True
    assert (set(spool.given_up_keys), spool.delivered_keys) == ({"key-c-1"}, ["key-c-2"])


def test_call_whose_earlier_event_was_rejected_is_not_delivered(store: LogStore) -> None:
    spool = MemorySpool()
    used = telemetry(store, spool=spool)  # type: ignore[arg-type]
    running = used.begin("c-1", {}, "key-c-1")
    store.rejected = 1
    used.event(running, CallEvent("voice.turn", 4.0, {"call_id": "c-1"}))
    assert ended(used, "c-2").result(60) is False
    store.rejected = 0
    assert ended(used, "c-3").result(60) is True
    used.event(running, CallEvent("voice.call", 5.0, {"call_id": "c-1"}))
    assert used.end(running).result(60) is False
    assert used.shutdown(60) is True
    assert (sorted(spool.given_up_keys), spool.delivered_keys) == (["key-c-1", "key-c-2"], [])


def test_event_is_sent_once_to_a_store_that_is_slow_after_a_pause(store: LogStore) -> None:
    used = telemetry(store)
    assert ended(used, "c-1").result(60) is True
    time.sleep(1.2)
    store.seconds = 1.2
    assert ended(used, "c-2").result(60) is True
    assert used.shutdown(60) is True
    assert [event["call_id"] for event in store.named("voice.call")] == ["c-1", "c-2"]


async def test_ledger_calls_a_call_delivered_when_its_event_is(
    store: LogStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICE_METRICS_DB", str(tmp_path / "calls.db"))
    used = telemetry(store, VOICE_METRICS_DB=str(tmp_path / "calls.db"))
    metrics = VoiceMetricsProcessor(telemetry=used, call_id="c-1")
    await run_call(SHORT, before_output=[metrics])
    used.shutdown(2.0)
    ledger_at(tmp_path / "calls.db", used.settings.ledger_days).close()
    with LedgerReader(tmp_path / "calls.db") as reader:
        assert reader.call("c-1").row.state is CallState.DELIVERED


async def test_local_calls_are_sent_as_events_once_a_server_is_there(
    store: LogStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "calls.db"
    monkeypatch.setenv("VOICE_METRICS_DB", str(path))
    local = Telemetry(environ={"VOICE_METRICS_DB": str(path)})
    await run_call(SHORT, before_output=[VoiceMetricsProcessor(telemetry=local, call_id="c-1")])
    ledger_at(path, local.settings.ledger_days).close()
    assert run(["resend", "--local", "--dry-run"]) == 1
    assert run(["resend", "--local"]) == 2
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", store.url)
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", "otlp")
    assert run(["resend", "--local", "--since", "2d"]) == 0
    assert run(["resend", "--local"]) == 0
    (event,) = store.named("voice.call")
    assert (event["call_id"], event["llm_model"]) == ("c-1", "mind-1")
    assert event["voice.llm.prompt_tokens"] > 0
    with LedgerReader(path) as reader:
        assert reader.call("c-1").row.state is CallState.DELIVERED
    assert "1 call of 1 delivered" in capsys.readouterr().out
