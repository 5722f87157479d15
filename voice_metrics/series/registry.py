"""The series of one call, or those that calls share, until a server has them. Any thread may record."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable, Mapping
from threading import Lock
from typing import Protocol

from voice_metrics.series.accumulators import Accumulator, AttributeValue, ExponentialHistogram, Gauge, Histogram, Sum
from voice_metrics.series.table import DROPPED, Kind, Series

Attributes = Mapping[str, AttributeValue]
Record = Callable[..., None]

# Bounds one call's series: measurements for further ones are dropped.
MAX_SERIES_OF_A_CALL = 1_000
# Shared series without a measurement for this long end; a later one begins them anew.
IDLE_SECONDS = 3600.0
# Share kept for series without the user's attributes, once calls share series.
RESERVED = 0.25


class SeriesSink(Protocol):
    """Destination of series: a registry, or an application's own meter provider."""

    def series(self, row: Series, attributes: Attributes) -> Record:
        """Return the recorder of one series, which takes a value and optionally an exemplar's `Source`.

        Args:
            row: Its row in the table.
            attributes: Its attributes, besides the sink's tags.
        """
        ...


class Full(Exception):
    """A registry is at its limit of series."""


class NoRoom(Full):
    """The registries of the process are at their common limit."""


class Budget:
    """A common limit of registries.

    Attributes:
        most: The limit.
        count: Live series.
    """

    def __init__(self, most: float = float("inf")) -> None:
        """Begin without a series."""
        self.most = most
        self.count = 0
        self._lock = Lock()

    def reserve(self, share: float) -> bool:
        """Count one more series; return False, uncounted, if that `share` of the limit, 0 to 1, is reached."""
        with self._lock:
            if self.count >= self.most * share:
                return False
            self.count += 1
            return True

    def release(self, series: int) -> None:
        """Subtract ended series."""
        with self._lock:
            self.count -= series


class Registry:
    """Series by name and attributes; recorders keep a reference to theirs."""

    def __init__(
        self,
        tags: Attributes,
        *,
        most: int = MAX_SERIES_OF_A_CALL,
        budget: Budget | None = None,
        share: float = math.inf,
        exponential: bool = False,
        slim: bool = False,
        overflow: SeriesSink | None = None,
        dropped: Callable[[str, int], None] | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Begin empty.

        Args:
            tags: Attributes of every series.
            most: Limit of series.
            budget: Common limit of several registries, or `None`.
            share: Share of the common limit that series of this one may reach.
            exponential: True for exponential histograms.
            slim: True for histograms without buckets where only the average is read.
            overflow: Takes series for which the common limit has no room; `None` drops them.
            dropped: Called with a reason and a number of dropped measurements; `None` drops silently.
            clock_ns: Unix nanoseconds.
        """
        self.tags = dict(tags)
        self.lock = Lock()
        self.all: list[Accumulator] = []
        self._most = most
        self._budget = budget or Budget()
        self._share = share
        self._exponential = exponential
        self._slim = slim
        self._overflow = overflow
        self._dropped = dropped
        self._clock_ns = clock_ns
        self._known: dict[Hashable, Accumulator] = {}

    def __len__(self) -> int:
        return len(self.all)

    def series(self, row: Series, attributes: Attributes) -> Record:
        """Return the recorder of one series, made on first use; it drops where there is no room."""
        try:
            return self.accumulator(row, {**self.tags, **attributes}).add
        except NoRoom:
            return self._drop if self._overflow is None else self._overflow.series(row, attributes)
        except Full:
            return self._drop

    def accumulator(self, row: Series, attributes: Attributes, *, reserved: float = 0.0) -> Accumulator:
        """Return the accumulator of one series, made on first use.

        Args:
            row: Its row in the table.
            attributes: All of its attributes.
            reserved: Share of the registry, 0 to 1, that this series may not take.

        Raises:
            Full: It would be one too many.
        """
        key = (row.identity, frozenset(attributes.items()))
        with self.lock:
            found = self._known.get(key)
            if found is None:
                # What was lost is counted even where there is no room; its reasons are few.
                share = math.inf if row is DROPPED else 1.0 - reserved
                if len(self.all) >= self._most * share:
                    raise Full
                if not self._budget.reserve(min(share, self._share)):
                    raise NoRoom
                found = self._known[key] = self._make(row, attributes)
                self.all.append(found)
            return found

    def _make(self, row: Series, attributes: Attributes) -> Accumulator:
        now_ns = self._clock_ns()
        if row.kind is not Kind.HISTOGRAM:
            return (Gauge if row.kind is Kind.GAUGE else Sum)(row, attributes, self.lock, now_ns)
        if self._exponential:
            return ExponentialHistogram(row, attributes, self.lock, now_ns)
        bounds = row.buckets_of_a_call(attributes) if self._slim else row.buckets
        return Histogram(row, attributes, self.lock, now_ns, bounds)

    def remove(self, gone: set[Accumulator]) -> None:
        """Remove series; a recorder that asks for one again begins it anew."""
        with self.lock:
            self._budget.release(len(gone))
            self.all = [each for each in self.all if each not in gone]
            self._known = {key: each for key, each in self._known.items() if each not in gone}

    def close(self) -> None:
        """Give up the registry's place in the budget, and take no more series."""
        with self.lock:
            self._budget.release(len(self.all))
            self._budget, self._most = Budget(), 0

    def _drop(self, value: float, exemplar: object = None) -> None:
        if self._dropped is not None:
            self._dropped("series_limit", 1)
