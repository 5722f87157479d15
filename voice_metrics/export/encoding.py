"""Values of series in OTLP's serialised form.

Numbers of points are packed directly, because a protobuf message costs several times as much per point; their tags are
those of opentelemetry-proto 1.9.0, metrics.proto. Protobuf encodes the rest, which is rare or seldom changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as otlp

from voice_metrics.series.accumulators import AttributeValue, Exemplar, ExponentialState, HistogramState, State
from voice_metrics.series.exponential_buckets import dense

_INT64 = 2**63
_DOUBLE, _INTEGER, _FIXED64 = Struct("<Bd"), Struct("<Bq"), Struct("<BQ")
_START_TIME, _TIME = 0x11, 0x19
_AS_DOUBLE, _AS_INTEGER = 0x21, 0x31
_COUNT, _SUM, _MIN, _MAX = 0x21, 0x29, 0x59, 0x61
_BUCKETS_TAG = b"\x32"


def field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field of a protobuf message; its number is below 16."""
    return b"".join((bytes((number << 3 | 2,)), varint(len(content)), content))


@lru_cache(maxsize=256)
def varint(value: int) -> bytes:
    """Return a number in protobuf's encoding of lengths."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def value_of(state: State) -> bytes:
    """Return the fields of a point with its value."""
    if isinstance(state, float):
        return _DOUBLE.pack(_AS_DOUBLE, state)
    if isinstance(state, HistogramState):
        return histogram_value(*state)
    if isinstance(state, ExponentialState):
        return _exponential(state).SerializeToString()
    return _INTEGER.pack(_AS_INTEGER, state) if -_INT64 <= state < _INT64 else _DOUBLE.pack(_AS_DOUBLE, state)


def moment(time_ns: int, *, begun: bool = False) -> bytes:
    """Return the time of a point as its field, or the time at which its value began."""
    return _FIXED64.pack(_START_TIME if begun else _TIME, time_ns)


def histogram_value(samples: int, total: float, counts: Sequence[int], least: float, most: float) -> bytes:
    """Return the fields of a histogram's point with its value."""
    # An empty histogram has no extremes, and those of a difference are unknown.
    known = least <= most
    numbers, tag = _histogram_packer(len(counts), known)
    extremes = (_MIN, least, _MAX, most) if known else ()
    return numbers.pack(_COUNT, samples, _SUM, total, tag, *counts, *extremes)


@lru_cache(maxsize=256)
def _histogram_packer(buckets: int, extremes: bool) -> tuple[Struct, bytes]:
    """Return the packer of a histogram's numbers, and the tag and length before its buckets."""
    tag = _BUCKETS_TAG + varint(8 * buckets)
    return Struct(f"<BQBd{len(tag)}s{buckets}Q{'BdBd' if extremes else ''}"), tag


def _exponential(state: ExponentialState) -> otlp.ExponentialHistogramDataPoint:
    point = otlp.ExponentialHistogramDataPoint(
        count=state.samples, sum=state.total, scale=state.scale, zero_count=state.zeros
    )
    for side, counts in ((point.positive, state.positive), (point.negative, state.negative)):
        if counts:
            side.offset, side.bucket_counts[:] = dense(counts)
    if state.least <= state.most:
        point.min, point.max = state.least, state.most
    return point


def exemplar_of(exemplar: Exemplar) -> bytes:
    """Return an exemplar, a measurement with its span, as a field's content."""
    made = otlp.Exemplar(time_unix_nano=exemplar.time_ns, as_double=exemplar.value)
    if exemplar.trace_id:
        made.trace_id = exemplar.trace_id.to_bytes(16, "big")
        made.span_id = exemplar.span_id.to_bytes(8, "big")
    return made.SerializeToString()


def key_values(attributes: Mapping[str, Any]) -> Iterator[KeyValue]:
    """Yield attributes as OTLP's messages."""
    for key, value in attributes.items():
        yield KeyValue(key=key, value=any_value(value))


def any_value(value: AttributeValue | Sequence[Any]) -> AnyValue:
    """Return a value as OTLP's message; a type without one becomes text."""
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int) and -_INT64 <= value < _INT64:
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, (list, tuple)):
        made = AnyValue()
        made.array_value.values.extend(map(any_value, value))
        return made
    return AnyValue(string_value=str(value))
