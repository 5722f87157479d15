"""Requests sent, and what their outcomes mean for the series in them.

A server that takes a request but rejects some of its points must not be sent these again (OTLP specification, "Partial
Success", read 2026-11-29), and does not say which they are. So the series of such a request are divided with every
regular export until those that it rejects are alone; these rest, and are tried again now and then, by themselves.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

from voice_metrics.export.answers import Outcome, Verdict
from voice_metrics.export.delivery import Delivery
from voice_metrics.export.messages import Entry
from voice_metrics.export.outgoing import Outgoing, Piece
from voice_metrics.export.requests import POINTS_PER_REQUEST, Requests, chunks, halves

# Requests beyond the planned ones that a round may spend on finding what a server cannot take.
_SPARE_REQUESTS = 16
# A live series that a server rejects is tried again after so long.
REST_SECONDS = 60.0


@dataclass(slots=True)
class Shipped:
    """What became of a round.

    Parameters:
        acknowledged: Requests that the server took whole.
        failed: What was not acknowledged and is still to be sent.
        given_up: Calls and shared series of which a server will never have something that was sent.
        lost: Series that were given up for the first time.
        spoilt: Single series that a server could not take, and that stay to be sent.
        outcome: The last outcome that was not an acknowledgement, or `None`.
    """

    acknowledged: int = 0
    failed: list[Piece] = field(default_factory=list)
    given_up: set[Outgoing] = field(default_factory=set)
    lost: int = 0
    spoilt: list[Piece] = field(default_factory=list)
    outcome: Outcome | None = None

    def reached(self, outgoing: Outgoing) -> bool:
        """Whether a server has everything of a call that went into the round."""
        return outgoing not in self.given_up and all(piece.of is not outgoing for piece in self.failed)


class Shipping:
    """The way to one OTLP endpoint."""

    def __init__(self, delivery: Delivery, requests: Requests) -> None:
        """Prepare the way; nothing is sent yet.

        Args:
            delivery: What posts requests.
            requests: What makes them.
        """
        self.delivery = delivery
        self._requests = requests
        self._points = POINTS_PER_REQUEST
        self._groups = count(1)

    def ship(self, pieces: Iterable[Piece]) -> Shipped:
        """Send pieces in as many requests as they need.

        Args:
            pieces: What to send.

        Returns:
            What became of them.
        """
        shipped = Shipped()
        spare = _SPARE_REQUESTS
        waiting = deque(chunks(pieces, self._points))
        tried, several = self._points, len(waiting) > 1
        while waiting:
            chunk = waiting.popleft()
            outcome = self.delivery.deliver(self._requests.request(chunk))
            if outcome.acknowledged:
                shipped.acknowledged += 1
                self._close(chunk, shipped)
                continue
            if outcome.verdict is Verdict.TOO_LARGE and self._shrink(chunk):
                waiting = deque(chunks((piece for rest in (chunk, *waiting) for piece in rest), self._points))
                continue
            if outcome.verdict is Verdict.REJECTED:
                self._rejected(chunk, outcome, shipped)
                continue
            if outcome.fault == "400" and spare > 0 and (smaller := _smaller(chunk, outcome)):
                spare -= 1
                waiting.extendleft(reversed(smaller))
                continue
            if self._failed(chunk, outcome, shipped):
                shipped.failed += [piece for rest in waiting for piece in rest]
                break
        if shipped.acknowledged:
            # Others were taken, so that it is these.
            self._separate(shipped.spoilt)
        self.delivery.patient = not shipped.failed
        if several and not shipped.failed and self._points == tried:
            # What made requests too large may be over; where it is not, this costs one request in a few rounds.
            self._points = min(tried + max(tried // 2, 1), POINTS_PER_REQUEST)
        return shipped

    def _close(self, chunk: Sequence[Piece], shipped: Shipped) -> None:
        """Note that a server has what was sent."""
        for piece in chunk:
            for entry in piece.entries:
                entry.acknowledge()
            piece.of.settle()

    def _shrink(self, chunk: Sequence[Piece]) -> bool:
        series = sum(map(len, chunk))
        # A server to which one series is too much takes nothing of any size.
        self._points = series // 2 or POINTS_PER_REQUEST
        return series > 1

    def _rejected(self, chunk: Sequence[Piece], outcome: Outcome, shipped: Shipped) -> None:
        """Give up what a server rejects, or divide the series among which it is."""
        entries = [entry for piece in chunk for entry in piece.entries]
        if outcome.aged and 0 < outcome.rejected <= sum(entry.zero_due for entry in entries):
            # It was the beginnings that are too old: the newest points of all series are there.
            shipped.acknowledged += 1
            self._close(chunk, shipped)
            return
        shipped.outcome = outcome
        if not any(entry.suspects or entry.resting_until for entry in entries):
            shipped.lost += min(outcome.rejected, len(entries))
        alone = len(entries) == 1 or outcome.rejected >= len(entries)
        self._give_up(chunk, shipped, resting=alone)
        if not alone:
            first, second = next(self._groups), next(self._groups)
            for number, entry in enumerate(entries):
                entry.suspects = first if number < len(entries) // 2 else second

    def _give_up(self, chunk: Sequence[Piece], shipped: Shipped, *, resting: bool) -> None:
        until = time.monotonic() + REST_SECONDS if resting else 0.0
        for piece in chunk:
            for entry in piece.entries:
                entry.acknowledge()
                entry.resting_until = until
            shipped.given_up.add(piece.of)
            piece.of.refused = piece.of.ended_ns is not None
            piece.of.settle()

    def _failed(self, chunk: Sequence[Piece], outcome: Outcome, shipped: Shipped) -> bool:
        """Note a failure; return whether everything else would fare alike."""
        shipped.outcome = outcome
        if outcome.fault == "400" and halves(chunk) is None:
            if outcome.aged:
                shipped.lost += not chunk[0].entries[0].resting_until
                self._give_up(chunk, shipped, resting=True)
                return False
            shipped.spoilt += chunk
        shipped.failed += chunk
        return outcome.concerns_all

    def _separate(self, spoilt: Sequence[Piece]) -> None:
        """Let series that a server could not take go alone from now on."""
        for piece in spoilt:
            for entry in piece.entries:
                entry.suspects = entry.suspects or next(self._groups)


def _smaller(chunk: Sequence[Piece], outcome: Outcome) -> tuple[list[Piece], ...] | None:
    """What to try instead of a request that a server could not take."""
    due: list[Entry] = [entry for piece in chunk for entry in piece.entries if entry.zero_due]
    if outcome.aged and due:
        # The beginning of a series may be older than a server takes, while its newest point is not.
        for entry in due:
            entry.zero_due = False
        return (list(chunk),)
    return halves(chunk)
