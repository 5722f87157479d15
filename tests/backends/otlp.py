"""OTLP requests as the plug-in sends them: cumulative, a zero point when a series begins, then the current values."""

from __future__ import annotations

import bisect
import time
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as proto

from voice_metrics.series.table import Kind, Series

from .chain import Chain

CUMULATIVE = proto.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE


@dataclass
class _Line:
    """One series: its row, its attributes, and what it has come to."""

    series: Series
    attributes: tuple[tuple[str, str], ...]
    begin: float
    value: float = 0.0
    count: int = 0
    buckets: list[int] = field(default_factory=list)
    announced: bool = False


@dataclass
class Points:
    """Series that live and end together: those of one call, or the shared ones of a process.

    Parameters:
        begin: When they began, in unix seconds; the moment of their zero points.
        instance: The process they belong to.
        ended_at: Moment of their last values, which they keep however late they are sent; `None` while they live.
        lines: The series.
    """

    begin: float
    instance: str = "i1"
    ended_at: float | None = None
    lines: dict[tuple[str, tuple[tuple[str, str], ...]], _Line] = field(default_factory=dict)

    def add(self, series: Series, attributes: Mapping[str, str], value: float, collected: float = 0.0) -> None:
        """Record one value: added to a counter or up-down counter, observed by a histogram.

        Args:
            series: The row of the table.
            attributes: All attributes of the series.
            value: The value.
            collected: Moment of the collection before; a new series begins there, if not later.
        """
        key = (series.name, tuple(sorted(attributes.items())))
        line = self.lines.get(key)
        if line is None:
            line = _Line(series, key[1], max(self.begin, collected), buckets=[0] * (len(series.buckets) + 1))
            self.lines[key] = line
        line.value += value
        if series.kind is Kind.HISTOGRAM:
            line.count += 1
            line.buckets[bisect.bisect_left(series.buckets, value)] += 1


@dataclass
class Feed:
    """Sends requests to the chain."""

    chain: Chain
    service_name: str = "voice-bot"

    def send(self, parts: Iterable[Points], at: float) -> bool:
        """Send the current values of some points; False if no server listens.

        Args:
            parts: The points.
            at: Moment of the values in unix seconds.
        """
        request = ExportMetricsServiceRequest()
        sent: list[_Line] = []
        for points in parts:
            resource = request.resource_metrics.add()
            resource.resource.attributes.extend(
                _attributes((("service.name", self.service_name), ("service.instance.id", points.instance)))
            )
            scope = resource.scope_metrics.add()
            for line in points.lines.values():
                _metric(scope, line, at if points.ended_at is None else points.ended_at)
                sent.append(line)
        if not self._post(request.SerializeToString()):
            return False
        for line in sent:
            line.announced = True
        return True

    def record(self, name: str, attributes: Mapping[str, str], value: float, at: float) -> None:
        """Send one value of a series that rules record; OTLP's names have no colons.

        Args:
            name: Its name in Prometheus.
            attributes: Its labels beside job.
            value: The value.
            at: Its moment in unix seconds.
        """
        labels = ", ".join(f'{key}="{text}"' for key, text in {"job": self.service_name, **attributes}.items())
        line = f"{name}{{{labels}}} {value} {int(at * 1000)}\n"
        address = self.chain.otlp_endpoint.partition("/opentelemetry")[0] + "/api/v1/import/prometheus"
        with urllib.request.urlopen(address, data=line.encode(), timeout=60) as answer:
            assert 200 <= answer.status < 300

    def settle(self, now: float) -> None:
        """Wait until both stores have everything that was sent before."""
        marker = Points(now, instance="settle")
        # vmagent's single queue for each store keeps the order, so the marker is the last to arrive.
        # VictoriaMetrics keeps some fifteen digits of a value.
        number = float(int(now * 1000) % 1_000_000_000)
        marker.add(Series("settled", Kind.GAUGE, "", ""), {}, number)
        assert self.send([marker], now)
        deadline = time.monotonic() + 60
        for store in (lambda: self.chain.store, lambda: self.chain.second_store):
            while number not in store().instant("last_over_time(settled[1h])", now + 1).values():
                assert time.monotonic() < deadline, "the marker did not arrive"
                time.sleep(0.05)

    def _post(self, body: bytes) -> bool:
        request = urllib.request.Request(
            self.chain.otlp_endpoint + "/v1/metrics", data=body, headers={"Content-Type": "application/x-protobuf"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return bool(200 <= answer.status < 300)
        except OSError:
            return False


@cache
def _attributes(attributes: tuple[tuple[str, str], ...]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in attributes]


def _metric(scope: proto.ScopeMetrics, line: _Line, at: float) -> None:
    metric = scope.metrics.add(name=line.series.name, unit=line.series.unit, description=line.series.description)
    moments = [at] if line.announced or line.series.kind is Kind.GAUGE else [line.begin, at]
    for moment in moments:
        empty = moment == line.begin and len(moments) > 1
        if line.series.kind is Kind.HISTOGRAM:
            metric.histogram.aggregation_temporality = CUMULATIVE
            point = metric.histogram.data_points.add(
                count=0 if empty else line.count,
                sum=0.0 if empty else line.value,
                explicit_bounds=line.series.buckets,
                bucket_counts=[0] * len(line.buckets) if empty else line.buckets,
            )
        else:
            numbers = metric.gauge if line.series.kind is Kind.GAUGE else metric.sum
            if line.series.kind is not Kind.GAUGE:
                metric.sum.aggregation_temporality = CUMULATIVE
                metric.sum.is_monotonic = line.series.kind is Kind.COUNTER
            point = numbers.data_points.add(as_double=0.0 if empty else line.value)
        point.start_time_unix_nano = int(line.begin * 1e9)
        point.time_unix_nano = int(moment * 1e9)
        point.attributes.extend(_attributes(line.attributes))
