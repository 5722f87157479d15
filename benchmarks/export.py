"""CPU time of one export, beside the SDK's own collection and encoding of the same points.

There is no network: a stand-in for the server acknowledges each serialised request at once. The two take turns in one
process.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from inspect import signature
from typing import Any

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, UpDownCounter
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from voice_metrics.export.answers import Outcome, Verdict
from voice_metrics.export.application import instrument
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.live import LiveSeries
from voice_metrics.export.requests import Requests
from voice_metrics.export.running_call import RunningCall
from voice_metrics.export.shipping import Shipping
from voice_metrics.series import table
from voice_metrics.series.registry import Record
from voice_metrics.series.table import CALL_ID, Kind
from voice_metrics.settings.endpoint import Endpoint

ROUNDS = 25
ROWS = [row for row in table.VOICE if row.kind is not Kind.GAUGE][:20]
ENDPOINT = Endpoint("http://127.0.0.1:1/v1/metrics", {}, 10.0, "none", "OTEL_EXPORTER_OTLP_ENDPOINT")
TAGS = {"llm_model": "gpt-4o", "stt_model": "nova-3", "tts_model": "sonic-2"}
SERVICE = {"processor": "OpenAILLMService", "model": "gpt-4o"}


class Instant(Delivery):
    """A delivery that acknowledges at once."""

    def deliver(self, body: bytes) -> Outcome:
        """Acknowledge the request."""
        return Outcome(Verdict.ACKNOWLEDGED, status=200)


class Ours:
    """This package's export, without the network."""

    def __init__(self, calls: int, *, delta: bool = False) -> None:
        """Begin calls with 20 series each.

        Args:
            calls: Number of live calls.
            delta: True to send counters and histograms as increments.
        """
        self._live = LiveSeries(most=10**6, call_ids=True, exponential=False, delta=delta)
        self._shipping = Shipping(Instant(ENDPOINT), Requests(Resource({})))
        self._records = [self._begin(f"live{number}")[1] for number in range(calls)]

    def _begin(self, call_id: str) -> tuple[RunningCall, list[Record]]:
        running = self._live.begin(call_id, TAGS)
        return running, [running.series(row, SERVICE) for row in ROWS]

    def measure(self) -> None:
        """Record once on every series."""
        for records in self._records:
            for record in records:
                record(700.0)

    def export(self) -> None:
        """Export all series once."""
        self._live.refresh()
        now_ns = self._live.clock.now_ns()
        entries = []
        for outgoing in self._live.outgoing():
            outgoing.date(now_ns)
            entries += outgoing.whole(time.monotonic()) if outgoing.ended_ns is None else outgoing.owed()
        self._shipping.ship(entries)
        self._live.forget(now_ns, unacknowledged=False)

    def age(self, calls: int) -> None:
        """Run further calls from beginning to end."""
        for number in range(calls):
            running, records = self._begin(f"ended{number}")
            for record in records:
                record(700.0)
            running.end()
            outgoing = self._live.end(running)
            assert outgoing is not None
            self._live.ended(outgoing, self._live.clock.now_ns())
            if number % 500 == 499:
                self.export()
        self.export()


class Sdk:
    """The SDK's cumulative collection and encoding."""

    def __init__(self, calls: int) -> None:
        """Make the instruments.

        Args:
            calls: Number of live calls.
        """
        self._reader = InMemoryMetricReader(**_limits())
        self._provider = MeterProvider([self._reader], Resource({}), shutdown_on_exit=False)
        meter = self._provider.get_meter("bench")
        self._write = [instrument(meter, row) for row in ROWS]
        self._attributes = [{CALL_ID: f"live{number}", **TAGS, **SERVICE} for number in range(calls)]

    def measure(self) -> None:
        """Record once on every series."""
        for attributes in self._attributes:
            for write in self._write:
                write(700.0, attributes)

    def export(self) -> None:
        """Collect and encode all series once."""
        data = self._reader.get_metrics_data()
        if data is not None:
            encode_metrics(data).SerializeToString()


def _limits() -> dict[str, Any]:
    # From 1.45 on a reader merges attribute sets beyond its limit, 2000 by default.
    if "cardinality_limits" not in signature(InMemoryMetricReader).parameters:
        return {}
    return {"cardinality_limits": dict.fromkeys((Counter, UpDownCounter, Histogram), 10**6)}


def compare(calls: int, *, changed: bool, delta: bool = False) -> tuple[float, float, float]:
    """Return the median milliseconds of an export by this package and by the SDK, and the median of their ratios."""
    ours, sdk = Ours(calls, delta=delta), Sdk(calls)
    for subject in (ours, sdk):
        subject.measure()
        subject.export()
        subject.export()
    spent: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for times, subject in zip(spent, (ours, sdk), strict=True):
            if changed:
                subject.measure()
            gc.collect()
            times.append(timed(subject.export))
    ratio = statistics.median(own / other for own, other in zip(*spent, strict=True))
    return statistics.median(spent[0]), statistics.median(spent[1]), ratio


def timed(work: Callable[[], None]) -> float:
    """Run `work` and return its CPU time in milliseconds."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def after(ended: int, calls: int = 50) -> float:
    """Return the median milliseconds of an export of `calls` live calls after `ended` others."""
    ours = Ours(calls)
    ours.measure()
    ours.export()
    ours.age(ended)
    times = []
    for _ in range(ROUNDS):
        ours.measure()
        gc.collect()
        times.append(timed(ours.export))
    return statistics.median(times)


def main() -> None:
    for what, changed, delta in (
        ("every series changed", True, False),
        ("no series changed", False, False),
        ("every series changed, ours as increments", True, True),
    ):
        for calls in (10, 50, 200):
            ours, sdk, ratio = compare(calls, changed=changed, delta=delta)
            each = ours * 1000 / (calls * len(ROWS))
            print(
                f"{calls:4} live calls, {what}: ours {ours:6.2f} ms ({each:.2f} us a point), SDK {sdk:6.1f} ms, "
                f"ratio {ratio:.3f}"
            )
    fresh = after(0)
    for ended in (1_000, 10_000):
        aged = after(ended)
        print(f"50 live calls after {ended} ended: {aged:.2f} ms, after none {fresh:.2f} ms, ratio {aged / fresh:.2f}")


if __name__ == "__main__":
    main()
