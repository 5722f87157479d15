"""What earlier processes could not deliver, delivered.

Owns the way of a kept request from the spool to the server and out of the spool. Refuses to change
it: timestamps and resource are those of its own time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from voice_metrics.export.answers import Outcome, Verdict
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.spool import PendingRequest, Spool


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
    kept = dict(spool.claim())
    try:
        for number, request in list(kept.items()):
            if interrupted():
                break
            outcome = delivery.deliver(request.body)
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
            elif outcome.concerns_all and outcome.verdict is not Verdict.TOO_LARGE:
                break
    finally:
        resent.left = len(kept)
        if kept:
            spool.release(list(kept))
    return resent


def _hopeless(request: PendingRequest, outcome: Outcome) -> bool:
    # A server that took a part has judged every point, and one that minds the age always will.
    return outcome.aged or 0 < outcome.rejected < _points(request.body)


def _points(body: bytes) -> int:
    request = ExportMetricsServiceRequest.FromString(body)
    metrics = [metric for each in request.resource_metrics for scope in each.scope_metrics for metric in scope.metrics]
    return sum(len(getattr(metric, metric.WhichOneof("data") or "gauge").data_points) for metric in metrics)
