"""An OTLP/HTTP receiver on loopback that stores what it acknowledges, and misbehaves on request."""

from __future__ import annotations

import contextlib
import gzip
import random
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

Key = tuple[str, frozenset[tuple[str, str]]]
Behaviour = Callable[["Exchange"], None]


@dataclass(frozen=True)
class Point:
    """One point as it arrived: value of a number, or count and sum of a histogram."""

    name: str
    attributes: dict[str, Any]
    start_ns: int
    time_ns: int
    value: float
    count: int | None
    raw: Any

    @property
    def key(self) -> Key:
        return self.name, frozenset((name, str(value)) for name, value in self.attributes.items())


@dataclass
class Exchange:
    """A request and the connection that it came by."""

    path: str
    headers: dict[str, str]
    request: ExportMetricsServiceRequest
    body: bytes
    handler: BaseHTTPRequestHandler
    receiver: Receiver
    stored: bool = False

    @property
    def points(self) -> list[Point]:
        return list(_points(self.request))

    @property
    def resource(self) -> dict[str, Any]:
        return _attributes(self.request.resource_metrics[0].resource.attributes)

    def store(self) -> None:
        self.stored = True

    def answer(
        self, status: int, body: bytes = b"", content_type: str = "application/x-protobuf", **headers: str
    ) -> None:
        self.handler.send_response(status)
        self.handler.send_header("content-type", content_type)
        self.handler.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(body)


def accept(exchange: Exchange) -> None:
    """Store everything and say so."""
    exchange.store()
    exchange.answer(200, ExportMetricsServiceResponse().SerializeToString())


def answering(status: int, body: bytes = b"", content_type: str = "text/plain", **headers: str) -> Behaviour:
    """Answer a status and store nothing."""
    return lambda exchange: exchange.answer(status, body, content_type, **headers)


def rejecting(message: str = "series limit", points: int | None = None) -> Behaviour:
    """Answer 200 and reject points: all of them, or a number."""

    def behave(exchange: Exchange) -> None:
        answer = ExportMetricsServiceResponse()
        answer.partial_success.rejected_data_points = len(exchange.points) if points is None else points
        answer.partial_success.error_message = message
        exchange.answer(200, answer.SerializeToString())

    return behave


def hang(exchange: Exchange) -> None:
    """Never answer."""
    exchange.receiver.stopping.wait()


def hang_after_headers(exchange: Exchange) -> None:
    """Answer a status, and never the body."""
    exchange.handler.wfile.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9\r\n\r\n"
    )
    exchange.receiver.stopping.wait()


def _drip(exchange: Exchange, text: bytes) -> None:
    for byte in text:
        if exchange.receiver.stopping.wait(exchange.receiver.drip_seconds):
            return
        try:
            exchange.handler.wfile.write(bytes([byte]))
        except OSError:
            return


def drip_headers(exchange: Exchange) -> None:
    """Answer one byte at a time, headers included."""
    _drip(exchange, b"HTTP/1.1 200 OK\r\nx-slow: " + b"a" * 1000)


def drip_body(exchange: Exchange) -> None:
    """Answer headers at once and the body one byte at a time."""
    exchange.handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    _drip(exchange, b"a" * 1000)


def reset(exchange: Exchange) -> None:
    """Reset the connection instead of an answer."""
    exchange.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.handler.close_connection = True
    exchange.handler.connection.close()


def close(exchange: Exchange) -> None:
    """Close the connection instead of an answer."""
    exchange.handler.close_connection = True
    exchange.handler.connection.shutdown(socket.SHUT_RDWR)


def not_http(exchange: Exchange) -> None:
    """Answer something that is not HTTP."""
    exchange.handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    exchange.handler.close_connection = True


def store_and_reset(exchange: Exchange) -> None:
    """Store everything, and reset the connection instead of saying so."""
    exchange.store()
    reset(exchange)


@dataclass
class Receiver:
    """The receiver; use `running()`.

    Parameters:
        behaviour: What it does with the next requests.
        drip_seconds: Time between two bytes of a slow answer.
    """

    behaviour: Behaviour = accept
    drip_seconds: float = 0.2
    exchanges: list[Exchange] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)
    url: str = ""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def stored(self) -> list[Exchange]:
        with self.changed:
            return [exchange for exchange in self.exchanges if exchange.stored]

    @property
    def points(self) -> list[Point]:
        """Every acknowledged point, in the order of arrival."""
        return [point for exchange in self.stored for point in exchange.points]

    def of(self, name: str, **attributes: str) -> list[Point]:
        """Acknowledged points of a metric whose attributes include these."""
        wanted = attributes.items()
        return [point for point in self.points if point.name == name and wanted <= point.attributes.items()]

    def last(self) -> dict[Key, Point]:
        """The newest acknowledged point of each series."""
        newest: dict[Key, Point] = {}
        for point in self.points:
            if point.key not in newest or point.time_ns >= newest[point.key].time_ns:
                newest[point.key] = point
        return newest

    def wait_for(self, what: Callable[[Receiver], Any], timeout: float = 10.0) -> Any:
        """Wait until something is so.

        Returns:
            What it is; the last look if the time is over.
        """
        deadline = time.monotonic() + timeout
        while True:
            found = what(self)
            remaining = deadline - time.monotonic()
            if found or remaining <= 0:
                return found
            with self.changed:
                self.changed.wait(min(remaining, 0.05))

    def _take(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        encoding = headers.get("content-encoding")
        plain = (
            gzip.decompress(body) if encoding == "gzip" else zlib.decompress(body) if encoding == "deflate" else body
        )
        request = ExportMetricsServiceRequest.FromString(plain)
        exchange = Exchange(handler.path, headers, request, plain, handler, self)
        with self.changed:
            self.exchanges.append(exchange)
            self.changed.notify_all()
        try:
            self.behaviour(exchange)
        except OSError:
            handler.close_connection = True
        with self.changed:
            self.changed.notify_all()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def do_POST(self) -> None:
            receiver._take(self, self.rfile.read(int(self.headers["content-length"])))

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextlib.contextmanager
def running(
    behaviour: Behaviour = accept, *, port: int = 0, certificate: Path | None = None, drip_seconds: float = 0.2
) -> Iterator[Receiver]:
    """Run a receiver.

    Args:
        behaviour: What it does with requests.
        port: Where it listens; 0 for any free port.
        certificate: Certificate and key for TLS, or `None` for plain HTTP.
        drip_seconds: Time between two bytes of a slow answer.
    """
    receiver = Receiver(behaviour, drip_seconds)
    server = _Server(("127.0.0.1", port), _handler(receiver))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """A port at which nothing listens, of those that a system gives to nobody who asks for any port."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("a hundred ports are in use")


def _attributes(attributes: Iterable[Any]) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value") or "string_value") for item in attributes}


def _points(request: ExportMetricsServiceRequest) -> Iterator[Point]:
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                for raw in getattr(metric, kind).data_points:
                    number = kind in ("sum", "gauge")
                    yield Point(
                        metric.name,
                        _attributes(raw.attributes),
                        raw.start_time_unix_nano,
                        raw.time_unix_nano,
                        (raw.as_int if raw.WhichOneof("value") == "as_int" else raw.as_double) if number else raw.sum,
                        None if number else raw.count,
                        raw,
                    )
