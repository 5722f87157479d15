"""Messages that are kept serialised say what freshly made ones do."""

from __future__ import annotations

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import ScopeMetrics

from voice_metrics.export.messages import Assembler, Entry
from voice_metrics.series import table
from voice_metrics.series.accumulators import Exemplar
from voice_metrics.series.registry import Registry
from voice_metrics.series.table import Kind, Series

HOUR_NS = 3600 * 10**9
GAUGE = Series("own.gauge", Kind.GAUGE, "", "A gauge.")
ROWS = (*table.VOICE, *table.PROCESS, *table.GEN_AI, GAUGE)


class Kept:
    """A registry with a series of every row in two calls, a kept message of it, and what makes others."""

    def __init__(self, *, exponential: bool = False) -> None:
        self.registry = Registry({"llm_model": "ä"}, exponential=exponential, slim=True)
        self.records = [
            self.registry.series(row, {"call_id": call, "number": 7, "share": 0.5, "on": True})
            for call in ("a", "b")
            for row in ROWS
        ]
        self.entries = [Entry(each, delta=False, zero_due=False) for each in self.registry.all]
        self.assembler = Assembler()
        self.block = self.assembler.block(self.entries)
        self.now_ns = self.registry.all[0].start_ns

    def check(self, *, later_ns: int = HOUR_NS) -> None:
        """The kept message is a new one, and notes as sent the same."""
        self.now_ns += later_ns
        kept = ScopeMetrics.FromString(self.block.serialised(self.now_ns))
        noted = [(entry.sent, entry.sent_ns) for entry in self.entries]
        assert kept == self.assembler.assemble(self.entries, self.now_ns)
        assert noted == [(entry.sent, entry.sent_ns) for entry in self.entries]


@pytest.mark.parametrize("exponential", [False, True], ids=["explicit", "exponential"])
def test_kept_message_is_a_new_one_whatever_is_recorded(exponential: bool) -> None:
    kept = Kept(exponential=exponential)
    kept.check()
    for value in (0, 1, 700.25, -3, 2**62, 10.5, 10**6):
        for record in kept.records:
            record(value)
        kept.check()
        kept.check()


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**63 - 1, 1e300], ids=str)
def test_sum_beyond_an_integer_of_the_wire_is_a_double(value: float) -> None:
    kept = Kept()
    kept.registry.series(table.CALLS, {"call_id": "a", "number": 7, "share": 0.5, "on": True})(value)
    kept.check()


def test_moment_before_a_series_began_is_its_first_one() -> None:
    Kept().check(later_ns=-HOUR_NS)


def test_exemplar_leaves_once_and_values_go_on() -> None:
    kept = Kept()
    for record in kept.records:
        record(3, Exemplar(3, 17, 2**100, 5))
    kept.check()
    assert b"\x05" in kept.block.serialised(kept.now_ns)
    for entry in kept.entries:
        entry.acknowledge()
    kept.check()
    for record in kept.records:
        record(4)
    kept.check()
    message = ScopeMetrics.FromString(kept.block.serialised(kept.now_ns))
    assert not any(point.exemplars for metric in message.metrics for point in metric.histogram.data_points)


def test_series_that_only_grows_older_keeps_its_value() -> None:
    kept = Kept()
    kept.check()
    kept.records[0](5)
    kept.check()
    for _ in range(3):
        kept.check()
