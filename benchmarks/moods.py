"""The moods of an OTLP server: named ways of answering a request, and an HTTP server on loopback that answers so."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

PROTOBUF = "application/x-protobuf"
NOISE = b"\xff\xfe\x00\x9f" * 64
SMALL_REQUEST_POINTS = 100
DRIP_SECONDS = 1.0
_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


class Point(NamedTuple):
    """A received point: a number, or a histogram's count.

    Parameters:
        series: Key of its series: metric and attributes.
        call_id: Id of its call, or "" for a shared series.
        name: Name of its metric.
        time_ns: Its time, in Unix nanoseconds.
        value: The number.
        delta: True if the number is an increment.
    """

    series: tuple[Any, ...]
    call_id: str
    name: str
    time_ns: int
    value: float
    delta: bool


@dataclass
class Exchange:
    """A request, its connection and what the server does with its points.

    Parameters:
        request: The request.
        handler: The connection.
        stopping: Set to release the answers that hang.
        taken: Points that the server stores.
        acknowledged: True if the answer says that it stores them.
        judged: Points that the server rejects for good.
    """

    request: ExportMetricsServiceRequest
    handler: BaseHTTPRequestHandler
    stopping: threading.Event
    taken: list[Point] | tuple[()] = ()
    acknowledged: bool = False
    judged: list[Point] | tuple[()] = ()

    @cached_property
    def points(self) -> list[Point]:
        """Every point of the request, in order."""
        return list(_points(self.request))

    def take(self) -> None:
        """Store every point."""
        self.taken = self.points

    def answer(self, status: int, body: bytes = b"", content_type: str = PROTOBUF, **headers: str) -> None:
        """Send a status and a body.

        Args:
            status: HTTP status.
            body: The answer's body.
            content_type: Its type.
            **headers: More headers, with underscores for hyphens.
        """
        self.acknowledged = status == 200 and content_type == PROTOBUF
        self.handler.send_response(status)
        for name, value in {"content_type": content_type, "content_length": str(len(body)), **headers}.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def drip(self, text: bytes) -> None:
        """Write one byte at a time."""
        for byte in text:
            if self.stopping.wait(DRIP_SECONDS):
                return
            self.handler.wfile.write(bytes([byte]))


Mood = Callable[[Exchange], None]


def accept(exchange: Exchange) -> None:
    """Store everything and acknowledge it."""
    exchange.take()
    exchange.answer(200)


def answering(status: int, body: bytes = b"", content_type: str = "text/plain", **headers: str) -> Mood:
    """Return a mood that sends a status and stores nothing."""
    return lambda exchange: exchange.answer(status, body, content_type, **headers)


def taking(mood: Mood) -> Mood:
    """Return a mood that stores everything and answers as `mood` does."""

    def behave(exchange: Exchange) -> None:
        exchange.take()
        mood(exchange)

    return behave


def take_small(exchange: Exchange) -> None:
    """Store small requests only."""
    (answering(413) if len(exchange.points) > SMALL_REQUEST_POINTS else accept)(exchange)


def _reject(exchange: Exchange, taken: list[Point], rejected: list[Point]) -> None:
    exchange.taken, exchange.judged = taken, rejected
    answer = ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = len(rejected)
    answer.partial_success.error_message = "series limit"
    exchange.answer(200, answer.SerializeToString())


def reject_half(exchange: Exchange) -> None:
    """Store every second point, from the first on, and reject the others."""
    _reject(exchange, exchange.points[::2], exchange.points[1::2])


def reject_all(exchange: Exchange) -> None:
    """Store nothing and send 200."""
    _reject(exchange, [], exchange.points)


def find_too_old(exchange: Exchange) -> None:
    """Reject a whole request as too old, without saying which of its series."""
    if len({point.series for point in exchange.points}) == 1:
        exchange.judged = exchange.points
    exchange.answer(400, b"err-mimir-sample-out-of-order: out of order sample", "text/plain")


def hang(exchange: Exchange) -> None:
    """Never answer."""
    exchange.stopping.wait()


def hang_after_headers(exchange: Exchange) -> None:
    """Send a status, and never the body."""
    exchange.handler.wfile.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9\r\n\r\n"
    )
    exchange.stopping.wait()


def drip_headers(exchange: Exchange) -> None:
    """Send one byte at a time, headers included."""
    exchange.drip(b"HTTP/1.1 200 OK\r\nx-slow: " + b"a" * 1000)


def drip_body(exchange: Exchange) -> None:
    """Send headers at once and the body one byte at a time."""
    exchange.handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    exchange.drip(b"a" * 1000)


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
    """Send something that is not HTTP."""
    exchange.handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    exchange.handler.close_connection = True


def limit_until_date(exchange: Exchange) -> None:
    """Ask for no request until a date."""
    answering(429, Retry_After=formatdate(time.time() + 3, usegmt=True))(exchange)


TAKES, TAKES_SMALL, TAKES_HALF, REFUSES = "takes", "takes small ones", "takes half", "refuses connections"
MUMBLES, TOO_OLD, TAKES_NOTHING = "takes, mumbles", "400 for age", "takes nothing, says 200"
# Moods that reject for good: OpenTelemetry forbids a retry after a partial success, and points only grow older.
FOR_GOOD = (TAKES_HALF, TAKES_NOTHING, TOO_OLD)
# Moods that acknowledge a request, some a small one only.
ACKNOWLEDGES = (TAKES, TAKES_SMALL, MUMBLES)
MOODS: dict[str, Mood] = {
    TAKES: accept,
    TAKES_SMALL: take_small,
    TAKES_HALF: reject_half,
    TAKES_NOTHING: reject_all,
    MUMBLES: taking(answering(200, NOISE, PROTOBUF)),
    "takes, says 500": taking(answering(500)),
    "takes, resets": taking(reset),
    # For open connections; the receiver also closes its listener.
    REFUSES: reset,
    "hangs": hang,
    "hangs after headers": hang_after_headers,
    "drips headers": drip_headers,
    "drips body": drip_body,
    "resets": reset,
    "closes": close,
    "speaks no HTTP": not_http,
    "200 with a page": answering(200, b"<html>log in</html>", "text/html"),
    "301": answering(301, Location="http://127.0.0.1:9/v1/metrics"),
    "308": answering(308, Location="/elsewhere"),
    "400": answering(400, b"label value is too long"),
    "400 in noise": answering(400, NOISE, PROTOBUF),
    TOO_OLD: find_too_old,
    "401": answering(401, b"no such token"),
    "403": answering(403, b'{"message": "no scope"}', "application/json"),
    "404": answering(404),
    "413": answering(413),
    "429": answering(429),
    "429 for 1 s": answering(429, Retry_After="1"),
    "429 for 12 s": answering(429, Retry_After="12"),
    "429 until a date": limit_until_date,
    "429 for nonsense": answering(429, Retry_After="soon"),
    "500": answering(500),
    "500 in noise": answering(500, NOISE),
    "502 with a page": answering(502, b"<html>bad gateway</html>", "text/html"),
    "503": answering(503),
    "503 for 1 s": answering(503, Retry_After="1"),
    "504": answering(504),
}


@contextmanager
def serving(answer: Mood, port: int) -> Iterator[threading.Event]:
    """Serve OTLP on loopback.

    Args:
        answer: Called with each request, in the thread of its connection.
        port: Port to listen on.

    Yields:
        Event to set for the release of answers that hang.
    """
    stopping = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            try:
                answer(Exchange(ExportMetricsServiceRequest.FromString(body), self, stopping))
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = _Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield stopping
    finally:
        stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect."""


def _points(request: ExportMetricsServiceRequest) -> Iterator[Point]:
    for resource in request.resource_metrics:
        for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
            kind = metric.WhichOneof("data") or "gauge"
            data = getattr(metric, kind)
            delta = kind != "gauge" and data.aggregation_temporality == _DELTA
            for raw in data.data_points:
                attributes = {item.key: item.value.string_value or str(item.value) for item in raw.attributes}
                if kind in ("sum", "gauge"):
                    value = raw.as_int if raw.WhichOneof("value") == "as_int" else raw.as_double
                else:
                    value = raw.count
                series = (metric.name, kind, frozenset(attributes.items()))
                yield Point(series, attributes.get("call_id", ""), metric.name, raw.time_unix_nano, value, delta)
