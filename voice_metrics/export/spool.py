"""The store of unacknowledged requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

METRICS, LOGS = "metrics", "logs"


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """One unacknowledged OTLP request.

    Parameters:
        body: A serialised, uncompressed ExportMetricsServiceRequest or ExportLogsServiceRequest with its original
            timestamps.
        calls: Ids of the calls with values in it, by key. The key "" with the id "" stands for shared series. A key
            equal to the id, as in files of older versions, stands for every pending call of that id.
        created_at: Unix seconds at which it was made.
        signal: "metrics" or "logs".
    """

    body: bytes = field(repr=False)
    calls: Mapping[str, str]
    created_at: float
    signal: str = METRICS


class Spool(Protocol):
    """A store that outlives the process. One thread calls it; its methods may block and raise."""

    @property
    def location(self) -> str | None:
        """The file, for messages; `None` while none can be written."""

    def begin(self) -> None:
        """Start the thread of the store, if it has one; does not block or raise."""

    def replace(self, requests: Sequence[PendingRequest]) -> None:
        """Keep this process's undelivered requests in place of the previous ones, because values are cumulative."""

    def delivered(self, keys: Sequence[str]) -> None:
        """Mark calls of this process delivered, even one whose end is not recorded yet."""

    def given_up(self, keys: Sequence[str]) -> None:
        """Mark calls of which a server will never have all values."""

    def park(self, requests: Sequence[PendingRequest]) -> None:
        """Keep requests that any process, this one included, may claim at once."""

    def claim(self, interrupted: Callable[[], bool] = ...) -> list[tuple[int, PendingRequest]]:
        """Claim parked requests and those of dead processes, oldest first; each goes to one claimer only.

        `interrupted` is polled during a wait; True claims nothing.
        """

    def acknowledged(self, ids: Sequence[int]) -> None:
        """Delete claimed requests; a call without further ones becomes delivered unless it was given up."""

    def set_aside(self, ids: Sequence[int]) -> None:
        """Mark claimed requests unreadable, so that no process claims them again."""

    def release(self, ids: Sequence[int]) -> None:
        """Return undelivered claimed requests for the next claimer."""
