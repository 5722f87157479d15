"""Processes of every kind: children of `multiprocessing`, those that leave at once, those that are killed."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.export import programs
from tests.export.calls import TOKENS
from tests.receiver import Receiver, accept, answering, hang
from tests.waiting import flush
from voice_metrics.ledger import Ledger

SHARED = "gen_ai.client.token.usage"

# A call of Pipecat's with one model, whose tokens go into series of its own and into shared ones.
BOT = """
import asyncio, os, signal, sys
from pipecat.frames.frames import EndFrame, TextFrame
from pipecat.metrics.metrics import LLMTokenUsage
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.services.llm_service import LLMService
from pipecat.workers.runner import WorkerRunner
import voice_metrics

class Model(LLMService):
    def can_generate_metrics(self):
        return True

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, TextFrame):
            await self.start_llm_usage_metrics(LLMTokenUsage(prompt_tokens=30, completion_tokens=12, total_tokens=42))
        await self.push_frame(frame, direction)

async def bot(call_id):
    metrics = voice_metrics.VoiceMetricsProcessor(call_id=call_id)
    params = PipelineParams(enable_metrics=True, enable_usage_metrics=True)
    worker = PipelineWorker(Pipeline([Model(), metrics]), params=params, enable_rtvi=False)
    runner = WorkerRunner(handle_sigint=False, handle_sigterm=False)
    await runner.add_workers(worker)
    await worker.queue_frames([TextFrame("x"), TextFrame("y"), EndFrame()])
    await runner.run()

def call(call_id):
    asyncio.run(bot(call_id))
"""
HEIR = """
import time
from voice_metrics.ledger import LedgerReader
from voice_metrics.telemetry import telemetry
t = telemetry()
t.begin("heir", {})
deadline = time.monotonic() + 60
with LedgerReader(t.settings.ledger) as reader:
    while reader.pending().requests and time.monotonic() < deadline:
        time.sleep(0.02)
"""
# Killed as soon as the ledger has its request, or the call is answered; says which.
KILLED_WHEN_KEPT = """
import os, time
from tests.export.calls import RecordedCall
from voice_metrics.ledger import LedgerReader
from voice_metrics.telemetry import telemetry
t = telemetry()
call = RecordedCall(t, "c1")
call.use(5)
end = call.end()
deadline = time.monotonic() + 60
while time.monotonic() < deadline and not end.done():
    time.sleep(0.02)
    try:
        with LedgerReader(t.settings.ledger) as reader:
            if reader.pending().requests:
                break
    except Exception:
        pass
print(end.done(), flush=True)
os.kill(os.getpid(), 9)
"""
CHILD = """
import multiprocessing
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    child = multiprocessing.Process(target=call, args=("c1",))
    child.start()
    child.join()
    sys.exit(child.exitcode)
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def warm() -> Iterator[programs.WarmPython]:
    with programs.warm_python("tests.export.calls") as warm:
        yield warm


@pytest.fixture(scope="module")
def with_pipecat() -> Iterator[programs.WarmPython]:
    """What `BOT` imports is in memory."""
    with programs.warm_python(
        *re.findall(r"^(?:from|import) ([a-z_.]+)", BOT, re.M), "voice_metrics.processor"
    ) as warm:
        yield warm


@pytest.fixture
def environment(receiver: Receiver, tmp_path: Path) -> dict[str, str]:
    """A program's telemetry goes to the receiver, and its ledger is `calls.db`."""
    return {
        **os.environ,
        "PYTHONPATH": str(programs.ROOT),
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_METRIC_EXPORT_INTERVAL": "60000",
        "VOICE_METRICS_DB": str(tmp_path / "calls.db"),
    }


