"""The series of one call, or those that calls share: the home of their values until a server has them.

Any thread may record. Nothing is read back from here but by the export.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from threading import Lock
from typing import Protocol

from voice_metrics.series.accumulators import (
    KINDS,
    Accumulator,
    AttributeValue,
    ExponentialHistogram,
    Histogram,
)
from voice_metrics.series.table import DROPPED, Kind, Series

Attributes = Mapping[str, AttributeValue]
Record = Callable[..., None]

# One call cannot fill a server: beyond these series its measurements are dropped.
MAX_SERIES_OF_A_CALL = 1_000
# Shared series that nothing touched for so long end; a later measurement begins them anew.
IDLE_SECONDS = 3600.0
# What is left to series without the user's attributes, once calls share series.
RESERVED = 0.25


class SeriesSink(Protocol):
    """Where series are recorded: a registry, an application's own meter provider, or nowhere."""

    def series(self, row: Series, attributes: Attributes) -> Record:
        """What records a value, and optionally an `Exemplar`, in one series.

        Args:
            row: What it measures.
            attributes: What tells it from its siblings, besides the sink's own tags.
        """
        ...


class Full(Exception):
    """A registry holds as many series as it may."""


class Registry:
    """Series by name and attributes, each found once by those who record."""

    def __init__(
        self,
        tags: Attributes,
        *,
        most: int = MAX_SERIES_OF_A_CALL,
        exponential: bool = False,
        slim: bool = False,
        dropped: Callable[[str, int], None] | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Begin without any series.

        Args:
            tags: Attributes of every series.
            most: How many series there may be.
            exponential: Whether histograms are exponential.
            slim: Whether histograms that are read as averages go without buckets.
            dropped: Called with a reason and a number of measurements that were refused, or `None` to drop in silence.
            clock_ns: Unix nanoseconds.
        """
        self.tags = dict(tags)
        self.lock = Lock()
        self.all: list[Accumulator] = []
        self._most = most
        self._exponential = exponential
        self._slim = slim
        self._dropped = dropped
        self._clock_ns = clock_ns
        self._known: dict[Hashable, Accumulator] = {}

    def __len__(self) -> int:
        """How many series there are."""
        return len(self.all)

    def series(self, row: Series, attributes: Attributes) -> Record:
        """What records in one series; made when it is first asked for.

        Args:
            row: What it measures.
            attributes: What tells it from its siblings, besides the registry's tags.

        Returns:
            Takes a value in the row's unit and optionally an `Exemplar`. Once the registry is full it drops.
        """
        try:
            return self.accumulator(row, {**self.tags, **attributes}).add
        except Full:
            return self._drop

    def accumulator(self, row: Series, attributes: Attributes, *, reserved: float = 0.0) -> Accumulator:
        """The accumulator of one series.

        Args:
            row: What it measures.
            attributes: All of its attributes.
            reserved: Share of the registry that this series may not take.

        Raises:
            Full: If it would be one too many.
        """
        # Two declarations of one name and another unit or bounds are two series, as in the SDK.
        key = (row.name, row.kind, row.unit, row.buckets, frozenset(attributes.items()))
        with self.lock:
            found = self._known.get(key)
            if found is None:
                # What was lost is counted even where there is no room; its reasons are few.
                if len(self.all) >= self._most * (1.0 - reserved) and row is not DROPPED:
                    raise Full
                found = self._known[key] = self._made(row, attributes)
                self.all.append(found)
            return found

    def _made(self, row: Series, attributes: Attributes) -> Accumulator:
        now_ns = self._clock_ns()
        if row.kind is not Kind.HISTOGRAM:
            return KINDS[row.kind](row, attributes, self.lock, now_ns)
        if self._exponential:
            return ExponentialHistogram(row, attributes, self.lock, now_ns)
        bounds = () if self._slim and row.read_as_average else row.buckets
        return Histogram(row, attributes, self.lock, now_ns, bounds)

    def remove(self, gone: set[Accumulator]) -> None:
        """Forget series; who still records in one of them begins it anew by asking again."""
        with self.lock:
            self.all = [each for each in self.all if each not in gone]
            self._known = {key: each for key, each in self._known.items() if each not in gone}

    def _drop(self, value: float, exemplar: object = None) -> None:
        if self._dropped is not None:
            self._dropped("series_limit", 1)


class Nowhere:
    """Takes series and keeps none of them."""

    def series(self, row: Series, attributes: Attributes) -> Record:
        """What records nothing."""
        return _nothing


def _nothing(value: float, exemplar: object = None) -> None:
    """Take a measurement and forget it."""
