"""Moods of an OTLP server, by name: what it does with each request."""

from __future__ import annotations

import time
from email.utils import formatdate

from testbed.otlp_answers import (
    accept,
    answering,
    close,
    drip_body,
    drip_headers,
    hang,
    hang_after_headers,
    not_http,
    reject,
    reset,
    store_and_reset,
    storing,
)
from testbed.otlp_server import PROTOBUF, Behaviour, Exchange

NOISE = b"\xff\xfe\x00\x9f" * 64
SMALL_REQUEST_POINTS = 100


def take_small(exchange: Exchange) -> None:
    """Store small requests only."""
    (answering(413) if len(exchange.points) > SMALL_REQUEST_POINTS else accept)(exchange)


def reject_half(exchange: Exchange) -> None:
    """Store every second point, the first one included, and reject the others."""
    exchange.judged = exchange.points[1::2]
    reject(exchange, exchange.points[::2], len(exchange.judged))


def reject_all(exchange: Exchange) -> None:
    """Store nothing and answer 200."""
    exchange.judged = exchange.points
    reject(exchange, [], len(exchange.judged))


def find_too_old(exchange: Exchange) -> None:
    """Refuse everything for its age; of a request of several series that says nothing of each."""
    if len({point.key for point in exchange.points}) == 1:
        exchange.judged = exchange.points
    exchange.answer(400, b"err-mimir-sample-out-of-order: out of order sample", "text/plain")


def limit_until_date(exchange: Exchange) -> None:
    """Ask for a pause until a date."""
    answering(429, Retry_After=formatdate(time.time() + 3, usegmt=True))(exchange)


TAKES, TAKES_SMALL, TAKES_HALF, REFUSES = "takes", "takes small ones", "takes half", "refuses connections"
MUMBLES, TOO_OLD, TAKES_NOTHING = "takes, mumbles", "400 for age", "takes nothing, says 200"
# Moods that reject for good: OpenTelemetry forbids a retry after a partial success, and points only grow older.
FOR_GOOD = (TAKES_HALF, TAKES_NOTHING, TOO_OLD)
# Moods that acknowledge a request, some a small one only.
ACKNOWLEDGES = (TAKES, TAKES_SMALL, MUMBLES)
MOODS: dict[str, Behaviour] = {
    TAKES: accept,
    TAKES_SMALL: take_small,
    TAKES_HALF: reject_half,
    TAKES_NOTHING: reject_all,
    MUMBLES: storing(answering(200, NOISE, PROTOBUF)),
    "takes, says 500": storing(answering(500)),
    "takes, resets": store_and_reset,
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
