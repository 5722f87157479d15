"""Messages that are kept in their serialised form, in which only moments and values are written anew.

The numbers of OTLP's points have a fixed width on the wire, so that each keeps its place (opentelemetry-proto 1.9.0,
metrics.proto: fixed64, sfixed64 and double throughout). What has none, exponential buckets and exemplars, is put
together for each export.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.metrics.v1 import metrics_pb2 as otlp

from voice_metrics.series.accumulators import ExponentialHistogram, Histogram

if TYPE_CHECKING:
    from voice_metrics.export.messages import Entry

_INT64 = 2**63
_TIME = Struct("<Q")
# Tags of the fields that follow a point's attributes: field number and wire type.
_TIME_TAG = b"\x19"
_AS_DOUBLE, _AS_INT = 0x21, 0x31
_NUMBER = Struct("<QBd")
_INTEGER = Struct("<QBq")
_COUNT, _SUM, _MIN, _MAX = 0x21, 0x29, 0x59, 0x61
_BUCKETS_TAG = b"\x32"


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field of a protobuf message."""
    return bytes((number << 3 | 2,)) + varint(len(content)) + content


def varint(value: int) -> bytes:
    """A number as protobuf's lengths are written."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


class _Place:
    """Where one series' moment and value are in a column, and the version that is written there."""

    __slots__ = ("accumulator", "at", "entry", "version")

    size = _NUMBER.size

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.accumulator: Any = entry.accumulator
        self.at = 0
        self.version = -1

    def write(self, buffer: bytearray, instant: int) -> None:
        """Write moment and value; the caller holds the lock."""
        value = self.accumulator.value
        self.version = self.accumulator.version
        if isinstance(value, int) and -_INT64 <= value < _INT64:
            _INTEGER.pack_into(buffer, self.at, instant, _AS_INT, value)
        else:
            _NUMBER.pack_into(buffer, self.at, instant, _AS_DOUBLE, value)


class _HistogramPlace(_Place):
    __slots__ = ("_buckets", "_layout", "size")

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry)
        buckets = len(self.accumulator.bounds) + 1
        self._buckets = _BUCKETS_TAG + varint(8 * buckets)
        self._layout = _layout(len(self._buckets), buckets)
        self.size = self._layout.size

    def write(self, buffer: bytearray, instant: int) -> None:
        """Write moment, count, sum, buckets and extremes; the caller holds the lock."""
        found = self.accumulator
        self.version = found.version
        numbers = (instant, _COUNT, found.count, _SUM, found.total, self._buckets, *found.counts)
        if found.least <= found.most:
            extremes = (_MIN, found.least, _MAX, found.most)
        else:
            # What has no value yet has no extremes: the sum once more takes their place.
            extremes = (_SUM, found.total, _SUM, found.total)
        self._layout.pack_into(buffer, self.at, *numbers, *extremes)


@cache
def _layout(tag_bytes: int, buckets: int) -> Struct:
    """A histogram's numbers from its moment on."""
    return Struct(f"<QBQBd{tag_bytes}s{buckets}QBdBd")


class Column:
    """One metric's points, serialised."""

    __slots__ = ("assemble", "buffer", "entries", "places")

    def __init__(
        self, metric: otlp.Metric, entries: Sequence[Entry], assemble: Callable[[Sequence[Entry], int], bytes]
    ) -> None:
        """Lay a metric out.

        Args:
            metric: The metric, with points that lack moment and value.
            entries: The series of these points.
            assemble: Makes and notes the same at an instant, where places do not do.
        """
        self.entries = entries
        self.assemble = assemble
        self.places: list[_Place] = []
        self.buffer = bytearray()
        if not isinstance(entries[0].accumulator, ExponentialHistogram):
            self._lay_out(metric)

    def _lay_out(self, metric: otlp.Metric) -> None:
        """Serialise what stays, and leave room for what does not."""
        kind = metric.WhichOneof("data") or "gauge"
        data = getattr(metric, kind)
        points, ends = bytearray(), list[int]()
        for point, entry in zip(data.data_points, self.entries, strict=True):
            place = _HistogramPlace(entry) if isinstance(entry.accumulator, Histogram) else _Place(entry)
            content = point.SerializeToString() + _TIME_TAG + bytes(place.size)
            points += field(1, content)
            ends.append(len(points))
            self.places.append(place)
        del data.data_points[:]
        about, rest = data.SerializeToString(), otlp.Metric.FromString(metric.SerializeToString())
        rest.ClearField(kind)
        number = otlp.Metric.DESCRIPTOR.fields_by_name[kind].number
        body = rest.SerializeToString() + bytes((number << 3 | 2,)) + varint(len(points) + len(about))
        head = bytes((2 << 3 | 2,)) + varint(len(body) + len(points) + len(about)) + body
        self.buffer = bytearray(head) + points + about
        for place, end in zip(self.places, ends, strict=True):
            place.at = len(head) + end - place.size

    def serialised(self, time_ns: int) -> bytes | bytearray:
        """The metric as a field of its scope, with every point up to an instant, noted as sent."""
        buffer = self.buffer
        for place in self.places:
            entry, accumulator = place.entry, place.accumulator
            if accumulator.exemplar is not None:
                return self.assemble(self.entries, time_ns)
            instant = time_ns if time_ns > entry.earliest_ns else entry.earliest_ns
            if accumulator.version == place.version:
                _TIME.pack_into(buffer, place.at, instant)
            else:
                with accumulator.lock:
                    place.write(buffer, instant)
            entry.sent, entry.sent_ns = place.version, instant
        return buffer if self.places else self.assemble(self.entries, time_ns)


class Block:
    """Some series of one registry with the message that holds their newest points.

    Attributes:
        entries: The series.
    """

    __slots__ = ("_columns", "_scope", "entries")

    def __init__(self, scope: bytes, columns: Sequence[Column], entries: Sequence[Entry]) -> None:
        """Keep what was laid out.

        Args:
            scope: What records the series, serialised.
            columns: The metrics.
            entries: The series of all of them.
        """
        self._scope = field(1, scope)
        self._columns = columns
        self.entries = entries

    def serialised(self, time_ns: int) -> bytes:
        """Bring every point up to an instant, and note what is sent."""
        return b"".join((self._scope, *[column.serialised(time_ns) for column in self._columns]))
