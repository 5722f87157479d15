"""What an OTLP server may answer: behaviours of a `Listener`."""

from __future__ import annotations

import socket
import struct

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from testbed.otlp_points import Point
from testbed.otlp_server import Behaviour, Exchange


def accept(exchange: Exchange) -> None:
    """Store and acknowledge every point."""
    exchange.store()
    exchange.answer(200)


def answering(status: int, body: bytes = b"", content_type: str = "text/plain", **headers: str) -> Behaviour:
    """Make a behaviour that answers a status and stores nothing."""
    return lambda exchange: exchange.answer(status, body, content_type, **headers)


def storing(answer: Behaviour) -> Behaviour:
    """Make a behaviour that stores every point, whatever it answers."""

    def store_and_answer(exchange: Exchange) -> None:
        exchange.store()
        answer(exchange)

    return store_and_answer


def reject(exchange: Exchange, taken: list[Point], rejected: int, message: str = "series limit") -> None:
    """Answer 200 with a number of rejected points.

    Args:
        exchange: The request.
        taken: Points that the server stores.
        rejected: Number of points that it says it rejected.
        message: The error message of the answer.
    """
    exchange.part = taken
    answer = ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = rejected
    answer.partial_success.error_message = message
    exchange.answer(200, answer.SerializeToString())


def rejecting(message: str = "series limit", points: int | None = None) -> Behaviour:
    """Make a behaviour that answers 200, stores nothing and rejects `points` of them, or all if `None`."""
    return lambda exchange: reject(exchange, [], len(exchange.points) if points is None else points, message)


def hang(exchange: Exchange) -> None:
    """Never answer."""
    exchange.hang()


def hang_after_headers(exchange: Exchange) -> None:
    """Send a status and headers, and never the body."""
    exchange.handler.wfile.write(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9\r\n\r\n"
    )
    exchange.hang()


def drip_headers(exchange: Exchange) -> None:
    """Send a status, and then a header one byte at a time."""
    exchange.drip(b"HTTP/1.1 200 OK\r\nx-slow: " + b"a" * 1000)


def drip_body(exchange: Exchange) -> None:
    """Send the headers at once and the body one byte at a time."""
    exchange.handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    exchange.drip(b"a" * 1000)


def reset(exchange: Exchange) -> None:
    """Reset the connection without an answer."""
    exchange.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.handler.close_connection = True
    exchange.handler.connection.close()


def close(exchange: Exchange) -> None:
    """Close the connection without an answer."""
    exchange.handler.close_connection = True
    exchange.handler.connection.shutdown(socket.SHUT_RDWR)


def not_http(exchange: Exchange) -> None:
    """Send the greeting of an SSH server."""
    exchange.handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    exchange.handler.close_connection = True


# The server has the points, and the sender cannot know.
store_and_reset = storing(reset)
