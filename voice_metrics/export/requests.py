"""Serialised OTLP requests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import attrgetter

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics
from opentelemetry.sdk.resources import Resource

from voice_metrics.export.encoding import field
from voice_metrics.export.messages import Entry, Metric, scope, write
from voice_metrics.export.spool import PendingRequest

# Some 300 kB before compression.
POINTS_PER_REQUEST = 1000
# Largest number of a round's requests for suspects of rejection alone.
MOST_ALONE = 16


class Requests:
    """Makes the requests of one process."""

    def __init__(self, resource: Resource) -> None:
        """Encode the resource, once for all requests."""
        about = encode_metrics(MetricsData([ResourceMetrics(resource, [], resource.schema_url)]))
        self.resource = about.resource_metrics[0].resource
        self._head = field(1, self.resource.SerializeToString())
        self._tail = field(3, resource.schema_url.encode()) if resource.schema_url else b""

    def request(self, entries: Iterable[Entry], *, mark: bool = True) -> bytes:
        """Return an ExportMetricsServiceRequest: due beginnings of series, then their newest points."""
        zeros: defaultdict[Metric, list[bytes]] = defaultdict(list)
        newest: defaultdict[Metric, list[bytes]] = defaultdict(list)
        for outgoing, some in groupby(entries, key=_of):
            of_it = list(some)
            for entry in of_it:
                if entry.zero_due:
                    zeros[entry.metric] += entry.zero()
            write(newest, of_it, outgoing.time_ns, mark=mark)
        return self.enclosed(
            b"".join((scope(), *[metric.holding(points) for metric, points in metrics.items()]))
            for metrics in (zeros, newest)
            if metrics
        )

    def enclosed(self, scopes: Iterable[bytes]) -> bytes:
        """Return a request of any signal, because resource and scopes have the same fields in each."""
        return field(1, b"".join((self._head, *(field(2, scope) for scope in scopes), self._tail)))

    def pending(self, entries: Iterable[Entry], now: float) -> list[PendingRequest]:
        """Return series as requests to keep, made at `now` in Unix seconds; they do not count as sent."""
        return [
            PendingRequest(self.request(chunk, mark=False), {entry.of.key: entry.of.call_id for entry in chunk}, now)
            for chunk in chunks(entries)
        ]


def chunks(entries: Iterable[Entry], most: Callable[[], int] = lambda: POINTS_PER_REQUEST) -> Iterator[list[Entry]]:
    """Divide series among requests: those of a call together if they fit, suspects of rejection apart and last.

    Args:
        entries: The series.
        most: Returns, for each request, the largest number of its series.
    """
    together: list[Entry] = []
    groups: defaultdict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        (groups[entry.apart] if entry.suspects or entry.resting_until else together).append(entry)
    yield from _full_chunks(together, most)
    apart = list(groups.values())
    yield from apart[:MOST_ALONE]
    # Beyond a few they share requests among themselves.
    yield from _full_chunks([entry for group in apart[MOST_ALONE:] for entry in group], most)


def _full_chunks(entries: list[Entry], most: Callable[[], int]) -> Iterator[list[Entry]]:
    chunk: list[Entry] = []
    for _, of_one in groupby(entries, key=_of):
        members = list(of_one)
        if chunk and len(chunk) + len(members) > most():
            yield chunk
            chunk = []
        chunk += members
        while len(chunk) > (size := most()):
            yield chunk[:size]
            chunk = chunk[size:]
    if chunk:
        yield chunk


_of = attrgetter("of")
