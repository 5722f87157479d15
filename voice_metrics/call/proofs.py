"""Measurements that what follows proves or disproves; each is known by the number of its frame.

If the connection of a service that hears and speaks ends, the service reports the time so far of an open question as
its latency: a true one is followed by an output. A model that makes a request again reports the time of each attempt:
the last counts. A model may report its usage with each chunk of an answer: the last report counts. A voice may report a
text before its provider takes or refuses it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from enum import Enum

# Of measurements that never arrive.
_MOST = 200


class Proof(Enum):
    """Whether a measurement is true.

    Parameters:
        OPEN: Not yet known.
        TRUE: It is: an output followed the latency, or no report replaced the usage and no error the text.
        FALSE: It is not: no output followed, a later report contains the usage, or the text was refused.
        VOID: The latency is none of a request.
    """

    OPEN = "open"
    TRUE = "true"
    FALSE = "false"
    VOID = "void"


class Proofs:
    """The proofs of one call's measurements; one without an entry needs none.

    Attributes:
        noted: Those that are not true, by the number of the measurements' frame.
    """

    def __init__(self) -> None:
        self.noted: OrderedDict[int, Proof] = OrderedDict()

    def note(self, number: int, proof: Proof) -> None:
        """Record the proof of the measurements in the frame `number`."""
        if proof is Proof.TRUE:
            self.noted.pop(number, None)
            return
        self.noted[number] = proof
        if len(self.noted) > _MOST:
            self.noted.popitem(last=False)


class Report:
    """One report of a service that waits for its proof, or none.

    Args:
        proved: Receives the number of a report's frame, and its proof.
    """

    def __init__(self, proved: Callable[[int, Proof], None]) -> None:
        self._proved = proved
        self._number: int | None = None

    @property
    def is_open(self) -> bool:
        """True if a report waits."""
        return self._number is not None

    def open(self, number: int) -> None:
        """Let the report in the frame `number` wait."""
        self._number = number
        self._proved(number, Proof.OPEN)

    def settle(self, proof: Proof) -> None:
        """Tell the proof of the report that waits, if one does."""
        number, self._number = self._number, None
        if number is not None:
            self._proved(number, proof)
