"""The metric that a series is part of.

Owns its description, and its making from points. Refuses to hold any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    DataT,
    ExponentialHistogram,
    Gauge,
    Histogram,
    Metric,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """The metric that a series is part of.

    Parameters:
        scope: Who recorded it.
        name: Its OTLP name.
        description: What it measures.
        unit: UCUM unit.
        data: The SDK's class of its points.
        monotonic: Whether it is a sum that never falls.
    """

    scope: InstrumentationScope
    name: str
    description: str
    unit: str
    data: type
    monotonic: bool

    def metric(self, points: Sequence[Any]) -> Metric:
        """The metric with these points."""
        data: DataT
        if self.data is Gauge:
            data = Gauge(points)
        elif self.data is Sum:
            data = Sum(points, AggregationTemporality.CUMULATIVE, self.monotonic)
        elif self.data is Histogram:
            data = Histogram(points, AggregationTemporality.CUMULATIVE)
        else:
            data = ExponentialHistogram(points, AggregationTemporality.CUMULATIVE)
        return Metric(self.name, self.description, self.unit, data)
