"""The read side: calls, one call, history and unsent requests. A live call of a dead process reads as ended."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, get_args

from voice_metrics.call.facts import Cause
from voice_metrics.call.text import MOST_CHARACTERS, clean
from voice_metrics.ledger import history, pending
from voice_metrics.ledger.columns import CALL_COLUMNS, call_row, timeline_row
from voice_metrics.ledger.opening import opened, unreadable
from voice_metrics.ledger.process import this_process
from voice_metrics.ledger.rows import (
    CallDetail,
    CallFilter,
    CallRow,
    LatencyPoint,
    PendingState,
    Trouble,
    UsagePoint,
)
from voice_metrics.ledger.stored_summary import read_summary
from voice_metrics.ledger.writing import OWED, gone_processes, read_json

T = TypeVar("T")
Order = Literal[
    "started_at",
    "duration_seconds",
    "end_reason",
    "llm_model",
    "stt_model",
    "tts_model",
    "worst_response_ms",
    "turns",
    "interruptions",
    "errors",
    "prompt_tokens",
    "completion_tokens",
    "characters",
    "audio_seconds",
    "cost_usd",
    "state",
]
_CONDITIONS = {
    "since": "started_at >= :since",
    "until": "started_at < :until",
    "model": "(llm_model LIKE :model ESCAPE '\\' OR stt_model LIKE :model ESCAPE '\\' "
    "OR tts_model LIKE :model ESCAPE '\\')",
    "slower_than_ms": "worst_response_ms > :slower_than_ms",
    "cost_over_usd": "cost_usd > :cost_over_usd",
}
_TROUBLES = {
    Trouble.ERRORS: "errors > 0",
    Trouble.UNANSWERED: "EXISTS (SELECT 1 FROM measurement WHERE measurement.call = call.id AND kind = 'unanswered' "
    f"AND outcome NOT IN ('{Cause.CALLER_RESUMED}', '{Cause.CALL_ENDED}'))",
}
# Steps of SQLite's virtual machine; a few milliseconds.
_STEPS_BETWEEN_QUESTIONS = 100_000
# Ids on one line of an error message.
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Pages:
    """A page of a time line: its `size` in rows and its `number`, where 0 is the latest."""

    size: int
    number: int = 0


class NoSuchCall(LookupError):
    """No call has this id, or several begin with it; the message says which."""


class LedgerReader:
    """Reads the ledger; use it in one thread, as a context manager.

    with LedgerReader(path) as reader:
        slow = reader.calls(CallFilter(slower_than_ms=2000))
    """

    def __init__(self, path: Path, *, now: float | None = None, cancelled: Callable[[], bool] | None = None) -> None:
        """Open the file.

        Args:
            path: The SQLite file.
            now: Unix seconds at which processes are judged alive or dead; `None` for the clock's.
            cancelled: Polled during queries; returning True ends them with `LedgerUnreadable`.

        Raises:
            LedgerUnreadable: It does not exist, cannot be read, is damaged, or is no ledger.
        """
        self.path = path
        self._db = opened(path)
        if cancelled is not None:
            self._db.set_progress_handler(cancelled, _STEPS_BETWEEN_QUESTIONS)
        try:
            gone = gone_processes(self._db, this_process(), time.time() if now is None else now)
        except sqlite3.Error as error:
            self._db.close()
            raise unreadable(path, error) from None
        lost = f"state = 'live' AND process IN ({', '.join(map(str, gone)) or 'NULL'})"
        self._state = f"(CASE WHEN {lost} THEN CASE WHEN {OWED} THEN 'pending' ELSE 'ended' END ELSE state END)"
        self._end_reason = f"(CASE WHEN {lost} THEN 'unknown' ELSE end_reason END)"
        self._columns = CALL_COLUMNS.format(state=self._state, end_reason=self._end_reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def calls(
        self,
        wanted: CallFilter | None = None,
        *,
        order: Order = "started_at",
        descending: bool = True,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[CallRow]:
        """Return calls in an order; those without a number in its column come last.

        Args:
            wanted: Filter, or `None` for all calls.
            order: Column to order by.
            descending: Greatest first.
            limit: Most calls returned, or `None` for all.
            offset: Calls skipped before the first.
        """
        where, values = self._conditions(wanted or CallFilter())
        if order not in get_args(Order):
            raise ValueError(f"order={order!r}: expected one of {', '.join(get_args(Order))}")
        column = {"state": self._state, "end_reason": self._end_reason}.get(order, order)
        ordered = f"{column} IS NULL, {column} {'DESC' if descending else 'ASC'}, started_at DESC, id DESC"
        rows = self._rows(
            # The inner query orders without reading summaries.
            f"SELECT {self._columns} FROM call WHERE id IN (SELECT id FROM call WHERE {where} ORDER BY {ordered} "
            f"LIMIT :limit OFFSET :offset) ORDER BY {ordered}",
            values | {"limit": -1 if limit is None else limit, "offset": offset},
        )
        return [call_row(row) for row in rows]

    def count(self, wanted: CallFilter | None = None) -> int:
        """Number of calls that pass a filter."""
        where, values = self._conditions(wanted or CallFilter())
        return int(self._rows(f"SELECT COUNT(*) FROM call WHERE {where}", values)[0][0])

    def live(self) -> list[CallDetail]:
        """Return live calls, newest first, with their summaries and without time lines."""
        rows = self._rows(
            f"SELECT {self._columns}, summary FROM call WHERE state = 'live' AND {self._state} = 'live' "
            "ORDER BY started_at DESC, id DESC"
        )
        return [CallDetail(call_row(row), read_summary(read_json(row[-1]))) for row in rows]

    def call(self, id_or_prefix: str, pages: Pages | None = None) -> CallDetail:
        """Return one call by its id or an unambiguous beginning of it; of several calls with one id, the latest.

        Args:
            id_or_prefix: The id or its beginning.
            pages: Part of the time line, or `None` for all of it.

        Raises:
            NoSuchCall: No call has this id, or several begin with it.
        """
        return self._detail_where("call_id = ?", (self._full_call_id(id_or_prefix),), pages)

    def call_of(self, key: str, pages: Pages | None = None) -> CallDetail:
        """Return one call by its `CallRow.key`; see `call`.

        Raises:
            NoSuchCall: No call has this key.
        """
        # Each part by an index; an expression of both would read every call.
        which = "key IN (?, ?) OR (key IS NULL AND 'row-' || id IN (?, ?))"
        return self._detail_where(which, _spellings(key) * 2, pages)

    def _detail_where(self, which: str, values: tuple[str, ...], pages: Pages | None) -> CallDetail:
        found = self._rows(
            f"SELECT {self._columns}, summary, id FROM call WHERE {which} ORDER BY started_at DESC, id DESC LIMIT 1",
            values,
        )
        if not found:
            raise NoSuchCall(f"no call has the key {values[0]!r}")
        row = found[0]
        size, skip = (-1, 0) if pages is None else (pages.size, pages.size * pages.number)
        timeline = self._rows(
            "SELECT at, kind, value, service, name, model, outcome FROM measurement WHERE call = ? "
            "ORDER BY at DESC, id DESC LIMIT ? OFFSET ?",
            (row[-1], size, skip),
        )[::-1]
        total = self._rows("SELECT COUNT(*) FROM measurement WHERE call = ?", (row[-1],))[0][0] if pages else 0
        call = call_row(row)
        # The file still says live for a dead process's call; the reader's finding wins.
        summary = read_summary(read_json(row[-2])) | ({"end_reason": call.end_reason} if call.end_reason else {})
        rows = tuple(filter(None, map(timeline_row, timeline)))
        return CallDetail(call, summary, rows, max(0, total - skip - len(timeline)), min(skip, total))

    def latency(
        self,
        since: float,
        until: float,
        bucket_seconds: float,
        *,
        kinds: Sequence[str] = ("response", "ttfb"),
        model: str | None = None,
    ) -> list[LatencyPoint]:
        """Return percentiles over time by kind and service, ordered by time; empty buckets are left out.

        Args:
            since: Start in unix seconds, and of the first bucket.
            until: End in unix seconds, excluded.
            bucket_seconds: Length of a bucket.
            kinds: Kinds of measurements, as `timeline.rows` names them.
            model: Only measurements of this model, or `None` for all.
        """
        return self._translating_errors(lambda: history.latency(self._db, since, until, bucket_seconds, kinds, model))

    def usage(self, since: float, until: float, bucket_seconds: float) -> list[UsagePoint]:
        """Return usage and cost of the calls started in each bucket, ordered by time; empty buckets are left out.

        Args:
            since: Start in unix seconds, and of the first bucket.
            until: End in unix seconds, excluded.
            bucket_seconds: Length of a bucket.
        """
        return self._translating_errors(lambda: history.usage(self._db, since, until, bucket_seconds))

    def pending(self) -> PendingState:
        """Size and age of the requests that no server has acknowledged."""
        requests, size, oldest_at = self._rows(
            "SELECT COUNT(*), COALESCE(SUM(LENGTH(body)), 0), "
            "MIN(CASE WHEN created_at BETWEEN 0 AND 1e12 THEN created_at END) "
            f"FROM request WHERE adopted <> {pending.ASIDE}"
        )[0]
        calls = self._rows(
            "SELECT COUNT(DISTINCT COALESCE(NULLIF(key, ''), call_id)) FROM request_call WHERE call_id <> ''"
        )[0][0]
        return PendingState(int(requests), int(size), int(calls), oldest_at)

    def _conditions(self, wanted: CallFilter) -> tuple[str, dict[str, Any]]:
        values: dict[str, Any] = {
            name: getattr(wanted, name) for name in _CONDITIONS if getattr(wanted, name) is not None
        }
        conditions = [_CONDITIONS[name] for name in values]
        if wanted.model is not None:
            values["model"] = f"%{_escaped_for_like(clean(wanted.model))}%"
        for name, column in (("state", self._state), ("end_reason", self._end_reason)):
            value = getattr(wanted, name)
            if value is not None:
                conditions.append(f"{column} = :{name}")
                values[name] = str(value)
        if wanted.trouble is not None:
            conditions.append(_TROUBLES[wanted.trouble])
        return " AND ".join(conditions) or "1", values

    def _full_call_id(self, asked: str) -> str:
        id_or_prefix, raw = _spellings(asked)
        same = self._rows("SELECT call_id FROM call WHERE call_id IN (?, ?) LIMIT 1", (id_or_prefix, raw))
        if same:
            return str(same[0][0])
        found = [
            call_id
            for (call_id,) in self._rows(
                "SELECT call_id FROM call WHERE call_id LIKE ? ESCAPE '\\' OR call_id LIKE ? ESCAPE '\\' "
                "GROUP BY call_id ORDER BY MAX(started_at) DESC LIMIT ?",
                (f"{_escaped_for_like(id_or_prefix)}%", f"{_escaped_for_like(raw)}%", _SHOWN + 1),
            )
        ]
        if not found or not id_or_prefix:
            raise NoSuchCall(f"no call's id begins with {id_or_prefix!r}")
        if len(found) > 1:
            shown = ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
            raise NoSuchCall(f"several calls' ids begin with {id_or_prefix!r}: {shown}")
        return str(found[0])

    def _rows(self, statement: str, values: Any = ()) -> list[tuple[Any, ...]]:
        return self._translating_errors(lambda: self._db.execute(statement, values).fetchall())

    def _translating_errors(self, read: Callable[[], T]) -> T:
        try:
            return read()
        except sqlite3.Error as error:
            raise unreadable(self.path, error) from None


def _escaped_for_like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _spellings(name: str) -> tuple[str, str]:
    """Return a name as the plug-in stores it, made safe, and as given, as another program may have stored it."""
    safe = clean(name)
    try:
        name.encode()
    except UnicodeEncodeError:
        return safe, safe
    return safe, name if len(name) <= MOST_CHARACTERS else safe
