"""What one export costs, side by side with the SDK's own collection and encoding of the same points.

Run with `python benchmarks/export.py`; prints ratios of medians, each pair measured in turns in one process.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, UpDownCounter
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from voice_metrics.export.accumulation import Accumulation
from voice_metrics.export.collection import Collection, Hooks
from voice_metrics.export.instruments import instrument
from voice_metrics.export.reader import delta_reader
from voice_metrics.export.wire import Wire

from voice_metrics.export.answers import Outcome, Verdict
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.shipping import Shipping
from voice_metrics.series import table
from voice_metrics.series.table import CALL_ID, Kind
from voice_metrics.settings.endpoint import Endpoint

ROUNDS = 15
ROWS = [row for row in table.VOICE if row.kind is not Kind.GAUGE][:20]
ENDPOINT = Endpoint("http://127.0.0.1:1/v1/metrics", {}, 10.0, "none", "OTEL_EXPORTER_OTLP_ENDPOINT")


class Instant(Delivery):
    """A server that acknowledges in no time."""

    def deliver(self, body: bytes) -> Outcome:
        """Acknowledge."""
        return Outcome(Verdict.ACKNOWLEDGED, status=200)


class Calls:
    """Live calls of 20 series each on a meter."""

    def __init__(self, meter: Meter, calls: int) -> None:
        self._write = [instrument(meter, row) for row in ROWS]
        self._attributes = [attributes(f"live{number}") for number in range(calls)]

    def measure(self) -> None:
        """Record once on every series."""
        for each in self._attributes:
            for write in self._write:
                write(700.0, each)


def attributes(call_id: str) -> dict[str, str]:
    models = {"llm_model": "gpt-4o", "stt_model": "nova-3", "tts_model": "sonic-2"}
    return {CALL_ID: call_id, **models, "processor": "OpenAILLMService", "model": "gpt-4o"}


class Ours:
    """This package's export, but for the network."""

    def __init__(self, calls: int) -> None:
        reader = delta_reader(20_000, exponential=False)
        self.provider = MeterProvider([reader], Resource({}), shutdown_on_exit=False)
        self._accumulation = Accumulation(Resource({}), time.time_ns())
        nothing: Callable[..., None] = lambda *_: None  # noqa: E731
        self._collection = Collection(reader, self._accumulation, Hooks(nothing, nothing))
        self._shipping = Shipping(Instant(ENDPOINT), self._accumulation, self._collection.lock, Wire(Resource({})))
        self.meter = self.provider.get_meter("bench")
        for number in range(calls):
            self._collection.begin(f"live{number}", time.time_ns())

    def export(self) -> None:
        """Collect, accumulate, encode, acknowledge."""
        with self._collection.lock:
            self._collection.collect()
            parts = list(self._accumulation.parts(time.time_ns()))
        self._shipping.ship(parts)
        self._accumulation.forget(time.time_ns())

    def age(self, calls: int) -> None:
        """Let calls begin, record and end."""
        writers = [instrument(self.meter, row) for row in ROWS]
        for start in range(0, calls, 500):
            ids = [f"ended{number}" for number in range(start, min(start + 500, calls))]
            for call_id in ids:
                self._collection.begin(call_id, time.time_ns())
                for write in writers:
                    write(700.0, attributes(call_id))
            self._collection.collect()
            for call_id in ids:
                self._accumulation.end(call_id, time.time_ns())
            self.export()


class Sdk:
    """The SDK's cumulative collection and encoding."""

    def __init__(self) -> None:
        limits = dict.fromkeys((Counter, UpDownCounter, Histogram), 1000000)
        self._reader = InMemoryMetricReader(cardinality_limits=limits)
        self._provider = MeterProvider([self._reader], Resource({}), shutdown_on_exit=False)
        self.meter = self._provider.get_meter("bench")

    def export(self) -> None:
        """Collect and encode."""
        data = self._reader.get_metrics_data()
        if data is not None:
            encode_metrics(data).SerializeToString()


def compare(calls: int, *, changed: bool) -> tuple[float, float]:
    """Median milliseconds of one export: ours, and the SDK's."""
    ours, sdk = Ours(calls), Sdk()
    pairs = [(ours, Calls(ours.meter, calls)), (sdk, Calls(sdk.meter, calls))]
    for subject, traffic in pairs:
        traffic.measure()
        subject.export()
    spent: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for times, (subject, traffic) in zip(spent, pairs, strict=True):
            if changed:
                traffic.measure()
            gc.collect()
            times.append(timed(subject.export))
    return statistics.median(spent[0]), statistics.median(spent[1])


def timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def after(ended: int, calls: int = 50) -> float:
    """Median milliseconds of one export of live calls after others have ended."""
    ours = Ours(calls)
    traffic = Calls(ours.meter, calls)
    traffic.measure()
    ours.export()
    ours.age(ended)
    times = []
    for _ in range(ROUNDS):
        traffic.measure()
        gc.collect()
        times.append(timed(ours.export))
    return statistics.median(times)


def main() -> None:
    for changed in (True, False):
        what = "every series changed" if changed else "no series changed"
        for calls in (10, 50, 200):
            ours, sdk = compare(calls, changed=changed)
            print(f"{calls:4} live calls, {what}: ours {ours:6.1f} ms, SDK {sdk:6.1f} ms, ratio {ours / sdk:.2f}")
    fresh = after(0)
    for ended in (1_000, 10_000):
        aged = after(ended)
        print(f"50 live calls after {ended} ended: {aged:.1f} ms, after none {fresh:.1f} ms, ratio {aged / fresh:.2f}")


if __name__ == "__main__":
    main()
