"""The application's own numbers, with a call's tags or shared by all calls.

Values and attributes are checked, and the number of series is bounded. Nothing here raises during a call: `record`
returns a refusal.
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Any

from loguru import logger

from voice_metrics.call.facts import Refused
from voice_metrics.call.text import clean
from voice_metrics.series.declarations import Metric, OwnKind, check_name, declared, name_of
from voice_metrics.series.prometheus_names import LABELS_OF_PROMETHEUS, label_name
from voice_metrics.series.registry import SeriesSink
from voice_metrics.series.table import CALL_ID, COMMON_ATTRIBUTES, Kind

REASON = "own_metric"
MAX_NAMES = 500
MAX_SETS_PER_CALL = 100
MAX_SETS = 2_000
MAX_ATTRIBUTES = 16
MAX_LENGTH = 256
# Above it a float cannot represent every integer.
MAX_VALUE = 2**53

_Attributes = frozenset[tuple[str, str]]
_label = lru_cache(maxsize=1024)(label_name)


class _Instrument:
    """A name with its declaration and number of series."""

    def __init__(self, name: str, metric: Metric) -> None:
        self.metric = metric
        self.row = metric.series(name)
        # Attributes of its series, a call's until the call ends.
        self.sets: set[_Attributes] = set()


class Book:
    """The application's names and their number of series in one process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._instruments: dict[str, _Instrument] = {}
        self._told: set[str] = set()

    def instrument(self, name: str, kind: str | None, unit: str) -> _Instrument:
        """Return the instrument of a name, made on first use.

        Args:
            name: An OTLP name.
            kind: The kind in the call to `record`, or `None` for the declared one.
            unit: The unit in the call to `record`; empty for the known one.

        Raises:
            ValueError: The name is unusable, unknown, or of another kind or unit.
        """
        known = self._instruments.get(name.lower())
        if known is None:
            with self.lock:
                known = self._instruments.get(name.lower()) or self._make(name, kind, unit)
        metric = known.metric
        if kind is not None and metric.kind != kind:
            raise ValueError(f"it is a {metric.kind}, not a {kind!r}")
        if unit and metric.unit != unit:
            raise ValueError(f"its unit is {metric.unit!r}, not {unit!r}")
        return known

    def _make(self, name: str, kind: str | None, unit: str) -> _Instrument:
        check_name(name)
        metric = declared(name)
        if metric is None:
            if kind is None:
                raise ValueError("it was not declared; register_metric declares it")
            kind_of_name: Any = kind
            metric = Metric(kind_of_name, unit)
        if len(self._instruments) >= MAX_NAMES:
            raise ValueError(f"there are {MAX_NAMES} names of the application's own already")
        made = _Instrument(name, metric)
        self._instruments[name.lower()] = made
        return made

    def log_once(self, name: str, detail: str) -> None:
        """Log a refusal, once per name."""
        if name not in self._told and len(self._told) < MAX_NAMES:
            self._told.add(name)
            logger.warning("Not recorded, and the same from now on in silence: {}", detail)


class OwnMetrics:
    """The application's own numbers of one call, or of none."""

    def __init__(self, book: Book, sink: SeriesSink, tags: Mapping[str, str]) -> None:
        """Begin empty.

        Args:
            book: The process's names.
            sink: Sink of the series, which adds the tags.
            tags: Attributes of every point; with a call id the series end with the call.
        """
        self._book = book
        self._sink = sink
        self._tags = dict(tags)
        self._taken = frozenset(_label(name) for name in (*COMMON_ATTRIBUTES, *tags))
        self._sets: defaultdict[_Instrument, set[_Attributes]] = defaultdict(set)
        self._closed = False

    def record(
        self,
        key: Enum | str,
        value: float,
        *,
        kind: OwnKind | Kind | None = "histogram",
        unit: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> Refused | None:
        """Record one value. Never raises.

        Args:
            key: The metric's OTLP name, or an enum member with the name as value.
            value: Value in the metric's unit; added to a counter, the newest of a gauge.
            kind: The metric's kind, or `None` for the declared one.
            unit: Its UCUM unit; empty for the declared one or none.
            attributes: Text, numbers and booleans by name, beside the call's tags.

        Returns:
            The refusal with its reason, or `None` if the value was recorded.
        """
        name = type(key).__name__
        try:
            name = str(key)
            name = name_of(key)
            target = self._book.instrument(name, kind, unit)
            number = _checked_number(target.metric, value)
            own = self._checked_attributes(attributes or {})
            self._reserve_series(target, frozenset({**self._tags, **own}.items()))
            self._sink.series(target.row, own)(number)
        except Exception as fault:
            shown = clean(name, 80)
            detail = f"{shown}: {fault}"
            self._book.log_once(shown, detail)
            return Refused(REASON, detail)
        return None

    def close(self) -> None:
        """Refuse further values and free the series for other calls; series with a call id end with their call."""
        with self._book.lock:
            self._closed = True
            if CALL_ID in self._tags:
                for target, sets in self._sets.items():
                    target.sets -= sets
            self._sets.clear()

    def _checked_attributes(self, attributes: Mapping[str, Any]) -> dict[str, str]:
        if len(attributes) > MAX_ATTRIBUTES:
            raise ValueError(f"{len(attributes)} attributes are too many, expected up to {MAX_ATTRIBUTES}")
        return {_checked_name(key, self._taken): _checked_text(key, value) for key, value in attributes.items()}

    def _reserve_series(self, target: _Instrument, series: _Attributes) -> None:
        with self._book.lock:
            # `close` has freed its series already: a later one would stay counted forever.
            if self._closed:
                raise ValueError("the call is over")
            own = self._sets[target]
            if series in own:
                return
            if len(own) >= MAX_SETS_PER_CALL:
                raise ValueError(
                    f"a call has up to {MAX_SETS_PER_CALL} sets of attributes of one name, this is one more"
                )
            if series not in target.sets and len(target.sets) >= MAX_SETS:
                raise ValueError(f"a process has up to {MAX_SETS} sets of attributes of one name, this is one more")
            target.sets.add(series)
            own.add(series)


def _checked_number(metric: Metric, value: Any) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"expected a number, not {type(value).__name__}")
    number: float = value if isinstance(value, (int, float)) else float(value)
    if not math.isfinite(number) or abs(number) >= MAX_VALUE:
        raise ValueError("expected a finite number below 2 to the power of 53")
    if number < 0 and metric.kind is not Kind.GAUGE:
        raise ValueError(f"a {metric.kind} takes no negative number")
    return number


def _checked_name(key: Any, taken: frozenset[str]) -> str:
    if not isinstance(key, str) or not key or len(key) > MAX_LENGTH:
        raise TypeError("an attribute has no name that is text")
    name = clean(key)
    if _label(name) in LABELS_OF_PROMETHEUS:
        raise ValueError(f"attribute {name!r} is one of Prometheus' own")
    if _label(name) in taken:
        raise ValueError(f"attribute {name!r} is one of the call's own")
    return name


def _checked_text(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int, float)):
        raise TypeError(f"attribute {key!r} is a {type(value).__name__}, expected text or a number")
    # `str()` of an enum member is its name; `str.__str__` is its value.
    text = str.__str__(value) if isinstance(value, str) else str(value)
    if len(text) > MAX_LENGTH:
        raise ValueError(f"attribute {key!r} is longer than {MAX_LENGTH} characters")
    return clean(text)
