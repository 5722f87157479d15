"""How long SQL statements take, by SQLAlchemy's events; no package of OpenTelemetry measures it.

Owns one listener for each engine. Never sees parameters, keeps no statement, and no fault of it reaches a query.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from loguru import logger
from opentelemetry.metrics import Meter

from voice_metrics.instruments import instrument
from voice_metrics.server_series import QUERY

# A closed set: what stands first in a statement may be anything.
_READS = ("SELECT", "WITH", "SHOW", "EXPLAIN", "PRAGMA")
_WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "TRUNCATE", "CALL")
_DEFINES = ("CREATE", "ALTER", "DROP", "SET", "VACUUM")
_TRANSACTS = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
_OPERATIONS = frozenset((*_READS, *_WRITES, *_DEFINES, *_TRANSACTS))
_STARTED_AT = "_voice_metrics_started_at"


class Queries:
    """Measures the statements of engines."""

    def __init__(self, meter: Meter, clock: Callable[[], float] = time.perf_counter) -> None:
        """Prepare.

        Args:
            meter: The meter that receives durations.
            clock: Monotonic seconds.
        """
        self._record = instrument(meter, QUERY)
        self._clock = clock

    def watch(self, engine: Any) -> None:
        """Measure every statement of an engine.

        Args:
            engine: SQLAlchemy's engine, synchronous or not.
        """
        from sqlalchemy import event

        engine = getattr(engine, "sync_engine", engine)
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "after_cursor_execute", self._after)
        event.listen(engine, "handle_error", self._failed)

    def _before(self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if context is not None:
            setattr(context, _STARTED_AT, self._clock())

    def _after(self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        self._ended(connection.dialect.name, statement, context, {})

    def _failed(self, failure: Any) -> None:
        error = failure.original_exception
        self._ended(
            failure.dialect.name, failure.statement, failure.execution_context, {"error.type": type(error).__name__}
        )

    def _ended(self, system: str, statement: str | None, context: Any, error: dict[str, str]) -> None:
        started_at = getattr(context, _STARTED_AT, None)
        if started_at is None:
            return
        delattr(context, _STARTED_AT)
        try:
            seconds = max(self._clock() - started_at, 0.0)
            self._record(seconds, {"db.system.name": system, "db.operation.name": operation(statement), **error})
        except Exception as fault:
            logger.debug("The duration of a query was lost: {}", fault)


def operation(statement: str | None) -> str:
    """What a statement does: its first word, or "other" if that is not one of a closed set.

    Args:
        statement: SQL, or `None` if it is not known.
    """
    word = (statement or "").lstrip(" \t\r\n(")[:16].partition(" ")[0].partition("\n")[0].upper()
    return word if word in _OPERATIONS else "other"
