"""What earlier processes could not deliver, delivered.

Owns the way of a kept request from the spool to the server and out of the spool. Refuses to change
its points: timestamps and resource are those of its own time. A server may have it in parts; what it
did not take then waits without what it took.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ScopeMetrics

from voice_metrics.export.answers import Outcome, Verdict
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.spool import PendingRequest, Spool
from voice_metrics.series.table import CALL_ID

# A single point that a server cannot take is found in ten divisions of a request.
_SPARE_DIVISIONS = 30


@dataclass(slots=True)
class Resent:
    """What became of the requests that were kept.

    Parameters:
        delivered: Calls of which every point was acknowledged; "" stands for series that calls share.
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
            if not _is_readable(request.body):
                spool.set_aside([number])
                del kept[number]
                continue
            taken, outcome = _sent(delivery, request.body, spare)
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
                continue
            if taken:
                resent.delivered += _keep_rest(spool, number, request, taken)
                resent.left += 1
                del kept[number]
            if outcome.concerns_all:
                break
    finally:
        resent.left += len(kept)
        if kept:
            spool.release(list(kept))
    return resent


def _is_readable(body: bytes) -> bool:
    try:
        ExportMetricsServiceRequest.FromString(body)
    except DecodeError:
        return False
    return True


def _sent(delivery: Delivery, body: bytes, spare: Iterator[int]) -> tuple[list[range], Outcome]:
    """Send a request; which points of it were taken if it was divided, and what became of it as a whole."""
    outcome = delivery.deliver(body)
    taken: list[range] = []
    if not _divides(outcome, spare) or (points := _points(body)) < 2:
        return taken, outcome
    failure: Outcome | None = None
    for positions, outcome in _sent_in_halves(delivery, body, range(points), spare):
        if outcome.acknowledged:
            taken.append(positions)
            continue
        failure = failure or outcome
        if outcome.concerns_all:
            break
    return taken, failure or outcome


def _sent_in_halves(
    delivery: Delivery, body: bytes, positions: range, spare: Iterator[int]
) -> Iterator[tuple[range, Outcome]]:
    middle = len(positions) // 2
    for half in (positions[:middle], positions[middle:]):
        outcome = delivery.deliver(_part(body, half))
        if _divides(outcome, spare) and len(half) > 1:
            yield from _sent_in_halves(delivery, body, half, spare)
        else:
            yield half, outcome


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


def _keep_rest(spool: Spool, number: int, request: PendingRequest, taken: Sequence[range]) -> list[str]:
    """Keep what was not taken instead of the request; the calls of which nothing is left."""
    rest = _rest(request, taken)
    # In this order, because a call of which anything is kept is not delivered.
    spool.park([rest])
    spool.acknowledged([number])
    return [call_id for call_id in request.call_ids if call_id not in rest.call_ids]


def _rest(request: PendingRequest, taken: Sequence[range]) -> PendingRequest:
    """A request of what was not taken."""
    left = {position for position in range(_points(request.body)) if not any(position in part for part in taken)}
    body = _part(request.body, left)
    metrics = (metric for scope in _scopes(ExportMetricsServiceRequest.FromString(body)) for metric in scope.metrics)
    owed = {_call_id(point) for metric in metrics for point in _column(metric)}
    return replace(
        request, body=body, calls={key: call_id for key, call_id in request.calls.items() if call_id in owed}
    )


def _call_id(point: Any) -> str:
    return next((str(each.value.string_value) for each in point.attributes if each.key == CALL_ID), "")


def _part(body: bytes, positions: Container[int]) -> bytes:
    """A request of some of the points."""
    request = ExportMetricsServiceRequest.FromString(body)
    before = 0
    for scope in _scopes(request):
        for metric in list(scope.metrics):
            column = _column(metric)
            length = len(column)
            for place in reversed(range(length)):
                if before + place not in positions:
                    del column[place]
            before += length
            if not column:
                scope.metrics.remove(metric)
    return request.SerializeToString()


def _scopes(request: ExportMetricsServiceRequest) -> Iterator[ScopeMetrics]:
    return (scope for resource in request.resource_metrics for scope in resource.scope_metrics)


def _column(metric: Metric) -> Any:
    return getattr(metric, metric.WhichOneof("data") or "gauge").data_points
