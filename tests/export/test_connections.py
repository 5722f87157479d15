"""Connections: requests under way, dead connections, and instrumentation that must not see either."""

from __future__ import annotations

import contextlib
import errno
import functools
import http.client
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import urllib3

from tests.export.calls import RecordedCall
from tests.export.conftest import Log
from tests.receiver import Exchange, Receiver, accept
from voice_metrics.telemetry import Telemetry

Start = Callable[..., Telemetry]


@contextlib.contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve each connection in a thread of its own; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def forgetful_gateway(target: int, idle_seconds: float) -> Iterator[int]:
    """A gateway that swallows everything on a connection that was idle for too long, without a word."""

    def serve(near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", target)) as far, contextlib.suppress(OSError):
            latest = [time.monotonic()]

            def back() -> None:
                with contextlib.suppress(OSError):
                    while data := far.recv(65_536):
                        near.sendall(data)
                        latest[0] = time.monotonic()

            threading.Thread(target=back, daemon=True).start()
            while data := near.recv(65_536):
                if time.monotonic() - latest[0] > idle_seconds:
                    while near.recv(65_536):
                        pass
                    return
                far.sendall(data)

    with serving(serve) as port:
        yield port


def deliver_two_calls(telemetry: Telemetry, pause_seconds: float = 0.0) -> None:
    for name in ("a", "b"):
        call = RecordedCall(telemetry, name)
        call.use(1)
        assert call.end().result(60) is True
        time.sleep(pause_seconds)
    telemetry.shutdown(2.0)


def test_idle_connection_that_died_in_silence_is_tried_on_a_fresh_one(receiver: Receiver, start: Start) -> None:
    with forgetful_gateway(receiver.port, 0.5) as port:
        telemetry = start(url=f"http://127.0.0.1:{port}")
        deliver_two_calls(telemetry, pause_seconds=1.2)


def test_increments_take_no_connection_that_a_gateway_may_have_forgotten(receiver: Receiver, start: Start) -> None:
    with forgetful_gateway(receiver.port, 0.5) as port:
        url = f"http://127.0.0.1:{port}"
        telemetry = start(url=url, OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta")
        deliver_two_calls(telemetry, pause_seconds=1.2)


def test_address_that_leads_nowhere_is_not_tried_again_before_the_one_that_accepted(
    receiver: Receiver, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, tried = socket.socket.connect, []

    def addresses(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        hosts = ("127.0.0.9", "127.0.0.1") if host == "two.example" else (host,)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in hosts]

    monkeypatch.setattr(socket, "getaddrinfo", addresses)

    def reach(self: socket.socket, address: tuple[str, int]) -> None:
        tried.append(address[0])
        if address[0] == "127.0.0.9":
            raise TimeoutError
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", reach)
    receiver.behaviour = closing
    telemetry = start(url=f"http://two.example:{receiver.port}")
    deliver_two_calls(telemetry)
    assert tried == ["127.0.0.9", "127.0.0.1", "127.0.0.1"]


def closing(exchange: Exchange) -> None:
    """Accept, and close the connection."""
    accept(exchange)
    exchange.handler.close_connection = True


NOT_CONNECTED = [
    pytest.param(errno.ENETUNREACH, "Network is unreachable", "Check OTEL_EXPORTER_OTLP_ENDPOINT", id="no network"),
    pytest.param(errno.EHOSTUNREACH, "No route to host", "Check OTEL_EXPORTER_OTLP_ENDPOINT", id="no route"),
    pytest.param(errno.EMFILE, "Too many open files", "Raise the limit of open files", id="no file descriptor"),
]


@pytest.mark.parametrize(("code", "words", "advice"), NOT_CONNECTED)
def test_connection_that_the_system_refuses_at_once_is_no_timeout(
    code: int, words: str, advice: str, start: Start, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(socket.socket, "connect", fail)
    telemetry = start(url="http://127.0.0.1:4318")
    call = RecordedCall(telemetry, "c1")
    call.use(1)
    assert call.end().result(60) is False
    telemetry.shutdown(2.0)
    assert f"no connection came about: {words}. {advice}" in log.warnings[0]


@contextlib.contextmanager
def hinting(statuses: list[bytes]) -> Iterator[int]:
    """A server that sends an informational answer before each final one."""

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
            while lines.readline():
                length = 0
                while header := lines.readline().strip():
                    if header.lower().startswith(b"content-length"):
                        length = int(header.split(b":")[1])
                lines.read(length)
                status = statuses.pop(0) if statuses else b"200 OK"
                connection.sendall(
                    b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 " + status
                    + b"\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
                )  # fmt: skip

    with serving(serve) as port:
        yield port


def test_debug_log_of_connections_holds_no_address_of_an_export(
    receiver: Receiver, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    telemetry = start(url=f"{receiver.url}/hook/pathS3cret?token=queryS3cret")
    call = RecordedCall(telemetry, "c1")
    call.use(1)
    call.end().result(60)
    telemetry.shutdown(2.0)
    requests.get(f"{receiver.url}/own?token=of-the-application", timeout=60)

    assert "S3cret" not in caplog.text
    assert "token=of-the-application" in caplog.text


def test_informational_answer_is_not_taken_for_the_final_one(start: Start) -> None:
    with hinting([b"200 OK", b"401 Unauthorized", b"200 OK"]) as port:
        telemetry = start(url=f"http://127.0.0.1:{port}")
        ends = []
        for name in "abc":
            call = RecordedCall(telemetry, name)
            call.use(1)
            ends.append(call.end().result(60))
        assert ends == [True, False, True]
        telemetry.shutdown(2.0)


@pytest.fixture
def instrumented() -> Iterator[list[str]]:
    """`requests`, `urllib3` and `http.client` as an application's instrumentation wraps them."""
    seen: list[str] = []

    def wrapped(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def noting(*args: Any, **kwargs: Any) -> Any:
            seen.append(name)
            return function(*args, **kwargs)

        return noting

    places: list[tuple[type, str]] = [
        (requests.Session, "request"),
        (requests.Session, "send"),
        (urllib3.HTTPConnectionPool, "urlopen"),
        *((http.client.HTTPConnection, name) for name in ("putrequest", "putheader", "endheaders", "getresponse")),
    ]
    before = [getattr(owner, name) for owner, name in places]
    for (owner, name), function in zip(places, before, strict=True):
        setattr(owner, name, wrapped(name, function))
    yield seen
    for (owner, name), function in zip(places, before, strict=True):
        setattr(owner, name, function)


def test_informational_answers_without_end_are_no_answer(start: Start, log: Log) -> None:
    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while True:
                connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")

    with serving(serve) as port:
        telemetry = start(url=f"http://127.0.0.1:{port}")
        call = RecordedCall(telemetry, "c1")
        call.use(1)
        assert call.end().result(60) is False
        telemetry.shutdown(2.0)
    assert "what it answers is not HTTP" in log.warnings[0]


def test_threads_of_an_export_do_not_have_the_trace_of_the_call_that_starts_them(
    receiver: Receiver, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, passed_on = threading.Thread.start, list[str]()

    @functools.wraps(begin)
    def pass_on(thread: threading.Thread) -> None:
        passed_on.append(thread.name)
        begin(thread)

    monkeypatch.setattr(threading.Thread, "start", pass_on)
    call = RecordedCall(start(), "c1")
    call.use(1)
    assert call.end().result(60) is True
    assert not [name for name in passed_on if name.startswith("voice-metrics")]


def test_instrumentation_of_the_application_sees_no_export(
    instrumented: list[str], receiver: Receiver, start: Start
) -> None:
    call = RecordedCall(start(), "c1")
    call.use(1)
    assert call.end().result(60) is True
    assert instrumented == []
    assert requests.get(receiver.url, timeout=60).status_code == 501
    named = {"request", "send", "urlopen", "putrequest", "putheader", "endheaders", "getresponse"}
    assert set(instrumented) == named
