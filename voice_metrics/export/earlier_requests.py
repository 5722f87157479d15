"""Delivers the requests of earlier processes, with their original timestamps and resource.

A server may store a part of a request: the rest is kept without that part, and points rejected for good are given up.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from voice_metrics.export.answers import Outcome, Verdict
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.division import deliver, halves
from voice_metrics.export.spool import LOGS, PendingRequest, Spool
from voice_metrics.series.table import CALL_ID

# Divisions of a request beyond those that deliver a part. They find each bad series as long as the server takes one of
# thirty others, and a server that takes nothing is not asked for every series.
_SPARE_DIVISIONS = 30
# Positions of one series' points, which stay together because their order matters.
_Positions = tuple[int, ...]


@dataclass(slots=True)
class Resent:
    """The results for kept requests.

    Parameters:
        delivered: Keys of calls with every point acknowledged; "" stands for shared series.
        refused: Keys of calls with points that the server will never take.
        lost: Number of these points.
        left: Requests still kept.
        outcome: The last outcome that was not an acknowledgement, or `None`.
    """

    delivered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lost: int = 0
    left: int = 0
    outcome: Outcome | None = None


def resend(
    delivery: Delivery | None,
    spool: Spool,
    interrupted: Callable[[], bool] = lambda: False,
    *,
    events: Delivery | None = None,
) -> Resent:
    """Claim and send the requests of dead processes.

    Args:
        delivery: Posts series; `None` to leave them for later.
        spool: Keeps requests.
        interrupted: Polled while the spool is slow and before each request; True leaves the rest for later.
        events: Posts events; `None` to leave them for later.

    Returns:
        The results.
    """
    resent = Resent()
    kept = dict(spool.claim(interrupted))
    try:
        for number, request in list(kept.items()):
            if interrupted():
                break
            way = events if request.signal == LOGS else delivery
            if way is None:
                continue
            try:
                attempt = _Attempt(request)
            except DecodeError:
                spool.set_aside([number])
                del kept[number]
                continue
            attempt.send(way)
            resent.outcome = attempt.outcome or resent.outcome
            if attempt.outcome is None or attempt.hopeless or attempt.taken:
                attempt.settle(spool, number, resent)
                del kept[number]
            if attempt.broken_off:
                break
    finally:
        resent.left += len(kept)
        resent.delivered = [key for key in resent.delivered if key not in resent.refused]
        if kept:
            spool.release(list(kept))
    return resent


class _Attempt:
    """The delivery of one kept request.

    Attributes:
        taken: Positions of points that the server has.
        hopeless: Positions of points that it will never take.
        outcome: The last outcome that was not an acknowledgement, or `None`.
        broken_off: True if the server takes no other request either.
    """

    def __init__(self, request: PendingRequest) -> None:
        self._request = request
        # By position of each point.
        self._ages: list[int] = []
        self._call_ids: list[str] = []
        series: dict[Hashable, list[int]] = {}
        for name, column in _columns(_message(request)):
            for point in column:
                # An event has no siblings.
                about = b"".join(each.SerializeToString() for each in point.attributes)
                key = (name, about) if name else len(self._ages)
                series.setdefault(key, []).append(len(self._ages))
                self._ages.append(point.time_unix_nano)
                self._call_ids.append(_call_id(point))
        by_age = sorted(series.values(), key=lambda positions: self._ages[positions[0]])
        self._whole = [tuple(positions) for positions in by_age]
        self.taken: set[int] = set()
        self.hopeless: set[int] = set()
        self.outcome: Outcome | None = None
        self.broken_off = False

    def send(self, delivery: Delivery) -> None:
        """Send the request, in parts if the server does not take it whole."""

        def send_part(part: Sequence[_Positions]) -> Outcome:
            whole = part is self._whole
            return delivery.deliver(self._request.body if whole else _body_with(self._request, set(chain(*part))))

        for part, outcome in deliver([self._whole], send_part, _smaller_parts, _SPARE_DIVISIONS):
            positions = sorted(chain(*part), key=self._ages.__getitem__)
            if outcome.acknowledged:
                self.taken.update(positions)
                continue
            self.outcome = outcome
            if outcome.verdict is Verdict.REJECTED:
                # The server judged every point, so none may be sent again.
                self.hopeless.update(positions[: outcome.rejected])
                self.taken.update(positions[outcome.rejected :])
            elif outcome.aged:
                self.hopeless.update(positions)
            self.broken_off = self.broken_off or outcome.concerns_all

    def settle(self, spool: Spool, number: int, resent: Resent) -> None:
        """Replace the kept request by the points that are still to be sent."""
        request = self._request
        left = set(range(len(self._ages))) - self.taken - self.hopeless
        owed, lost = self._calls_of(left), self._calls_of(self.hopeless)
        if owed:
            # In this order, because a call with a kept request does not become delivered.
            spool.park([replace(request, body=_body_with(request, left), calls=owed)])
            resent.left += 1
        over = [key for key in request.calls if key not in owed]
        if lost:
            # A call with lost points never becomes delivered, even if the rest is, in this request or in another.
            spool.given_up(list(lost))
        spool.acknowledged([number])
        resent.lost += len(self.hopeless)
        resent.delivered += [key for key in over if key not in lost]
        resent.refused += [key for key in over if key in lost]

    def _calls_of(self, positions: Iterable[int]) -> dict[str, str]:
        """Return the calls that some points may belong to."""
        ids = {self._call_ids[position] for position in positions}
        return {key: call_id for key, call_id in self._request.calls.items() if call_id in ids}


def _smaller_parts(part: Sequence[_Positions], _: Outcome) -> Sequence[Sequence[_Positions]]:
    if len(part) > 1:
        return halves(part)
    return [[(position,)] for position in part[0]] if len(part[0]) > 1 else ()


def _message(request: PendingRequest) -> Any:
    kind = ExportLogsServiceRequest if request.signal == LOGS else ExportMetricsServiceRequest
    return kind.FromString(request.body)


def _columns(message: Any) -> Iterator[tuple[str, Any]]:
    """Yield the metrics' points of a request with the metric's name, or its records, as lists that can be shortened."""
    for resource in getattr(message, "resource_logs", ()):
        yield from (("", scope.log_records) for scope in resource.scope_logs)
    for resource in getattr(message, "resource_metrics", ()):
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                yield metric.name, getattr(metric, metric.WhichOneof("data") or "gauge").data_points


def _call_id(point: Any) -> str:
    return next((str(each.value.string_value) for each in point.attributes if each.key == CALL_ID), "")


def _body_with(request: PendingRequest, positions: Container[int]) -> bytes:
    """Return a request's body with the points at some positions only."""
    message = _message(request)
    place = count()
    for _, column in _columns(message):
        left = [point for point in column if next(place) in positions]
        if len(left) < len(column):
            del column[:]
            column.extend(left)
    for resource in getattr(message, "resource_metrics", ()):
        for scope in resource.scope_metrics:
            for metric in list(scope.metrics):
                if not getattr(metric, metric.WhichOneof("data") or "gauge").data_points:
                    scope.metrics.remove(metric)
    return bytes(message.SerializeToString())
