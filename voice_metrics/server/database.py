"""SQLAlchemy's statements and connections, from its events, under the names of OpenTelemetry's conventions.

No package of OpenTelemetry measures statements, and its connection count needs another SDK release. Parameters are not
read, statements are not kept, and no fault reaches a query.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from loguru import logger

from voice_metrics.series.registry import SeriesSink
from voice_metrics.server.server_series import CONNECTIONS, QUERY

# A closed set, because a statement may begin with any text.
_READS = ("SELECT", "WITH", "SHOW", "EXPLAIN", "PRAGMA")
_WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "TRUNCATE", "CALL")
_DEFINES = ("CREATE", "ALTER", "DROP", "SET", "VACUUM")
_TRANSACTS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
_OPERATIONS = frozenset((*_READS, *_WRITES, *_DEFINES, *_TRANSACTS))
_STARTED_AT = "_voice_metrics_started_at"


class Connections:
    """Counts engines' connections, in use and idle in the pool."""

    def __init__(self, sink: SeriesSink) -> None:
        self._sink = sink

    def watch(self, engine: Any) -> None:
        """Count the connections of a synchronous SQLAlchemy engine, ideally before it opens any."""
        from sqlalchemy import event

        pool = _pool_name(engine)
        for name, idle, used in (
            ("connect", 1, 0),
            ("checkout", -1, 1),
            ("checkin", 1, -1),
            ("close", -1, 0),
            ("detach", 0, -1),
        ):
            event.listen(engine, name, self._change_listener(pool, idle, used))

    def _change_listener(self, pool: str, idle: int, used: int) -> Callable[..., None]:
        def changed(*_: Any) -> None:
            try:
                for state, change in (("idle", idle), ("used", used)):
                    if change:
                        attributes = {"db.client.connection.pool.name": pool, "db.client.connection.state": state}
                        self._sink.series(CONNECTIONS, attributes)(change)
            except Exception as fault:
                logger.debug("A connection was not counted: {}", fault)

        return changed


class Statements:
    """Measures the statements of engines."""

    def __init__(self, sink: SeriesSink, clock: Callable[[], float] = time.perf_counter) -> None:
        """Record durations into `sink`; `clock` returns monotonic seconds."""
        self._sink = sink
        self._clock = clock

    def watch(self, engine: Any) -> None:
        """Measure every statement of a synchronous SQLAlchemy engine."""
        from sqlalchemy import event

        event.listen(engine, "before_cursor_execute", self._mark_start)
        event.listen(engine, "after_cursor_execute", self._record_success)
        event.listen(engine, "handle_error", self._record_failure)

    def _mark_start(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if context is not None:
            setattr(context, _STARTED_AT, self._clock())

    def _record_success(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        self._record(connection.dialect.name, statement, context, {})

    def _record_failure(self, failure: Any) -> None:
        error = failure.original_exception
        self._record(
            failure.dialect.name, failure.statement, failure.execution_context, {"error.type": type(error).__name__}
        )

    def _record(self, system: str, statement: str | None, context: Any, error: dict[str, str]) -> None:
        started_at = getattr(context, _STARTED_AT, None)
        if started_at is None:
            return
        delattr(context, _STARTED_AT)
        try:
            seconds = max(self._clock() - started_at, 0.0)
            self._sink.series(QUERY, {"db.system.name": system, "db.operation.name": operation(statement), **error})(
                seconds
            )
        except Exception as fault:
            logger.debug("The duration of a query was lost: {}", fault)


def operation(statement: str | None) -> str:
    """Return the first word of an SQL statement; "other" if it is none of a closed set or unknown."""
    word = (statement or "").lstrip(" \t\r\n(")[:16].partition(" ")[0].partition("\n")[0].upper()
    return word if word in _OPERATIONS else "other"


def _pool_name(engine: Any) -> str:
    url = engine.url
    if named := getattr(engine.pool, "logging_name", None):
        return str(named)
    if not url.host:
        return PurePath(url.database or ":memory:").name
    return f"{url.host}:{url.port}/{url.database}" if url.port else f"{url.host}/{url.database}"