@pytest.fixture
def run(request: pytest.FixtureRequest, environment: dict[str, str], tmp_path: Path) -> Run:
    def run(code: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "program.py"
        # Processes of its own may read it.
        file.write_text(code)
        warm = request.getfixturevalue("with_pipecat" if code.startswith(BOT) else "warm")
        return warm.start(code, file, environment | environ, *arguments).done()

    return run


@pytest.fixture
def run_cold(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run a program in a Python of its own."""

    def run(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code],
            env=environment | environ, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip

    return run


def rows(path: Path) -> list[tuple[str, str, str | None, int | None]]:
    """Id, state, end reason and tokens of every call of a ledger."""
    with sqlite3.connect(path) as db:
        found = db.execute("SELECT call_id, state, summary FROM call").fetchall()
    summaries = [(call_id, state, json.loads(text)) for call_id, state, text in found]
    return [(call_id, state, told["end_reason"], told["llm"]["total_tokens"]) for call_id, state, told in summaries]


def total(receiver: Receiver, name: str) -> float:
    return sum(point.value for point in receiver.last().values() if point.name == name)


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_child_of_multiprocessing_leaves_series_shared_ones_and_row_complete(
    method: str, run: Run, receiver: Receiver, tmp_path: Path
) -> None:
    done = run(BOT + CHILD, method)
    assert done.returncode == 0, done.stderr
    assert (total(receiver, TOKENS), total(receiver, SHARED)) == (84, 84)
    assert rows(tmp_path / "calls.db") == [("c1", "delivered", "completed", 84)]


def test_child_of_multiprocessing_that_ends_during_its_call_still_exports(run: Run, receiver: Receiver) -> None:
    code = """
import multiprocessing, sys
from tests.export.calls import RecordedCall
from voice_metrics.telemetry import telemetry

def call():
    RecordedCall(telemetry(), "c1").use(5)

if __name__ == "__main__":
    child = multiprocessing.get_context("fork").Process(target=call)
    child.start()
    child.join()
"""
    assert run(code).returncode == 0
    assert total(receiver, TOKENS) == 5


@pytest.mark.parametrize(
    ("end", "code"),
    [
        pytest.param("voice_metrics.shutdown(); os._exit(0)", 0, id="os._exit-after-shutdown"),
        pytest.param("voice_metrics.shutdown(); os.kill(os.getpid(), 9)", -9, id="killed-after-shutdown"),
        pytest.param("os._exit(0)", 0, id="os._exit-after-the-call"),
    ],
)
def test_process_that_leaves_at_once_leaves_series_and_row_complete(
    end: str, code: int, run: Run, receiver: Receiver, tmp_path: Path
) -> None:
    assert run(f"{BOT}\ncall('c1')\n{end}").returncode == code
    assert (total(receiver, TOKENS), total(receiver, SHARED)) == (84, 84)
    assert rows(tmp_path / "calls.db") == [("c1", "delivered", "completed", 84)]


def test_kill_while_a_server_hangs_loses_nothing_that_was_under_way(
    run: Run, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.behaviour = hang
    killed = run(KILLED_WHEN_KEPT, OTEL_EXPORTER_OTLP_TIMEOUT="20")
    assert (killed.returncode, killed.stdout.strip()) == (-9, "False")
    receiver.stopping.set()
    receiver.behaviour = accept
    assert run(HEIR).returncode == 0
    assert [point.value for point in receiver.of(TOKENS, call_id="c1")] == [0, 5]


DETECTOR = """
import threading
from opentelemetry.sdk.resources import Resource, ResourceDetector

asked, answer, answered = threading.Event(), threading.Event(), threading.Event()

class Slow(ResourceDetector):
    def detect(self):
        answer.wait(4.0)
        answered.set()
        return Resource({"cloud.platform": "somewhere"})

class Leaving(ResourceDetector):
    def detect(self):
        raise SystemExit("no metadata")

class Hung(ResourceDetector):
    def detect(self):
        asked.set()
        threading.Event().wait()
"""
ENTRY_POINTS = """[opentelemetry_resource_detector]
slow = slowdetector:Slow
hung = slowdetector:Hung
leaving = slowdetector:Leaving
"""


@pytest.fixture
def detectors(tmp_path: Path) -> str:
    """Install the detectors; returns PYTHONPATH."""
    (tmp_path / "slowdetector.py").write_text(DETECTOR)
    info = tmp_path / "slowdetector-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slowdetector\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return f"{tmp_path}{os.pathsep}{programs.ROOT}"


def test_detector_that_asks_a_network_does_not_hold_the_caller_and_is_heard(
    run: Run, receiver: Receiver, detectors: str
) -> None:
    code = """
import slowdetector
from tests.export.calls import RecordedCall
from voice_metrics.telemetry import telemetry
t = telemetry()
call = RecordedCall(t, "c1")
call.use(5)
end = call.end()
print(not slowdetector.answered.is_set())
slowdetector.answer.set()
print(end.result(60))
"""
    done = run(code, PYTHONPATH=detectors, OTEL_EXPERIMENTAL_RESOURCE_DETECTORS="otel,slow")
    assert done.stdout.split() == ["True", "True"], done.stderr
    assert receiver.stored[0].resource["cloud.platform"] == "somewhere"
    assert receiver.stored[0].resource["service.name"] == "voice-bot"


def test_detector_that_hangs_holds_up_no_exit_and_costs_no_other(run: Run, receiver: Receiver, detectors: str) -> None:
    code = """
import slowdetector
from tests.export.calls import RecordedCall
from voice_metrics.telemetry import telemetry
call = RecordedCall(telemetry(), "c1")
call.use(5)
slowdetector.answer.set()
print(slowdetector.asked.wait(60), slowdetector.answered.wait(60))
"""
    environment = {"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "hung, slow, missing", "VOICE_METRICS_EXPORT_TIMEOUT": "10"}
    done = run(code, PYTHONPATH=detectors, **environment)
    assert done.stdout.split() == ["True", "True"], done.stderr
    assert "missing could not be detected (LookupError: no installed package has it)" in done.stderr
    assert [point.value for point in receiver.of(TOKENS, call_id="c1")] == [0, 5]
    assert receiver.stored[0].resource["cloud.platform"] == "somewhere"


def test_detector_that_answers_during_the_exit_is_heard(run: Run, receiver: Receiver, detectors: str) -> None:
    code = """
import atexit, threading
import slowdetector
from tests.export.calls import RecordedCall
from voice_metrics.telemetry import telemetry
RecordedCall(telemetry(), "c1").use(5)
leaving = threading.Event()
def answer_later():
    leaving.wait()
    threading.Event().wait(2.5)
    slowdetector.answer.set()
threading.Thread(target=answer_later, daemon=True).start()
atexit.register(leaving.set)
"""
    environment = {"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": '"slow,leaving"', "VOICE_METRICS_EXPORT_TIMEOUT": "6"}
    done = run(code, PYTHONPATH=detectors, **environment)
    assert "leaving could not be detected (SystemExit: no metadata)" in done.stderr
    assert receiver.stored[0].resource["cloud.platform"] == "somewhere"


def test_forked_child_has_an_instance_id_of_its_own_beside_one_of_the_environment(run: Run, receiver: Receiver) -> None:
    code = """
import os
from tests.export.calls import RecordedCall
from voice_metrics.telemetry import telemetry
t = telemetry()
RecordedCall(t, "parent").end().result(60)
child = os.fork()
if child == 0:
    RecordedCall(t, "child").end().result(60)
    os._exit(0)
os.waitpid(child, 0)
"""
    assert run(code, OTEL_RESOURCE_ATTRIBUTES="service.instance.id=pod-7").returncode == 0
    instances = {exchange.resource["service.instance.id"] for exchange in receiver.stored}
    assert "pod-7" in instances
    assert len(instances) == 2
    assert all(instance.startswith("pod-7") for instance in instances)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_child_of_multiprocessing_has_an_instance_id_of_its_own_too(method: str, run: Run, receiver: Receiver) -> None:
    code = """
import multiprocessing, sys
from tests.export.calls import RecordedCall
from voice_metrics.telemetry import telemetry

def call(name):
    RecordedCall(telemetry(), name).end().result(60)

if __name__ == "__main__":
    call("parent")
    child = multiprocessing.get_context(sys.argv[1]).Process(target=call, args=("child",))
    child.start()
    child.join()
"""
    assert run(code, method, OTEL_RESOURCE_ATTRIBUTES="service.instance.id=pod-7").returncode == 0
    instances = {exchange.resource["service.instance.id"] for exchange in receiver.stored}
    assert "pod-7" in instances
    assert len(instances) == 2


def test_processes_that_one_server_starts_have_an_instance_id_each(run: Run, receiver: Receiver) -> None:
    worker = """
import sys
from tests.export.calls import RecordedCall
from voice_metrics.telemetry import telemetry
RecordedCall(telemetry(), "c").end().result(60)
print("running", flush=True)
sys.stdin.read()
"""
    code = f"""
import os, subprocess, sys
command = [sys.executable, "-c", {worker!r}]
workers = [subprocess.Popen(command, stdin=-1, stdout=-1, text=True) for _ in range(3)]
print([worker.stdout.readline() for worker in workers])
workers[0].kill()
workers[0].wait()
for worker in workers[1:]:
    worker.communicate()
subprocess.run(command, stdin=subprocess.DEVNULL)
"""
    done = run(code, OTEL_RESOURCE_ATTRIBUTES="service.instance.id=pod-7")
    assert done.stdout.count("running") == 4, done.stderr
    of_each = [exchange.resource["service.instance.id"] for exchange in receiver.stored]
    instances = list(dict.fromkeys(of_each[:3]))
    assert len(instances) == 3
    assert "pod-7" in instances
    assert all(instance.startswith("pod-7") for instance in instances)
    # Once all have ended, however they did, the next one has the id as it was given.
    assert of_each[-1] == "pod-7"


def test_exit_leaves_no_socket_open(run_cold: Run, receiver: Receiver) -> None:
    code = """
from tests.export.calls import RecordedCall
from voice_metrics.series import table
from voice_metrics.telemetry import telemetry
t = telemetry()
t.series(table.GEN_AI_TOKEN_USAGE, {})(1)
call = RecordedCall(t, "c1")
call.use(1)
print(call.end().result(60))
t.series(table.GEN_AI_TOKEN_USAGE, {})(1)
"""
    done = run_cold(code, PYTHONDEVMODE="1", PYTHONWARNINGS="always::ResourceWarning")
    assert done.stdout.split() == ["True"]
    assert "unclosed" not in done.stderr
    assert total(receiver, SHARED) == 2


PREFORKED = """
import os, sys
from fastapi import FastAPI
from fastapi.testclient import TestClient
from tests.export.calls import RecordedCall
from voice_metrics import instrument_server
from voice_metrics.telemetry import telemetry
app = FastAPI()
app.get("/menu")(lambda: 1)
instrument_server(app)
child = os.fork()
if child == 0:
    client = TestClient(app)
    for _ in range(3):
        client.get("/menu")
    {}
os.waitpid(child, 0)
os._exit(0)  # so that only the worker exports
"""


@pytest.mark.parametrize(
    "end",
    [
        pytest.param("RecordedCall(telemetry(), 'worker').end().result(60); os._exit(0)", id="with-a-call"),
        pytest.param("sys.exit(0)", id="without-a-call"),
    ],
)
def test_server_that_was_instrumented_before_the_fork_is_measured_in_its_workers(
    end: str, run: Run, receiver: Receiver
) -> None:
    pytest.importorskip("opentelemetry.instrumentation.fastapi")
    done = run(PREFORKED.format(end))
    assert done.returncode == 0, done.stderr
    requests = [point for point in receiver.last().values() if point.name == "http.server.request.duration"]
    assert sum(point.count or 0 for point in requests) == 3


def test_process_whose_ledger_is_locked_sends_its_values_as_it_ends(
    run: Run, receiver: Receiver, tmp_path: Path
) -> None:
    code = """
from voice_metrics.series import table
from voice_metrics.telemetry import telemetry
telemetry().series(table.GEN_AI_TOKEN_USAGE, {})(1)
"""
    ledger = Ledger(tmp_path / "calls.db")
    flush(ledger)
    ledger.close()
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert run(code).returncode == 0
    assert total(receiver, SHARED) == 1


def test_kill_between_the_tries_of_a_request_loses_nothing(run: Run, receiver: Receiver) -> None:
    receiver.behaviour = answering(503, retry_after="1.5")
    killed = run(KILLED_WHEN_KEPT)
    assert (killed.returncode, killed.stdout.strip()) == (-signal.SIGKILL, "False")
    receiver.behaviour = accept
    assert run(HEIR).returncode == 0
    assert receiver.of(TOKENS, call_id="c1")[-1].value == 5
