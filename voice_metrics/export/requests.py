"""Serialised OTLP requests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics
from opentelemetry.sdk.resources import Resource

from voice_metrics.export.encoding import field
from voice_metrics.export.messages import Metric, scope, write
from voice_metrics.export.outgoing import Piece
from voice_metrics.export.spool import PendingRequest

# Some 300 kB before compression.
POINTS_PER_REQUEST = 1000
# Requests of a round that hold only series among which a server rejected some.
MOST_ALONE = 16


class Requests:
    """Makes the requests of one process."""

    def __init__(self, resource: Resource) -> None:
        """Encode what every request says about the process.

        Args:
            resource: The process.
        """
        about = encode_metrics(MetricsData([ResourceMetrics(resource, [], resource.schema_url)]))
        self.resource = about.resource_metrics[0].resource
        self._head = field(1, self.resource.SerializeToString())
        self._tail = field(3, resource.schema_url.encode()) if resource.schema_url else b""

    def request(self, pieces: Iterable[Piece], *, mark: bool = True) -> bytes:
        """An ExportMetricsServiceRequest.

        Args:
            pieces: What goes in.
            mark: Whether this is noted as sent.
        """
        zeros: defaultdict[Metric, list[bytes]] = defaultdict(list)
        newest: defaultdict[Metric, list[bytes]] = defaultdict(list)
        for piece in pieces:
            for entry in piece.entries:
                if entry.zero_due:
                    zeros[entry.metric] += entry.zero()
            write(newest, piece.entries, piece.of.time_ns, mark=mark)
        return self.enclosed(
            b"".join((scope(), *[metric.holding(points) for metric, points in metrics.items()]))
            for metrics in (zeros, newest)
            if metrics
        )

    def enclosed(self, scopes: Iterable[bytes]) -> bytes:
        """A request of any signal: resource and scopes have the same places in each.

        Args:
            scopes: Serialised messages of the scopes.
        """
        return field(1, b"".join((self._head, *(field(2, scope) for scope in scopes), self._tail)))

    def pending(self, pieces: Iterable[Piece], now: float) -> list[PendingRequest]:
        """Requests to keep.

        Args:
            pieces: What was not acknowledged.
            now: The moment, in Unix seconds.
        """
        return [
            PendingRequest(self.request(chunk, mark=False), {piece.of.key: piece.of.call_id for piece in chunk}, now)
            for chunk in chunks(pieces)
        ]


def chunks(pieces: Iterable[Piece], most: int = POINTS_PER_REQUEST) -> Iterator[list[Piece]]:
    """Put pieces together until a request is full; only a piece that is too large for one is divided."""
    chunk: list[Piece] = []
    size = alone = 0
    parts = [part for whole in pieces for part in whole.divided(most)]
    # Those that go alone come last; beyond a few of them they share requests among themselves.
    for piece in sorted(parts, key=lambda part: part.alone):
        if piece.alone and (alone := alone + 1) <= MOST_ALONE:
            if chunk:
                yield chunk
                chunk, size = [], 0
            yield [piece]
            continue
        if chunk and size + len(piece) > most:
            yield chunk
            chunk, size = [], 0
        chunk.append(piece)
        size += len(piece)
    if chunk:
        yield chunk


def halves(chunk: Sequence[Piece]) -> tuple[list[Piece], list[Piece]] | None:
    """A chunk in two, or `None` for a single series."""
    if len(chunk) > 1:
        middle = len(chunk) // 2
        return list(chunk[:middle]), list(chunk[middle:])
    size = len(chunk[0])
    if size < 2:
        return None
    first, second = chunk[0].divided((size + 1) // 2)
    return [first], [second]
