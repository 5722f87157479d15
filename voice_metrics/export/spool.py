"""What keeps requests that no server has acknowledged, until one has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

METRICS, LOGS = "metrics", "logs"


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """One OTLP request that was not acknowledged.

    Parameters:
        body: A serialised ExportMetricsServiceRequest or ExportLogsServiceRequest, not compressed, its original
            timestamps inside.
        calls: The calls whose values it carries: each one's key, which is its own, and its id, which another call
            may have too. The key "" with the id "" stands for series that calls share. A key that is the id itself,
            as in files that knew no keys, means every pending call of that id.
        created_at: When it was made, in Unix seconds.
        signal: "metrics" or "logs".
    """

    body: bytes = field(repr=False)
    calls: Mapping[str, str]
    created_at: float
    signal: str = METRICS

    @property
    def call_ids(self) -> tuple[str, ...]:
        """The ids, for messages."""
        return tuple(dict.fromkeys(self.calls.values()))


class Spool(Protocol):
    """Where requests outlive the process. Every call comes from one thread; it may block and may raise."""

    @property
    def location(self) -> str | None:
        """The file, for messages, or `None` if there is none that can be written now."""

    def replace(self, requests: Sequence[PendingRequest]) -> None:
        """Keep what this process owes now, instead of what it owed before: values are cumulative."""

    def delivered(self, keys: Sequence[str]) -> None:
        """Note that this process has delivered, after all, calls whose last export had failed.

        It may overtake the call's own end: whichever comes second, the call is delivered.
        """

    def given_up(self, keys: Sequence[str]) -> None:
        """Note that a server will never have all of what these ended calls of this process sent."""

    def park(self, requests: Sequence[PendingRequest]) -> None:
        """Keep requests that this process gives out of its hands; any process may claim them at once."""

    def claim(self) -> list[tuple[int, PendingRequest]]:
        """Take what was parked or left by processes that are gone, oldest first; nobody else gets it."""

    def acknowledged(self, ids: Sequence[int]) -> None:
        """Forget claimed requests that were delivered."""

    def refused(self, ids: Sequence[int]) -> None:
        """Forget claimed requests that a server refused for good."""

    def set_aside(self, ids: Sequence[int]) -> None:
        """Claim requests that cannot be read no more, whatever process asks."""

    def release(self, ids: Sequence[int]) -> None:
        """Give claimed requests back: not delivered this time."""
