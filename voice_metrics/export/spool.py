"""What keeps requests that no server has acknowledged, until one has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """One OTLP request that was not acknowledged.

    Parameters:
        body: A serialised ExportMetricsServiceRequest, not compressed, its original timestamps inside.
        call_ids: The calls whose values it carries; "" stands for series that calls share.
        created_at: When it was made, in Unix seconds.
    """

    body: bytes = field(repr=False)
    call_ids: tuple[str, ...]
    created_at: float


class Spool(Protocol):
    """Where requests outlive the process. Every call comes from one thread; it may block and may raise."""

    @property
    def location(self) -> str | None:
        """The file, for messages, or `None` if there is none that can be written now."""

    def replace(self, requests: Sequence[PendingRequest]) -> None:
        """Keep what this process owes now, instead of what it owed before: values are cumulative."""

    def delivered(self, call_ids: Sequence[str]) -> None:
        """Note that this process has delivered, after all, calls whose last export had failed."""

    def park(self, requests: Sequence[PendingRequest]) -> None:
        """Keep requests that this process gives out of its hands; any process may claim them at once."""

    def claim(self) -> list[tuple[int, PendingRequest]]:
        """Take what was parked or left by processes that are gone, oldest first; nobody else gets it."""

    def acknowledged(self, ids: Sequence[int]) -> None:
        """Forget claimed requests that were delivered."""

    def refused(self, ids: Sequence[int]) -> None:
        """Forget claimed requests that a server refused for good."""

    def release(self, ids: Sequence[int]) -> None:
        """Give claimed requests back: not delivered this time."""
