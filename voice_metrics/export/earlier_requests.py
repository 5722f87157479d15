"""What earlier processes could not deliver, delivered with the timestamps and the resource of its own time.

A server may have a request in parts; what it did not take then waits without what it took, and what it will never take
is given up.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from voice_metrics.export.answers import Outcome, Verdict
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.spool import LOGS, PendingRequest, Spool
from voice_metrics.series.table import CALL_ID

# A single point that a server cannot take is found in ten divisions of a request.
_SPARE_DIVISIONS = 30


@dataclass(slots=True)
class Resent:
    """What became of the requests that were kept.

    Parameters:
        delivered: Keys of calls of which every point was acknowledged; "" stands for series that calls share.
        refused: Keys of calls of which the server will never take something.
        lost: Points that it will never take.
        left: Requests that are still kept.
        outcome: The last outcome that was not an acknowledgement, or `None`.
    """

    delivered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lost: int = 0
    left: int = 0
    outcome: Outcome | None = None


@dataclass(slots=True)
class _Attempt:
    """One kept request on its way: positions of points by what became of them."""

    taken: set[int] = field(default_factory=set)
    hopeless: set[int] = field(default_factory=set)
    outcome: Outcome | None = None
    # Whether the server takes nothing else either.
    broken_off: bool = False


def resend(
    delivery: Delivery | None,
    spool: Spool,
    interrupted: Callable[[], bool] = lambda: False,
    *,
    events: Delivery | None = None,
) -> Resent:
    """Send what processes that are gone have left.

    Args:
        delivery: What posts series, or `None` to leave them for later.
        spool: What keeps requests.
        interrupted: Asked before each request whether to leave the rest for later.
        events: What posts events, or `None` to leave them for later.

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
            way = events if request.signal == LOGS else delivery
            if way is None:
                continue
            if not _is_readable(request):
                spool.set_aside([number])
                del kept[number]
                continue
            attempt = _sent(way, request, spare)
            resent.outcome = attempt.outcome or resent.outcome
            if attempt.outcome is None or attempt.hopeless or attempt.taken:
                _settle(spool, number, request, attempt, resent)
                del kept[number]
            if attempt.broken_off:
                break
    finally:
        resent.left += len(kept)
        if kept:
            spool.release(list(kept))
    return resent


def _is_readable(request: PendingRequest) -> bool:
    try:
        _message(request)
    except DecodeError:
        return False
    return True


def _message(request: PendingRequest) -> Any:
    kind = ExportLogsServiceRequest if request.signal == LOGS else ExportMetricsServiceRequest
    return kind.FromString(request.body)


def _columns(message: Any) -> Iterator[Any]:
    """The points or records of a request, in columns that can be shortened."""
    for resource in getattr(message, "resource_logs", ()):
        yield from (scope.log_records for scope in resource.scope_logs)
    for resource in getattr(message, "resource_metrics", ()):
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                yield getattr(metric, metric.WhichOneof("data") or "gauge").data_points


def _settle(spool: Spool, number: int, request: PendingRequest, attempt: _Attempt, resent: Resent) -> None:
    """Keep what is still to be sent instead of the request, and forget the rest."""
    done = attempt.taken | attempt.hopeless
    points = len(_by_age(request)) if attempt.outcome is not None else 0
    owed = _calls_of(request, set(range(points)) - done)
    if owed.calls:
        # In this order, because a call of which anything is kept is not delivered.
        spool.park([owed])
        resent.left += 1
    over = [key for key in request.calls if key not in owed.calls]
    if attempt.hopeless and owed.calls:
        # The rest of such a call may still be delivered, and the whole never.
        lost = _calls_of(request, attempt.hopeless).calls
        spool.given_up([key for key in owed.calls if key in lost])
    if attempt.hopeless:
        resent.lost += len(attempt.hopeless)
        resent.refused += over
        spool.refused([number])
    else:
        resent.delivered += over
        spool.acknowledged([number])


def _sent(delivery: Delivery, request: PendingRequest, spare: Iterator[int]) -> _Attempt:
    """Send a request, in parts where it is not taken whole."""
    attempt = _Attempt()
    waiting: list[list[int] | None] = [None]
    while waiting:
        positions = waiting.pop(0)
        outcome = delivery.deliver(request.body if positions is None else _part(request, set(positions)))
        if outcome.acknowledged:
            attempt.taken.update(positions or ())
            continue
        attempt.outcome = outcome
        if positions is None:
            positions = _by_age(request)
        if outcome.verdict is Verdict.REJECTED:
            # The server has judged every point, and must not be sent any of them again.
            attempt.hopeless.update(positions[: outcome.rejected])
            attempt.taken.update(positions[outcome.rejected :])
        elif len(positions) > 1 and _divides(outcome, spare):
            middle = len(positions) // 2
            waiting[:0] = [positions[:middle], positions[middle:]]
        elif outcome.aged:
            attempt.hopeless.update(positions)
        elif outcome.concerns_all:
            attempt.broken_off = True
            break
    return attempt


def _divides(outcome: Outcome, spare: Iterator[int]) -> bool:
    # One call's values that a server cannot take keep no other call's from it.
    return outcome.verdict is Verdict.TOO_LARGE or (outcome.fault == "400" and next(spare, None) is not None)


def _by_age(request: PendingRequest) -> list[int]:
    """The positions of a request's points, the oldest first."""
    times = [point.time_unix_nano for column in _columns(_message(request)) for point in column]
    return sorted(range(len(times)), key=times.__getitem__)


def _calls_of(request: PendingRequest, left: set[int]) -> PendingRequest:
    """A request of the points that are left, with the calls that they may belong to."""
    if not left:
        return replace(request, body=b"", calls={})
    rest = replace(request, body=_part(request, left))
    owed = {_call_id(point) for column in _columns(_message(rest)) for point in column}
    return replace(rest, calls={key: named for key, named in request.calls.items() if named in owed})


def _call_id(point: Any) -> str:
    return next((str(each.value.string_value) for each in point.attributes if each.key == CALL_ID), "")


def _part(request: PendingRequest, positions: Container[int]) -> bytes:
    """A request of some of the points."""
    message = _message(request)
    before = 0
    for column in _columns(message):
        length = len(column)
        for place in reversed(range(length)):
            if before + place not in positions:
                del column[place]
        before += length
    for resource in getattr(message, "resource_metrics", ()):
        for scope in resource.scope_metrics:
            for metric in list(scope.metrics):
                if not getattr(metric, metric.WhichOneof("data") or "gauge").data_points:
                    scope.metrics.remove(metric)
    body: bytes = message.SerializeToString()
    return body
