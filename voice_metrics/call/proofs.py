"""Latencies that are true only if an output of their service follows.

If the connection of a service that hears and speaks ends, the service reports the time so far of an open question as
its latency. Each measurement is known by the number of its frame.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum

# Of measurements that never arrive.
_MOST = 200


class Proof(Enum):
    """Whether an output follows a latency.

    Parameters:
        OPEN: Not yet known.
        OUTPUT: It does, so the latency is true.
        NONE: The connection ended, or another question began, without one.
    """

    OPEN = "open"
    OUTPUT = "output"
    NONE = "none"


class Proofs:
    """The proofs of one call's latencies; a latency without an entry needs none."""

    def __init__(self) -> None:
        self._of: OrderedDict[int, Proof] = OrderedDict()

    def note(self, number: int, proof: Proof) -> None:
        """Record the proof of the latencies in the frame `number`."""
        if proof is Proof.OUTPUT:
            self._of.pop(number, None)
            return
        self._of[number] = proof
        if len(self._of) > _MOST:
            self._of.popitem(last=False)

    def of(self, number: int) -> Proof:
        """Return the proof of the latencies in the frame `number`."""
        return self._of.get(number, Proof.OUTPUT)
