"""What is still to be sent of one registry: a call's, or the one that calls share.

Everything here runs in the export thread. Instants are Unix nanoseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from voice_metrics.export.blocks import Block
from voice_metrics.export.messages import MILLISECOND_NS, POINTS_PER_BLOCK, Assembler, Entry
from voice_metrics.series.accumulators import Accumulator
from voice_metrics.series.registry import IDLE_SECONDS, Registry
from voice_metrics.series.table import Kind

SHARED = ""


class Outgoing:
    """A registry on its way to a server.

    Attributes:
        key: The call's own key, or "" for series that calls share.
        call_id: The call's id, for people.
        time_ns: The instant of its points in the newest request.
        ended_ns: When the call ended, or `None` while it runs.
        settled: Whether an ended call owes nothing more.
        refused: Whether a server will never have all of an ended call.
    """

    def __init__(self, key: str, call_id: str, registry: Registry, assembler: Assembler, *, delta: bool) -> None:
        self.key = key
        self.call_id = call_id
        self.registry = registry
        self.time_ns = 0
        self.ended_ns: int | None = None
        self.settled = self.refused = False
        self._assembler = assembler
        self._delta = delta
        self._entries: dict[Accumulator, Entry] = {}
        self._blocks: list[Block] | None = None
        # Series that began elsewhere: a zero would make their past one jump.
        self.without_zero: set[Accumulator] = set()

    @property
    def entries(self) -> Iterable[Entry]:
        """All series, those that began since the last look included."""
        if len(self._entries) != len(self.registry):
            new = [each for each in list(self.registry.all) if each not in self._entries]
            for accumulator in new:
                zero_due = accumulator not in self.without_zero
                self._entries[accumulator] = Entry(accumulator, delta=self._delta, zero_due=zero_due)
            if self._blocks is not None:
                together = [entry for entry in map(self._entries.__getitem__, new) if not entry.delta]
                self._blocks.extend(self._blocked(together))
        return self._entries.values()

    def date(self, now_ns: int) -> None:
        """Give the next points an instant; it grows, and stays once the call has ended."""
        if self.ended_ns is None:
            self.time_ns = max(now_ns, self.time_ns + MILLISECOND_NS)

    def end(self, now_ns: int) -> None:
        """Note that the call ended and that everything it recorded is here."""
        self.date(now_ns)
        self.ended_ns = self.time_ns
        for entry in self.entries:
            # What a server has from before the end does not count as the last export.
            entry.acknowledged = -1 if not entry.delta else entry.acknowledged
            entry.resting_until = 0.0
        self.settle()

    def settle(self) -> bool:
        """Mark an ended call that owes nothing as settled; return True if it just became so."""
        if self.ended_ns is None or self.settled or any(entry.owed for entry in self.entries):
            return False
        self.settled = True
        return True

    def whole(self, at: float) -> Iterator[Piece]:
        """What a regular export sends of a running call.

        Args:
            at: Now, in monotonic seconds; series that a server rejected rest for a while.
        """
        entries = list(self.entries)
        apart = [entry for entry in entries if entry.delta or entry.suspects or entry.resting_until]
        if apart:
            yield from self._apart(apart, at)
        if self._blocks is None or len(self._blocks) > 4 + 2 * len(entries) // POINTS_PER_BLOCK:
            alone = set(apart)
            self._blocks = self._blocked([entry for entry in entries if entry not in alone])
        for block in self._blocks:
            yield Piece(self, block.entries, block)

    def _apart(self, entries: Sequence[Entry], at: float) -> Iterator[Piece]:
        groups: dict[int, list[Entry]] = {}
        for entry in entries:
            if entry.resting_until <= at and (entry.owed or not entry.delta):
                groups.setdefault(-1 if entry.resting_until else entry.suspects, []).append(entry)
        for group, members in groups.items():
            yield Piece(self, members, None, alone=group != 0)

    def owed(self) -> Iterator[Piece]:
        """What no server has."""
        if not self.settled:
            yield from self._apart([entry for entry in self.entries if entry.owed], math.inf)

    def _blocked(self, entries: Sequence[Entry]) -> list[Block]:
        most = POINTS_PER_BLOCK
        return [self._assembler.block(entries[start : start + most]) for start in range(0, len(entries), most)]

    def regroup(self) -> None:
        """Make the blocks anew, because some series go alone from now on, or no more."""
        self._blocks = None

    def idle(self, now_ns: int, oldest_call_ns: int) -> int:
        """End shared series that nothing touched for an hour and that no running call may still hold.

        Args:
            now_ns: Now.
            oldest_call_ns: When the oldest of the running calls began.

        Returns:
            How many ended.
        """
        gone = set()
        for entry in self.entries:
            if entry.owed:
                entry.changed_ns = now_ns
            accumulator = entry.accumulator
            # What goes up and down stands for something that is still there.
            there = accumulator.row.kind is Kind.UP_DOWN_COUNTER and bool(accumulator.state())
            idle = now_ns - entry.changed_ns > IDLE_SECONDS * 1e9
            if idle and not there and entry.changed_ns < oldest_call_ns:
                gone.add(accumulator)
        if gone:
            self.registry.remove(gone)
            for accumulator in gone:
                del self._entries[accumulator]
            self.without_zero -= gone
            self.regroup()
        return len(gone)

    def scopes(self, entries: Sequence[Entry], block: Block | None, *, mark: bool) -> Iterator[bytes]:
        """Serialised messages of some series: their beginnings where these are due, then their newest points."""
        if due := [entry for entry in entries if entry.zero_due]:
            yield self._assembler.zeros(due).SerializeToString()
        if block is not None and mark:
            yield block.serialised(self.time_ns)
        else:
            yield self._assembler.assemble(entries, self.time_ns, mark=mark).SerializeToString()


@dataclass(frozen=True, slots=True)
class Piece:
    """Series of one registry that go into one request.

    Parameters:
        of: Whose they are.
        entries: The series.
        block: The message that is kept of exactly these series, or `None` if there is none.
        alone: Whether a request may hold nothing else, since a server rejected some of them before.
    """

    of: Outgoing
    entries: Sequence[Entry]
    block: Block | None
    alone: bool = False

    def __len__(self) -> int:
        """How many series there are."""
        return len(self.entries)

    def scopes(self, *, mark: bool = True) -> Iterator[bytes]:
        """Its messages, serialised.

        Args:
            mark: Whether this is noted as sent.
        """
        return self.of.scopes(self.entries, self.block, mark=mark)

    def divided(self, most: int) -> Iterator[Piece]:
        """The piece in pieces of so many series at most."""
        if len(self.entries) <= most:
            yield self
            return
        for start in range(0, len(self.entries), most):
            yield Piece(self.of, self.entries[start : start + most], None, self.alone)
