"""Sends series in requests, and applies the outcomes to the series.

A server that takes a request but rejects some of its points must not be sent these again (OTLP specification, "Partial
Success", read 2026-11-29), and does not say which they are. So the series of such a request are divided with every
regular export until those that it rejects are alone; these rest, and are tried again now and then, by themselves.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

from voice_metrics.export.answers import Outcome, Verdict
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.division import deliver, halves
from voice_metrics.export.messages import Entry
from voice_metrics.export.outgoing import SHARED, Outgoing
from voice_metrics.export.requests import POINTS_PER_REQUEST, Requests, chunks

# A live series that a server rejects is tried again after so long.
REST_SECONDS = 60.0


@dataclass(slots=True)
class Shipped:
    """The results of a round.

    Parameters:
        acknowledged: Requests that the server stored whole.
        failed: Calls and shared series with points that are still to be sent.
        given_up: Those with points that a server will never have.
        lost: Series given up for the first time.
        spoilt: Single series that a server could not take, still to be sent.
        outcome: The last outcome that was not an acknowledgement, or `None`.
    """

    acknowledged: int = 0
    failed: set[Outgoing] = field(default_factory=set)
    given_up: set[Outgoing] = field(default_factory=set)
    lost: int = 0
    spoilt: list[Entry] = field(default_factory=list)
    outcome: Outcome | None = None

    def reached(self, outgoing: Outgoing) -> bool:
        """True if a server has every point of a call in the round."""
        return outgoing not in self.given_up and outgoing not in self.failed


class Shipping:
    """Sends series to one OTLP endpoint."""

    def __init__(self, delivery: Delivery, requests: Requests) -> None:
        """Prepare; nothing is sent yet."""
        self.delivery = delivery
        self._requests = requests
        self._points = POINTS_PER_REQUEST
        self._groups = count(1)

    def ship(self, entries: Iterable[Entry]) -> Shipped:
        """Send the newest points of series in as many requests as they need, and return the results."""
        shipped = Shipped()
        tried = self._points
        planned = chunks(entries, lambda: self._points)
        for chunk, outcome in deliver(planned, self._send, self._smaller_parts):
            if outcome.acknowledged:
                shipped.acknowledged += 1
                _mark_done(chunk)
            elif outcome.verdict is Verdict.REJECTED:
                self._give_up_rejected(chunk, outcome, shipped)
            else:
                self._record_failure(chunk, outcome, shipped)
        if shipped.acknowledged:
            # The server took others, so the fault is in these, which go alone from now on.
            for entry in shipped.spoilt:
                entry.suspects = entry.suspects or next(self._groups)
        self.delivery.patient = not shipped.failed
        if shipped.acknowledged > 1 and not shipped.failed and self._points == tried:
            # The server's limit may be higher again; if it is not, this costs one request in a few rounds.
            self._points = min(tried + max(tried // 2, 1), POINTS_PER_REQUEST)
        return shipped

    def _send(self, chunk: Sequence[Entry]) -> Outcome:
        return self.delivery.deliver(self._requests.request(chunk))

    def _smaller_parts(self, chunk: Sequence[Entry], outcome: Outcome) -> Sequence[Sequence[Entry]]:
        """Return the parts to send in place of a request that a server could not take."""
        if outcome.verdict is Verdict.TOO_LARGE:
            # A server to which one series is too much takes nothing of any size.
            self._points = min(self._points, len(chunk) // 2) or POINTS_PER_REQUEST
        due = [entry for entry in chunk if entry.zero_due]
        if outcome.aged and due:
            # The beginning of a series may be older than a server takes, while its newest point is not.
            for entry in due:
                entry.zero_due = False
            return (chunk,)
        return halves(chunk)

    def _give_up_rejected(self, chunk: Sequence[Entry], outcome: Outcome, shipped: Shipped) -> None:
        """Give up rejected series, or divide the group that contains them."""
        if outcome.aged and 0 < outcome.rejected <= sum(entry.zero_due for entry in chunk):
            # Only the beginnings are too old: the server has the newest point of every series.
            shipped.acknowledged += 1
            _mark_done(chunk)
            return
        shipped.outcome = outcome
        if not any(entry.apart for entry in chunk):
            shipped.lost += min(outcome.rejected, len(chunk))
        alone = len(chunk) == 1 or outcome.rejected >= len(chunk)
        _give_up(chunk, shipped, resting=alone)
        for half in () if alone else halves(chunk):
            group = next(self._groups)
            for entry in half:
                entry.suspects = group

    def _record_failure(self, chunk: Sequence[Entry], outcome: Outcome, shipped: Shipped) -> None:
        shipped.outcome = outcome
        if outcome.unacceptable and len(chunk) == 1:
            if outcome.aged:
                shipped.lost += not chunk[0].resting_until
                _give_up(chunk, shipped, resting=True)
                return
            shipped.spoilt += chunk
        shipped.failed.update(entry.of for entry in chunk)


def _mark_done(chunk: Sequence[Entry]) -> set[Outgoing]:
    """Mark the sent points as done with, stored or never to be; return their calls."""
    for entry in chunk:
        entry.acknowledge()
    concerned = {entry.of for entry in chunk}
    for outgoing in concerned:
        outgoing.settle()
    return concerned


def _give_up(chunk: Sequence[Entry], shipped: Shipped, *, resting: bool) -> None:
    until = time.monotonic() + REST_SECONDS if resting else 0.0
    shipped.given_up |= _mark_done(chunk)
    for entry in chunk:
        entry.resting_until = until
        # The next point of a running call's series has all of its value, but for increments.
        entry.of.refused |= entry.of.ended_ns is not None or (entry.delta and entry.of.key != SHARED)
