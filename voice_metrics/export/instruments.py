"""The instruments of a meter, one for each series of the table; they only receive."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol

from opentelemetry.metrics import Meter

from voice_metrics.series import table
from voice_metrics.series.table import Kind, Series


class Write(Protocol):
    """Writes a value to an instrument."""

    def __call__(self, amount: float, /, attributes: Mapping[str, str]) -> None:
        """Write `amount`, in the series' unit."""


class Instruments:
    """One instrument for each row of the table."""

    def __init__(self, meter: Meter) -> None:
        """Create an instrument for each series.

        Args:
            meter: The meter that receives everything.
        """
        self._write = {row.name: instrument(meter, row) for row in (*table.VOICE, *table.GEN_AI)}

    def of(self, row: Series) -> Write:
        """The instrument of a series.

        Args:
            row: A row of the table.

        Returns:
            What writes a value with its attributes to it.
        """
        return self._write[row.name]


@lru_cache(maxsize=8)
def instruments_of(meter: Meter) -> Instruments:
    """The instruments of a meter, made once: all calls that share a meter share them."""
    return Instruments(meter)


def instrument(meter: Meter, row: Series) -> Write:
    """Create a series' instrument.

    Args:
        meter: The meter.
        row: The series.

    Returns:
        What writes a value with its attributes to it.
    """
    match row.kind:
        case Kind.COUNTER:
            return meter.create_counter(row.name, row.unit, row.description).add
        case Kind.UP_DOWN_COUNTER:
            return meter.create_up_down_counter(row.name, row.unit, row.description).add
        case Kind.GAUGE:
            return meter.create_gauge(row.name, row.unit, row.description).set
        case Kind.HISTOGRAM:
            return meter.create_histogram(
                row.name, row.unit, row.description, explicit_bucket_boundaries_advisory=list(row.buckets) or None
            ).record
