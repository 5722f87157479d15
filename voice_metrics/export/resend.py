"""What earlier processes could not deliver, delivered.

Owns the way of a kept request from the spool to the server and out of the spool. Refuses to change
it: timestamps and resource are those of its own time; a server may have it in parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ScopeMetrics

from voice_metrics.export.answers import Outcome, Verdict
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.spool import PendingRequest, Spool

# A single point that a server cannot take is found in ten divisions of a request.
_SPARE_DIVISIONS = 30


@dataclass(slots=True)
class Resent:
    """What became of the requests that were kept.

    Parameters:
        delivered: Calls of acknowledged requests; "" stands for series that calls share.
        refused: Calls of requests that the server will never take.
        left: Requests that are still kept.
        outcome: The last outcome that was not an acknowledgement, or `None`.
    """

    delivered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    left: int = 0
    outcome: Outcome | None = None


def resend(delivery: Delivery, spool: Spool, interrupted: Callable[[], bool] = lambda: False) -> Resent:
    """Send what processes that are gone have left.

    Args:
        delivery: What posts it.
        spool: What keeps it.
        interrupted: Asked before each request whether to leave the rest for later.

    Returns:
        What became of it.
    """
    resent = Resent()
    spare = iter(range(_SPARE_DIVISIONS))
    kept = dict(spool.claim())
    try:
        for number, request in list(kept.items()):
            if interrupted():
                break
            outcome = _delivered(delivery, request.body, spare)
            if outcome.acknowledged:
                spool.acknowledged([number])
                resent.delivered += request.call_ids
                del kept[number]
                continue
            resent.outcome = outcome
            if _hopeless(request, outcome):
                spool.refused([number])
                resent.refused += request.call_ids
                del kept[number]
            elif outcome.concerns_all:
                break
    finally:
        resent.left = len(kept)
        if kept:
            spool.release(list(kept))
    return resent


def _delivered(delivery: Delivery, body: bytes, spare: Iterator[int]) -> Outcome:
    outcome = delivery.deliver(body)
    if not _divides(outcome, spare) or (points := _points(body)) < 2:
        return outcome
    outcomes = []
    for positions in (range(points // 2), range(points // 2, points)):
        outcomes.append(_delivered(delivery, _part(body, positions), spare))
        if outcomes[-1].concerns_all:
            break
    return next((outcome for outcome in outcomes if not outcome.acknowledged), outcomes[-1])


def _divides(outcome: Outcome, spare: Iterator[int]) -> bool:
    # One call's values that a server cannot take keep no other call's from it.
    unusable = outcome.fault == "400" and not outcome.aged
    return outcome.verdict is Verdict.TOO_LARGE or (unusable and next(spare, None) is not None)


def _hopeless(request: PendingRequest, outcome: Outcome) -> bool:
    # A server that took a part has judged every point, and one that minds the age always will.
    return outcome.aged or 0 < outcome.rejected < _points(request.body)


def _points(body: bytes) -> int:
    request = ExportMetricsServiceRequest.FromString(body)
    return sum(len(_column(metric)) for scope in _scopes(request) for metric in scope.metrics)


def _part(body: bytes, positions: range) -> bytes:
    """A request of some of the points."""
    request = ExportMetricsServiceRequest.FromString(body)
    before = 0
    for scope in _scopes(request):
        for metric in list(scope.metrics):
            column = _column(metric)
            length = len(column)
            del column[max(positions.stop - before, 0) :]
            del column[: max(positions.start - before, 0)]
            before += length
            if not column:
                scope.metrics.remove(metric)
    return request.SerializeToString()


def _scopes(request: ExportMetricsServiceRequest) -> Iterator[ScopeMetrics]:
    return (scope for resource in request.resource_metrics for scope in resource.scope_metrics)


def _column(metric: Metric) -> Any:
    return getattr(metric, metric.WhichOneof("data") or "gauge").data_points
