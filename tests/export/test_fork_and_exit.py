"""Whole processes: how they end, and what the next one finds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.export import programs
from tests.export.calls import TOKENS
from tests.export.conftest import CREDENTIALS, HEADERS, TOKEN
from tests.receiver import Behaviour, Exchange, Point, Receiver, accept, answering, drip_headers, free_port, hang

PREAMBLE = """
import os, signal, sys, time
from tests.export.calls import RecordedCall
from voice_metrics.telemetry import Telemetry, shutdown, telemetry
t = telemetry()
"""
CALL = """
call = RecordedCall(t, "c1")
call.use(5, 700.0)
print("ready", flush=True)
"""

LOCKS = """
import sqlite3
db = sqlite3.connect(os.environ["VOICE_METRICS_DB"], isolation_level=None)
db.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""

HEIR = """
t.begin("heir", {})
sys.stdin.read()  # until it is asked whether it is done
"""


class Program:
    """A Python process that records."""

    def __init__(self, process: programs.Program) -> None:
        self.process = process

    def ready(self) -> None:
        assert self.process.stdout.readline().strip() == "ready"

    def tell(self, line: str) -> None:
        print(line, file=self.process.stdin, flush=True)

    def done(self) -> tuple[int, str, float]:
        began = time.monotonic()
        ended = self.process.done()
        return ended.returncode, ended.stderr, time.monotonic() - began


Run = Callable[..., Program]


def delivered(receiver: Receiver) -> list[Point]:
    """What came of the call that an earlier process owed."""
    return receiver.of(TOKENS, call_id="c1")


@pytest.fixture(scope="module")
def warm() -> Iterator[programs.WarmPython]:
    with programs.warm_python("tests.export.calls") as warm:
        yield warm


@pytest.fixture
def run(warm: programs.WarmPython, receiver: Receiver, tmp_path: Path) -> Run:
    def run(code: str, ledger: Path | str = tmp_path / "calls.db", **environ: str) -> Program:
        environment = {
            **os.environ,
            "PYTHONPATH": str(programs.ROOT),
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_EXPORTER_OTLP_HEADERS": HEADERS,
            "OTEL_METRIC_EXPORT_INTERVAL": "60000",
            "VOICE_METRICS_DB": str(ledger),
            **environ,
        }
        return Program(warm.start(PREAMBLE + code, tmp_path / "program.py", environment))

    return run


ENDS = [
    pytest.param("", 0, id="end of the program"),
    pytest.param("sys.exit(3)", 3, id="sys.exit"),
    pytest.param("raise RuntimeError('boom')", 1, id="unhandled exception"),
    pytest.param("os.kill(os.getpid(), signal.SIGINT); time.sleep(5)", -2, id="ctrl-c"),
    pytest.param(
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)",
        0,
        id="SIGTERM with a handler",
    ),
]


@pytest.mark.parametrize(("end", "code"), ENDS)
def test_what_was_recorded_arrives_however_the_program_ends(end: str, code: int, run: Run, receiver: Receiver) -> None:
    assert run(CALL + end).done()[0] == code
    assert [point.value for point in receiver.of(TOKENS)] == [0, 5]


DEAD = [
    pytest.param(hang, id="hangs"),
    pytest.param(drip_headers, id="byte by byte"),
    pytest.param(answering(503), id="503"),
    pytest.param(answering(429, retry_after="30"), id="429 for long"),
    pytest.param(None, id="refused"),
]


