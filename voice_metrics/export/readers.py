"""Outputs beside OTLP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from voice_metrics.export.messages import Entry


class Reader(Protocol):
    """An output that shows series."""

    def show(self, entries: Sequence[Entry]) -> None:
        """Show all live series, or the last values of a few calls."""
        ...

    def close(self) -> None:
        """Close the output."""
        ...
