"""The series of the server around the calls: OpenTelemetry's instrumentation's, and the plug-in's three.

This is their documentation; OpenTelemetry's own instruments are made elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from voice_metrics.series.table import Kind, Series

# Semantic conventions for databases, "db.client.operation.duration", read 2026-11-22.
_QUERY_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
# An audio frame lasts 20 ms, and a caller hears a longer lag.
_LAG_MS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 5000.0)

LOOP_LAG = Series(
    "asyncio.event_loop.lag.milliseconds",
    Kind.HISTOGRAM,
    "ms",
    "How late the event loop runs what is due.",
    (),
    _LAG_MS,
)
QUERY = Series(
    "db.client.operation.duration",
    Kind.HISTOGRAM,
    "s",
    "One SQL statement, sent to answered.",
    ("db.system.name", "db.operation.name", "error.type"),
    _QUERY_SECONDS,
)
CONNECTIONS = Series(
    "db.client.connection.count",
    Kind.UP_DOWN_COUNTER,
    "{connection}",
    "Connections of a pool that are in use or idle.",
    ("db.client.connection.pool.name", "db.client.connection.state"),
)


@dataclass(frozen=True, slots=True)
class Sourced:
    """A series and the distribution, or the plug-in's part, that makes it."""

    source: str
    series: Series


_FASTAPI = "opentelemetry-instrumentation-fastapi"
_SYSTEM = "opentelemetry-instrumentation-system-metrics"
_REQUEST = (
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "network.protocol.version",
    "url.scheme",
    "error.type",
)

SERVER = (
    Sourced(
        _FASTAPI,
        Series(
            "http.server.request.duration",
            Kind.HISTOGRAM,
            "s",
            "Duration of HTTP server requests.",
            _REQUEST,
        ),
    ),
    Sourced(
        _FASTAPI,
        Series(
            "http.server.active_requests",
            Kind.UP_DOWN_COUNTER,
            "{request}",
            "Number of active HTTP server requests.",
            ("http.request.method", "url.scheme"),
        ),
    ),
    Sourced(
        _FASTAPI,
        Series(
            "http.server.request.body.size",
            Kind.HISTOGRAM,
            "By",
            "Size of HTTP server request bodies.",
            _REQUEST,
        ),
    ),
    Sourced(
        _FASTAPI,
        Series(
            "http.server.response.body.size",
            Kind.HISTOGRAM,
            "By",
            "Size of HTTP server response bodies.",
            _REQUEST,
        ),
    ),
    Sourced("events of SQLAlchemy's engine", QUERY),
    Sourced("events of SQLAlchemy's pool", CONNECTIONS),
    Sourced("a ticker in the event loop", LOOP_LAG),
    Sourced(_SYSTEM, Series("process.cpu.time", Kind.COUNTER, "s", "CPU time of the process.", ("type",))),
    Sourced(_SYSTEM, Series("process.cpu.utilization", Kind.GAUGE, "1", "Share of its CPUs that the process uses.")),
    Sourced(_SYSTEM, Series("process.memory.usage", Kind.UP_DOWN_COUNTER, "By", "Physical memory of the process.")),
    Sourced(_SYSTEM, Series("process.memory.virtual", Kind.UP_DOWN_COUNTER, "By", "Virtual memory of the process.")),
    Sourced(_SYSTEM, Series("process.thread.count", Kind.UP_DOWN_COUNTER, "", "Threads of the process.")),
    Sourced(
        _SYSTEM,
        Series("process.open_file_descriptor.count", Kind.UP_DOWN_COUNTER, "", "Open file descriptors of the process."),
    ),
    Sourced(
        _SYSTEM,
        Series("system.network.io", Kind.COUNTER, "By", "Bytes through the network.", ("device", "direction")),
    ),
)