@pytest.mark.parametrize("behaviour", DEAD)
def test_exit_is_not_held_up_and_the_next_start_delivers(
    behaviour: Behaviour | None, run: Run, receiver: Receiver
) -> None:
    receiver.behaviour = behaviour or accept
    nowhere = {} if behaviour else {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    program = run(CALL, OTEL_EXPORTER_OTLP_TIMEOUT="60", **nowhere)
    program.ready()
    code, said, seconds = program.done()
    assert (code, "Traceback" in said) == (0, False)
    # The exit may take two seconds, and a request a minute.
    assert seconds < 20.0
    assert receiver.points == []
    ended_at = time.time_ns()

    receiver.behaviour = accept
    heir = run(HEIR)
    assert receiver.wait_for(delivered)
    assert [point.value for point in receiver.of(TOKENS, call_id="c1")] == [0, 5]
    assert all(point.time_ns < ended_at for point in receiver.of(TOKENS, call_id="c1"))
    assert heir.done()[0] == 0
    third = run("t.begin('third', {})")
    assert third.done()[0] == 0
    assert len(receiver.of(TOKENS, call_id="c1")) == 2


def test_exit_is_not_held_up_by_a_server_and_a_ledger_together(run: Run, receiver: Receiver, tmp_path: Path) -> None:
    receiver.behaviour = hang
    ledger = tmp_path / "calls.db"
    locker = run(LOCKS, ledger)
    assert locker.process.stdout.readline() == "locked\n"
    # What is registered first runs last.
    timed = "import atexit; atexit.register(lambda: print('exit took', time.monotonic() - began, file=sys.stderr))\n"
    row = "from voice_metrics.ledger import ledger_at\nledger_at(t.settings.ledger, 30).call_ended('c1', {})\n"
    program = run(timed + CALL + row + "began = time.monotonic()", ledger, VOICE_METRICS_EXPORT_TIMEOUT="6")
    program.ready()
    code, said, _ = program.done()
    locker.done()
    assert code == 0, said
    # Six seconds for both; one after the other they would take twelve.
    assert float(said.rpartition("exit took ")[2].split()[0]) < 10.0


def test_kill_loses_at_most_the_last_interval(run: Run, receiver: Receiver) -> None:
    receiver.behaviour = answering(503)
    killed = run(CALL + "time.sleep(30)", OTEL_METRIC_EXPORT_INTERVAL="100")
    killed.ready()
    assert receiver.wait_for(lambda _: len(receiver.exchanges) > 4)
    killed.process.send_signal(signal.SIGKILL)
    killed.done()
    receiver.behaviour = accept
    heir = run(HEIR)
    assert receiver.wait_for(delivered)
    assert heir.done()[0] == 0
    assert [point.value for point in receiver.of(TOKENS, call_id="c1")] == [0, 5]


def test_a_forked_child_exports_its_own_calls_and_only_those(run: Run, receiver: Receiver) -> None:
    program = run(
        CALL
        + """
child = os.fork()
if child == 0:
    own = RecordedCall(t, "c2")
    own.use(2)
    assert own.end().result(60) is True
    assert call.end().result(60) is False
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
call.use(1)
assert call.end().result(60) is True
"""
    )
    code, said, _ = program.done()
    assert code == 0, said
    values = {point.attributes["call_id"]: point.value for point in receiver.points if point.name == TOKENS}
    assert values == {"c1": 6, "c2": 2}
    instances = {exchange.resource["service.instance.id"] for exchange in receiver.stored}
    assert len(instances) == 2


def test_children_of_forked_children_export_what_they_add_to_the_applications_instruments(
    run: Run, receiver: Receiver
) -> None:
    program = run(
        """
visits = t.meter.create_counter("app.visits")
sizes = t.meter.create_histogram("app.sizes")
def work(number):
    visits.add(number)
    for _ in range(number):
        sizes.record(7)
    call = RecordedCall(t, f"c{number}")
    assert call.end().result(60) is True

def fork(numbers):
    if not numbers:
        return
    child = os.fork()
    if child == 0:
        work(numbers[0])
        fork(numbers[1:])
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

work(3)
fork([2, 5, 4])
"""
    )
    code, said, _ = program.done()
    assert code == 0, said
    last: dict[tuple[str, str], float | None] = {}
    for exchange in receiver.stored:
        for point in exchange.points:
            process = exchange.resource["service.instance.id"]
            last[point.name, process] = point.value if point.count is None else point.count
    for name in ("app.visits", "app.sizes"):
        assert sorted(value for (of, _), value in last.items() if of == name and value) == [2, 3, 4, 5]


def test_a_forked_child_does_not_export_what_its_parent_has_not_exported_yet(run: Run, receiver: Receiver) -> None:
    program = run(
        """
visits = t.meter.create_counter("app.visits")
visits.add(3)
if os.fork() == 0:
    visits.add(2)
    shutdown()
    RecordedCall(t, "c1").end().result(60)
    os._exit(0)
os.wait()
visits.add(4)
shutdown()
"""
    )
    code, said, _ = program.done()
    assert code == 0, said
    last = {
        exchange.resource["service.instance.id"]: point.value
        for exchange in receiver.stored
        for point in exchange.points
        if point.name == "app.visits"
    }
    assert sorted(last.values()) == [2, 7]


def test_a_forked_child_with_the_applications_instruments_can_fork(receiver: Receiver) -> None:
    # In a Python of its own: in that of the other tests, the module that the SDK's hook needs is there already.
    program = f"""
import os, sys
from voice_metrics.telemetry import Telemetry
t = Telemetry(environ={{"OTEL_EXPORTER_OTLP_ENDPOINT": {receiver.url!r}, "VOICE_METRICS_DB": "off"}})
t.meter.create_counter("app.visits").add(1)
def fork(generations):
    child = os.fork() if generations else 0
    if child == 0:
        if generations:
            fork(generations - 1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.exit(fork(2))
"""
    with subprocess.Popen([sys.executable, "-c", program], cwd=programs.ROOT, start_new_session=True) as family:
        try:
            assert family.wait(120) == 0
        finally:
            with suppress(ProcessLookupError):
                os.killpg(family.pid, signal.SIGKILL)


def test_a_forked_child_records_only_its_calls_in_the_application_s_provider(run: Run) -> None:
    program = run(
        """
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

reader = InMemoryMetricReader()
t = Telemetry(meter_provider=MeterProvider([reader], shutdown_on_exit=False))
def durations():
    (scope,) = reader.get_metrics_data().resource_metrics[0].scope_metrics
    (metric,) = [metric for metric in scope.metrics if metric.unit == "s"]
    return {point.attributes["call_id"]: point.value for point in metric.data.data_points}

t.begin("parent", {})
before = durations()
child = os.fork()
if child == 0:
    t.begin("child", {})
    then = durations()
    assert then["parent"] == before["parent"]
    assert durations()["child"] > then["child"]
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert durations()["parent"] > before["parent"]
"""
    )
    code, said, _ = program.done()
    assert code == 0, said


def test_a_fork_during_an_export_does_not_hold_the_child(run: Run, receiver: Receiver) -> None:
    def wait_for_the_child(exchange: Exchange) -> None:
        receiver.wait_for(lambda _: len(receiver.exchanges) > 1)
        accept(exchange)

    receiver.behaviour = wait_for_the_child
    program = run(
        CALL
        + """
end = call.end()
sys.stdin.readline()
child = os.fork()
if child == 0:
    own = RecordedCall(t, "c2")
    own.use(2)
    assert own.end().result(60) is True
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert end.result(60) is True
"""
    )
    assert receiver.wait_for(lambda _: receiver.exchanges)
    program.tell("fork")
    code, said, _ = program.done()
    assert code == 0, said
    assert {point.attributes["call_id"] for point in receiver.points if point.name == TOKENS} == {"c1", "c2"}


def test_a_forked_child_does_not_hold_the_port_of_its_parent(run: Run) -> None:
    # The child reads until the parent closes the pipe, which it does at its end.
    program = run(
        """
call = RecordedCall(t, "c1")
until, end = os.pipe()
if os.fork() == 0:
    os.close(end)
    os.read(until, 1)
    os._exit(0)
call.end()
shutdown()
RecordedCall(t, "c2")
import urllib.request
where = f"http://127.0.0.1:{os.environ['OTEL_EXPORTER_PROMETHEUS_PORT']}/metrics"
assert "c2" in urllib.request.urlopen(where, timeout=60).read().decode()
""",
        OTEL_METRICS_EXPORTER="prometheus",
        OTEL_EXPORTER_PROMETHEUS_HOST="127.0.0.1",
        OTEL_EXPORTER_PROMETHEUS_PORT=str(free_port()),
    )
    code, said, _ = program.done()
    assert code == 0, said


def test_workers_of_a_server_that_forks_first_export_each_their_own(run: Run, receiver: Receiver) -> None:
    program = run(
        """
children = []
for worker in range(3):
    child = os.fork()
    if child == 0:
        call = RecordedCall(t, f"w{worker}")
        call.use(worker + 1)
        assert call.end().result(60) is True
        sys.exit(0)
    children.append(child)
for child in children:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    )
    code, said, _ = program.done()
    assert code == 0, said
    values = {point.attributes["call_id"]: point.value for point in receiver.last().values() if point.name == TOKENS}
    assert values == {"w0": 1, "w1": 2, "w2": 3}


def test_shutdown_by_hand_delivers_and_leaves_nothing_for_the_exit(run: Run, receiver: Receiver) -> None:
    program = run(CALL + "assert shutdown(60) is True; assert shutdown(60) is True; os._exit(0)")
    assert program.done()[0] == 0
    assert [point.value for point in receiver.of(TOKENS)] == [0, 5]


def test_shutdown_may_wait_for_ever(run: Run, receiver: Receiver) -> None:
    code, said, _ = run(CALL + "t.end(call.tags); assert shutdown(float('inf')) is True; os._exit(0)").done()
    assert code == 0, said
    assert [point.value for point in receiver.of(TOKENS)] == [0, 5]


STOPS_AT_SIGTERM = """
def stop(*_):
    shutdown(1)
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
"""


def test_signal_handler_may_shut_down_while_the_export_is_made(run: Run) -> None:
    program = run(
        STOPS_AT_SIGTERM
        + """
make = t._make_export
t._make_export = lambda: (os.kill(os.getpid(), signal.SIGTERM), make())[1]
t.begin("c1", {})
"""
    )
    assert program.done()[0] == 0


def test_shutdown_beside_another_one_waits_for_the_same_end(run: Run, receiver: Receiver) -> None:
    receiver.behaviour = hang
    program = run(
        CALL
        + """
import threading
def stop(*_):
    results.append(shutdown(1))
results = []
signal.signal(signal.SIGUSR1, stop)
first = threading.Thread(target=stop)
first.start()
while t._recorder is not None:
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGUSR1)
first.join()
assert results == [False, False]
"""
    )
    code, said, _ = program.done()
    assert code == 0, said


def test_signal_handler_may_shut_down_while_the_ledger_is_imported(run: Run) -> None:
    program = run(
        STOPS_AT_SIGTERM
        + """
class Finder:
    def find_spec(self, name, *_):
        if name == "voice_metrics.ledger.writer":
            os.kill(os.getpid(), signal.SIGTERM)
sys.meta_path.insert(0, Finder())
t.begin("c1", {})
"""
    )
    code, said, _ = program.done()
    assert code == 0, said


def test_a_call_that_begins_during_a_shutdown_is_exported_at_exit(run: Run, receiver: Receiver) -> None:
    program = run(
        CALL
        + """
class Lock:
    lock = t._lock
    def __enter__(self):
        self.lock.acquire()
    def __exit__(self, *_):
        t._lock = self.lock
        self.lock.release()
        RecordedCall(t, "c2").use(2)
t._lock = Lock()
assert shutdown(60) is True
"""
    )
    code, said, _ = program.done()
    assert code == 0, said
    assert [point.value for point in receiver.of(TOKENS, call_id="c2")] == [0, 2]


def test_the_ledger_of_what_a_server_refused_holds_no_secret(run: Run, receiver: Receiver, tmp_path: Path) -> None:
    receiver.behaviour = answering(401, f"bad Basic {CREDENTIALS} with {TOKEN}".encode())
    code, said, _ = run(CALL).done()
    assert (code, "it answered 401: bad *** with ***." in said) == (0, True)
    written = b"".join(path.read_bytes() for path in tmp_path.glob("calls.db*"))
    assert b"c1" in written
    assert not [secret for secret in (CREDENTIALS, TOKEN) if secret.encode() in written or secret in said]


def test_a_malformed_header_variable_is_not_repeated(run: Run, receiver: Receiver) -> None:
    program = run(CALL, OTEL_EXPORTER_OTLP_HEADERS=f"Authorization: Basic {CREDENTIALS}\n,{CREDENTIALS}")
    code, said, _ = program.done()
    assert code == 0
    assert "is spelt `Key: value`" in said
    assert CREDENTIALS not in said
    assert receiver.stored[0].headers["authorization"] == f"Basic {CREDENTIALS}"
