"""Calls that record in two series of a telemetry, and what they recorded."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from voice_metrics.series import table
from voice_metrics.telemetry import RunningCall, Telemetry

if TYPE_CHECKING:
    from tests.receiver import Receiver

TOKENS = table.LLM_TOKENS.name
LATENCY = table.RESPONSE.name


@dataclass
class RecordedCall:
    """A call and its truth.

    Parameters:
        telemetry: Where it records.
        call_id: Its id.
    """

    telemetry: Telemetry
    call_id: str
    tokens: int = 0
    latencies: list[float] = field(default_factory=list)
    tags: RunningCall = field(init=False)

    def __post_init__(self) -> None:
        self.tags = self.telemetry.begin(self.call_id, {"llm_model": "m"}, self.call_id)

    def use(self, tokens: int, latency: float | None = None) -> None:
        self.tokens += tokens
        self.tags.series(table.LLM_TOKENS, {})(tokens)
        if latency is not None:
            self.latencies.append(latency)
            self.tags.series(table.RESPONSE, {})(latency)

    def end(self) -> Future[bool | None]:
        return self.telemetry.end(self.tags)

    def arrived(self, receiver: Receiver) -> bool:
        """Whether the newest that the receiver has of the call is the truth."""
        last = {
            name: point
            for (name, _), point in receiver.last().items()
            if point.attributes.get("call_id") == self.call_id
        }
        tokens, latency = last.get(TOKENS), last.get(LATENCY)
        if tokens is None or tokens.value != self.tokens:
            return False
        return not self.latencies or (latency is not None and latency.count == len(self.latencies))


def check_once(receiver: Receiver) -> None:
    """Every state of every series was stored once, and time never ran backwards in a series."""
    seen: dict[object, int] = {}
    for point in receiver.points:
        assert point.time_ns > seen.get(point.key, 0), point
        seen[point.key] = point.time_ns
