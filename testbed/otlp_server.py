"""An OTLP/HTTP server on loopback, with a function that decides on each request."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from testbed.otlp_points import Point, attributes_in, points_in

PROTOBUF = "application/x-protobuf"
_UNPACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}

Behaviour = Callable[["Exchange"], None]


@dataclass
class Listener:
    """A server, which `listening` runs.

    Parameters:
        behaviour: Stores and answers a request, in the thread of its connection.
        drip_seconds: Seconds between two bytes of a slow answer.
        url: Its address, while it runs.
        stopping: Ends the wait of requests that hang.
    """

    behaviour: Behaviour
    drip_seconds: float = 0.2
    url: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)

    def answer(self, exchange: Exchange) -> None:
        """Answer a request."""
        self.behaviour(exchange)


@dataclass
class Exchange:
    """A request, its connection, and what the server did with it.

    Parameters:
        path: Its path.
        headers: Its headers, with names in lower case.
        packed: Its body as it arrived, compressed or not.
        handler: The connection.
        receiver: The server that received it.
        stored: True if the server stores all of its points.
        part: The points that the server stores if it does not store all.
        acknowledged: True if the answer acknowledges the request.
        judged: Points that the server rejects for good.
    """

    path: str
    headers: dict[str, str]
    packed: bytes
    handler: BaseHTTPRequestHandler
    receiver: Listener
    stored: bool = False
    part: list[Point] = field(default_factory=list)
    acknowledged: bool = False
    judged: list[Point] = field(default_factory=list)

    @cached_property
    def body(self) -> bytes:
        """The body, decompressed."""
        return _UNPACK.get(self.headers.get("content-encoding", ""), bytes)(self.packed)

    @cached_property
    def request(self) -> ExportMetricsServiceRequest:
        """The body as a request of metrics."""
        return ExportMetricsServiceRequest.FromString(self.body)

    @cached_property
    def points(self) -> list[Point]:
        """Its points in order."""
        return list(points_in(self.request))

    @property
    def resource(self) -> dict[str, Any]:
        """Attributes of the first resource."""
        return attributes_in(self.request.resource_metrics[0].resource.attributes)

    def store(self) -> None:
        """Store every point."""
        self.stored = True

    @property
    def taken(self) -> list[Point]:
        """Points that the server stores."""
        return self.points if self.stored else self.part

    def answer(self, status: int, body: bytes = b"", content_type: str = PROTOBUF, **headers: str) -> None:
        """Send a status, headers and a body.

        Args:
            status: HTTP status.
            body: The body.
            content_type: Media type of the body.
            **headers: Further headers; an underscore stands for a hyphen.
        """
        self.acknowledged = status == 200 and content_type == PROTOBUF
        self.handler.send_response(status)
        for name, value in {"content_type": content_type, "content_length": str(len(body)), **headers}.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def hang(self) -> None:
        """Wait, without an answer, until the server stops."""
        self.receiver.stopping.wait()

    def drip(self, text: bytes) -> None:
        """Send one byte at a time, until the server stops."""
        for byte in text:
            if self.receiver.stopping.wait(self.receiver.drip_seconds):
                return
            self.handler.wfile.write(bytes([byte]))


@contextmanager
def listening(listener: Listener, *, port: int = 0, certificate: Path | None = None) -> Iterator[None]:
    """Run a server on loopback while the context lasts.

    Args:
        listener: The server.
        port: Port; 0 for a free one.
        certificate: File with certificate and key for TLS, or `None` for plain HTTP.
    """
    server = _Server(("127.0.0.1", port), _handler(listener))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    listener.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                listener.answer(Exchange(self.path, headers, body, self, listener))
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing, because tests close connections on purpose."""
