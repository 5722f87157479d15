"""The one reader of the process's meter provider.

Owns the set-up that makes the SDK forget: delta temporality for every synchronous instrument, and
limits far above what a call budget allows, because the SDK merges what exceeds them without a word.
"""

from __future__ import annotations

from opentelemetry.sdk.metrics import Counter, Histogram, UpDownCounter, _Gauge
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import (
    Aggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
)

_SYNCHRONOUS = (Counter, UpDownCounter, Histogram, _Gauge)
_HEADROOM = 10


def delta_reader(max_series: int, *, exponential: bool) -> InMemoryMetricReader:
    """Make the reader.

    Args:
        max_series: The budget of live series.
        exponential: Whether histograms are exponential.

    Returns:
        A reader whose collections hold what happened since the one before.
    """
    histogram: Aggregation = ExplicitBucketHistogramAggregation()
    if exponential:
        histogram = ExponentialBucketHistogramAggregation()
    return InMemoryMetricReader(
        preferred_temporality=dict.fromkeys(_SYNCHRONOUS, AggregationTemporality.DELTA),
        preferred_aggregation={Histogram: histogram},
        cardinality_limits={kind: max(max_series * _HEADROOM, 200_000) for kind in _SYNCHRONOUS},
    )
